"""Where the server listens: addresses, socket files, and the certificate of https."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import os
import pathlib
import socket
import ssl
import stat
from collections.abc import Iterator, Sequence
from typing import Final

from nannin.errors import BindError, SettingsError
from nannin.settings import Settings

__all__ = [
    "adopt",
    "bind",
    "bind_each",
    "bind_file",
    "cannot_listen",
    "check_certificate",
    "place_of",
    "socket_file",
]

# How many bytes the kernel keeps for a client before it can send them. Without a limit it keeps 4 MB, and a
# client that reads nothing looks for long like one that reads.
MAX_UNSENT_BYTES: Final = 65_536
# Seconds for which a client may leave unacknowledged what was sent to it. A client is sent something
# each 25 s, and a stream of events each 15 s: so one that vanished is gone within 46 s, where the kernel by
# itself would try for 15 minutes.
UNACKNOWLEDGED_S: Final = 30


def bind(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Binds every address of a host to the same port; they answer once the server has started.

    Args:
        host: a name or an address.
        port: 0 takes a free one.
        shared: whether other sockets that are as shared may have the same address; the system then spreads
            connections over all of them.

    Returns:
        A socket for each address.

    Raises:
        BindError: one of them can't be bound.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise cannot_listen(host, error) from None
    except UnicodeError:
        raise BindError(f"can't listen on {host}: not a valid host name") from None
    bound: list[socket.socket] = []
    failed: OSError | None = None
    for family, kind, protocol, _, where in dict.fromkeys(found):
        try:
            listener = socket.socket(family, kind, protocol)
        except OSError as error:  # this machine does not have that family
            failed = error
            continue
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if shared:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            _limit_patience(listener)
            listener.bind((where[0], port, *where[2:]))
        except OSError as error:
            listener.close()
            failed = error
            # "localhost" may name ::1 on a machine that has no IPv6
            if error.errno == errno.EADDRNOTAVAIL:
                continue
            break
        bound.append(listener)
        port = listener.getsockname()[1]
    if failed is not None and (not bound or failed.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)):
        for listener in bound:
            listener.close()
        raise cannot_listen(f"{host}, port {port}", failed, has_port=True)
    return bound


def bind_each(host: str, port: int, workers: int) -> list[list[socket.socket]]:
    """Binds every address of a host once for each of several workers.

    Args:
        host: a name or an address.
        port: 0 takes a free one.
        workers: how many.

    Returns:
        The sockets of each worker: its own where the system can spread connections over several sockets of
        one address, and otherwise the same for all.

    Raises:
        BindError: an address can't be bound.
    """
    alone = bind(host, port)
    if not hasattr(socket, "SO_REUSEPORT"):
        return [alone] * workers
    # A shared socket can be bound though another server has such a one. One that is not shared can't.
    place = alone[0].getsockname()[1]
    for listener in alone:
        listener.close()
    bound: list[list[socket.socket]] = []
    try:
        for _ in range(workers):
            bound.append(bind(host, place, shared=True))
    except BindError:
        for listener in itertools.chain(*bound):
            listener.close()
        raise
    return bound


def adopt(descriptors: Sequence[int]) -> list[socket.socket]:
    """Takes over sockets that another process has opened, such as systemd.

    Raises:
        BindError: one is not a socket that can be listened on.
    """
    adopted: list[socket.socket] = []
    for descriptor in descriptors:
        try:
            listener = socket.socket(fileno=descriptor)
            is_stream = listener.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
            os.set_inheritable(descriptor, False)
        except OSError as error:
            raise cannot_listen(f"descriptor {descriptor}", error) from None
        if not is_stream:
            raise BindError(f"can't listen on descriptor {descriptor}: not a stream socket")
        _limit_patience(listener)
        adopted.append(listener)
    return adopted


def _limit_patience(listener: socket.socket) -> None:
    """Limits what the kernel keeps for each client, and for how long.

    Connections take both over from the listener. Source: Linux, tcp(7).
    """
    options = {"TCP_NOTSENT_LOWAT": MAX_UNSENT_BYTES, "TCP_USER_TIMEOUT": UNACKNOWLEDGED_S * 1_000}
    for name, value in options.items():
        if hasattr(socket, name) and listener.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def place_of(settings: Settings, listener: socket.socket) -> Settings:
    """The settings with the place where a socket really listens: its port, or its path."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        path = os.fsdecode(name).replace("\0", "@") or "(a socket without a name)"
        return dataclasses.replace(settings, uds=path, fd=None, open=False)
    host = settings.host if settings.fd is None and not settings.uds else name[0]
    return dataclasses.replace(settings, host=host, port=name[1], uds=None, fd=None)


def bind_file(path: str) -> socket.socket:
    """Binds a Unix socket that everybody may connect to, as uvicorn makes one.

    Raises:
        BindError: it can't be made.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        os.chmod(path, 0o666)  # noqa: S103 - a proxy runs as another user
    except OSError as error:
        listener.close()
        raise cannot_listen(path, error) from None
    return listener


@contextlib.contextmanager
def socket_file(path: str) -> Iterator[None]:
    """Removes what a dead server left of a Unix socket, and the socket itself at the end.

    Raises:
        BindError: another server listens on it, it is some other file, or its folder is missing.
    """
    folder = os.path.dirname(path) or os.curdir
    if not os.path.isdir(folder):
        raise BindError(f"can't listen on {path}: there is no folder {folder}; make it first")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise BindError(f"can't listen on {path}: it is a file, not a socket")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # left by a server that was killed
            except OSError as error:
                raise cannot_listen(path, error) from None
            else:
                raise BindError(f"can't listen on {path}: another server does")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def check_certificate(settings: Settings) -> None:
    """Reads the certificate and its key as the server will.

    Raises:
        SettingsError: they can't be read, are not PEM, or do not belong together.
    """
    if not settings.ssl_certfile:
        return
    for path in filter(None, (settings.ssl_certfile, settings.ssl_keyfile)):
        try:
            pathlib.Path(path).read_bytes()
        except OSError as error:
            raise SettingsError(f"{path} can't be read: {error.strerror or error}") from None
    key = settings.ssl_keyfile or settings.ssl_certfile
    try:
        # The empty password keeps OpenSSL from asking for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.ssl_certfile, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(f"{key} is not the key of the certificate {settings.ssl_certfile}") from None
        if not settings.ssl_keyfile and _is_certificate(settings.ssl_certfile):
            raise SettingsError(
                f"{key} has no unencrypted key: if the key is in another file, name it with --ssl-keyfile"
            ) from None
        files = f"{settings.ssl_certfile} with {key}" if settings.ssl_keyfile else key
        raise SettingsError(f"{files} is not a PEM certificate with an unencrypted key") from None


def _is_certificate(path: str) -> bool:
    """Whether a file has a certificate, whatever else it has."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return False
    return True


def cannot_listen(where: str, error: OSError, *, has_port: bool = False) -> BindError:
    """The error for an address that can't be listened on, in the system's words.

    Args:
        where: the address, as a person reads it.
        error: what the system said.
        has_port: whether another port could be chosen.
    """
    is_taken = has_port and error.errno == errno.EADDRINUSE
    remedy = "; choose another port with --port or NANNIN_PORT" if is_taken else ""
    return BindError(f"can't listen on {where}: {error.strerror or error}{remedy}")
