"""Addresses and socket files that can be had and that can not, and certificates."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import socket

import pytest

from nannin.errors import BindError, SettingsError
from nannin.server import listening
from nannin.server.listening import (
    MAX_UNSENT_BYTES,
    adopt,
    bind,
    bind_each,
    check_certificate,
    place_of,
    socket_file,
)
from nannin.settings import Settings
from support.certificates import CERTIFICATE, KEY, OTHER_KEY
from support.files import write


def test_every_address_of_a_host_gets_the_same_free_port() -> None:
    listeners = bind("localhost", 0)
    try:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


def test_each_worker_has_sockets_of_its_own_on_every_address() -> None:
    each = bind_each("localhost", 0, 3)
    listeners = [listener for one in each for listener in one]
    try:
        assert len({listener.fileno() for listener in listeners}) == 3 * len(each[0])
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


def test_workers_share_sockets_where_the_system_has_no_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    first, second = bind_each("127.0.0.1", 0, 2)
    try:
        assert first is second
    finally:
        first[0].close()


def test_a_port_that_another_servers_workers_share_is_refused() -> None:
    (first,), (second,) = bind_each("127.0.0.1", 0, 2)
    with first, second:
        first.listen()
        second.listen()
        with pytest.raises(BindError, match="Address already in use"):
            bind_each("127.0.0.1", first.getsockname()[1], 2)


def test_what_was_bound_is_given_back_where_a_later_socket_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[socket.socket] = []

    def bind_two(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
        if len(bound) == 2:
            raise BindError("no more")
        bound.extend(bind(host, port, shared=shared))
        return bound[-1:]

    monkeypatch.setattr(listening, "bind", bind_two)
    with pytest.raises(BindError, match="no more"):
        bind_each("127.0.0.1", 0, 2)
    assert [listener.fileno() for listener in bound] == [-1, -1]


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        why = "Address already in use; choose another port with --port or NANNIN_PORT"
        with pytest.raises(BindError, match=f"^can't listen on 127.0.0.1, port {port}: {why}$"):
            bind("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(
        BindError, match=r"^can't listen on 192\.0\.2\.1, port 0: Cannot assign requested address$"
    ):
        bind("192.0.2.1", 0)


def test_a_host_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BindError, match=r"^can't listen on a\.\.b: not a valid host name$"):
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


def test_a_folder_that_is_missing_is_named(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "missing"
    with (
        pytest.raises(BindError, match=f"there is no folder {folder}; make it first"),
        socket_file(f"{folder}/n.sock"),
    ):
        pass


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
        (junk, key, f"{junk} with {key} is not a PEM certificate with an unencrypted key"),
        (
            certificate,
            None,
            f"{certificate} has no unencrypted key: if the key is in another file, "
            "name it with --ssl-keyfile",
        ),
        (junk, None, f"{junk} is not a PEM certificate with an unencrypted key"),
    ]:
        with pytest.raises(SettingsError) as caught:
            check_certificate(Settings(ssl_certfile=certfile, ssl_keyfile=keyfile))
        assert str(caught.value) == line


def test_a_socket_that_another_process_opened_is_taken_over(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "x.sock")
    with socket.create_server(("127.0.0.1", 0)) as opened, socket.socket(socket.AF_UNIX) as file:
        file.bind(path)
        file.listen()
        port = opened.getsockname()[1]
        tcp, unix = adopt([os.dup(opened.fileno()), os.dup(file.fileno())])
        with tcp, unix:
            assert tcp.getsockname() == ("127.0.0.1", port)
            place = place_of(Settings(host="0.0.0.0", fd=3), tcp)
            assert (place.host, place.port, place.uds, place.fd) == ("127.0.0.1", port, None, None)
            place = place_of(Settings(fd=4, open=True), unix)
            assert (place.uds, place.fd, place.open) == (path, None, False)
            place = place_of(Settings(host="localhost", port=0), tcp)
            assert (place.host, place.port) == ("localhost", port)


def test_a_descriptor_that_is_no_stream_socket_is_one_line(tmp_path: pathlib.Path) -> None:
    with (
        (tmp_path / "file").open("w") as file,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        number = file.fileno()
        with pytest.raises(
            BindError, match=rf"^can't listen on descriptor {number}: Socket operation on non-socket$"
        ):
            adopt([number])
        number = os.dup(datagrams.fileno())
        with pytest.raises(BindError, match=rf"^can't listen on descriptor {number}: not a stream socket$"):
            adopt([number])
    with pytest.raises(BindError, match=r"^can't listen on descriptor 1023: Bad file descriptor$"):
        adopt([1023])


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the system has no such limit")
@pytest.mark.parametrize("adopted", [False, True])
def test_the_kernel_keeps_little_for_a_client_that_reads_nothing(adopted: bool) -> None:
    if adopted:
        with socket.create_server(("127.0.0.1", 0)) as opened:
            (listener,) = adopt([os.dup(opened.fileno())])
    else:
        (listener,) = bind("127.0.0.1", 0)
    with listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection, _ = listener.accept()
            with connection:
                connection.setblocking(False)
                kept = 0
                with contextlib.suppress(BlockingIOError):
                    while kept < 1_000_000:
                        kept += connection.send(bytes(100))
    assert kept < 5 * MAX_UNSENT_BYTES


def test_a_client_whose_machine_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "UNACKNOWLEDGED_S", 1)
    (listener,) = bind("127.0.0.1", 0)
    (adopted,) = adopt([os.dup(listener.fileno())])
    with listener, adopted, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        adopted.listen()
        client.connect(listener.getsockname())
        server, _ = adopted.accept()
        with server:
            server.settimeout(20)
            with pytest.raises(TimeoutError) as caught:
                server.sendall(bytes(100_000_000))
            assert caught.value.errno == errno.ETIMEDOUT, "the kernel says so, and not the time of the test"
