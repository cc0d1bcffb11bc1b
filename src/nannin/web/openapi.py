"""The description of what observers can ask for, in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any, Final

from nannin.audience.page_key import MAX_PAGE_BYTES
from nannin.web.api import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET
from nannin.web.badge import COLORS, DEFAULT_LABEL, MAX_LABEL_CHARACTERS, STYLES
from nannin.web.embed import FORMS, THEMES
from nannin.web.listing import ORDERS, SORTS
from nannin.web.login import COOKIE
from nannin.web.openapi_history import PATHS, SCHEMAS
from nannin.web.openapi_parts import (
    JSON,
    NUMBER,
    PROCESSES,
    content,
    header,
    metrics,
    named,
    parameter,
    probe,
    reading,
)
from nannin.web.stream import MAX_PAGES

_PAGE: Final = named("parameters", "page")
_ANY_PAGE: Final = parameter("page", "A page's key, or a group's.", type="string", default="/")
_LABEL: Final = parameter(
    "label",
    f"What stands beside the number, up to {MAX_LABEL_CHARACTERS} characters; nothing if it is empty.",
    type="string",
    default=DEFAULT_LABEL,
)
_COLOR: Final = parameter(
    "color",
    f"{', '.join(COLORS)} or grey, or 3 or 6 hexadecimal digits. Without one the number stands on green, and "
    "on gray while nobody is there.",
    type="string",
)
_COUNT: Final = named("schemas", "Count")

DOCUMENT: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {
        "title": "nannin",
        "summary": "How many people are on this page right now.",
        "description": (
            "Counts to read. Nobody who reads them is counted. Whatever is only read answers GET, HEAD and "
            "OPTIONS; another method gets 405 with `Allow`."
        ),
        "version": "1",
    },
    "servers": [{"url": "../", "description": "Wherever this document is served."}],
    "paths": {
        "/api/count": reading(
            "count",
            "The count of one page",
            [_PAGE],
            {"description": "Its count.", "content": content(JSON, _COUNT)},
            "NoPage",
        ),
        "/api/pages": reading(
            "pages",
            "The pages, and the groups of pages, that somebody is on",
            [
                parameter(
                    "sort",
                    "By which number, or by key. Pages of the same number stand in the order of their keys.",
                    type="string",
                    enum=list(SORTS),
                    default=SORTS[0],
                ),
                parameter("order", "`desc` unless by key: then `asc`.", type="string", enum=list(ORDERS)),
                parameter(
                    "limit",
                    "At most so many.",
                    type="integer",
                    minimum=1,
                    maximum=MAX_LIMIT,
                    default=DEFAULT_LIMIT,
                ),
                parameter(
                    "offset",
                    "So many are left out at the beginning.",
                    type="integer",
                    minimum=0,
                    maximum=MAX_OFFSET,
                    default=0,
                ),
            ],
            {
                "description": "A part of the list. Where there are many pages, it is some seconds old.",
                "content": content(JSON, named("schemas", "Pages")),
            },
            "TooOften",
            "NoToken",
            "TooMany",
            private=True,
        ),
        **PATHS,
        "/api/processes": reading(
            "processes",
            "How each process of this machine that serves is",
            [],
            {
                "description": "Some of what `/metrics` has, for people to look at.",
                "content": content(JSON, PROCESSES),
            },
            "NoToken",
            "TooMany",
            private=True,
        ),
        "/api/explain": reading(
            "explain",
            "How the count of one page comes about",
            [_PAGE],
            {
                "description": (
                    "What is counted, by which rules, and a check against the sessions that live. Where "
                    "several processes serve, also what each of them has."
                ),
                "content": content(JSON, {"type": "object"}),
            },
            "NoPage",
            "TooOften",
            "NoToken",
            "TooMany",
            private=True,
        ),
        "/api/stream": reading(
            "stream",
            "The counts of some pages as they change",
            [
                {
                    "name": "page",
                    "in": "query",
                    "description": (
                        f"A page's key, or a group's; up to {MAX_PAGES} of them. `*` is every page and "
                        "group, for readers on the server's machine and for those who send the `read_token`."
                    ),
                    "style": "form",
                    "explode": True,
                    "schema": {
                        "type": "array",
                        "items": {"type": "string", "maxLength": MAX_PAGE_BYTES},
                        "minItems": 1,
                        "maxItems": MAX_PAGES,
                        "default": ["/"],
                    },
                }
            ],
            {
                "description": (
                    "Server-sent events that do not end. Each is an `audience` event, whose data is a Count: "
                    "one at once for each page, then one for each change. `Last-Event-ID` means nothing."
                ),
                "content": content("text/event-stream", {"type": "string"}),
            },
            "NoPage",
            "NoToken",
            "TooMany",
            private=True,
        ),
        "/api/shield": reading(
            "shield",
            "A page's visitors for an endpoint badge of shields.io",
            [_ANY_PAGE, _LABEL, _COLOR],
            {
                "description": "What shields.io draws. A wrong query is drawn as `nannin: ?`, in gray.",
                "content": content(JSON, named("schemas", "Shield")),
            },
            forgives=True,
        ),
        "/badge.svg": reading(
            "badge",
            "A page's visitors as a small picture",
            [
                _ANY_PAGE,
                _LABEL,
                _COLOR,
                parameter("style", f"Its form: {', '.join(STYLES)}.", type="string", default=STYLES[0]),
            ],
            {
                "description": (
                    "The picture. A number that may be old has `≈ ` before it. A wrong query is drawn as "
                    "`nannin: ?`; its title says why."
                ),
                "headers": {"ETag": header("Names this picture, for `If-None-Match`.")},
                "content": content("image/svg+xml", {"type": "string"}),
            },
            forgives=True,
            also={"304": {"description": "The picture that `If-None-Match` names still holds."}},
        ),
        "/embed": reading(
            "embed",
            "A page's visitors as a small page, for an iframe",
            [
                _ANY_PAGE,
                parameter(
                    "lang",
                    "The language: `en`, `ja`, or any tag with words of your own; `auto` is the reader's.",
                    type="string",
                    default="auto",
                ),
                parameter(
                    "theme",
                    f"{', '.join(THEMES)}: for a light or a dark page; `auto` is as the reader likes it.",
                    type="string",
                    default=THEMES[0],
                ),
                *(
                    parameter(
                        form, f"Words of your own for the plural form `{form}`, with `{{n}}`.", type="string"
                    )
                    for form in FORMS
                ),
            ],
            {
                "description": "The page. For a wrong query it shows no number.",
                "content": content("text/html", {"type": "string"}),
            },
            forgives=True,
        ),
        "/healthz": probe("healthz", "Whether this process answers"),
        "/readyz": probe(
            "readyz", "Whether new clients are welcome", {"503": {"description": "Why not, in a few words."}}
        ),
        "/metrics": metrics("metrics", "What the server does, for Prometheus"),
        "/api/openapi.json": reading(
            "openapi",
            "This document",
            [],
            {"description": "This document.", "content": content(JSON, {"type": "object"})},
        ),
    },
    "components": {
        "securitySchemes": {
            "readToken": {
                "type": "http",
                "scheme": "bearer",
                "description": "The setting `read_token`. Programs on the server's machine need none.",
            },
            "login": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The dashboard's."},
        },
        "parameters": {
            "page": parameter(
                "page",
                f"A page's key: a path that starts with `/`, up to {MAX_PAGE_BYTES} bytes of UTF-8; or the "
                "key of a group of pages, such as `/shop/*`.",
                type="string",
                maxLength=MAX_PAGE_BYTES,
                default="/",
                examples=["/", "/news/1"],
            )
        },
        "schemas": {
            "Count": {
                "type": "object",
                "properties": {
                    "page": {"type": "string", "description": "The page's key."},
                    "connections": {**NUMBER, "description": "Tabs, and other clients, on the page."},
                    "visitors": {**NUMBER, "description": "The people that they belong to."},
                    "visible": {**NUMBER, "description": "Those of them who see the page now."},
                    "stale": {
                        "type": "boolean",
                        "const": True,
                        "description": (
                            "Only there while the numbers may be old: other processes that count the page's "
                            "visitors can't be reached."
                        ),
                    },
                    "group": {
                        "type": "boolean",
                        "const": True,
                        "description": (
                            "Only there on a group of pages, which is one number for all of them: it is not "
                            "to be added to its pages."
                        ),
                    },
                },
                "required": ["page", "connections", "visitors", "visible"],
                "additionalProperties": False,
            },
            "Pages": {
                "type": "object",
                "properties": {
                    "pages": {"type": "array", "items": _COUNT, "maxItems": MAX_LIMIT},
                    "total": {
                        **NUMBER,
                        "description": "How many pages there are, on all parts of the list.",
                    },
                    "limit": {**NUMBER, "description": "As it was asked for."},
                    "offset": {**NUMBER, "description": "As it was asked for."},
                },
                "required": ["pages", "total", "limit", "offset"],
                "additionalProperties": False,
            },
            **SCHEMAS,
            "Shield": {
                "type": "object",
                "properties": {
                    "schemaVersion": {"type": "integer", "const": 1},
                    "label": {"type": "string"},
                    "message": {
                        "type": "string",
                        "description": "The number of visitors, after `≈ ` where it may be old.",
                    },
                    "color": {"type": "string"},
                    "isError": {"type": "boolean"},
                },
                "required": ["schemaVersion", "label", "message", "color"],
                "additionalProperties": False,
            },
            "Error": {
                "type": "object",
                "properties": {"error": {"type": "string", "description": "What is wrong, in a sentence."}},
                "required": ["error"],
                "additionalProperties": False,
            },
        },
        "responses": {
            name: {"description": description, "content": content(JSON, named("schemas", "Error"))}
            for name, description in {
                "Invalid": "A parameter is unknown, given twice, or not what it may be.",
                "NoToken": "Lists need the `read_token` here: it is missing or wrong.",
                "Forbidden": "Pages of this origin may not read, or lists are for this machine only.",
                "NoPage": "There can be no such page, or there is no such group.",
                "NoHistory": "There can be no such page and is no history of it, or none is kept at all.",
                "NotNow": "The history can't be read now, or too many ask for it.",
                "ReadOnly": "It was asked for by another method than GET, HEAD or OPTIONS.",
                "Misdirected": "The server does not go by the name in the address.",
                "TooMany": "Too many wrong tokens came from this address, or it has too many streams.",
                "TooOften": "This is costly, and was asked for too often.",
            }.items()
        },
    },
}
_named_responses = DOCUMENT["components"]["responses"]
_named_responses["ReadOnly"]["headers"] = {"Allow": header("The methods that there are.")}
_named_responses["NoToken"]["headers"] = {"WWW-Authenticate": header("`Bearer`.")}
for _refusal in ("TooMany", "TooOften", "NotNow"):
    _named_responses[_refusal]["headers"] = {
        "Retry-After": header("In so many seconds it can be asked again.")
    }
