"""What was: a page's numbers over time, its peaks, and which pages there is history of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from nannin.access.origin import find_header
from nannin.audience.page_key import as_uri, is_page_key, normalise
from nannin.history.points import Metric
from nannin.web.counts import CountSource, known_page
from nannin.web.history_forms import peaks_as_csv, peaks_as_json, series_as_csv, series_as_json
from nannin.web.history_source import HistoryStore
from nannin.web.past import Past
from nannin.web.private import PrivateLists
from nannin.web.query import Query, show
from nannin.web.timespan import MAX_POINTS, Timespan, read_timespan

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

T = TypeVar("T")

FORMATS: Final = ("json", "csv")
METRICS: Final = tuple(str(metric) for metric in Metric)
DEFAULT_PAGES, MAX_PAGES = 1_000, 10_000
DEFAULT_PEAKS, MAX_PEAKS = 50, 1_000
_MEDIA_TYPES: Final = {"json": "application/json", "csv": "text/csv; charset=utf-8; header=present"}
_SPAN: Final = ("from", "to", "step")


class Spellings(NamedTuple):
    """The keys that may be meant by one, the likeliest first.

    Attributes:
        keys: each of them.
        refusal: why there can't be such a page or group now; None if there can. There may be history of it
            all the same, as the settings `pages` and `groups` may have changed.
    """

    keys: tuple[str, ...]
    refusal: str | None

    def find(self, store: HistoryStore) -> str:
        """The key that there is history of.

        Raises:
            HTTPException: 404 if there is no history, and can be no such page.
        """
        if self.refusal is None and len(self.keys) == 1:
            return self.keys[0]
        found = next((key for key in self.keys if store.peaks(key, None, 1)), None)
        if found is None and self.refusal is not None:
            raise HTTPException(404, self.refusal)
        return found or self.keys[0]


class History:
    """Answers for `/api/history`, `/api/history/pages` and `/api/peaks`.

    Args:
        source: whose counts; it knows which pages there can be.
        past: their history.
        private: who may read what names pages.
    """

    def __init__(self, source: CountSource, past: Past, private: PrivateLists) -> None:
        self._source = source
        self._past = past
        self._private = private

    async def series(self, query: Query, scope: Scope) -> Response:
        """One page's numbers over time."""
        form, zone = _format(query, scope), self._zone(query)
        limit = query.whole("limit", MAX_POINTS, 1, MAX_POINTS) if query.has("limit") else None
        now_s = self._past.unix_s()
        span = _or_400(
            lambda: read_timespan(
                {name: query.text(name, "") for name in _SPAN if query.has(name)},
                now_s,
                zone,
                self._past.kept_s,
                limit,
            )
        )
        spellings, groups = self._spellings(query.text("page", "/")), frozenset(self._source.groups())

        def make(store: HistoryStore) -> bytes:
            page = spellings.find(store)
            points = store.series(page, span.from_s, span.cut_s, span.step, zone)
            if form == "csv":
                return series_as_csv(page, span, zone, points, now_s).encode()
            told = series_as_json(page, span, zone, points, now_s)
            return msgspec.json.encode({**told, "group": True} if page in groups else told)

        key = ("series", spellings, span, zone.key, form)
        answer = await self._past.answer(key, make, is_trusted=self._is_trusted(scope))
        return _response(answer, form, f"history-{_name(span)}")

    async def pages(self, query: Query, scope: Scope) -> Response:
        """The pages that there is history of, sorted by their keys."""
        self._private.check(scope)
        limit = query.whole("limit", DEFAULT_PAGES, 1, MAX_PAGES)
        after = query.text("after", "")
        if after and not is_page_key(after):
            raise HTTPException(400, f"after must be a page's key, not {show(after)}")

        def make(store: HistoryStore) -> bytes:
            pages = store.pages(limit + 1, after)
            return msgspec.json.encode(
                {"pages": pages[:limit], "next": pages[limit - 1] if len(pages) > limit else None}
            )

        return _response(await self._past.answer(("pages", limit, after), make, is_trusted=True), "json")

    async def peaks(self, query: Query, scope: Scope) -> Response:
        """The greatest numbers of one page, or of all pages."""
        if not query.has("page"):
            self._private.check(scope)
        form, zone = _format(query, scope), self._zone(query)
        metric = Metric(query.choice("metric", METRICS, "visitors")) if query.has("metric") else None
        limit = query.whole("limit", DEFAULT_PEAKS, 1, MAX_PEAKS)
        spellings = self._spellings(query.text("page", "/")) if query.has("page") else None
        groups = frozenset(self._source.groups())

        def make(store: HistoryStore) -> bytes:
            peaks = store.peaks(None if spellings is None else spellings.find(store), metric, limit)
            if form == "csv":
                return peaks_as_csv(peaks, zone).encode()
            return msgspec.json.encode(peaks_as_json(peaks, zone, groups))

        key = ("peaks", spellings, metric, limit, zone.key, form)
        return _response(
            await self._past.answer(key, make, is_trusted=self._is_trusted(scope)), form, "peaks"
        )

    def _spellings(self, text: str) -> Spellings:
        """The keys under which there may be history of a page.

        Raises:
            HTTPException: 404 if no page can have such a key.
        """
        try:
            key, refusal = known_page(self._source, text), None
        except HTTPException as error:
            key, refusal = as_uri(text), error.detail
            if not is_page_key(key):
                raise
        # An older history may have a page by the spelling in which a client joined it.
        older = (normalise(text),) if is_page_key(text) else ()
        return Spellings(tuple(dict.fromkeys((key, *older))), refusal)

    def _is_trusted(self, scope: Scope) -> bool:
        """Whether whoever asks may read lists, as the dashboard may, and need not wait with the public."""
        try:
            return self._private.admits(scope)
        except HTTPException:  # too many wrong tokens: it may read what everybody may
            return False

    def _zone(self, query: Query) -> ZoneInfo:
        return _or_400(lambda: self._past.zone(query.text("zone", "")))


def _format(query: Query, scope: Scope) -> str:
    """How the answer is written: as the query says, or else as the header Accept does."""
    accept = find_header(scope["headers"], b"accept") or ""
    wants_csv = "text/csv" in accept and "json" not in accept
    return query.choice("format", FORMATS, "csv" if wants_csv else "json")


def _or_400(read: Callable[[], T]) -> T:
    """What is read of a query; what is wrong with it is a sentence for whoever asked."""
    try:
        return read()
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


def _response(body: bytes, form: str, name: str = "") -> Response:
    headers = {"cache-control": "no-store"}
    if form == "csv":
        headers["content-disposition"] = f'attachment; filename="nannin-{name}.csv"'
    return Response(body, 200, headers, _MEDIA_TYPES[form])


def _name(span: Timespan) -> str:
    return f"{span.from_s}-{span.to_s}-{span.step}"
