"""Who may join which page: what is asked of a CONNECT before the application is."""

from __future__ import annotations

import enum
from collections.abc import Callable

from nannin.access.budgets import NO_LIMIT, Rate
from nannin.access.connect import Connect
from nannin.access.refusals import Refusal, Refusals
from nannin.audience.page_key import is_page_key
from nannin.settings import Settings


class Verdict(enum.Enum):
    """What a token is to a page."""

    VALID = enum.auto()
    WRONG = enum.auto()
    EXPIRED = enum.auto()  # it was valid once


def join_rate(settings: Settings) -> Rate:
    """How many pages one session may join or watch: at once as many as it takes to replace all, and again."""
    if not settings.max_joins:
        return NO_LIMIT
    burst = 2 * (settings.max_namespaces + settings.max_observed)
    return Rate(settings.max_joins / 60, max(1, burst))


class Admission:
    """Judges CONNECTs.

    Args:
        exists: whether there can be a page with this key.
        has_room: whether there is one, or may be one more.
        settings: the limits.
        refusals: tallies those that are refused.
        judge_token: says what a token is to a page; None where pages need none.
        lacks_group: whether a key that somebody wants to observe names a group that there is not.
    """

    def __init__(
        self,
        exists: Callable[[str], bool],
        has_room: Callable[[str], bool],
        settings: Settings,
        refusals: Refusals,
        judge_token: Callable[[str, str], Verdict] | None,
        lacks_group: Callable[[str], bool] = lambda key: False,
    ) -> None:
        self._exists = exists
        self._lacks_group = lacks_group
        self._has_room = has_room
        self._settings = settings
        self._refusals = refusals
        self._judge_token = judge_token

    def judge(
        self, key: str, connect: Connect, *, observes: bool, is_on: bool, observed: int, joined: int
    ) -> str | None:
        """Judges a CONNECT, and tallies it if it can't be taken.

        Args:
            key: the page's key.
            connect: what came with it.
            observes: whether the client will only observe.
            is_on: whether the session is on this page already.
            observed: how many pages the session observes.
            joined: how many pages the session is counted on.

        Returns:
            None if the client may join; else why it may not, in the words of the `connect_error`.
        """
        refused = (
            self._judge_page(key, connect, observes, is_on)
            or ((Refusal.PAYLOAD, connect.problem) if connect.problem else None)
            or self._judge_limits(observes, observed, joined)
            or self._judge_room(key)
        )
        if refused is None:
            return None
        refusal, problem = refused
        self._refusals.add(refusal)
        return problem

    def refuse_join(self) -> str:
        """Tallies a CONNECT of a session that joins too quickly; returns the words of the `connect_error`."""
        a_minute = self._settings.max_joins
        self._refusals.add_and_tell(
            Refusal.JOINS,
            "a session joins more than %d pages a minute, and further ones are refused: "
            "max_joins allows no more",
            a_minute,
        )
        return f"Too many joins: one session may join {a_minute} pages a minute"

    def advise(self, key: str, connect: Connect) -> str | None:
        """One line for the log on a page that a client may not join, and what lets it in.

        Args:
            key: the page's key.
            connect: what came with the CONNECT.

        Returns:
            The line; None where the reason is neither the page nor its token.
        """
        if not is_page_key(key):
            return None
        if connect.observe and self._lacks_group(key):
            return (
                f"{key!r:.80} is refused as an unknown group: --groups, the setting groups or "
                "live.group(...) makes a group of its pages"
            )
        pages = ",".join(self._settings.pages)
        if not self._exists(key) and pages:
            return (
                f"{key!r:.80} is refused as an invalid namespace: it is not among the pages {pages:.80}; "
                "add it to --pages, or wherever the setting pages is"
            )
        if not self._exists(key):
            return (
                f"{key!r:.80} is refused as an invalid namespace, since only pages with handlers exist: "
                'live.page("/*") with a handler, or the setting pages, lets it in'
            )
        verdict = self._verdict(key, connect)
        if verdict is Verdict.EXPIRED:
            return (
                f"{key!r:.80} is refused to a client with an expired token: the page that gave it the token "
                "has to renew it, as data-token of the tag or in the client's auth"
            )
        if verdict is Verdict.WRONG:
            said = "a wrong token" if connect.token else "no token"
            return (
                f"{key!r:.80} is refused to a client with {said}: page_secret is set; "
                "`nannin token PAGE` prints a page's token, for data-token of the tag or the client's auth"
            )
        return None

    def _verdict(self, key: str, connect: Connect) -> Verdict:
        if self._judge_token is None:
            return Verdict.VALID
        return self._judge_token(key, connect.token) if connect.token else Verdict.WRONG

    def _judge_page(
        self, key: str, connect: Connect, observes: bool, is_on: bool
    ) -> tuple[Refusal, str] | None:
        if observes and is_page_key(key) and self._lacks_group(key):
            return Refusal.PAGE, "Unknown group: this server has no group of pages with this key"
        if not self._exists(key):
            return Refusal.PAGE, "Invalid namespace"
        if is_on:
            return Refusal.PAGE, "Already connected"
        if self._judge_token is None:
            return None
        verdict = self._verdict(key, connect)
        if verdict is Verdict.WRONG:
            return Refusal.TOKEN, "Invalid token: this page needs a signed token"
        if verdict is Verdict.EXPIRED:
            return Refusal.EXPIRED, "Token expired: this page needs a newer token"
        return None

    def _judge_room(self, key: str) -> tuple[Refusal, str] | None:
        if self._has_room(key):
            return None
        most = self._settings.max_pages
        self._refusals.tell(
            "there are %d pages, and clients that would make another one are refused: "
            "max_pages allows no more",
            most,
        )
        return Refusal.PAGES, f"Too many pages: there are {most} already"

    def _judge_limits(self, observes: bool, observed: int, joined: int) -> tuple[Refusal, str] | None:
        if observes:
            most = self._settings.max_observed
            if observed < most:
                return None
            return Refusal.LIMIT, f"Too many namespaces: one session may observe {most}"
        most = self._settings.max_namespaces
        if joined < most:
            return None
        return Refusal.LIMIT, f"Too many namespaces: one session may be on {most}"
