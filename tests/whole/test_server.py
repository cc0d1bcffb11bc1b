"""The server as a process: what it logs, how it starts, and what is said where it can not."""

from __future__ import annotations

import json
import os
import pathlib
import pty
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

from support.certificates import CERTIFICATE, KEY
from support.commands import end, run
from support.files import write
from support.log_lines import noise, place
from support.raw_client import connect, get, read_until, upgrade_request
from support.servers import free_port, nannin

# An ASGI app of somebody else.
HTTP_APP = """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
"""


# --- What is logged


def test_no_address_of_a_client_is_logged_at_info_and_it_is_at_trace() -> None:
    for level, is_logged in [("info", False), ("trace", True)]:
        with nannin("--log-level", level, fresh=True) as server:
            with connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket")) as client:
                read_until(client, b"101 Switching Protocols")
                here = f"{client.getsockname()[0]}:{client.getsockname()[1]}"
            get(f"{server.url}/")
            end(server, signal.SIGTERM)
            assert (here in server.log) is is_logged, server.log


# --- At rest


def wakes(pid: int) -> int:
    """How often a process has waited for something, in its main thread."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches")]
    return int(line.split()[1])


def test_a_server_with_nothing_to_do_hardly_ever_wakes_and_ends_at_once() -> None:
    with nannin(fresh=True) as server:
        assert server.process is not None
        get(f"{server.url}/")
        time.sleep(1.2)
        before = wakes(server.process.pid)
        time.sleep(2)
        assert wakes(server.process.pid) - before <= 8, "once a second, and not ten times"
        took_s, code = end(server, signal.SIGTERM)
        assert (took_s < 1, code) == (True, 0)


# --- The start


def test_a_log_has_one_line_at_the_start_with_the_true_port_and_one_at_the_stop() -> None:
    command = [sys.executable, "-m", "nannin", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert get(place(first))
        process.send_signal(signal.SIGINT)
        said, rest = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "")
    assert noise(first + rest) == []
    assert "SIGINT" in rest


def test_a_person_at_a_terminal_reads_the_banner_and_no_log_line_of_the_same() -> None:
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "nannin", "--port", "0"]
    with subprocess.Popen(
        command, stdout=terminal, stderr=terminal, env={**os.environ, "NO_COLOR": "1"}
    ) as process:
        os.close(terminal)
        said = ""
        while "Ctrl-C" not in said:
            said += os.read(screen, 4096).decode()
        lines = said.replace("\r", "").splitlines()
        address = lines[3].removeprefix("  Page       ")
        assert get(address)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    os.close(screen)
    assert lines[1].startswith("nannin 0.")
    assert lines[4] == f"  Dashboard  {address}dashboard"
    assert lines[5] == f'  Embed      <script async src="{address}nannin.js"></script>'
    assert lines[7] == "  Stop       Ctrl-C"
    assert "listens on" not in said


def test_the_journal_gets_no_time_but_priorities() -> None:
    reading, writing = os.pipe()
    found = os.fstat(writing)
    env = {**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    command = [sys.executable, "-m", "nannin", "--port", "0"]
    with subprocess.Popen(command, stdout=writing, stderr=writing, env=env) as process, open(reading) as log:
        os.close(writing)
        first = log.readline()
        process.send_signal(signal.SIGTERM)
        rest = log.read()
    assert first.startswith("<6>INFO nannin.server: nannin 0.")
    assert rest.startswith("<6>INFO nannin.server: stopped by SIGTERM after 0:0")
    assert rest.count("\n") == 1


def test_another_application_is_served_and_announced_with_its_address_only(tmp_path: pathlib.Path) -> None:
    with nannin("--app", write(tmp_path / "one.py", HTTP_APP), fresh=True) as server:
        assert get(f"{server.url}/") == b"hello"
        assert place(server.log) == f"{server.url}/"


def test_flags_are_heard_by_the_application_and_win_over_its_code(tmp_path: pathlib.Path) -> None:
    code = "from nannin import Live\nlive = Live(ping_interval=3, ping_timeout=4)"
    with nannin("--app", write(tmp_path / "two.py", code), "--ping-interval", "0.7", fresh=True) as server:
        handshake = json.loads(get(f"{server.url}/socket.io/?EIO=4&transport=polling")[1:])
    assert (handshake["pingInterval"], handshake["pingTimeout"]) == (700, 4000)


def test_a_root_path_works_for_proxies_that_strip_it_and_for_those_that_do_not() -> None:
    with nannin("--root-path", "/here", fresh=True) as server:
        assert get(f"{server.url}/") == get(f"{server.url}/here/") == get(f"{server.url}/here")
        assert place(server.log) == f"{server.url}/here/"
        for path in ("/socket.io/", "/here/socket.io/"):
            assert get(f"{server.url}{path}?EIO=4&transport=polling").startswith(b"0{")
            with connect(server, upgrade_request(f"{path}?EIO=4&transport=websocket")) as client:
                read_until(client, b"101 Switching Protocols")


def test_a_unix_socket_is_served_and_removed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "n.sock"
    command = [sys.executable, "-m", "nannin", "--uds", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        assert place(process.stdout.readline()) == f"the socket {path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            read_until(client, b"HTTP/1.1 200 OK")
        assert run("--uds", str(path)) == (1, "", f"nannin: can't listen on {path}: another server does\n")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0
    assert not path.exists()


def test_https_is_served_with_a_certificate(tmp_path: pathlib.Path) -> None:
    certificate, key = write(tmp_path / "c.pem", CERTIFICATE), write(tmp_path / "k.pem", KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its dates are not what is tested
    with nannin("--ssl-certfile", certificate, "--ssl-keyfile", key, fresh=True) as server:
        address = f"https://{server.host}:{server.port}/"
        with urllib.request.urlopen(address, timeout=5, context=context) as response:
            assert response.status == 200
        assert place(server.log) == address


def test_the_page_is_opened_in_the_browser_once_it_is_served(tmp_path: pathlib.Path) -> None:
    pipe = tmp_path / "opened"
    os.mkfifo(pipe)
    browser = tmp_path / "browser"
    write(browser, f"#!/bin/sh\necho \"$1\" > '{pipe}'\n")
    browser.chmod(0o755)
    with nannin("--open", env={"BROWSER": str(browser)}, fresh=True) as server:
        assert pipe.read_text() == f"{server.url}/\n"


def test_a_port_in_use_is_one_line_and_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        why = "Address already in use; choose another port with --port or NANNIN_PORT"
        line = f"nannin: can't listen on 127.0.0.1, port {port}: {why}\n"
        assert run("--port", str(port)) == (1, "", line)


def test_a_socket_file_that_can_not_be_made_is_one_line_and_code_1(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "no" / "n.sock")
    problem = f"there is no folder {tmp_path / 'no'}; make it first"
    assert run("--uds", path) == (1, "", f"nannin: can't listen on {path}: {problem}\n")
    path = str(tmp_path / ("x" * 150))
    code, out, errors = run("--uds", path)
    assert (code, out) == (1, "")
    assert errors.startswith(f"nannin: can't listen on {path}: ")
    assert errors.count("\n") == 1


def test_a_bad_application_or_certificate_is_one_line_and_code_2(tmp_path: pathlib.Path) -> None:
    port = str(free_port())
    bad = write(tmp_path / "bad.py", "1 / 0")
    code, out, errors = run("--port", port, "--app", bad)
    assert (code, out) == (2, "")
    cause = f"ZeroDivisionError: division by zero ({bad}:1)"
    hint = "--log-level debug shows the traceback"
    assert errors == f"nannin: {bad} can't be imported: {cause}; {hint}\n"
    line = f"nannin: {bad} is not a PEM certificate with an unencrypted key\n"
    assert run("--port", port, "--ssl-certfile", bad) == (2, "", line)


def test_an_application_that_refuses_to_start_ends_with_code_1_and_its_reason(tmp_path: pathlib.Path) -> None:
    refusing = """
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})
    """
    code, out, errors = run("--port", "0", "--app", write(tmp_path / "no.py", refusing))
    assert (code, out) == (1, "")
    assert "no database" in errors
    assert "Traceback" not in errors
