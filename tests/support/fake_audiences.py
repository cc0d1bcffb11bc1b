"""Counts by hand, and requests to those who show them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.routing import Router
from starlette.types import ASGIApp

from nannin.access.addresses import Addresses
from nannin.access.gate import Gate
from nannin.audience.groups import Groups
from nannin.audience.page_key import is_page_key
from nannin.audience.roster import Count
from nannin.hub.reports import Making, Report
from nannin.hub.teller import Watcher
from nannin.web.counts import CountSource
from nannin.web.past import Past
from nannin.web.routes import CountRoutes
from support.asgi import Call, scope
from support.fakes import FakeClock

LOCAL = ("127.0.0.1", 50_000)

# Those that readers see in a page, and that forgive a wrong address.
FORGIVING = ["/badge.svg", "/embed", "/api/shield"]
STRICT = [
    "/api/count",
    "/api/pages",
    "/api/top",
    "/api/trend",
    "/api/explain",
    "/api/processes",
    "/api/openapi.json",
]
# Every resource that answers at once.
PATHS = [*STRICT, *FORGIVING]


class FakeCounts:
    """Counts that a test sets. Every well-formed key is a page but those below /closed."""

    def __init__(self, counts: dict[str, Count], groups: Groups | None = None) -> None:
        self.counts = dict(counts)
        self._groups = groups or Groups()
        self.watchers: list[tuple[Watcher, str | None]] = []
        self.explained: list[str] = []

    def count(self, page: str) -> Count:
        return self.counts.get(page, Count())

    def exists(self, page: str) -> bool:
        return is_page_key(page) and not page.startswith("/closed")

    def pages(self) -> list[str]:
        return list(self.counts)

    def groups(self) -> Groups:
        return self._groups

    def find_group(self, key: str) -> str | None:
        return self._groups.find(key)

    def is_group(self, page: str) -> bool:
        return page in self._groups

    async def know(self, pages: Iterable[str | None]) -> None:
        pass

    def watch(self, watcher: Watcher, page: str | None) -> None:
        self.watchers.append((watcher, page))

    def unwatch(self, watcher: Watcher, page: str | None) -> None:
        self.watchers.remove((watcher, page))

    def report(self, page: str) -> Making:
        self.explained.append(page)
        yield
        return Report(connections=self.count(page).connections)

    async def explain(self, page: str, own: Report) -> dict[str, Any]:
        return {"page": page, "count": self.count(page)._asdict(), "recounted": own.connections}

    def tell(self, page: str, count: Count) -> None:
        """The page's count changes, and everybody who watches is told."""
        if count.connections:
            self.counts[page] = count
        else:
            self.counts.pop(page, None)
        for watcher, watched in list(self.watchers):
            if watched in (page, None):
                watcher.hear(page, count)


class Faces:
    """All observers' routes over some counts, as an ASGI app without a server."""

    def __init__(
        self,
        source: CountSource,
        clock: FakeClock,
        *,
        public: bool = True,
        allow_origins: tuple[str, ...] = (),
        read_token: str | None = None,
        addresses: Addresses | None = None,
        past: Past | None = None,
    ) -> None:
        self.clock = clock
        self.refused_lists = 0
        self.observers = CountRoutes(
            source,
            clock,
            public=public,
            gate=Gate(allow_origins),
            read_token=read_token,
            on_private=self._count_refused,
            addresses=addresses,
            past=past,
        )
        self.app: ASGIApp = Router(self.observers.routes(), redirect_slashes=False)

    def _count_refused(self, path: str) -> None:
        self.refused_lists += 1

    def call(
        self, target: str, method: str = "GET", client: tuple[str, int] | None = LOCAL, **headers: str
    ) -> Call:
        """Starts a request to a path with a query; `_` in a header's name stands for `-`."""
        parts = urlsplit(target)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        call = Call(scope("http", parts.query, names, method=method, path=parts.path, client=client))
        call.put({"type": "http.request", "body": b"", "more_body": False})
        return call.start(self.app)

    def ask(
        self, target: str, method: str = "GET", client: tuple[str, int] | None = LOCAL, **headers: str
    ) -> Call:
        """Makes a request that ends by itself."""

        async def main() -> Call:
            return await self.call(target, method, client, **headers).ends()

        return asyncio.run(main())

    def read(self, target: str) -> Any:
        """What a GET answers, from JSON."""
        call = self.ask(target)
        assert call.status == 200, call.body
        return msgspec.json.decode(call.body)

    def error(
        self, target: str, method: str = "GET", client: tuple[str, int] | None = LOCAL, **headers: str
    ) -> tuple[int, str]:
        """The status and the words of a refusal."""
        call = self.ask(target, method, client, **headers)
        body = msgspec.json.decode(call.body)
        assert list(body) == ["error"]
        return call.status, body["error"]


class Lookout(Faces):
    """The same over counts by hand."""

    def __init__(
        self,
        counts: dict[str, Count] | None = None,
        clock: FakeClock | None = None,
        groups: Groups | None = None,
        **settings: Any,
    ) -> None:
        self.source = FakeCounts(counts or {}, groups)
        super().__init__(self.source, clock or FakeClock(), **settings)


def keys(lookout: Lookout, query: str = "") -> list[str]:
    """The pages of a listing, in their order."""
    return [row["page"] for row in lookout.read(f"/api/pages?{query}")["pages"]]


def make_costly(lookout: Lookout, seconds: float) -> list[str]:
    """From now on each count takes so long to look up; returns the pages that were, as they are."""
    looked_up: list[str] = []
    look_up = lookout.source.count

    def count(page: str) -> Count:
        lookout.clock.spend(seconds)
        looked_up.append(page)
        return look_up(page)

    lookout.source.count = count  # type: ignore[method-assign]
    return looked_up
