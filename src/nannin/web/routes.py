"""The routes of those who see counts and are not counted."""

from __future__ import annotations

from collections.abc import Collection

from starlette.routing import BaseRoute, Route

from nannin.clock import Clock
from nannin.web.api import Api
from nannin.web.badge import Badge
from nannin.web.embed import Embed
from nannin.web.openapi import DOCUMENT
from nannin.web.reading import Access, Audiences, Reading, json_response, not_found
from nannin.web.stream import Streams


class Observers:
    """All that shows counts over HTTP.

    Args:
        audiences: whose counts.
        clock: time.
        public: pages of every site may read them.
        allow_origins: the origins that may where it is not public, besides the server's own.
    """

    def __init__(
        self, audiences: Audiences, clock: Clock, *, public: bool, allow_origins: Collection[str]
    ) -> None:
        self._access = Access(public=public, allow_origins=allow_origins)
        self._api = Api(audiences, clock.now)
        self._badge = Badge(audiences)
        self._embed = Embed(audiences, self._access)
        self.streams = Streams(audiences, clock)

    def routes(self) -> list[BaseRoute]:
        """The routes. The last takes all that is below `/api` and asks for nothing that there is."""
        access = self._access
        api, streams = self._api, self.streams
        return [
            Route("/api/count", Reading(access, api.count, ("page",))),
            Route("/api/pages", Reading(access, api.pages, ("sort", "order", "limit", "offset"))),
            Route("/api/explain", Reading(access, api.explain, ("page",))),
            Route("/api/stream", Reading(access, streams.respond, ("page",), repeatable=("page",))),
            Route("/api/openapi.json", Reading(access, lambda _query, _scope: json_response(DOCUMENT))),
            Route("/badge.svg", Reading(access, self._badge, ("page", "label", "color", "style"))),
            Route("/embed", Reading(access, self._embed, ("page", "lang", "theme"))),
            Route("/api/{rest:path}", Reading(access, not_found)),
        ]

    def shut_down(self) -> None:
        """Ends every stream."""
        self.streams.shut_down()
