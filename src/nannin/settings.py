"""Every setting, once: its type, limits, unit, default and help text.

The command line's options, the NANNIN_* variables, the keys of nannin.toml and the docs follow from it.
`nannin.sources` finds out what they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nannin.errors import SettingsError
from nannin.hook_tables import HookTables
from nannin.kinds import (
    Choice,
    Descriptor,
    Float,
    HistoryPlace,
    Integer,
    IntegerOrAutomatic,
    Kind,
    OptionalText,
    RedisAddress,
    RootPath,
    Secret,
    Switch,
    Text,
)
from nannin.list_kinds import ChannelNames, HostNames, Networks, Origins, PageGroups, PagePatterns, Secrets
from nannin.setting import Setting, check_value

if TYPE_CHECKING:
    from nannin.hook import Hook

__all__ = ["FILE_OF", "SETTINGS", "Settings", "check_together"]

_APP: Final = "FILE_OR_MODULE:NAME"
# Bytes in a message where `max_payload` is not set. Node's server and python-socketio take 1,000,000, which
# an application that comes over expects; the packets of clients that are only counted have some 100.
_EVENTS_BYTES: Final = 1_000_000
_COUNTING_BYTES: Final = 16_384
# Messages of one client a minute where `max_messages` is not set. One that is only counted joins, leaves, and
# says whether its tab is visible. A whiteboard or a game sends with each frame of the screen, 60 a second.
_EVENTS_A_MINUTE: Final = 6_000
_COUNTING_A_MINUTE: Final = 100
_LEAST_BURST: Final = 20
# How many processes one `nannin serve` may start. Their sessions are told apart by one of 64 characters, and
# a few of these are for processes that still end.
MOST_WORKERS: Final = 60
LOG_LEVELS: Final = ("critical", "error", "warning", "info", "debug", "trace")
LOG_FORMATS: Final = ("text", "json")


def _setting(section: str, kind: Kind, default: object, help: str, default_words: str | None = None) -> Any:
    metadata = {"section": section, "kind": kind, "help": help, "default_words": default_words}
    return dataclasses.field(default=default, repr=not kind.is_secret, metadata=metadata)


_server, _tls, _nodes, _session, _telling, _counting, _history, _hooks, _access, _limit = (
    partial(_setting, section)
    for section in (
        "Server",
        "TLS",
        "Nodes",
        "Sessions",
        "Telling",
        "Counting",
        "History",
        "Hooks",
        "Access",
        "Limits",
    )
)
# Where python-socketio and @socket.io/redis-emitter send if they are not told otherwise.
_EMITTERS = ("socketio", "socket.io")
_COUNT, _SIZE = Integer(1, 2**30), Integer(64, 2**30)
# 1 ms is the least that a handshake can state. A million seconds still fit into a browser's timer (2^31 ms).
_SECONDS = Float(0.001, 1e6, "a number of seconds over 0 and up to 1000000")
_ANY_SECONDS = Float(0, 1e6, "a number of seconds from 0 to 1000000")
_DAYS = Integer(1, 36_500, "DAYS")
_SHARE = Float(0.001, 1, "a number over 0 and up to 1", "SHARE")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one server. Seconds are float, sizes are bytes; values are checked on the way in.

    Raises:
        SettingsError: a value is of the wrong type or out of range, or two of them contradict each other.
    """

    host: str = _server(Text("HOST"), "127.0.0.1", "Address to listen on; 0.0.0.0 for all.")
    port: int = _server(Integer(0, 65535, "PORT"), 8124, "Port to listen on; 0 takes a free one.")
    uds: str | None = _server(
        OptionalText("PATH"), None, "Listen on this Unix socket instead of host and port."
    )
    fd: int | None = _server(
        Descriptor(), None, "Listen on this open socket, an inherited file descriptor, instead."
    )
    root_path: str = _server(RootPath(), "", "The path under which a proxy shows this server, such as /live.")
    forwarded_allow_ips: tuple[str, ...] = _server(
        Networks(),
        ("127.0.0.1", "::1"),
        "Comma-separated proxies that may say who the client is, in X-Forwarded-For or Forwarded; * for all.",
    )
    head_timeout: float = _server(
        _SECONDS, 10.0, "Seconds that the head of a request may take, from the connection's first moment."
    )
    max_headers: int = _server(Integer(1, 10_000), 100, "Maximum headers of a request.")
    max_header_bytes: int = _server(
        Integer(256, 2**20), 8192, "Maximum bytes of one header of a request, and of its first line."
    )
    log_level: str = _server(Choice(*LOG_LEVELS), "info", f"Log this and worse: {', '.join(LOG_LEVELS)}.")
    log_format: str = _server(
        Choice(*LOG_FORMATS, metavar="FORMAT"), "text", "How the log looks: text, or json, an object a line."
    )
    open: bool = _server(Switch(), False, "Open the page in the browser.")
    app: str | None = _server(OptionalText(_APP), None, "Serve this application instead of the page.")
    max_connections: int = _server(
        Integer(0, 2**30),
        0,
        "Maximum connections of this process; new ones get 503 then.",
        "as many as the descriptors allow",
    )
    spare_descriptors: int = _server(
        Integer(0, 2**20), 64, "File descriptors that are kept back for other uses than connections."
    )
    drain: float = _server(
        _ANY_SECONDS,
        30.0,
        "Maximum seconds over which SIGTERM spreads its goodbyes to clients; 0 tells all at once.",
    )
    reload: bool = _server(Switch(), False, "Start again whenever a file of the application changes.")
    workers: int = _server(
        Integer(0, MOST_WORKERS, "N"),
        1,
        "Processes that share the clients and one count; 0 for one per core.",
    )

    ssl_certfile: str | None = _tls(OptionalText("PATH"), None, "Certificate chain, PEM: serves https.")
    ssl_keyfile: str | None = _tls(OptionalText("PATH"), None, "Its private key, PEM, if in another file.")

    redis: str | None = _nodes(
        RedisAddress(), None, "Redis or Valkey through which all machines come to one count."
    )
    redis_file: str | None = _nodes(OptionalText("PATH"), None, "Read redis from this file.")
    redis_prefix: str = _nodes(
        Text("PREFIX"), "nannin", "What all keys in Redis begin with; two sites on one Redis need two."
    )
    redis_emitters: tuple[str, ...] = _nodes(
        ChannelNames(),
        (),
        "Comma-separated channels in Redis on which python-socketio and @socket.io/redis-emitter may send.",
        "socketio,socket.io; none if redis_prefix is set",
    )

    ping_interval: float = _session(_SECONDS, 25.0, "Seconds between heartbeats.")
    ping_timeout: float = _session(_SECONDS, 20.0, "Seconds that a client has to answer one, or it is gone.")
    connect_timeout: float = _session(_SECONDS, 10.0, "Seconds that a new session has to join a page.")
    upgrade_timeout: float = _session(_SECONDS, 10.0, "Seconds that an upgrade to WebSocket may take.")

    recover: float = _session(
        _ANY_SECONDS,
        120.0,
        "Seconds after a lost link in which a client can resume and get the events it missed; 0 disables.",
    )
    recover_all: bool = _session(Switch(), False, "Let every client resume, not only those that ask.")

    share: float = _telling(_SHARE, 0.2, "Part of the server's time that telling one page may take.")
    min_interval: float = _telling(_ANY_SECONDS, 0.0, "Minimum seconds between two updates of a page.")
    max_interval: float = _telling(_SECONDS, 1.0, "Maximum seconds that an update may wait.")

    grace: float = _counting(
        _ANY_SECONDS,
        2.0,
        "Seconds that a visitor who left still counts, so that a reload is not a leave; 0 disables.",
    )
    grace_lost: float = _counting(
        _ANY_SECONDS, 10.0, "Seconds that a visitor whose link was lost still counts; 0 disables."
    )
    pages: tuple[str, ...] = _counting(
        PagePatterns(), (), "Comma-separated page keys that exist, such as /,/news/*.", "any page"
    )
    groups: tuple[str, ...] = _counting(
        PageGroups(),
        (),
        "Comma-separated groups of pages that have a number of their own, such as /shop/* or /*.",
        "none",
    )

    history: str | None = _history(
        HistoryPlace(),
        None,
        "Keep the numbers of every page: on, off, or in the PostgreSQL at this address.",
        "on; off in an application, unless it asks for it",
    )
    history_file: str | None = _history(OptionalText("PATH"), None, "Read history from this file.")
    data_dir: str | None = _history(
        OptionalText("PATH"),
        None,
        "Folder of what is kept, history.sqlite3 among it.",
        "systemd's StateDirectory, else ~/.local/share/nannin",
    )
    history_minutes: int = _history(_DAYS, 7, "Days for which the numbers of each minute are kept.")
    history_hours: int = _history(
        _DAYS, 90, "Days for which the numbers of each hour are kept; those of days are kept for ever."
    )
    history_pages: int = _history(
        Integer(0, 20_000), 1_000, "Maximum pages of which each minute is kept, those with the most people."
    )
    timezone: str | None = _history(
        OptionalText("NAME"),
        None,
        "Time zone whose hours and days are kept, such as Asia/Tokyo.",
        "the machine's",
    )

    hooks: tuple[Hook, ...] = _hooks(
        HookTables(), (), "Whom to tell of what happens on pages: [[hooks]] tables in nannin.toml, or JSON."
    )
    hook_networks: tuple[str, ...] = _hooks(
        Networks(),
        (),
        "Comma-separated networks to which hooks may connect, such as 10.0.0.0/8; * for any.",
        "public addresses only",
    )

    allow_origins: tuple[str, ...] = _access(
        Origins(), (), "Comma-separated origins of other sites that may connect; * for all."
    )
    hosts: tuple[str, ...] = _access(
        HostNames(),
        (),
        "Comma-separated names that clients call this server by, such as live.example.org; * for any.",
        "any; on a loopback or private address, none that a foreign site could have",
    )
    public: bool = _access(
        Switch(), True, "Let pages of any site read the counts, not only our own and the allowed ones."
    )
    page_secret: tuple[str, ...] | None = _access(
        Secrets(),
        None,
        "Clients need a token signed with it. Comma-separated: the first signs, all verify.",
    )
    page_secret_file: str | None = _access(
        OptionalText("PATH"), None, "Read page_secret from this file; several secrets, a line each."
    )
    read_token: str | None = _access(
        Secret(), None, "Token that opens the lists of pages and the metrics to other machines."
    )
    read_token_file: str | None = _access(OptionalText("PATH"), None, "Read read_token from this file.")
    emit_token: str | None = _access(Secret(), None, "Token that POST /api/emit requires; unset, it is off.")
    emit_token_file: str | None = _access(OptionalText("PATH"), None, "Read emit_token from this file.")

    max_payload: int = _limit(
        IntegerOrAutomatic(64, 2**30),
        0,
        "Maximum bytes in one HTTP body or WebSocket message.",
        "1000000 where an application handles events, else 16384",
    )
    max_auth: int = _limit(
        Integer(0, 2**30),
        8192,
        "Maximum bytes of what a client sends to join a page, its auth; 0 for any size.",
    )
    body_timeout: float = _limit(_SECONDS, 15.0, "Seconds that the body of a request may take.")
    max_messages: int = _limit(
        IntegerOrAutomatic(1, 2**30),
        0,
        "Maximum messages of one client a minute, in the long run.",
        "6000 where an application handles events, else 100",
    )
    max_burst: int = _limit(
        IntegerOrAutomatic(1, 2**30),
        0,
        "Maximum messages of one client at once.",
        "a tenth of max-messages, and at least 20",
    )
    max_attachments: int = _limit(
        Integer(0, 2**30),
        10,
        "Maximum binary attachments of one event. Where nannin only counts, none is kept.",
    )
    max_per_address: int = _limit(
        Integer(0, 2**30),
        50,
        "Maximum connections of one address at once, an IPv6 network of 64 bits being one; 0 for any number.",
    )
    new_per_address: int = _limit(
        Integer(0, 2**30), 10, "Maximum new connections of one address a second; 0 for any number."
    )
    max_guesses: int = _limit(
        Integer(0, 2**30),
        60,
        "Maximum wrong tokens of one address a minute, in the long run; 0 for any number.",
    )
    max_joins: int = _limit(
        Integer(0, 2**30),
        600,
        "Maximum pages that one session joins or watches a minute, in the long run; 0 for any number.",
    )
    max_pages: int = _limit(
        Integer(0, 2**30), 100_000, "Maximum pages that there are at once; 0 for any number."
    )
    max_namespaces: int = _limit(_COUNT, 4, "Maximum pages that one session may be on.")
    max_observed: int = _limit(
        Integer(0, 2**30), 100, "Maximum pages that one session may watch without being counted."
    )
    max_recovery: int = _limit(
        Integer(0, 2**40), 4194304, "Maximum bytes of missed events that are kept for one page."
    )
    max_recovery_total: int = _limit(
        Integer(0, 2**40), 67108864, "Maximum bytes of missed events that are kept for all pages."
    )
    max_handlers: int = _limit(
        Integer(0, 2**30),
        100,
        "Maximum async handlers of one client that run at once; its further events wait; 0 for any number.",
    )
    max_outbox: int = _limit(
        Integer(0, 2**40),
        0,
        "Maximum bytes that may wait for one client before it is disconnected.",
        "4 x max-payload, if that is set, else 65536",
    )

    def __post_init__(self) -> None:
        values = {name: check_value(setting, name, getattr(self, name)) for name, setting in SETTINGS.items()}
        check_together(values, {})
        # A server that takes larger messages needs to send larger ones.
        values["max_outbox"] = values["max_outbox"] or 4 * (values["max_payload"] or _COUNTING_BYTES)
        names = values["redis_emitters"]
        if not names and values["redis_prefix"] == SETTINGS["redis_prefix"].default:
            names = _EMITTERS  # with a prefix of its own, a site may share Redis with a site that uses these
        values["redis_emitters"] = tuple(name for name in names if name != "none")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def max_payload_bytes(self, *, handles_events: bool) -> int:
        """The limit in force: `max_payload`, or what suits an application or a mere counter.

        Args:
            handles_events: whether there is an application that handles clients' events.
        """
        return self.max_payload or (_EVENTS_BYTES if handles_events else _COUNTING_BYTES)

    def message_rate(self, *, handles_events: bool) -> tuple[int, int]:
        """The messages of one client that may come in a minute, and at once.

        Args:
            handles_events: whether there is an application that handles clients' events.
        """
        a_minute = self.max_messages or (_EVENTS_A_MINUTE if handles_events else _COUNTING_A_MINUTE)
        return a_minute, self.max_burst or max(_LEAST_BURST, a_minute // 10)


SETTINGS: Final[Mapping[str, Setting]] = {
    field.name: Setting(field.name, field.default, **field.metadata) for field in dataclasses.fields(Settings)
}


# Each secret, and the setting that names a file with it.
FILE_OF: Final[Mapping[str, str]] = {
    name: f"{name}_file" for name, setting in SETTINGS.items() if setting.kind.is_secret
}


def check_together(values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    """Checks settings that are right by themselves, and may contradict each other.

    Args:
        values: by setting; those that are missing have their default.
        sources: where they come from, for the error.

    Raises:
        SettingsError: two of them contradict each other.
    """

    def called(name: str) -> str:
        return sources.get(name) or name

    if values.get("ssl_keyfile") and not values.get("ssl_certfile"):
        raise SettingsError(f"{called('ssl_keyfile')} needs {SETTINGS['ssl_certfile'].flag} as well")
    if values.get("min_interval", 0) > values.get("max_interval", SETTINGS["max_interval"].default):
        raise SettingsError(f"{called('min_interval')} must not be over {called('max_interval')}")
    if values.get("reload") and values.get("workers", 1) != 1:
        raise SettingsError(
            f"{called('reload')} and {called('workers')} exclude each other: "
            "one process serves while files change"
        )
    if values.get("uds") and values.get("open"):
        raise SettingsError(
            f"{called('open')} and {called('uds')} exclude each other: no browser opens a socket file"
        )
