"""`nannin check`: what a server would be started with, and whether it could be."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Final

import click

from nannin.settings import SETTINGS, Settings
from nannin.sources import load_with_sources, to_environ

__all__ = ["describe_source", "run", "shown"]

DEFAULT = "default"
IN_CODE = "the application's code"
# How many characters a value may have to make the column wider. The source of a longer one comes after it.
_WIDE: Final = 40


def run(flags: Mapping[str, object], config: str | None) -> int:
    """Loads the application, prints the settings in force and their sources, and tries the place to listen.

    Args:
        flags: as for `nannin serve`.
        config: the TOML file of the command line.

    Returns:
        0, if the server could be started.

    Raises:
        SettingsError, ApplicationError: a setting, the certificate or the application is wrong.
        BindError: it can't listen there, or something else does.
    """
    settings, sources = load_with_sources(flags, toml_path=config)
    os.environ.update(to_environ(flags, config))  # for a Live in the application
    from nannin.server.listening import check_certificate
    from nannin.server.loading import default_application, load_application

    check_certificate(settings)
    application = load_application(settings.app) if settings.app else default_application()
    in_code = getattr(application, "settings", None)
    in_code = in_code if isinstance(in_code, Settings) else settings
    print_settings(settings, sources, in_code, in_force(application, in_code))
    try_place(settings)
    click.echo("\nThe server can be started.")
    return 0


def in_force(application: object, settings: Settings) -> dict[str, object]:
    """The settings whose values depend on the machine or on whether the application handles events.

    Args:
        application: what is served.
        settings: the application's, which has those of the server as well.
    """
    from nannin.server.cores import usable_cores

    assembly = getattr(application, "assembly", None)  # of a Live; any other app handles events
    handles_events = assembly is None or assembly.handles_events
    a_minute, at_once = settings.message_rate(handles_events=handles_events)
    return {
        "workers": settings.workers or usable_cores(),
        "max_connections": settings.max_connections or None,  # no limit but the descriptors
        "max_payload": settings.max_payload_bytes(handles_events=handles_events),
        "max_messages": a_minute,
        "max_burst": at_once,
    }


def print_settings(
    settings: Settings, sources: Mapping[str, str], in_code: Settings, limits: Mapping[str, object]
) -> None:
    """Prints each setting, its value, and its source; what is not the default stands out.

    Args:
        settings: the server's.
        sources: where they came from, as `load_with_sources` says it.
        in_code: those of the application, whose code may have set others.
        limits: those in force, as `in_force` says it, in place of values that mean "automatic".
    """
    rows = []
    for setting in SETTINGS.values():
        value, source = getattr(settings, setting.name), describe_source(sources.get(setting.name))
        if setting.in_code and getattr(in_code, setting.name) != value:
            value = getattr(in_code, setting.name)
            source = IN_CODE if settings.app else DEFAULT  # nannin's own page keeps history
        value = limits.get(setting.name, value)
        rows.append((setting.name, shown(setting.name, value), source))
    widths = [max(len(row[column]) for row in rows if len(row[column]) <= _WIDE) for column in (0, 1)]
    for name, text, source in rows:
        line = f"{name.ljust(widths[0])}  {text.ljust(widths[1])}  {source}"
        click.echo(click.style(line, dim=source == DEFAULT))


def shown(name: str, value: object) -> str:
    """A value as a person reads it; a secret is hidden."""
    if value is None or value in ("", ()):
        return "-"
    if SETTINGS[name].kind.is_secret and value not in ("on", "off"):
        return "(hidden)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe_source(source: str | None) -> str:
    """Where a value came from: `--port`, `NANNIN_PORT`, `nannin.toml` or `default`."""
    return DEFAULT if source is None else source.partition(" in ")[2] or source


def try_place(settings: Settings) -> None:
    """Listens for a moment where the server would.

    Raises:
        BindError: that can't be done.
    """
    from nannin.server.listening import adopt, bind, bind_file, socket_file

    with contextlib.ExitStack() as stack:
        if settings.fd is not None:
            opened = adopt([settings.fd])
        elif settings.uds:
            stack.enter_context(socket_file(settings.uds))
            opened = [bind_file(settings.uds)]
        else:
            opened = bind(settings.host, settings.port)
        for listener in opened:
            listener.close()
