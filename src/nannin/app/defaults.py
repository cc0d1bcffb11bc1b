"""The settings that an application's code may give, for type checkers: they refuse a misspelt one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class Defaults(TypedDict, total=False):
    """What `Live(ping_interval=10)` takes; the reference of settings says what each is for.

    A test compares it with the settings, which a type checker can't read from their table.
    """

    redis: str | None
    redis_file: str | None
    redis_prefix: str
    redis_emitters: str | Sequence[str]
    ping_interval: float
    ping_timeout: float
    connect_timeout: float
    upgrade_timeout: float
    recover: float
    recover_all: bool
    share: float
    min_interval: float
    max_interval: float
    grace: float
    grace_lost: float
    pages: str | Sequence[str]
    groups: str | Sequence[str]
    hooks: Sequence[Mapping[str, Any]]
    hook_networks: str | Sequence[str]
    history: bool | str | None
    history_file: str | None
    data_dir: str | None
    history_minutes: int
    history_hours: int
    history_pages: int
    timezone: str | None
    allow_origins: str | Sequence[str]
    hosts: str | Sequence[str]
    public: bool
    page_secret: str | Sequence[str] | None
    page_secret_file: str | None
    emit_token: str | None
    emit_token_file: str | None
    read_token: str | None
    read_token_file: str | None
    max_payload: int
    max_auth: int
    body_timeout: float
    max_messages: int
    max_burst: int
    max_attachments: int
    max_per_address: int
    new_per_address: int
    max_guesses: int
    max_joins: int
    max_pages: int
    max_namespaces: int
    max_observed: int
    max_recovery: int
    max_recovery_total: int
    max_handlers: int
    max_outbox: int
