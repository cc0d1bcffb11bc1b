"""The one place where everything is wired: settings, application, sockets, uvicorn, signals, goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import importlib.util
import logging
import logging.config
import os
import pathlib
import signal
import socket
import ssl
import stat
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final

import uvicorn

from nannin.engine import shut_down_all
from nannin.errors import ApplicationError, NanninError, SettingsError
from nannin.settings import Settings

__all__ = ["BindError", "Server", "load_application", "serve"]

WEBSOCKET_PROTOCOL: Final = "nannin:DirectWebSocket"  # a name that uvicorn knows, or a protocol class
DEFAULT_NAMES: Final = ("app", "live")
FOREIGN_MESSAGE_BYTES: Final = 16 * 2**20  # uvicorn's own limit, for WebSockets that are not ours
GOODBYE_S: Final = 0.6  # what clients get to take their goodbye; Ctrl-C ends within 2 s
CANCELLED_S: Final = 0.2  # what tasks get to end once they are cut off
STEP_S: Final = 0.02

logger = logging.getLogger("nannin.server")


class BindError(NanninError):
    """The address can't be listened on. The message is one line."""


def serve(settings: Settings, announce: Callable[[object, int], None]) -> int:
    """Runs the server until a signal ends it.

    Args:
        settings: what the command line, the environment and nannin.toml say.
        announce: called once the server listens, with the application and the port (0 for a socket file).

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when the application refused to start.

    Raises:
        SettingsError, ApplicationError: before anything has been started.
        BindError: the port or the socket file is taken or not ours.
    """
    logging.config.dictConfig(log_config(settings.log_level))
    check_certificate(settings)
    application = load_application(settings.app) if settings.app else default_application()
    config = uvicorn.Config(
        Rooted(application, settings.root_path) if settings.root_path else application,
        uds=settings.uds,
        http="httptools",
        ws=WEBSOCKET_PROTOCOL,
        ws_per_message_deflate=False,  # compressed frames could not be shared by all who are told
        ws_ping_interval=None,  # Engine.IO has a heartbeat of its own
        ws_max_size=max_message_bytes(application, settings),
        lifespan="auto",
        interface="asgi3",
        access_log=False,
        log_config=None,
        log_level=None,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        root_path=settings.root_path,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
    )
    with socket_file(settings.uds) if settings.uds else contextlib.nullcontext():
        sockets = None if settings.uds else bind(settings.host, settings.port)
        port = sockets[0].getsockname()[1] if sockets else 0
        server = Server(config, lambda: announce(application, port))
        with server.signals():
            try:
                server.run(sockets)
            except OSError as error:
                raise cannot_listen(settings.uds or f"{settings.host}, port {port}", error) from None
            except SystemExit:  # uvicorn's way to say that the application refused to start; it is logged
                return 1
    return 0


class Server(uvicorn.Server):
    """uvicorn's server, which tells when it listens, and says goodbye within a bounded time."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells every client to come back later, waits a moment for them, then cuts off who is left."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        shut_down_all()
        for connection in list(self.server_state.connections):
            # A WebSocket first gets time to answer our close frame: closing at once could lose the frame.
            if isinstance(connection, self.config.http_protocol_class):
                connection.shutdown()
        await self._quiet(GOODBYE_S / 2)
        for connection in list(self.server_state.connections):
            if not isinstance(connection, self.config.http_protocol_class):
                connection.shutdown()
        await self._quiet(GOODBYE_S / 2)
        for connection in list(self.server_state.connections):
            if (transport := getattr(connection, "transport", None)) is not None:
                transport.abort()
        await self._quiet(CANCELLED_S / 2)
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._quiet(CANCELLED_S / 2)
        await self.lifespan.shutdown()

    async def _quiet(self, at_most_s: float) -> None:
        """Returns when no connection and no task is left, or when the time is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + at_most_s
        state = self.server_state
        while (state.connections or state.tasks) and loop.time() < until:  # noqa: ASYNC110 - they have no event
            await asyncio.sleep(STEP_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's hook, unused: its handlers come too late and end too early (see `signals`)."""
        yield

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Handles SIGINT and SIGTERM from before the port answers to the end of the process's threads."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: types.FrameType | None) -> None:
        """The first signal ends the server in good order, the second at once."""
        if self.should_exit:
            if self.config.uds:
                with contextlib.suppress(OSError):
                    os.unlink(self.config.uds)
            os._exit(128 + sig)
        self.should_exit = True


# --- The application


def default_application() -> Any:
    """The page of nannin itself."""
    from nannin import Live

    return Live()


def load_application(target: str) -> Any:
    """Imports an ASGI application.

    Args:
        target: FILE_OR_MODULE:NAME, such as path/to/app.py:live or package.module:live. Without a name, `app`
            is tried, then `live`.

    Raises:
        ApplicationError: one line that says which file, module or name, and why.
    """
    place, colon, name = target.rpartition(":")
    if not colon or os.sep in name:  # no name; a colon before a separator is part of the path
        place, name = target, ""
    path = pathlib.Path(place)
    is_file = place.endswith(".py") or os.sep in place or path.is_file()
    if is_file and not path.is_file():
        raise ApplicationError(f"there is no file {place}")
    if not place or (not is_file and not all(part.isidentifier() for part in place.split("."))):
        raise ApplicationError(f'"{target}" is not FILE_OR_MODULE:NAME, such as app.py:live')
    folder = package_root(path.resolve()) if is_file else pathlib.Path.cwd()
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = import_file(path.resolve(), folder) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        logger.debug("%s can't be imported", place, exc_info=True)
        if isinstance(error, ModuleNotFoundError) and error.name and f"{place}.".startswith(f"{error.name}."):
            raise ApplicationError(f'there is no module "{place}" here or among the installed ones') from None
        raise ApplicationError(f"{place} can't be imported: {cause(error, folder)}") from None
    return pick(module, place, name)


def package_root(path: pathlib.Path) -> pathlib.Path:
    """The folder from which this file is imported: the first one above it that is no package."""
    folder = path.parent
    while (folder / "__init__.py").exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def import_file(path: pathlib.Path, folder: pathlib.Path) -> types.ModuleType:
    """Imports a file, as a part of its package if it is in one."""
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    if "." in name:
        return importlib.import_module(name)
    # A file called json.py must not be mistaken for the module json, nor become it.
    name = f"app_{name}" if name in sys.modules or name in sys.stdlib_module_names else name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def cause(error: BaseException, folder: pathlib.Path) -> str:
    """The exception in one line, with the place in the application's own code that led to it."""
    text = " ".join(str(error).split())
    where = ""
    if isinstance(error, SyntaxError):
        text, where = error.msg, f"{error.filename}:{error.lineno}"
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith(str(folder)) and "site-packages" not in frame.filename:
                where = f"{frame.filename}:{frame.lineno}"
    text = text if isinstance(error, NanninError) else f"{type(error).__name__}: {text}".removesuffix(": ")
    where = where.removeprefix(f"{pathlib.Path.cwd()}{os.sep}")
    return f"{text} ({where})" if where else text


def pick(module: types.ModuleType, place: str, name: str) -> Any:
    """The application of this name in a module."""
    if not name:
        name = next((candidate for candidate in DEFAULT_NAMES if hasattr(module, candidate)), "")
        if not name:
            raise ApplicationError(f'{place} has neither "app" nor "live": say which, as in {place}:NAME')
    application: Any = module
    for part in name.split("."):
        if not hasattr(application, part):
            close = get_close_matches(part, dir(application), n=1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            raise ApplicationError(f'{place} has no "{name}"{hint}')
        application = getattr(application, part)
    if not callable(application):
        raise ApplicationError(f"{place}:{name} is no ASGI application but {type(application).__name__}")
    return application


class Rooted:
    """An ASGI app behind a proxy that shows it under a path, whether the proxy strips that path or not.

    uvicorn takes for granted that it does, and puts the path in front of what came; this takes it off again
    where it came with the request.
    """

    def __init__(self, application: Any, root_path: str) -> None:
        self._application, self._root = application, root_path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request, WebSocket or lifespan."""
        came = scope.get("path", "").removeprefix(self._root)
        if came == self._root or came.startswith(f"{self._root}/"):
            raw_path = scope["raw_path"].removeprefix(self._root.encode())
            scope = {**scope, "path": came, "raw_path": raw_path}
        await self._application(scope, receive, send)


def max_message_bytes(application: object, settings: Settings) -> int:
    """How large a WebSocket message may be before uvicorn refuses it with 1009.

    Our own applications know their limit, which their code may have set. In another one that limit is kept by
    the Live inside, and the WebSockets beside it have uvicorn's.
    """
    own = getattr(application, "settings", None)
    return own.max_payload if isinstance(own, Settings) else max(settings.max_payload, FOREIGN_MESSAGE_BYTES)


# --- The sockets


def bind(host: str, port: int) -> list[socket.socket]:
    """Binds every address of a host to the same port; they answer once the server has started.

    Raises:
        BindError: one of them can't be bound.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise cannot_listen(host, error) from None
    except UnicodeError:
        raise BindError(f"can't listen on {host}: it is no name of a host") from None
    bound: list[socket.socket] = []
    failed: OSError | None = None
    for family, kind, protocol, _, where in dict.fromkeys(found):
        try:
            listener = socket.socket(family, kind, protocol)
        except OSError as error:  # a family this machine does not have
            failed = error
            continue
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
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
        raise cannot_listen(f"{host}, port {port}", failed)
    return bound


@contextlib.contextmanager
def socket_file(path: str) -> Iterator[None]:
    """Clears the way for a Unix socket, and removes it at the end.

    Raises:
        BindError: another server listens on it, or it is some other file.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise BindError(f"can't listen on {path}: it is a file, not a socket")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # left behind by a server that was killed
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
        raise SettingsError(
            f"{settings.ssl_certfile} with {key} is no PEM certificate and key without a password"
        ) from None


def cannot_listen(where: str, error: OSError) -> BindError:
    """The error for an address that can't be had, in the system's words."""
    return BindError(f"can't listen on {where}: {error.strerror or error}")


# --- What is logged


class Quiet(logging.Filter):
    """Drops what uvicorn logs for a request that the shutdown has cancelled: nothing went wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def log_config(log_level: str) -> dict[str, Any]:
    """Logs to standard error; from info upward, nothing with a client's address in it.

    The root logger is the application's own affair.
    """
    level = {"trace": 5, "debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}[log_level]
    # uvicorn logs the address of every WebSocket at info, and `websockets` every open and close
    theirs = level if level <= logging.DEBUG else max(level, logging.WARNING)
    quiet = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"quiet": {"()": Quiet}},
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["quiet"]}},
        "loggers": {
            "nannin": {"level": level, **quiet},
            "nannin.websocket": {"level": theirs},  # what the library `websockets` says
            "uvicorn": {"level": theirs, **quiet},
            "uvicorn.error": {"level": theirs},
            "uvicorn.asgi": {"level": theirs},
        },
    }
