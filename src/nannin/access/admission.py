"""Who may join which page: what is asked of a CONNECT before the application is."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable

from nannin.access.connect import Connect
from nannin.settings import Settings


class Refusal(enum.StrEnum):
    """Why a client was turned away; the words of the tally."""

    ORIGIN = "origin"
    PAGE = "page"
    TOKEN = "token"  # noqa: S105
    PAYLOAD = "payload"
    LIMIT = "limit"
    APPLICATION = "application"
    EVENT = "event"
    LIST = "list"


class Admission:
    """Judges CONNECTs, and tallies every refusal, its own and those of others.

    Args:
        exists: whether there is a page with this key.
        settings: the limits.
        verify: whether a token opens a page; None where pages need none.

    Attributes:
        tally: how many were turned away since the start, by `Refusal`.
    """

    def __init__(
        self,
        exists: Callable[[str], bool],
        settings: Settings,
        verify: Callable[[str, str], bool] | None,
    ) -> None:
        self.tally: Counter[Refusal] = Counter()
        self._exists = exists
        self._settings = settings
        self._verify = verify

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
            self._judge_page(key, connect, is_on)
            or ((Refusal.PAYLOAD, connect.problem) if connect.problem else None)
            or self._judge_limits(observes, observed, joined)
        )
        if refused is None:
            return None
        refusal, problem = refused
        self.tally[refusal] += 1
        return problem

    def _judge_page(self, key: str, connect: Connect, is_on: bool) -> tuple[Refusal, str] | None:
        if not self._exists(key):
            return Refusal.PAGE, "Invalid namespace"
        if is_on:
            return Refusal.PAGE, "Already connected"
        if self._verify is not None and not (connect.token and self._verify(key, connect.token)):
            return Refusal.TOKEN, "Invalid token: this page needs a signed token"
        return None

    def _judge_limits(self, observes: bool, observed: int, joined: int) -> tuple[Refusal, str] | None:
        if observes:
            most = self._settings.max_observed
            words = f"Too many namespaces: one session may observe {most}"
            return (Refusal.LIMIT, words) if observed >= most else None
        most = self._settings.max_namespaces
        words = f"Too many namespaces: one session may be on {most}"
        return (Refusal.LIMIT, words) if joined >= most else None
