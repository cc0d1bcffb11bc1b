"""The command `nannin`. The server is imported only to serve something, so that `--help` is quick."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from nannin.cli.banner import announce, version
from nannin.cli.options import CONTEXT, insecure_option, pages_option, token_option
from nannin.cli.past import export, stats
from nannin.errors import NanninError, SettingsError
from nannin.kinds import HistoryPlace, Switch
from nannin.list_kinds import ListOf
from nannin.setting import Setting
from nannin.settings import SETTINGS
from nannin.sources import load, to_environ

__all__ = ["main"]

EXIT_FAILED = 1  # the server could not start
EXIT_USAGE = 2  # a setting, an option or the application is wrong
EXIT_INTERRUPTED = 130  # Ctrl-C before anything was served

# What other servers call their `serve`.
SERVE_ELSEWHERE = frozenset({"start", "run", "up", "server", "dev"})

SPAN = re.compile(r"([1-9][0-9]{0,6})([smhd])")
SECONDS_OF = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

HEADINGS = {
    "Server": "Server",
    "TLS": "TLS",
    "Nodes": "Several machines",
    "Sessions": "Sessions (seconds; fractions allowed)",
    "Telling": "Telling (how often a changed count goes out)",
    "Counting": "Counting (seconds; fractions allowed)",
    "History": "History",
    "Hooks": "Hooks (who is told of what happens on pages)",
    "Access": "Access",
    "Limits": "Limits",
}


class Option(click.Option):
    """An option of the command line that is a setting. `settings` parses and checks its text."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        is_switch = isinstance(setting.kind, Switch)
        super().__init__(
            [f"{setting.flag}/--no-{setting.flag[2:]}" if is_switch else setting.flag, setting.name],
            metavar=setting.kind.metavar or None,
            default=None,
            multiple=isinstance(setting.kind, ListOf),
            type=None if is_switch else str,
            help=setting.help + warning_of(setting) + default_of(setting),
        )


class OffOption(Option):
    """`--no-history`: the option that is short for `--history off`."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        names = [f"--no-{setting.flag[2:]}", f"no_{setting.name}"]
        click.Option.__init__(self, names, is_flag=True, help=f"The same as {setting.flag} off.")


class Command(click.Command):
    """A command whose help has a section for each section of the settings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_sections(self.get_params(ctx), ctx, formatter)


class Group(click.Group):
    """The commands. If none is named, it is `serve`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            raise click.UsageError(f"No such command {args[0]!r}{self._meant_by(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def _meant_by(self, word: str) -> str:
        if ":" in word or word.endswith(".py"):
            return f"; an application is served with: nannin serve --app {word}"
        from difflib import get_close_matches  # only where something is wrong

        close = ["serve"] if word in SERVE_ELSEWHERE else get_close_matches(word, self.commands, n=1)
        return f"; did you mean {close[0]}?" if close else "; nannin --help lists the commands"

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        write_sections([*serve.params, *self.get_params(ctx)], ctx, formatter)


def write_sections(
    parameters: Sequence[click.Parameter], ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Writes the options under the headings of their settings; the rest comes last."""
    rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS.values()}
    for parameter in parameters:
        record = parameter.get_help_record(ctx)
        if record is not None:
            heading = HEADINGS[parameter.setting.section] if isinstance(parameter, Option) else "Other"
            rows.setdefault(heading, []).append(record)
    for heading, records in rows.items():
        with formatter.section(heading):
            formatter.write_dl(records, col_max=30)


def warning_of(setting: Setting) -> str:
    """What the help says of a secret: a command line is no place for one."""
    return f" Others see it in ps; {setting.flag}-file hides it." if setting.kind.is_secret else ""


def default_of(setting: Setting) -> str:
    """The default as the help shows it, after the sentence."""
    value = setting.default
    if isinstance(value, float):
        value = f"{value:g}"
    elif isinstance(value, tuple):
        value = ",".join(value)
    words = setting.default_words or value
    return f" [{words}]" if words and words is not True else ""


def show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Prints the version, and whether the part in C is in use, and ends."""
    if value and not ctx.resilient_parsing:
        from nannin.engine.send_all import IS_NATIVE

        click.echo(f"nannin {version()} (sends to many in {'C' if IS_NATIVE else 'Python'})")
        ctx.exit()


@click.group(
    cls=Group, context_settings=CONTEXT, options_metavar=None, subcommand_metavar="[serve] [OPTIONS]"
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """How many people are on this page right now: a live audience server that speaks Socket.IO.

    Each option is also a variable (NANNIN_PORT for --port) and a key of nannin.toml (port = 8124). The
    command line wins over the environment, and that over the file.
    """


def read_flags(given: dict[str, Any]) -> dict[str, Any]:
    """The options of a command as `sources.load` takes them: several values become one text."""
    flags = {
        name: ",".join(value) or None if isinstance(value, tuple) else value for name, value in given.items()
    }
    if flags.pop("no_history", False):
        if flags["history"] is not None:
            raise SettingsError("--history and --no-history exclude each other: set one of them")
        flags["history"] = "off"
    return flags


def run_serve(config: str | None, **given: Any) -> int:
    """Serves the page, or an application of your own, until Ctrl-C."""
    flags = read_flags(given)
    settings = load(flags, toml_path=config)
    # A Live anywhere in the application finds the same settings.
    os.environ.update(to_environ(flags, config))
    if settings.workers != 1:
        from nannin.nodes.local import is_worker
        from nannin.server.cores import usable_cores

        settings = dataclasses.replace(settings, workers=settings.workers or usable_cores())
        if settings.workers > 1 and not is_worker():
            from nannin.server.supervisor import serve_with_workers

            return serve_with_workers(settings, announce)
    from nannin.server.process import serve

    return serve(settings, announce)


def run_check(config: str | None, **given: Any) -> int:
    """Checks what `nannin serve` would be started with, and prints it: settings, their sources, what fails.

    It reads nannin.toml, the environment and the options, loads the application, reads the certificate, and
    listens for a moment. It ends with 0 if all is well, with 1 if it can't listen, and with 2 if a setting,
    the certificate or the application is wrong.
    """
    from nannin.cli.check import run

    return run(read_flags(given), config)


def settings_command(name: str, run: Callable[..., int], short_help: str) -> Command:
    """A command with an option for each setting."""
    config = click.Option(
        ["--config"], metavar="PATH", help="Read settings from this file. [nannin.toml, if there is one]"
    )
    options: list[click.Option] = []
    for setting in SETTINGS.values():
        options.append(Option(setting))
        if isinstance(setting.kind, HistoryPlace):
            options.append(OffOption(setting))
    options.append(config)
    return Command(
        name,
        context_settings=CONTEXT,
        callback=run,
        help=run.__doc__,
        short_help=short_help,
        params=list(options),
    )


serve = settings_command("serve", run_serve, "Serve the page, or an application of your own.")
cli.add_command(serve)
cli.add_command(settings_command("check", run_check, "Check a configuration, and print it."))
cli.add_command(stats)
cli.add_command(export)


@cli.command(context_settings=CONTEXT, short_help="Serve a made-up site with people, to look around.")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65535), default=8124, help="Port. [8124]")
@click.option(
    "--people", metavar="N", type=click.IntRange(1, 5_000), default=400, help="At the busiest hour. [400]"
)
@click.option("--days", metavar="N", type=click.IntRange(0, 365), default=365, help="Days of history. [365]")
@click.option("--seed", metavar="N", type=int, default=1, help="The same seed makes the same history. [1]")
@click.option("--timezone", metavar="NAME", help="Whose mornings and nights. [this machine's]")
@click.option("--open", "open_page", is_flag=True, help="Open the dashboard in the browser.")
def demo(**given: Any) -> int:
    """Serves a small site with people on 40 pages, a year of history, and the dashboard, until Ctrl-C.

    All of it is made up, and is removed at the end. It answers this machine only, and reads no settings.
    """
    from nannin.cli.demo.command import run

    return run(**given)


@cli.command(context_settings=CONTEXT, short_help="Measure a running server.")
@click.argument("url")
@click.option("--page", metavar="PAGE", default="/", help="The page that the clients join. [/]")
@click.option(
    "--token", metavar="TEXT", help="The page's token. [signed with the page_secret, if there is one]"
)
@click.option("--connections", metavar="N", type=click.IntRange(1), default=1000, help="Clients. [1000]")
@click.option("--slow", metavar="N", type=click.IntRange(0), default=0, help="More that never read. [0]")
@click.option("--pid", metavar="PID", type=int, help="The server's process. [the one that has the port]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(page: str, token: str | None, **given: Any) -> int:
    """Measures a server that tells how many are connected: joins, messages, CPU time, delays, memory.

    Its clients join a page as browsers do, so an application that has handlers for it runs them. Nobody else
    may be on that page. It ends with 1 if not every client knew the right number.
    """
    from nannin.cli.bench.command import run

    return run(page=check_page(page, "--page"), token=token or page_token(page), **given)


@cli.command(context_settings=CONTEXT, short_help="Show the counts of a running server.")
@click.argument("url", required=False)
@pages_option("every page")
@token_option
@insecure_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object on each line.")
def watch(url: str | None, pages: tuple[str, ...], token: str | None, **given: Any) -> int:
    """Shows the counts of a running server as they change, until Ctrl-C.

    URL is the server's address. Without it, the host and the port are those of the environment (NANNIN_PORT)
    or nannin.toml, or else http://127.0.0.1:8124.
    """
    from nannin.cli.remote import url_of
    from nannin.cli.watch.command import run

    return run(url or url_of(load({})), pages, token=token or load().read_token, **given)


@cli.command(context_settings=CONTEXT, short_help="Print a token that opens a page.")
@click.argument("page")
@click.option(
    "--expires",
    metavar="TIME",
    help="How long a client may join with it, such as 90s, 15m, 1h or 7d. [as long as the secret]",
)
@click.option("--config", metavar="PATH", help="Read settings from this file. [nannin.toml, if there is one]")
def token(page: str, expires: str | None, config: str | None) -> None:
    """Prints the token that lets a client onto PAGE where the server has a page secret."""
    found = page_token(check_page(page, "PAGE"), config, None if expires is None else read_span(expires))
    if found is None:
        setting = SETTINGS["page_secret"]
        raise SettingsError(
            f"a token needs a secret, the server's: set {setting.variable}, or {setting.name} in nannin.toml"
        )
    click.echo(found)


def check_page(page: str, name: str) -> str:
    """The page's key, if it is one."""
    from nannin.audience.page_key import is_page_key

    if not is_page_key(page):
        raise click.UsageError(f"{name} must start with / and have at most 255 bytes and no comma")
    return page


def read_span(text: str) -> int:
    """A span of time in seconds: `90s`, `15m`, `1h` or `7d`."""
    match = SPAN.fullmatch(text)
    if match is None:
        raise click.UsageError(f"--expires must be a time such as 90s, 15m, 1h or 7d, not {text[:40]!r}")
    return int(match[1]) * SECONDS_OF[match[2]]


def page_token(page: str, config: str | None = None, expires_s: int | None = None) -> str | None:
    """The token of a page, if the settings have a page secret.

    Args:
        page: its key.
        config: the TOML file of the command line.
        expires_s: the seconds after which it ends, or None.
    """
    secrets = load(toml_path=config).page_secret
    if not secrets:
        return None
    from nannin.access.tokens import Tokens

    return Tokens(secrets).sign(page, None if expires_s is None else int(time.time()) + expires_s)


@cli.command(context_settings=CONTEXT, short_help="Show the hooks, and try them.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--try", "tries", is_flag=True, help="Send a sample to each, marked as a test.")
@click.option("--config", metavar="PATH", help="Read settings from this file. [nannin.toml, if there is one]")
def hooks(names: tuple[str, ...], tries: bool, config: str | None) -> int:
    """Shows the hooks of nannin.toml and the environment: all, or those of these names.

    With --try it sends a sample to each, once, and ends with 1 if one does not arrive. No server is needed.
    """
    from nannin.cli.hooks import run

    return run(load(toml_path=config), names, tries=tries)


@cli.command(context_settings=CONTEXT, short_help="Send an event to the clients of a server.")
@click.argument("url", required=False)
@click.option("--page", metavar="PAGE", default="/", help="The page. [/]")
@click.option("--event", metavar="NAME", required=True, help="The name of the event.")
@click.option("--data", metavar="JSON", multiple=True, help="An argument; may be repeated.")
@click.option("--to", metavar="ID", multiple=True, help="A room or an id; may be repeated. [everyone]")
@click.option("--except", "except_", metavar="ID", multiple=True, help="A room or an id that gets nothing.")
@click.option("--token", metavar="TEXT", help="The server's emit_token. [NANNIN_EMIT_TOKEN, or nannin.toml]")
@insecure_option
def emit(url: str | None, data: tuple[str, ...], token: str | None, **given: Any) -> None:
    """Sends an event to the clients of a running server: all on a page, or some.

    URL is the server's address. Without it, the host and the port are those of the environment (NANNIN_PORT)
    or nannin.toml, or else http://127.0.0.1:8124.
    """
    from nannin.cli.emit import read_argument, send_event
    from nannin.cli.remote import url_of

    if not given["event"]:
        raise SettingsError("--event must name the event")
    token = token or load().emit_token
    if not token:
        setting = SETTINGS["emit_token"]
        raise SettingsError(
            f"the server's emit_token is needed: as --token, as {setting.variable}, or as emit_token in "
            "nannin.toml; a server without one takes no events from outside"
        )
    count = send_event(url or url_of(load({})), token, args=[read_argument(text) for text in data], **given)
    click.echo(f"sent to {count} client{'' if count == 1 else 's'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: what follows the command's name. None: what the process was started with.

    Returns:
        The exit code.
    """
    try:
        return int(cli.main(args=arguments, prog_name="nannin", standalone_mode=False) or 0)
    except click.ClickException as error:
        return complain(error.format_message(), EXIT_USAGE)
    except NanninError as error:
        from nannin.errors import ApplicationError

        is_usage = isinstance(error, (SettingsError, ApplicationError))
        return complain(str(error), EXIT_USAGE if is_usage else EXIT_FAILED)
    except click.Abort:
        return EXIT_INTERRUPTED


def complain(message: str, code: int) -> int:
    """One line on standard error."""
    line = " ".join(message.split())
    click.echo(f"nannin: {line}", err=True)
    from nannin.server.reload import tell_supervisor

    tell_supervisor(line)
    return code
