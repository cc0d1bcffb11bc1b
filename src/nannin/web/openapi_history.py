"""The description of what observers can ask about the past."""

from __future__ import annotations

from typing import Any, Final

from nannin.audience.page_key import MAX_PAGE_BYTES
from nannin.web.history import DEFAULT_PAGES, DEFAULT_PEAKS, FORMATS, MAX_PAGES, MAX_PEAKS, METRICS
from nannin.web.openapi_parts import JSON, NUMBER, content, header, named, parameter, reading
from nannin.web.timespan import MAX_POINTS, STEPS
from nannin.web.top import DEFAULT_TOP, MAX_TOP, TRENDS
from nannin.web.trend import MINUTES

__all__ = ["PATHS", "SCHEMAS"]

_CSV: Final = "text/csv"
_ZONE: Final = parameter(
    "zone",
    "The name of a time zone, such as `Europe/Berlin`. Without it, days are those of the server's owner.",
    type="string",
)
_FORMAT: Final = parameter(
    "format", "Without it, `csv` if the header `Accept` says `text/csv`.", type="string", enum=list(FORMATS)
)
_MOMENT: Final = (
    "unix seconds, a date or a time in ISO 8601 (in the zone, unless it names another), or a time before "
    "now such as `24h` or `7d`"
)


def _limit(most: int, default: int | None, what: str) -> dict[str, Any]:
    least: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": most}
    return parameter("limit", what, **least if default is None else {**least, "default": default})


def _answer(description: str, schema: str, *, csv: bool = True) -> dict[str, Any]:
    contents = content(JSON, named("schemas", schema))
    if csv:
        contents |= content(_CSV, {"type": "string"})
    return {"description": description, "content": contents}


def _object(properties: dict[str, Any], *optional: str, description: str = "") -> dict[str, Any]:
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _or_null(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "description": description}


PATHS: Final[dict[str, Any]] = {
    "/api/top": reading(
        "top",
        "The pages that most visitors are on now, with the trend of each",
        [_limit(MAX_TOP, DEFAULT_TOP, "At most so many.")],
        _answer(
            "The pages, without groups, the one with the most visitors first.",
            "Top",
            csv=False,
        ),
        "TooOften",
        "NoToken",
        "TooMany",
        private=True,
    ),
    "/api/history": reading(
        "history",
        "The numbers of one page over time",
        [
            named("parameters", "page"),
            parameter(
                "from", f"The beginning: {_MOMENT}. A day before `to` if it is missing.", type="string"
            ),
            parameter("to", f"The end, which is not part of it: {_MOMENT}.", type="string", default="now"),
            parameter(
                "step",
                "How long each point is, in the zone's calendar. Without it, the finest that is kept for "
                "all of the span and gives a chart's number of points.",
                type="string",
                enum=list(STEPS),
            ),
            _ZONE,
            _limit(
                MAX_POINTS,
                None,
                "After so many points the answer ends, and `next_s` says where the next one goes on. "
                f"Without it, a span with over {MAX_POINTS:,} points is refused.",
            ),
            _FORMAT,
        ],
        _answer("Every step of the span, also those of which nothing is known.", "History"),
        "NoHistory",
        "NotNow",
    ),
    "/api/history/pages": reading(
        "historyPages",
        "The pages that there is history of, sorted by key",
        [
            _limit(MAX_PAGES, DEFAULT_PAGES, "At most so many."),
            parameter(
                "after",
                "The key after which they begin.",
                type="string",
                maxLength=MAX_PAGE_BYTES,
                default="",
            ),
        ],
        _answer("The pages.", "HistoryPages", csv=False),
        "NoHistory",
        "NotNow",
        "NoToken",
        "TooMany",
        private=True,
    ),
    "/api/trend": reading(
        "trend",
        "The last hour of one page, for a line on the page itself",
        [named("parameters", "page")],
        _answer(
            "The last minutes. Where no history is kept, nothing is known of any of them.", "Trend", csv=False
        ),
        "NoPage",
        "NotNow",
    ),
    "/api/peaks": reading(
        "peaks",
        "The most that there ever were at once, and when",
        [
            parameter(
                "page",
                "A page's key. Without it, of all pages, for whoever may read lists.",
                type="string",
                maxLength=MAX_PAGE_BYTES,
            ),
            parameter("metric", "Of what; without it, of both.", type="string", enum=list(METRICS)),
            _limit(MAX_PEAKS, DEFAULT_PEAKS, "At most so many."),
            _ZONE,
            _FORMAT,
        ],
        _answer("The peaks, the greatest first.", "Peaks"),
        "NoHistory",
        "NotNow",
        "NoToken",
        "TooMany",
        private=True,
    ),
}
for _path in ("/api/history", "/api/peaks"):
    PATHS[_path]["get"]["responses"]["200"]["headers"] = {
        "Content-Disposition": header("A name for the file, where it is CSV.")
    }

PATHS["/api/trend"]["get"]["responses"]["200"]["headers"] = {
    "Cache-Control": header("Browsers may keep it until the running minute is over.")
}

_GROUP: Final = {"type": "boolean", "const": True, "description": "Only there on a group of pages."}
_AT_MS: Final = {**NUMBER, "description": "When that was so first, in unix milliseconds."}
_TEXT: Final = {"type": "string"}

SCHEMAS: Final[dict[str, Any]] = {
    "Top": _object(
        {
            "pages": {"type": "array", "maxItems": MAX_TOP, "items": named("schemas", "TopPage")},
            "total": {**NUMBER, "description": "On how many pages there is somebody."},
            "compared": _or_null(
                _object({"from_s": NUMBER, "to_s": NUMBER}),
                "The time that `before` and `trend` refer to, in unix seconds; null without a history.",
            ),
        }
    ),
    "Trend": _object(
        {
            "page": {"type": "string", "description": "The page's key."},
            "start_s": {**NUMBER, "description": "When the first minute began, in unix seconds."},
            **{
                metric: {
                    "type": "array",
                    "minItems": MINUTES,
                    "maxItems": MINUTES,
                    "items": {"anyOf": [NUMBER, {"type": "null"}]},
                    "description": "The most at once in each minute, the running one last; null if unknown.",
                }
                for metric in METRICS
            },
        }
    ),
    "TopPage": _object(
        {
            "page": {"type": "string", "description": "The page's key."},
            "connections": NUMBER,
            "visitors": NUMBER,
            "visible": NUMBER,
            "stale": {"type": "boolean", "const": True, "description": "As in a Count."},
            "before": _or_null(
                {"type": "number", "minimum": 0},
                "The mean of the visitors in the time compared; null if it is not known.",
            ),
            "trend": _or_null(
                {"type": "string", "enum": list(TRENDS)},
                "`new` if nobody was there then, `steady` if it differs little; null if that is not known.",
            ),
        },
        "stale",
    ),
    "History": _object(
        {
            "page": {"type": "string", "description": "The key of the page, or of the group of pages."},
            "from_s": {**NUMBER, "description": "As it was asked for, in unix seconds."},
            "to_s": {**NUMBER, "description": "As it was asked for, in unix seconds."},
            "step": {"type": "string", "enum": list(STEPS)},
            "zone": {"type": "string", "description": "The time zone's name."},
            "next_s": _or_null(NUMBER, "Where the next answer goes on, if the limit has ended this one."),
            "points": {"type": "array", "maxItems": MAX_POINTS, "items": named("schemas", "Point")},
            "group": _GROUP,
        },
        "group",
    ),
    "Point": _object(
        {
            "start": {"type": "string", "format": "date-time", "description": "Its beginning, in the zone."},
            "start_s": {**NUMBER, "description": "The same in unix seconds."},
            "until_s": {**NUMBER, "description": "The beginning of the next one."},
            "covered_ms": {**NUMBER, "description": "How much of it was seen."},
            "gap": {
                "type": "boolean",
                "description": "Whether some of it was not seen that is over, as while the server was down.",
            },
            "visitors": _or_null(named("schemas", "Summary"), "Null where nothing was seen."),
            "connections": _or_null(named("schemas", "Summary"), "Null where nothing was seen."),
            "joins": _or_null(NUMBER, "How many connections came; null where nothing was seen."),
        }
    ),
    "Summary": _object(
        {
            "least": NUMBER,
            "greatest": NUMBER,
            "greatest_at_ms": _AT_MS,
            "mean": {
                "type": "number",
                "minimum": 0,
                "description": "Weighted with time, over what was seen.",
            },
        }
    ),
    "HistoryPages": _object(
        {
            "pages": {"type": "array", "items": _TEXT, "maxItems": MAX_PAGES},
            "next": _or_null(_TEXT, "The `after` of the next answer, if there are more."),
        }
    ),
    "Peaks": _object(
        {
            "zone": {"type": "string", "description": "The time zone's name."},
            "peaks": {"type": "array", "maxItems": MAX_PEAKS, "items": named("schemas", "Peak")},
        }
    ),
    "Peak": _object(
        {
            "page": {"type": "string", "description": "The key of the page, or of the group of pages."},
            "metric": {"type": "string", "enum": list(METRICS)},
            "value": NUMBER,
            "at": {"type": "string", "format": "date-time", "description": "When, in the zone."},
            "at_ms": _AT_MS,
            "group": _GROUP,
        },
        "group",
    ),
}
