"""What the tests of the page share: what it says, and how it is told something."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Visit = Callable[..., Page]

JAPANESE = "このページにアクセスしているのは{}人です。"
ENGLISH = {1: "1 person is on this page.", 2: "2 people are on this page.", 3: "3 people are on this page."}

# Stands in for the Socket.IO client where a test itself says what is told, and when.
SCRIPTED_CLIENT = """
const handlers = {};
globalThis.told = (event, ...args) => handlers[event](...args);
globalThis.io = (options) => ({ options, active: true, on(event, handler) { handlers[event] = handler; } });
"""


def told(page: Page, event: str, *arguments: object) -> None:
    """Has SCRIPTED_CLIENT pass an event to the page."""
    page.evaluate("([event, args]) => told(event, ...args)", [event, list(arguments)])


def counts(page: Page, visitors: int, connections: int | None = None, **more: bool) -> None:
    """Has SCRIPTED_CLIENT tell the page a count, with a tab for each visitor unless there are more."""
    count = {"page": "/", "visitors": visitors, "connections": connections or visitors}
    told(page, "audience", count | more)


def shows(page: Page, sentence: str, timeout_ms: float = 10_000) -> None:
    """Waits until the page says `sentence`, as one that holds now."""
    expect(page.locator("#sentence")).to_have_text(sentence, timeout=timeout_ms)
    expect(page.locator("body")).to_have_attribute("data-state", "live")


def shows_japanese(page: Page, count: int, timeout_ms: float = 10_000) -> None:
    """Waits until the page says `count` in Japanese."""
    shows(page, JAPANESE.format(count), timeout_ms)


def complaints(page: Page) -> list[str]:
    """What the browser's console says against the page from now on."""
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    return said
