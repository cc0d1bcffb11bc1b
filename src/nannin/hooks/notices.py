"""A notice: what a hook tells, in the forms in which receivers read it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from nannin.audience.page_key import as_iri
from nannin.audience.roster import Count
from nannin.hook import Hook
from nannin.hooks.rules import Happening

__all__ = ["Notice", "as_json", "as_text", "encode", "make_notice"]

# Characters that a message may have.
# Source: Discord's "Execute Webhook", `content`; Slack takes 40,000.
_MOST_CHARACTERS: Final = 2_000


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened on a page.

    Attributes:
        id: the same in every attempt to deliver it, and in no other notice.
        hook: the name of the hook that it comes from.
        what: `occupied`, `vacated`, `above`, `below`, `spike` or `peak`.
        page: the page's key, or the group's.
        is_group: whether `page` is a group's key.
        is_test: whether it is a sample, and has not happened.
        of: which number of the count it is about: `visitors`, `connections` or `visible`.
        value: that number; of a peak, the highest that was reached.
        limit: the limit that was passed, of a threshold.
        mean: the mean of the time before, of a spike.
        former: the highest so far, of a peak.
        period: what a peak is the highest of: `ever` or `day`.
        connections, visitors, visible: the page's count now.
        at_unix_s: when it was found out, after the debounce.
        since_unix_s: when it began.
    """

    id: str
    hook: str
    what: str
    page: str
    is_group: bool = False
    is_test: bool = False
    of: str = "visitors"
    value: int
    limit: int | None = None
    mean: float | None = None
    former: int | None = None
    period: str | None = None
    connections: int = 0
    visitors: int = 0
    visible: int = 0
    at_unix_s: float
    since_unix_s: float

    @property
    def count(self) -> Count:
        """The page's count now."""
        return Count(self.connections, self.visitors, self.visible)


def make_notice(id: str, hook: Hook, happening: Happening, now: float, unix_s: float) -> Notice:
    """The notice of a happening.

    Args:
        id: a text without a dot.
        hook: which found it.
        happening: what was found.
        now: the time, in monotonic seconds, and
        unix_s: the same moment on the wall.
    """
    connections, visitors, visible = happening.count
    return Notice(
        id=id,
        hook=hook.name,
        what=happening.what,
        page=happening.page,
        is_group=bool(hook.group),
        of=hook.of,
        **happening.told._asdict(),
        period=hook.period if hook.on == "peak" else None,
        connections=connections,
        visitors=visitors,
        visible=visible,
        at_unix_s=unix_s,
        since_unix_s=unix_s - max(0.0, now - happening.since_s),
    )


def as_json(notice: Notice) -> dict[str, Any]:
    """A notice as programs read it.

    Source: Standard Webhooks 1.0.0, "Payload structure".
    """
    given = {name: getattr(notice, name) for name in ("limit", "mean", "former", "period")}
    return {
        "type": f"count.{notice.what}",
        "timestamp": _iso(notice.at_unix_s),
        "data": {
            "hook": notice.hook,
            "page": notice.page,
            **({"group": True} if notice.is_group else {}),
            **({"test": True} if notice.is_test else {}),
            "of": notice.of,
            "value": notice.value,
            **{name: value for name, value in given.items() if value is not None},
            **notice.count.as_dict(),
            "since": _iso(notice.since_unix_s),
        },
    }


def as_text(notice: Notice, language: str, quote: Callable[[str], str] = str) -> str:
    """A notice as people read it: one or two sentences.

    Args:
        notice: what to say.
        language: `en` or `ja`.
        quote: makes the page's key harmless where the text is shown.
    """
    sentences, units = _SENTENCES[language], _UNITS[language]
    what = notice.what
    if what == "peak" and notice.period == "day":
        what = "peak of the day"
    if what == "spike" and not notice.mean:
        what = "spike from nothing"
    unit = units[notice.of]
    number = unit[0] if notice.value == 1 else unit[1]
    mean = "" if notice.mean is None else f"{notice.mean:,.1f}".removesuffix(".0")
    test = _TEST[language] if notice.is_test else ""
    return test + sentences[what].format(
        page=quote(as_iri(notice.page)),
        value=number.format(f"{notice.value:,}"),
        limit=f"{notice.limit or 0:,}",
        mean=mean,
        former=f"{notice.former or 0:,}",
        unit=unit[2],
    )


def encode(notice: Notice, form: str, language: str) -> bytes:
    """The body of a request.

    Args:
        notice: what to say.
        form: `json`, `slack` or `discord`.
        language: of the sentences for people.
    """
    body: dict[str, Any]
    if form == "slack":
        text = as_text(notice, language, _quote_for_slack)
        body = {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    elif form == "discord":
        text = as_text(notice, language, _quote_for_discord)
        # Nobody can be woken up by the key of a page.
        body = {"content": text[:_MOST_CHARACTERS], "allowed_mentions": {"parse": []}}
    else:
        body = as_json(notice)
    return msgspec.json.encode(body)


def _quote_for_slack(text: str) -> str:
    """Without Slack's three control characters, as which `<!channel>` would call everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quote_for_discord(text: str) -> str:
    """As code, in which nothing is markup."""
    return "`" + text.replace("`", "'") + "`"


def _iso(unix_s: float) -> str:
    moment = datetime.datetime.fromtimestamp(unix_s, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_TEST: Final[Mapping[str, str]] = {"en": "This is a test. ", "ja": "これはテストです。"}
# One of them, several, and what a bare number stands for.
_UNITS: Final[Mapping[str, Mapping[str, tuple[str, str, str]]]] = {
    "en": {
        "visitors": ("{} visitor", "{} visitors", "visitors"),
        "connections": ("{} connection", "{} connections", "connections"),
        "visible": ("{} visitor looking at it", "{} visitors looking at it", "visitors looking at it"),
    },
    "ja": {
        "visitors": ("{}人", "{}人", "人"),
        "connections": ("{}接続", "{}接続", "接続"),
        "visible": ("画面を見ている{}人", "画面を見ている{}人", "人"),
    },
}
_SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "occupied": "{page}: somebody has come. Now: {value}.",
        "vacated": "{page}: everybody has gone.",
        "above": "{page} has gone above {limit}. Now: {value}.",
        "below": "{page} has fallen below {limit}. Now: {value}.",
        "spike": "{page} is suddenly busy. Now: {value}, after a mean of {mean}.",
        "spike from nothing": "{page} is suddenly busy. Now: {value}, after hardly any.",
        "peak": "{page} has a new peak: {value}. The highest before was {former}.",
        "peak of the day": "{page} has its peak of 24 hours: {value}. The highest before was {former}.",
    },
    "ja": {
        "occupied": "{page} に人が来ました。現在{value}です。",
        "vacated": "{page} には誰もいなくなりました。",
        "above": "{page} が{limit}{unit}を超えました。現在{value}です。",
        "below": "{page} が{limit}{unit}を下回りました。現在{value}です。",
        "spike": "{page} が急に混み始めました。現在{value}です(それまでの平均は{mean}{unit})。",
        "spike from nothing": "{page} が急に混み始めました。現在{value}です(それまではごくわずか)。",
        "peak": "{page} が過去最高の{value}になりました(これまでの最高は{former}{unit})。",
        "peak of the day": "{page} がこの24時間で最高の{value}になりました(それまでの最高は{former}{unit})。",
    },
}
