"""A naive model of who is on which page: lists that are counted anew each time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from support.fakes import Client

# So many pages one may be on, and observe.
MAX_PAGES, MAX_OBSERVED = 3, 1


@dataclass
class Stay:
    """What the naive model knows of one connection on a page."""

    visitor: str | None
    visible: bool = True
    observes: bool = False
    until_s: float = 0.0  # in grace


class Person:
    """What the naive model knows of one client."""

    def __init__(self, client: Client, now: float) -> None:
        self.client = client
        self.opened_s = now
        self.silent_s: float | None = None
        self.has_joined = False
        self.pages: dict[str, Stay] = {}
        self.counts_on: str | None = None  # the visitor who may count on without it
        self.thinking: tuple[asyncio.Future[None], Stay] | None = None

    def may_count_on(self, visitor: str | None) -> bool:
        """Whether a visitor who leaves is the first of those that this client has been."""
        self.counts_on = self.counts_on or visitor
        return visitor is not None and visitor == self.counts_on

    def is_full(self, observes: bool, page: str) -> bool:
        """Whether it may join no more pages, or observe no more; one asked for again is the same."""
        thinking = [self.thinking[1]] if self.thinking and page != "/thinking" else []
        stays = [*self.pages.values(), *thinking]
        return [stay.observes for stay in stays].count(observes) >= (MAX_OBSERVED if observes else MAX_PAGES)


def visitors(stays: list[Stay]) -> int:
    """How many visitors these are: without an id each is one of its own."""
    known = {stay.visitor for stay in stays if stay.visitor is not None}
    return len(known) + sum(stay.visitor is None for stay in stays)
