"""The dashboard in a real browser: below a mount path, with a crowd, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from nannin.web.files import STATIC
from support.apps.mounted import READ_TOKEN
from support.servers import APPS, NODE, Server, nannin

Open = Callable[..., Page]
AXE = NODE / "node_modules" / "axe-core" / "axe.min.js"
ZONE = "Asia/Tokyo"
STEP_S = {"minute": 60, "hour": 3_600, "day": 86_400, "month": 31 * 86_400}

# A stream by hand, in place of the browser's: tell(pages) tells counts as the server does.
SCRIPTED_STREAM = """
let stream;
class Scripted extends EventTarget {
  constructor() {
    super();
    stream = this;
    this.readyState = 1;
    setTimeout(() => this.dispatchEvent(new Event("open")));
  }
  close() {}
}
globalThis.EventSource = Scripted;
globalThis.tell = (counts) => {
  for (const count of counts) {
    stream.dispatchEvent(new MessageEvent("audience", { data: JSON.stringify(count) }));
  }
};
"""

# As many pages and connections as a busy site has, in a storm: each page changes ten times a second.
STORM = """async ([pages, seconds]) => {
  const count = (n, connections) => {
    return { page: `/articles/${n}`, connections, visitors: Math.ceil(connections * 0.8), visible: 1 };
  };
  const sizes = Array.from({ length: pages }, (_, n) => 1 + (n * 7919) % 32);
  tell(sizes.map((size, n) => count(n, size)));
  const until = performance.now() + seconds * 1000;
  let turn = 0;
  while (performance.now() < until) {
    await new Promise((done) => setTimeout(done, 10));
    const first = (turn % 10) * (pages / 10);
    const some = sizes.slice(first, first + pages / 10);
    tell(some.map((size, n) => count(first + n, size + (turn % 7))));
    turn += 1;
  }
}"""


def waves(asked: dict[str, list[str]]) -> dict[str, Any]:
    """A history with a daily rhythm, and a gap in it."""
    step, first, last = asked["step"][0], int(asked["from"][0]), int(asked["to"][0])
    length_s = STEP_S[step]
    starts = range(first - first % length_s, last, length_s)
    points = []
    for index, start_s in enumerate(starts):
        people = round(40 + 30 * math.sin(start_s / 86_400 * 2 * math.pi))
        summary = {"least": people - 5, "greatest": people + 5, "mean": people + 0.25}
        is_gap = index == len(starts) - 20
        points.append(
            {
                "start_s": start_s,
                "until_s": start_s + length_s,
                "covered_ms": 0 if is_gap else length_s * 1000,
                "gap": is_gap,
                "visitors": None if is_gap else summary,
                "connections": None if is_gap else {**summary, "greatest": people + 9},
                "joins": 0 if is_gap else 12,
            }
        )
    return {
        "page": asked["page"][0],
        "from_s": first,
        "to_s": last,
        "step": step,
        "zone": ZONE,
        "points": points,
    }


def remember(route: Route) -> None:
    """Answers for the server's history, which other tests look at."""
    url = urlsplit(route.request.url)
    asked = parse_qs(url.query)
    answers: dict[str, Callable[[], dict[str, Any]]] = {
        "history": lambda: waves(asked),
        "pages": lambda: {"pages": []},
        "peaks": lambda: {
            "peaks": [
                {"page": page, "metric": metric, "value": 4_321, "at_ms": 1_790_000_000_000}
                for page in asked.get("page", ["/articles/1", "/"])
                for metric in asked.get("metric", ["visitors", "connections"])
            ]
        },
        "top": lambda: {
            "pages": [
                {
                    "page": "/articles/1",
                    "visitors": 26,
                    "connections": 32,
                    "visible": 1,
                    "before": 20.5,
                    "trend": "rising",
                },
                {
                    "page": "/articles/2",
                    "visitors": 20,
                    "connections": 25,
                    "visible": 1,
                    "before": None,
                    "trend": "new",
                },
            ]
        },
    }
    route.fulfill(json=answers[url.path.rpartition("/")[2]]())


@pytest.fixture(scope="module")
def mounted() -> Iterator[Server]:
    with nannin("--app", f"{APPS / 'mounted.py'}:app") as server:
        yield server


@pytest.fixture
def opened(chromium: Browser, mounted: Server) -> Iterator[Open]:
    """Opens the dashboard in a browser of its own; nothing it does may break its policy."""
    with ExitStack() as stack:

        def make(language: str = "en-GB", *, scripted: bool = False, at: str = "", **options: Any) -> Page:
            context = chromium.new_context(locale=language, bypass_csp=False, **options)
            stack.callback(context.close)
            page = context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            stack.callback(lambda: none_of(said))
            if scripted:
                page.add_init_script(SCRIPTED_STREAM)
                page.route(re.compile(r"/api/(history|peaks|top)\b"), remember)
            page.goto(f"{mounted.url}/live/dashboard{at}")
            return page

        yield make


def none_of(said: list[str]) -> None:
    """Nothing was said, but what a browser says by itself of an answer that is no success."""
    assert [line for line in said if "Failed to load resource" not in line] == []


def tell(page: Page, **counts: int) -> None:
    page.evaluate(
        "tell",
        [
            {"page": f"/{key}", "connections": count, "visitors": count, "visible": count}
            for key, count in counts.items()
        ],
    )


def findings(page: Page) -> list[str]:
    """What axe finds: each rule with the places that break it."""
    assert AXE.exists(), "axe-core is missing: `make node` installs it"
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found["violations"]]


def test_people_come_and_go_live_and_looking_is_not_counted(
    mounted: Server, opened: Open, chromium: Browser
) -> None:
    dashboard = opened()
    expect(dashboard.locator("#state-words")).to_have_text("Live")
    expect(dashboard.locator("#total-connections")).to_have_text("0")
    expect(dashboard.locator("#nobody")).to_contain_text("Nobody is on any page")
    expect(dashboard.locator("#snippet")).to_contain_text(f'src="{mounted.url}/live/nannin.js"')
    people = chromium.new_context()
    visitor = people.new_page()
    visitor.goto(f"{mounted.url}/live/")
    expect(dashboard.locator("#total-visitors")).to_have_text("1")
    expect(dashboard.locator("#detail-heading")).to_have_text("/")
    expect(dashboard.locator("#detail-count")).to_have_text("1 person, 1 connection")
    expect(dashboard.locator("#health")).to_contain_text("Serves")
    expect(dashboard.locator("#health")).to_contain_text("1 over WebSocket", timeout=15_000)
    expect(dashboard.locator("#health .nodes td").last).to_have_text("well", timeout=15_000)
    other = people.new_page()
    other.goto(f"{mounted.url}/live/")
    expect(dashboard.locator("#detail-count")).to_have_text("1 person, 2 connections")
    people.close()
    expect(dashboard.locator("#total-visitors")).to_have_text("0")
    # A mounted Live keeps no history unless it is asked to.
    expect(dashboard.locator("#chart-note")).to_contain_text("keeps no history")
    expect(dashboard.get_by_role("button", name="Hour")).to_be_disabled()
    expect(dashboard.locator("#sign-out")).to_be_hidden()


def test_one_signs_in_and_out_by_keyboard(mounted: Server, opened: Open) -> None:
    page = opened(
        "ja-JP", extra_http_headers={"X-Forwarded-For": "203.0.113.9"}, at="#page=%2Fwit&range=hour"
    )
    expect(page.locator("label")).to_have_text("トークン")
    assert findings(page) == []
    page.keyboard.type("a-token-that-is-wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#trouble .wrong")).to_be_visible()
    assert findings(page) == []
    page.keyboard.type(READ_TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#state-words")).to_have_text("ライブ")
    assert page.url == f"{mounted.url}/live/dashboard#page=%2Fwit&range=hour"
    assert [cookie["path"] for cookie in page.context.cookies()] == ["/live"]
    page.get_by_role("button", name="ログアウト").press("Enter")
    expect(page.locator("label")).to_have_text("トークン")
    assert READ_TOKEN not in mounted.log


@contextmanager
def tracing(page: Page) -> Iterator[Callable[[], float]]:
    """Gives the longest task of the page's thread afterwards, in milliseconds of a core.

    It is the time that the thread ran, since on a busy machine other processes make every task long.
    """
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    events: list[dict[str, Any]] = []
    yield lambda: longest_task_ms(events)
    events += json.loads(browser.stop_tracing())["traceEvents"]


def longest_task_ms(events: list[dict[str, Any]]) -> float:
    threads = [event for event in events if event["name"] == "thread_name"]
    mains = {(e["pid"], e["tid"]) for e in threads if e["args"]["name"] == "CrRendererMain"}
    tasks = [
        e["tdur"] for e in events if "RunTask" in e["name"] and (e["pid"], e["tid"]) in mains and "tdur" in e
    ]
    assert len(tasks) > 100
    return float(max(tasks)) / 1_000


def test_three_hundred_pages_in_a_storm_hold_nothing_up(opened: Open) -> None:
    page = opened(scripted=True)
    with tracing(page) as longest_ms:
        page.evaluate(STORM, [300, 2])
    assert longest_ms() <= 100
    connections = int(page.locator("#total-connections").inner_text().replace(",", ""))
    assert connections > 4_000
    expect(page.locator("#total-pages")).to_have_text("300")
    expect(page.locator("#rows tr")).to_have_count(100)
    more = page.get_by_role("button", name="Show 200 more")
    while more.is_visible():  # on a busy machine, what is loaded above may move it away while it is pressed
        more.click()
        page.wait_for_timeout(500)
    expect(page.locator("#rows tr")).to_have_count(300)
    page.get_by_role("searchbox").fill("articles/29")
    expect(page.locator("#rows tr")).to_have_count(11)
    expect(page.locator("#found")).to_have_text("11 of 300")
    expect(page.locator("#spoken")).to_have_text("11 pages found")
    page.get_by_role("searchbox").fill("nowhere")
    expect(page.locator("#nobody")).to_be_visible()


def shown(page: Page) -> list[str]:
    return page.locator("#rows a").all_text_contents()  # also of a row that was not drawn yet


def test_the_list_is_sorted_and_waits_while_one_points_at_it(opened: Open) -> None:
    page = opened(scripted=True)
    tell(page, a=3, b=2, c=1)
    expect(page.locator("#rows tr")).to_have_count(3)
    assert shown(page) == ["/a", "/b", "/c"]
    page.locator("#rows tr").nth(1).hover()
    tell(page, c=9)
    expect(page.locator("#rows tr").nth(2)).to_contain_text("9")
    page.wait_for_timeout(1_200)
    assert shown(page) == ["/a", "/b", "/c"]
    page.mouse.move(0, 0)
    expect(page.locator("#rows a").first).to_have_text("/c")
    tell(page, b=0)
    expect(page.locator("#rows tr")).to_have_count(2)
    page.get_by_role("columnheader", name="Page").get_by_role("button").click()
    assert shown(page) == ["/a", "/c"]
    expect(page.locator("[data-sort=page]")).to_have_attribute("aria-sort", "ascending")
    page.locator("#rows a").nth(1).click()
    expect(page.locator("#detail-heading")).to_have_text("/c")
    expect(page.locator("#rows a[aria-current]")).to_have_text("/c")
    assert "page=%2Fc" in page.url


def test_the_axis_of_some_days_names_them(opened: Open) -> None:
    page = opened("en-US", scripted=True, at=f"#page={quote('/articles/1', safe='')}&range=day")
    expect(page.locator("#chart canvas")).to_be_visible()
    page.evaluate(
        "() => { globalThis.written = []; const draw = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {"
        "  written.push(text); return draw.call(this, text, ...at); }; }"
    )
    end_s = int(time.time()) // 86_400 * 86_400
    ends = f"&range=week&from={end_s - 3 * 86_400}&to={end_s}"
    page.evaluate(f"location.hash = location.hash.replace(/&range.*/, '{ends}')")
    # Midnight in Tokyo is 15:00 UTC, so three of them are in three days of UTC.
    days = [datetime.fromtimestamp(end_s - n * 86_400, UTC) for n in (2, 1, 0)]
    labels = [f"{day:%b} {day.day}" for day in days]
    page.wait_for_function("(labels) => labels.every((label) => written.includes(label))", arg=labels)
    assert any(":00" in label for label in page.evaluate("written"))


def test_a_chart_is_read_and_zoomed_by_keys_and_says_exact_values(opened: Open) -> None:
    page = opened(scripted=True, at=f"#page={quote('/articles/1', safe='')}&range=day")
    chart = page.locator("#chart")
    assert (STATIC / "vendor" / "uPlot.iife.min.js").exists(), (
        "uPlot is missing: python setup.py fetch_charts"
    )
    expect(chart.locator("canvas")).to_be_visible()
    expect(page.locator("#page-peaks")).to_contain_text("4,321")
    expect(page.locator("#peaks li")).to_have_count(2)
    expect(page.locator("#moving")).to_contain_text("rising (was 21)")
    chart.focus()
    page.keyboard.press("Home")
    spoken = page.locator("#spoken")
    expect(spoken).to_have_text(re.compile(r"\d+ to \d+ people \(mean \d+\.25\), .*12 joins$"))
    first = spoken.inner_text()
    page.keyboard.press("ArrowRight")
    expect(spoken).not_to_have_text(first)
    assert page.locator("#readout").inner_text() == spoken.inner_text()
    second = page.locator("#readout").inner_text()
    for key in ("+", "+", "-"):
        page.keyboard.press(key)
        expect(spoken).to_have_text(re.compile(r"^Shows .+ to .+"))
        expect(page.locator("#readout")).to_have_text(second)
    said = spoken.inner_text()
    expect(page.locator("#whole")).to_be_enabled()
    assert "from=" in page.url
    page.keyboard.press("ArrowRight")
    expect(page.locator("#readout")).not_to_have_text(second)
    page.keyboard.press("ArrowLeft")
    expect(spoken).to_have_text(second)
    page.keyboard.press("Escape")
    expect(spoken).not_to_have_text(said)
    expect(page.locator("#readout")).to_have_text(second)
    expect(page.locator("#whole")).to_be_disabled()
    assert "from=" not in page.url
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=3)
    page.mouse.up()
    expect(page.locator("#whole")).to_be_enabled()
    page.get_by_role("button", name="Table").click()
    expect(page.locator("#exact-rows tr").first).to_contain_text(".25")
    for name in ("Week", "Month", "Year"):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#exact-rows tr.gap")).to_have_count(1)
    expect(page.locator("#chart-note")).to_contain_text(ZONE)
    assert findings(page) == []
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(spoken).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet").inner_text()


def test_all_of_it_can_be_reached_by_tab(opened: Open) -> None:
    page = opened(scripted=True, at="#page=%2Fa&range=week")
    tell(page, a=1)
    expect(page.locator("#rows a")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_be_focused()
    assert "#page=%2Fa&range=week" in page.url
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert {
        "search",
        "Page",
        "People",
        "/a",
        "Live",
        "Year",
        "chart",
        "as-table",
        "copy",
    } <= reached


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("ja-JP", "dark", 1280), ("en-GB", "light", 360)],
)
def test_it_fits_and_axe_finds_nothing(opened: Open, language: str, scheme: Any, width: int) -> None:
    viewport = {"width": width, "height": 800}
    page = opened(language, scripted=True, color_scheme=scheme, viewport=viewport, at="#page=%2Fa&range=week")
    tell(page, a=12, b=3, **{"long/" + "x" * 120: 1})
    expect(page.locator("#rows tr")).to_have_count(3)
    expect(page.locator("#peaks li")).to_have_count(2)
    page.locator("#as-table").click()
    expect(page.locator("#exact-rows tr").first).to_be_visible()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_without_the_charts_library_there_are_a_spark_line_and_the_table(opened: Open) -> None:
    page = opened()
    page.route("**/uPlot.iife.min.js", lambda route: route.abort())
    page.add_init_script(SCRIPTED_STREAM)
    page.route(re.compile(r"/api/(history|peaks|top)\b"), remember)
    page.reload()
    tell(page, a=12)
    expect(page.locator("#chart svg.spark .people")).to_have_attribute("d", re.compile("^M"))
    expect(page.locator("#chart-note")).to_contain_text("uPlot")
    page.locator("#chart").focus()
    page.keyboard.press("Home")
    expect(page.locator("#spoken")).to_contain_text("people")


def test_a_stream_that_ends_for_good_is_opened_again(opened: Open, mounted: Server) -> None:
    page = opened()
    expect(page.locator("#state-words")).to_have_text("Live")
    page.route("**/api/stream*", lambda route: route.fulfill(status=502))
    started = time.monotonic()
    page.reload()
    expect(page.locator("#state-words")).to_have_text("Reconnecting…")
    page.unroute("**/api/stream*")
    expect(page.locator("#state-words")).to_have_text("Live", timeout=15_000)
    assert time.monotonic() - started > 4
