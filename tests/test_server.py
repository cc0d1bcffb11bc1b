"""The server as a process: what it loads, where it listens, what it logs, how it ends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nannin.errors import ApplicationError, SettingsError
from nannin.server import (
    BindError,
    Quiet,
    Rooted,
    bind,
    check_certificate,
    load_application,
    log_config,
    max_message_bytes,
    socket_file,
)
from nannin.settings import Settings
from servers import Server, free_port, nannin

# Keys and a certificate made for these tests; they protect nothing.
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYWsy4+71zFNJTj17
5y9Gkfm3+33O7PMaQQwagzI35xShRANCAASI2pDQRonSZ6bWZzPA0EM65WPzJre5
+vqaGlcIaFWJfGVoNdbjJg1awusNJkdqXKOlbkVaxs83lYATHPzRZMh6
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUT+Rlffr/v9j705cH1aXJ91/+rSowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA2MTY1MFoYDzIxMjYxMDMw
MDYxNjUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASI2pDQRonSZ6bWZzPA0EM65WPzJre5+vqaGlcIaFWJfGVoNdbjJg1a
wusNJkdqXKOlbkVaxs83lYATHPzRZMh6o28wbTAdBgNVHQ4EFgQUbLZ3WRIy2K68
e70idbx4+90FdYIwHwYDVR0jBBgwFoAUbLZ3WRIy2K68e70idbx4+90FdYIwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgBcXoZ1DQ1MQ4o4ueqXRmkkms+xjn8ac6Uy56JhV6/94CIGc9
ADw0Y64a9E7OTTLp2q1ZBZYqhmOhRt19OCWddKkS
-----END CERTIFICATE-----
"""
OTHER_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYEMJO+gykz7qCidy
qtuqw+FOrywTyShC8OgcE2J/m5ahRANCAAQJoZcZSjfDgZ+PfkJN3CypvwdsOllo
cLuab3zpsBtiW6KyWvtNeiYUHc7mzSdSdHxJKaPcMBePj0ORQ/RkYdDz
-----END PRIVATE KEY-----
"""

# An ASGI app of somebody else: it floods a WebSocket, and never ends a request by itself.
STUBBORN = """
    import asyncio

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while True:
                await send({"type": "websocket.send", "bytes": bytes(100_000)})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode(), "more_body": True})
        await asyncio.Event().wait()
"""
HTTP_APP = """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
"""


def write(path: pathlib.Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return str(path)


def run(*arguments: str, **env: str) -> tuple[int, str, str]:
    """Runs a command that ends by itself; returns its code, standard output and standard error."""
    result = subprocess.run(
        [sys.executable, "-m", "nannin", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "NO_COLOR": "1", **env},
    )
    return result.returncode, result.stdout, result.stderr


def end(server: Server, *signals: signal.Signals) -> tuple[float, int]:
    """Sends these signals; returns how many seconds the process then took, and its exit code."""
    assert server.process is not None
    for number in signals:
        server.process.send_signal(number)
    started = time.monotonic()
    code = server.process.wait(10)
    return time.monotonic() - started, code


def connect(server: Server, request: bytes = b"", *, receive_buffer_bytes: int = 0) -> socket.socket:
    client = socket.socket()
    if receive_buffer_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    client.settimeout(5)
    client.connect((server.host, server.port))
    client.sendall(request)
    return client


def upgrade_request(path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def masked_text(text: str) -> bytes:
    """A WebSocket text frame of a client, masked with zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode()


def read_until(client: socket.socket, part: bytes) -> bytes:
    received = b""
    while part not in received:
        chunk = client.recv(65536)
        assert chunk, f"closed after {received!r}"
        received += chunk
    return received


def read_to_end(client: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            received += chunk
    return received


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        body: bytes = response.read()
        return body


# --- The application


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """An empty current directory; modules that are imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(target: str) -> str:
    """The one line that this application is refused with."""
    with pytest.raises(ApplicationError) as caught:
        load_application(target)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_an_application_is_loaded_from_a_file(folder: pathlib.Path) -> None:
    write(folder / "sub" / "one.py", "def mine(): return 'one'")
    assert load_application("sub/one.py:mine")() == "one"
    assert load_application(f"{folder}/sub/one.py:mine")() == "one"


def test_an_application_is_loaded_from_a_module_of_the_current_directory(folder: pathlib.Path) -> None:
    write(folder / "pack_a" / "part.py", "def mine(): return 'part'")
    assert load_application("pack_a.part:mine")() == "part"


def test_a_name_may_have_dots(folder: pathlib.Path) -> None:
    write(folder / "dots.py", "class Box:\n    def inner(): return 1")
    assert load_application("dots.py:Box.inner")() == 1


def test_without_a_name_app_is_taken_and_else_live(folder: pathlib.Path) -> None:
    write(folder / "both.py", "def live(): return 'live'\ndef app(): return 'app'")
    write(folder / "second.py", "def live(): return 'live'")
    assert load_application("both.py")() == "app"
    assert load_application("second.py")() == "live"
    assert load_application("second")() == "live"


def test_a_file_imports_what_is_next_to_it(folder: pathlib.Path) -> None:
    write(folder / "sub" / "neighbour_a.py", "name = 'neighbour'")
    write(folder / "sub" / "two.py", "import neighbour_a\ndef app(): return neighbour_a.name")
    assert load_application("sub/two.py")() == "neighbour"


def test_a_file_in_a_package_imports_relatively(folder: pathlib.Path) -> None:
    write(folder / "src" / "pack_b" / "__init__.py", "")
    write(folder / "src" / "pack_b" / "names.py", "name = 'relative'")
    write(folder / "src" / "pack_b" / "main.py", "from . import names\ndef app(): return names.name")
    assert load_application("src/pack_b/main.py")() == "relative"


def test_a_file_may_be_called_like_a_module_of_python(folder: pathlib.Path) -> None:
    write(folder / "json.py", "def app(): return 'mine'")
    assert load_application("json.py")() == "mine"
    assert json.loads("[]") == []
    assert sys.modules["json"] is json


def test_what_is_not_there_is_named(folder: pathlib.Path) -> None:
    assert refusal("no/app.py:live") == "there is no file no/app.py"
    assert refusal("no_such_package.part:app") == (
        'there is no module "no_such_package.part" here or among the installed ones'
    )
    assert refusal(":live") == '":live" is not FILE_OR_MODULE:NAME, such as app.py:live'
    assert refusal("a b:live") == '"a b:live" is not FILE_OR_MODULE:NAME, such as app.py:live'


def test_a_missing_name_is_refused_with_a_hint(folder: pathlib.Path) -> None:
    write(folder / "names_a.py", "def live(): pass")
    assert refusal("names_a.py:life") == 'names_a.py has no "life"; did you mean "live"?'
    assert refusal("names_a.py:zzz") == 'names_a.py has no "zzz"'
    write(folder / "nothing.py", "x = 1")
    assert (
        refusal("nothing.py") == 'nothing.py has neither "app" nor "live": say which, as in nothing.py:NAME'
    )
    assert refusal("nothing.py:x") == "nothing.py:x is no ASGI application but int"


def test_an_exception_of_the_application_is_told_with_its_line(folder: pathlib.Path) -> None:
    write(folder / "bad_a.py", "\n\n1 / 0")
    assert (
        refusal("bad_a.py") == "bad_a.py can't be imported: ZeroDivisionError: division by zero (bad_a.py:3)"
    )
    write(folder / "bad_b.py", "import json\njson.loads('x')")
    assert refusal("bad_b").endswith("Expecting value: line 1 column 1 (char 0) (bad_b.py:2)")
    write(folder / "bad_c.py", "\nimport no_such_module_c")
    line = "ModuleNotFoundError: No module named 'no_such_module_c' (bad_c.py:2)"
    assert refusal("bad_c") == f"bad_c can't be imported: {line}"
    write(folder / "bad_d.py", "x = 1\nx = = 2")
    assert refusal("bad_d.py") == "bad_d.py can't be imported: SyntaxError: invalid syntax (bad_d.py:2)"
    write(folder / "bad_e.py", "import sys\nsys.exit(0)")
    assert refusal("bad_e.py") == "bad_e.py can't be imported: SystemExit: 0 (bad_e.py:2)"


def test_a_wrong_setting_in_the_code_is_told_with_its_line(folder: pathlib.Path) -> None:
    write(folder / "bad_f.py", "from nannin import Live\nlive = Live(ping_intervall=1)")
    assert refusal("bad_f.py") == (
        'bad_f.py can\'t be imported: the code has an unknown setting "ping_intervall"; '
        "did you mean ping_interval? (bad_f.py:2)"
    )


def test_messages_are_limited_by_the_application_that_knows_its_limit() -> None:
    class Ours:
        settings = Settings(max_payload=1000)

    assert max_message_bytes(Ours(), Settings()) == 1000
    assert max_message_bytes(object(), Settings()) == 16 * 2**20
    assert max_message_bytes(object(), Settings(max_payload=2**30)) == 2**30


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/live/", "/live/"),  # as uvicorn says it of a proxy that strips
        ("/live/live", "/live"),
        ("/live/live/x", "/live/x"),
        ("/live/lively", "/live/lively"),
        ("/live/x/live/", "/live/x/live/"),
    ],
)
def test_a_root_path_that_came_with_the_request_is_taken_off_once(path: str, expected: str) -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], receive: object, send: object) -> None:
        seen.append(scope)

    scope = {"type": "http", "path": path, "raw_path": path.encode(), "root_path": "/live"}
    asyncio.run(Rooted(app, "/live")(scope, None, None))
    assert (seen[0]["path"], seen[0]["raw_path"]) == (expected, expected.encode())


# --- The sockets


def test_every_address_of_a_host_gets_the_same_free_port() -> None:
    listeners = bind("localhost", 0)
    try:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            BindError, match=f"^can't listen on 127.0.0.1, port {port}: Address already in use$"
        ):
            bind("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(
        BindError, match=r"^can't listen on 192\.0\.2\.1, port 0: Cannot assign requested address$"
    ):
        bind("192.0.2.1", 0)


def test_a_host_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BindError, match=r"^can't listen on a\.\.b: it is no name of a host$"):
        bind("a..b", 0)

    def fail(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(BindError, match=r"^can't listen on no\.invalid: Name or service not known$"):
        bind("no.invalid", 0)


def test_a_socket_file_left_behind_is_removed_and_ours_at_the_end(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with socket_file(str(path)):
        assert not path.exists()
        with socket.socket(socket.AF_UNIX) as ours:
            ours.bind(str(path))
    assert not path.exists()


def test_a_socket_file_in_use_is_refused_and_stays(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(BindError, match=r"x\.sock: another server does$"), socket_file(str(path)):
            pass
        assert path.is_socket()


def test_a_file_that_is_no_socket_is_refused_and_stays(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.sock"
    path.write_text("precious")
    with pytest.raises(BindError, match=r"x\.sock: it is a file, not a socket$"), socket_file(str(path)):
        pass
    assert path.read_text() == "precious"


def test_a_certificate_must_be_readable_be_pem_and_fit_its_key(tmp_path: pathlib.Path) -> None:
    certificate = write(tmp_path / "c.pem", CERTIFICATE)
    key, other = write(tmp_path / "k.pem", KEY), write(tmp_path / "o.pem", OTHER_KEY)
    both = write(tmp_path / "both.pem", CERTIFICATE + KEY)
    junk, missing = write(tmp_path / "junk.pem", "junk"), str(tmp_path / "no.pem")
    check_certificate(Settings())
    check_certificate(Settings(ssl_certfile=certificate, ssl_keyfile=key))
    check_certificate(Settings(ssl_certfile=both))
    for certfile, keyfile, line in [
        (missing, None, f"{missing} can't be read: No such file or directory"),
        (certificate, missing, f"{missing} can't be read: No such file or directory"),
        (str(tmp_path), None, f"{tmp_path} can't be read: Is a directory"),
        (certificate, other, f"{other} is not the key of the certificate {certificate}"),
        (junk, key, f"{junk} with {key} is no PEM certificate and key without a password"),
        (
            certificate,
            None,
            f"{certificate} with {certificate} is no PEM certificate and key without a password",
        ),
    ]:
        with pytest.raises(SettingsError) as caught:
            check_certificate(Settings(ssl_certfile=certfile, ssl_keyfile=keyfile))
        assert str(caught.value) == line


# --- What is logged


def test_a_cancelled_request_is_not_logged_and_a_failed_one_is() -> None:
    def record(error: BaseException) -> logging.LogRecord:
        return logging.LogRecord("x", logging.ERROR, "", 0, "", None, (type(error), error, None))

    assert not Quiet().filter(record(asyncio.CancelledError()))
    assert Quiet().filter(record(ValueError()))
    assert Quiet().filter(logging.LogRecord("x", logging.ERROR, "", 0, "", None, None))


@pytest.mark.parametrize(
    ("asked", "ours", "theirs"), [("info", 20, 30), ("debug", 10, 10), ("trace", 5, 5), ("error", 40, 40)]
)
def test_uvicorn_is_heard_from_warning_upward_unless_one_debugs(asked: str, ours: int, theirs: int) -> None:
    loggers = log_config(asked)["loggers"]
    assert (loggers["nannin"]["level"], loggers["uvicorn.error"]["level"]) == (ours, theirs)


def test_no_address_of_a_client_is_logged_at_info_and_it_is_at_trace() -> None:
    for level, is_logged in [("info", False), ("trace", True)]:
        with nannin("--log-level", level) as server:
            with connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket")) as client:
                read_until(client, b"101 Switching Protocols")
                here = f"{client.getsockname()[0]}:{client.getsockname()[1]}"
            get(f"{server.url}/")
            end(server, signal.SIGTERM)
            assert (here in server.log) is is_logged, server.log


# --- The start


def test_the_banner_names_the_port_that_was_really_taken() -> None:
    command = [sys.executable, "-m", "nannin", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip("\n") for _ in range(7)]
        address = lines[3].removeprefix("  Page   ")
        assert get(address)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert lines[1].startswith("nannin 0.")
    assert lines[4] == f'  Embed  <script async src="{address}nannin.js"></script> <span data-nannin></span>'
    assert lines[5:] == ["  Stop   Ctrl-C", ""]
    assert (process.returncode, errors) == (0, "")


def test_another_application_is_served_and_announced_with_its_address_only(tmp_path: pathlib.Path) -> None:
    with nannin("--app", write(tmp_path / "one.py", HTTP_APP)) as server:
        assert get(f"{server.url}/") == b"hello"
        assert f"  Address  {server.url}/\n" in server.log
        assert "Embed" not in server.log


def test_flags_are_heard_by_the_application_and_win_over_its_code(tmp_path: pathlib.Path) -> None:
    code = "from nannin import Live\nlive = Live(ping_interval=3, ping_timeout=4)"
    with nannin("--app", write(tmp_path / "two.py", code), "--ping-interval", "0.7") as server:
        handshake = json.loads(get(f"{server.url}/socket.io/?EIO=4&transport=polling")[1:])
    assert (handshake["pingInterval"], handshake["pingTimeout"]) == (700, 4000)


def test_a_root_path_works_for_proxies_that_strip_it_and_for_those_that_do_not() -> None:
    with nannin("--root-path", "/here") as server:
        assert f"  Page   {server.url}/here/\n" in server.log
        assert get(f"{server.url}/") == get(f"{server.url}/here/")
        for path in ("/socket.io/", "/here/socket.io/"):
            assert get(f"{server.url}{path}?EIO=4&transport=polling").startswith(b"0{")
            with connect(server, upgrade_request(f"{path}?EIO=4&transport=websocket")) as client:
                read_until(client, b"101 Switching Protocols")


def test_a_unix_socket_is_served_and_removed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "n.sock"
    command = [sys.executable, "-m", "nannin", "--uds", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        assert lines[3] == f"  Socket  {path}\n"
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
    with nannin("--ssl-certfile", certificate, "--ssl-keyfile", key) as server:
        address = f"https://{server.host}:{server.port}/"
        with urllib.request.urlopen(address, timeout=5, context=context) as response:
            assert response.status == 200
        assert f"  Page   {address}\n" in server.log
        assert f'src="{address}nannin.js"' in server.log


def test_the_page_is_opened_in_the_browser_once_it_is_served(tmp_path: pathlib.Path) -> None:
    pipe = tmp_path / "opened"
    os.mkfifo(pipe)
    browser = tmp_path / "browser"
    write(browser, f"#!/bin/sh\necho \"$1\" > '{pipe}'\n")
    browser.chmod(0o755)
    with nannin("--open", env={"BROWSER": str(browser)}) as server:
        assert pipe.read_text() == f"{server.url}/\n"


def test_a_port_in_use_is_one_line_and_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = f"nannin: can't listen on 127.0.0.1, port {port}: Address already in use\n"
        assert run("--port", str(port)) == (1, "", line)


def test_a_socket_file_that_can_not_be_made_is_one_line_and_code_1(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "no" / "n.sock")
    assert run("--uds", path) == (1, "", f"nannin: can't listen on {path}: No such file or directory\n")
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
    assert errors == f"nannin: {bad} can't be imported: ZeroDivisionError: division by zero ({bad}:1)\n"
    line = f"nannin: {bad} with {bad} is no PEM certificate and key without a password\n"
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


# --- The end


def open_websocket(server: Server) -> socket.socket:
    """A client that is on the page and says nothing."""
    client = connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket"))
    read_until(client, b'"sid"')
    client.sendall(masked_text("40"))
    read_until(client, b"40{")
    return client


def open_poll(server: Server) -> socket.socket:
    """A long poll that waits."""
    sid = json.loads(get(f"{server.url}/socket.io/?EIO=4&transport=polling")[1:])["sid"]
    path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    return connect(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def open_half_a_request(server: Server) -> socket.socket:
    return connect(server, b"GET / HTTP/1.1\r\nHo")


def open_half_a_body(server: Server) -> socket.socket:
    sid = json.loads(get(f"{server.url}/socket.io/?EIO=4&transport=polling")[1:])["sid"]
    path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    return connect(server, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4".encode())


def open_silence(server: Server) -> socket.socket:
    return connect(server)


def open_kept_connection(server: Server) -> socket.socket:
    client = connect(server, b"GET /nannin.js HTTP/1.1\r\nHost: x\r\n\r\n")
    read_until(client, b"HTTP/1.1 200 OK")
    return client


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "open_client",
    [
        open_websocket,
        open_poll,
        open_half_a_request,
        open_half_a_body,
        open_silence,
        open_kept_connection,
    ],
)
def test_a_signal_ends_the_server_within_2_seconds_and_without_noise(
    open_client: Callable[[Server], socket.socket], how: signal.Signals
) -> None:
    with nannin() as server, open_client(server):
        get(f"{server.url}/")  # what the client has sent before this has arrived
        took, code = end(server, how)
        assert took < 2
        assert code == 0
        assert server.log.rstrip().endswith("Stop   Ctrl-C"), server.log


@pytest.mark.parametrize(
    "request_line", [b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", upgrade_request("/flood")]
)
def test_an_application_that_does_not_end_by_itself_is_ended(
    tmp_path: pathlib.Path, request_line: bytes
) -> None:
    app = write(tmp_path / "stubborn.py", STUBBORN)
    with nannin("--app", app) as server, connect(server, request_line, receive_buffer_bytes=4096) as client:
        read_until(client, b"HTTP/1.1 ")
        took, code = end(server, signal.SIGINT)
        assert took < 2
        assert code == 0
        assert server.log.rstrip().endswith("Stop     Ctrl-C"), server.log


def test_a_websocket_is_told_to_come_back_later() -> None:
    with nannin() as server, open_websocket(server) as client:
        end(server, signal.SIGINT)
        assert read_to_end(client).endswith(bytes([0x88, 2]) + (1012).to_bytes(2, "big"))


def test_a_waiting_poll_is_answered_with_a_close_packet() -> None:
    with nannin() as server, open_poll(server) as client:
        get(f"{server.url}/")
        end(server, signal.SIGINT)
        response = read_to_end(client)
        assert response.startswith(b"HTTP/1.1 200 OK\r\n")
        assert response.endswith(b"\r\n\r\n1")


def test_a_second_signal_ends_at_once_what_takes_its_time(tmp_path: pathlib.Path) -> None:
    slow = """
        import asyncio

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                print("closing", flush=True)
                await asyncio.Event().wait()
    """
    app, path = write(tmp_path / "slow.py", slow), tmp_path / "n.sock"
    command = [sys.executable, "-m", "nannin", "--uds", str(path), "--app", app]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                process.send_signal(signal.SIGINT)
            if line == "closing\n":
                break
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=10)
        assert time.monotonic() - started < 0.5
    assert process.returncode == 130
    assert rest == ""
    assert not path.exists()
