"""Hooks of a whole server: a webhook that a receiver verifies, commands, and one teller among workers."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from nannin.hook import Hook
from nannin.hooks.addresses import Addresses
from nannin.hooks.command import NotRun, run
from nannin.hooks.destinations import Outcome, make_destination
from nannin.hooks.notices import Notice
from support import commands
from support.raw_client import connect, masked_text, read_until, upgrade_request
from support.receivers import Got, receiver
from support.servers import Server, children, nannin
from whole.test_workers import workers

KEY = b"0123456789abcdef01234567"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def test_a_command_gets_the_notice_and_none_of_our_secrets(tmp_path: Path) -> None:
    script = f'cat > {tmp_path}/body; env > {tmp_path}/env; echo "$1 $2" > {tmp_path}/args'
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": "/",
        "NANNIN_EMIT_TOKEN": "secret",
        "_NANNIN_WORKER": "1;0",
        "NOTIFY_SOCKET": "/run/x",
        "LISTEN_FDS": "1",
    }
    run(["sh", "-c", script, "sh", "a b", "$(id)"], b'{"a":1}', 10, environ)
    assert (tmp_path / "body").read_bytes() == b'{"a":1}'
    assert (tmp_path / "args").read_text() == "a b $(id)\n", "no shell has read the arguments"
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert "HOME" in names
    assert not any(name.startswith(("NANNIN", "_NANNIN", "LISTEN", "NOTIFY")) for name in names)


def test_a_hook_may_run_a_command_in_place_of_a_request(tmp_path: Path) -> None:
    notice = Notice(id="a", hook="h", what="vacated", page="/", value=0, at_unix_s=0.0, since_unix_s=0.0)
    for code, outcome in ((0, Outcome(True)), (4, Outcome(False, "sh ended with 4"))):
        hook = Hook(
            name="h", on="vacated", page="/", command=("sh", "-c", f"cat > {tmp_path}/body; exit {code}")
        )
        destination = make_destination(hook, Addresses(), {"PATH": os.environ["PATH"]})
        assert destination.send(notice, 0.0) == outcome
        assert json.loads((tmp_path / "body").read_bytes())["type"] == "count.vacated"


def test_a_command_that_fails_says_how_without_its_arguments() -> None:
    for command, words in (
        (["sh", "-c", "exit 3"], "sh ended with 3"),
        (["sh", "-c", "kill -9 $$"], "sh ended by signal 9"),
        (["/no/such/program", "secret"], "program can't be started: No such file or directory"),
    ):
        with pytest.raises(NotRun) as raised:
            run(command, b"", 10, {"PATH": os.environ["PATH"]})
        assert str(raised.value) == words


def test_a_command_that_reads_nothing_is_no_failure() -> None:
    run(["true"], b"x" * 1_000_000, 10, {"PATH": os.environ["PATH"]})


def test_a_command_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/pid; wait"
    began_s = time.monotonic()
    with pytest.raises(NotRun, match=r"sh took over 0.5 s, and was killed"):
        run(["sh", "-c", script], b"", 0.5, {"PATH": os.environ["PATH"]})
    assert time.monotonic() - began_s < 10
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_what_a_command_leaves_behind_is_killed(tmp_path: Path) -> None:
    script = f"sleep 60 > /dev/null 2>&1 & echo $! > {tmp_path}/pid"
    run(["sh", "-c", script], b"", 10, {"PATH": os.environ["PATH"]})
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or does so within seconds; one that nobody waits for counts as well."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False


def verify(got: Got) -> None:
    """Whether a request is signed, as a receiver finds out."""
    id, timestamp = got.headers["webhook-id"], got.headers["webhook-timestamp"]
    assert abs(time.time() - int(timestamp)) < 300
    digest = hmac.digest(KEY, f"{id}.{timestamp}.".encode() + got.body, hashlib.sha256)
    assert got.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


def test_one_of_several_workers_tells_and_another_goes_on_when_it_dies(tmp_path: Path) -> None:
    config = tmp_path / "nannin.toml"
    with receiver() as one:
        config.write_text(
            f"""
            hook_networks = ["127.0.0.1"]
            [[hooks]]
            on = "occupied"
            page = "/*"
            debounce = 0.0
            url = "{one.url}"
            secret = "{SECRET}"
            """
        )
        with workers(2, "--config", str(config)) as server, contextlib.ExitStack() as links:
            pages = ["/0", "/1", "/2"]
            for page in pages:
                links.enter_context(client(server, page))
            got = one.wait_for(len(pages), 20)
            for request in got:
                verify(request)
            assert sorted(map(page_of, got)) == pages
            tellers = set(re.findall(r"\[worker (\d)\]: the hook", server.log))
            assert len(tellers) == 1, server.log
            os.kill(children(server)[int(tellers.pop()) - 1], signal.SIGKILL)
            links.enter_context(client(server, "/after"))
            # What was told shortly before that death may come again.
            numbers = range(len(pages) + 1, 2 * len(pages) + 2)
            assert any("/after" in map(page_of, one.wait_for(number, 20)) for number in numbers)
            assert SECRET not in server.log
            assert one.url not in server.log


def test_what_a_killed_server_had_to_tell_is_told_by_the_next(tmp_path: Path) -> None:
    config = tmp_path / "nannin.toml"
    with receiver() as one:
        one.answers = [b"HTTP/1.1 503 Busy\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"]
        config.write_text(
            f"""
            hook_networks = ["127.0.0.1"]
            data_dir = "{tmp_path}"
            [[hooks]]
            on = "occupied"
            page = "/news"
            debounce = 0.0
            url = "{one.url}"
            secret = "{SECRET}"
            """
        )
        with nannin("--config", str(config)) as server:
            with client(server, "/news"):
                one.wait_for(1)
            assert server.process is not None
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(10)
        with nannin("--config", str(config)):
            refused, taken = one.wait_for(2)
            verify(taken)
            assert taken.headers["webhook-id"] == refused.headers["webhook-id"]
            assert taken.body == refused.body


def page_of(got: Got) -> str:
    """The page that a request is about."""
    return str(json.loads(got.body)["data"]["page"])


def client(server: Server, page: str) -> socket.socket:
    """A client on a page."""
    link = connect(server, upgrade_request("/socket.io/?EIO=4&transport=websocket"))
    link.settimeout(20)
    read_until(link, b"sid")
    link.sendall(masked_text(f"40{page},"))
    read_until(link, f"40{page},".encode())
    return link


def test_a_wrong_hook_ends_the_start_with_one_line(tmp_path: Path) -> None:
    config = tmp_path / "nannin.toml"
    for table, words in (
        ('on = "treshold"\npage = "/"', "hooks in .* must be tables .*: number 1: on must be one of"),
        (
            'on = "vacated"\npage = "/"\nurl_variable = "NO_SUCH"\nformat = "slack"',
            "NO_SUCH, which is not set",
        ),
    ):
        config.write_text(f"[[hooks]]\n{table}\n")
        code, _, error = commands.run("check", "--config", str(config))
        assert code == 2
        assert re.fullmatch(f"nannin: .*{words}.*\n", error), error
