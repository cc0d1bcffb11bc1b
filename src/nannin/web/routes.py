"""The routes that show counts to readers who are not counted."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.routing import BaseRoute, Route

from nannin.access.addresses import Addresses
from nannin.access.gate import Gate
from nannin.clock import Clock
from nannin.web.api import Api
from nannin.web.badge import Badge
from nannin.web.bearer import Tries
from nannin.web.cors import Cors
from nannin.web.counts import CountSource
from nannin.web.dashboard import Dashboard
from nannin.web.embed import FORMS, Embed
from nannin.web.history import History
from nannin.web.listing import Listings
from nannin.web.login import Login
from nannin.web.metrics_page import Readings
from nannin.web.openapi import DOCUMENT
from nannin.web.past import Past
from nannin.web.private import PrivateLists
from nannin.web.processes import Processes
from nannin.web.reading import Reading, not_found
from nannin.web.responses import json_response
from nannin.web.shield import Shield
from nannin.web.stream import Streams
from nannin.web.top import Top
from nannin.web.trend import Trend


class CountRoutes:
    """Everything that shows counts over HTTP.

    Args:
        source: whose counts.
        clock: time.
        public: whether the pages of every site may read them.
        gate: whose pages may read if not every site's may.
        read_token: the secret that opens the lists of pages to readers on other machines.
        on_private: called for each request for a list that was refused, with its path.
        tries: compares tokens; None: as often as they come.
        addresses: limits streams by the reader's address; None for no limit.
        past: the history of these counts; None where none is kept.
        unix_s: the time of day.
        readings: the metrics of each process of this machine.

    Attributes:
        dashboard: answers `/dashboard`.
        streams: the streams.
    """

    def __init__(
        self,
        source: CountSource,
        clock: Clock,
        *,
        public: bool,
        gate: Gate,
        read_token: str | None = None,
        on_private: Callable[[str], None] = lambda path: None,
        tries: Tries | None = None,
        addresses: Addresses | None = None,
        past: Past | None = None,
        unix_s: Callable[[], float] = time.time,
        readings: Callable[[], Awaitable[Readings]] | None = None,
    ) -> None:
        self._cors = Cors(public=public, gate=gate)
        tries = tries or Tries()
        login = None if read_token is None else Login(read_token, tries, unix_s)
        private = PrivateLists(read_token, gate, on_private, tries, login)
        self.dashboard = Dashboard(private, login, gate, on_private)
        past = past or Past(None, clock)
        listings = Listings(source, clock.now)
        self._api = Api(source, clock.now, private, listings)
        self._history = History(source, past, private)
        self._top = Top(source, listings, past, private)
        self._trend = Trend(source, past)
        self._processes = Processes(private, readings or _no_readings)
        self._badge = Badge(source)
        self._embed = Embed(source, self._cors)
        self._shield = Shield(source)
        self.streams = Streams(source, clock, private, addresses)

    def frame_ancestors(self) -> str:
        """The directive that names the sites which may show a page of ours in a frame; empty for all."""
        return self._cors.frame_ancestors()

    def routes(self) -> list[BaseRoute]:
        """The routes. The last one catches every other path under `/api` (404)."""
        cors = self._cors
        api, embed, history, streams = self._api, self._embed, self._history, self.streams
        return [
            Route("/api/count", Reading(cors, api.count, ("page",))),
            Route("/api/pages", Reading(cors, api.pages, ("sort", "order", "limit", "offset"))),
            Route("/api/top", Reading(cors, self._top, ("limit",))),
            Route(
                "/api/history",
                Reading(cors, history.series, ("page", "from", "to", "step", "zone", "limit", "format")),
            ),
            Route("/api/history/pages", Reading(cors, history.pages, ("limit", "after"))),
            Route(
                "/api/peaks",
                Reading(cors, history.peaks, ("page", "metric", "limit", "zone", "format")),
            ),
            Route("/api/trend", Reading(cors, self._trend, ("page",))),
            Route("/api/explain", Reading(cors, api.explain, ("page",))),
            Route("/api/processes", Reading(cors, self._processes)),
            Route("/api/stream", Reading(cors, streams.respond, ("page",), repeatable=("page",))),
            Route("/api/openapi.json", Reading(cors, lambda _query, _scope: json_response(DOCUMENT))),
            Route(
                "/api/shield", Reading(cors, self._shield, ("page", "label", "color"), excuse=Shield.excuse)
            ),
            Route(
                "/badge.svg",
                Reading(cors, self._badge, ("page", "label", "color", "style"), excuse=Badge.excuse),
            ),
            Route(
                "/embed",
                Reading(cors, embed, ("page", "lang", "theme", *FORMS), excuse=embed.excuse),
            ),
            Route("/api/{rest:path}", Reading(cors, not_found, excuse=not_found)),
        ]

    def goodbyes(self) -> list[Callable[[], None]]:
        """Opens no more streams, until `shut_down`; returns what ends each."""
        return self.streams.goodbyes()

    def shut_down(self) -> None:
        """Ends every stream."""
        self.streams.shut_down()


async def _no_readings() -> Readings:
    return {}
