"""What the description of the API is put together from."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "JSON",
    "NUMBER",
    "PROCESSES",
    "content",
    "header",
    "metrics",
    "named",
    "parameter",
    "probe",
    "reading",
]

JSON: Final = "application/json"
NUMBER: Final = {"type": "integer", "minimum": 0}


def named(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def content(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def reading(
    name: str,
    summary: str,
    parameters: list[dict[str, Any]],
    ok: dict[str, Any],
    *others: str,
    also: dict[str, Any] | None = None,
    forgives: bool = False,
    private: bool = False,
) -> dict[str, Any]:
    """A path that is only read; `others` are its refusals, by name, and `also` what else it answers.

    One that `forgives` answers a wrong query in its own form, with 200.
    """
    always = ("Forbidden", "ReadOnly", "Misdirected") if forgives else _ALWAYS
    refusals = {_STATUS[other]: named("responses", other) for other in (*always, *others)}
    security: dict[str, Any] = {"security": [{}, {"readToken": []}, {"login": []}]} if private else {}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            **security,
            "parameters": parameters,
            "responses": dict(sorted({"200": ok, **(also or {}), **refusals}.items())),
        }
    }


def probe(name: str, summary: str, no: dict[str, Any] | None = None) -> dict[str, Any]:
    """A path that says whether all is well; `no` is how it says otherwise."""
    text = content("text/plain", {"type": "string"})
    responses = {"200": {"description": "`ok`.", "content": text}, "405": named("responses", "ReadOnly")}
    for status, response in (no or {}).items():
        responses[status] = {**response, "content": text}
    return {"get": {"operationId": name, "summary": summary, "parameters": [], "responses": responses}}


def metrics(name: str, summary: str) -> dict[str, Any]:
    """A path that answers in the formats of Prometheus, whatever the query."""
    text = {"type": "string"}
    ok = {
        "description": "The numbers of all workers of the machine, in the format that `Accept` asks for.",
        "content": {**content("text/plain", text), **content("application/openmetrics-text", text)},
    }
    refusals = {
        _STATUS[other]: named("responses", other) for other in ("NoToken", "Forbidden", "ReadOnly", "TooMany")
    }
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "security": [{}, {"readToken": []}],
            "parameters": [],
            "responses": {"200": ok, **refusals},
        }
    }


_ALWAYS: Final = ("Invalid", "Forbidden", "ReadOnly", "Misdirected")
_STATUS: Final = {
    "Invalid": "400",
    "NoToken": "401",
    "Forbidden": "403",
    "NoPage": "404",
    "ReadOnly": "405",
    "Misdirected": "421",
    "TooMany": "429",
    "TooOften": "503",
    "NoHistory": "404",
    "NotNow": "503",
}


def _or_null(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_PROCESS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One process. What it lacks is null; one that does not answer has a name only. `nodes` is "
    "how many there are on all machines.",
    "properties": {
        "process": {"type": "string"},
        "answers": {"type": "boolean"},
        **{name: _or_null("boolean") for name in ("ready", "stale", "writes_history")},
        **{name: _or_null("integer") for name in ("connections", "memory_bytes", "nodes", "history_dropped")},
        **{name: _or_null("number") for name in ("started_unix_s", "cpu_s", "history_lag_s")},
        "sessions": {
            **_or_null("object"),
            "description": "How many there are, by transport.",
            "additionalProperties": {"type": "integer"},
        },
        "loop_late": {
            "type": "object",
            "description": "How often lateness of the event loop was measured, and its sum.",
            "properties": {"times": {"type": "integer"}, "sum_s": {"type": "number"}},
            "required": ["times", "sum_s"],
        },
    },
    "required": ["process", "answers"],
    "additionalProperties": False,
}
# What `/api/processes` answers.
PROCESSES: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"processes": {"type": "array", "items": _PROCESS}},
    "required": ["processes"],
}
