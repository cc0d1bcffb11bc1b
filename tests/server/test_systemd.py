"""What systemd and the server say to each other."""

from __future__ import annotations

import io
import os
import pathlib
import socket

import pytest

from nannin.server.systemd import notify, passed_sockets, writes_to_journal


def test_sockets_that_systemd_passed_to_this_process_begin_with_descriptor_3() -> None:
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "PATH": "/bin"}
    assert passed_sockets(environ) == [3, 4]
    assert environ == {"PATH": "/bin"}
    assert passed_sockets(environ) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid())},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"},
    ],
)
def test_sockets_that_were_passed_to_another_process_are_not_ours(environ: dict[str, str]) -> None:
    assert passed_sockets(environ) == []


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_is_told_how_the_service_is(tmp_path: pathlib.Path, is_abstract: bool) -> None:
    name = f"nannin-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}" if is_abstract else name)
        receiver.settimeout(5)
        notify("READY=1", {"NOTIFY_SOCKET": f"@{name}" if is_abstract else name})
        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}, {"NOTIFY_SOCKET": "vsock:2:1"}]
)
def test_a_service_that_can_not_tell_systemd_goes_on(environ: dict[str, str]) -> None:
    notify("READY=1", environ)


def test_a_stream_goes_into_the_journal_if_it_is_the_one_that_systemd_names(tmp_path: pathlib.Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        found = os.fstat(stream.fileno())
        named = f"{found.st_dev}:{found.st_ino}"
        assert writes_to_journal(stream, {"JOURNAL_STREAM": named})
        assert not writes_to_journal(stream, {"JOURNAL_STREAM": f"{named}1"})
        assert not writes_to_journal(stream, {})
    assert not writes_to_journal(stream, {"JOURNAL_STREAM": named})
    assert not writes_to_journal(io.StringIO(), {"JOURNAL_STREAM": named})
