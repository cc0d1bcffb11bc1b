"""The server as a process: settings, application, sockets and uvicorn, put together and run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

import uvicorn

from nannin.access.client_address import Proxies
from nannin.app.dispatch import Proxied, Rooted
from nannin.engine.arrival import Arrival
from nannin.nodes.local import join_workers
from nannin.server.child import inherited_sockets
from nannin.server.crew import name_of
from nannin.server.listening import (
    adopt,
    bind,
    bind_file,
    cannot_listen,
    check_certificate,
    place_of,
    socket_file,
)
from nannin.server.loading import default_application, has_own_page, load_application, max_message_bytes
from nannin.server.logs import begin_logging
from nannin.server.reload import supervise
from nannin.server.serving import Server
from nannin.server.systemd import notify, passed_sockets
from nannin.settings import Settings

__all__ = ["serve"]

WEBSOCKET_PROTOCOL: Final = "nannin:DirectWebSocket"  # a name that uvicorn knows, or a protocol class


def serve(settings: Settings, announce: Callable[[bool, Settings], None]) -> int:
    """Runs the server until a signal ends it.

    Args:
        settings: what the command line, the environment and nannin.toml say.
        announce: called once the server listens, with whether nannin's own page is at `/`, and the settings
            with the place where the server really listens. Where it is one of several workers, its supervisor
            is told instead.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 1 when the application refused to start.

    Raises:
        SettingsError, ApplicationError: something is wrong before anything was started.
        BindError: the port or the socket file is taken, or this user may not have it.
    """
    worker = join_workers()
    begin_logging(settings, name_of(worker.slot) if worker else "")
    check_certificate(settings)
    if settings.reload:
        return serve_and_reload(settings)
    application = load_application(settings.app) if settings.app else default_application()
    rooted = Rooted(application, settings.root_path) if settings.root_path else application
    config = uvicorn.Config(
        Proxied(rooted, Proxies(settings.forwarded_allow_ips)),
        uds=settings.uds,
        http=Arrival,
        ws=WEBSOCKET_PROTOCOL,
        ws_per_message_deflate=False,  # one compressed frame could not be sent to everybody
        ws_ping_interval=None,  # Engine.IO has a heartbeat of its own
        ws_max_size=max_message_bytes(application, settings),
        lifespan="auto",
        interface="asgi3",
        access_log=False,
        log_config=None,
        log_level=None,
        server_header=False,
        proxy_headers=False,  # `Proxied` reads them
        root_path=settings.root_path,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
    )
    given = given_descriptors(settings)
    if given:
        config.uds = None  # somebody listens on it already
    with socket_file(config.uds) if config.uds else contextlib.nullcontext():
        if given:
            sockets = adopt(given)
        else:
            sockets = [bind_file(config.uds)] if config.uds else bind(settings.host, settings.port)
        place = place_of(settings, sockets[0])
        has_page = has_own_page(application)

        def tell() -> None:
            if worker is None:
                announce(has_page, place)
                notify("READY=1")
            else:
                worker.ready(has_page=has_page)

        server = Server(config, settings, tell, worker)
        with server.signals():
            try:
                server.run(sockets)
            except OSError as error:
                where = place.uds or f"{place.host}, port {place.port}"
                raise cannot_listen(where, error, has_port=not place.uds) from None
            except SystemExit:  # uvicorn has logged that the application refused to start
                return 1
    return 0 if server.started else 1  # before 0.50, uvicorn returns in this case


def serve_and_reload(settings: Settings) -> int:
    """Runs a server that starts again whenever a file of the application changes.

    Returns, raises: as `serve`, except that an application which can't be loaded is waited for.
    """
    given = given_descriptors(settings)
    if given or not settings.uds:
        return supervise(settings, adopt(given) if given else bind(settings.host, settings.port))
    with socket_file(settings.uds):
        return supervise(settings, [bind_file(settings.uds)])


def given_descriptors(settings: Settings) -> list[int]:
    """The descriptors of sockets that this process was given: by a supervisor, by hand, or by systemd."""
    if inherited := inherited_sockets():
        return inherited
    return passed_sockets() if settings.fd is None else [settings.fd]
