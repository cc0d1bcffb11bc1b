"""The widget on a site that React rendered on its server, and hydrates after the number has come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from support.servers import NODE, Server
from whole.browser.pages.widget_site import Publish, embedding, shows

Newcomer = Callable[..., Page]

LIBRARIES = {
    "/react.js": NODE / "node_modules" / "react" / "umd" / "react.production.min.js",
    "/react-dom.js": NODE / "node_modules" / "react-dom" / "umd" / "react-dom.production.min.js",
}
# What React's server makes of the component.
RENDERED = '<div id="root"><p><button>0</button><span data-nannin="">some</span></p></div>'
HYDRATE = """(attributes) => {
    globalThis.complaints = [];
    const { createElement, useState } = React;
    const App = () => {
        const [clicks, setClicks] = useState(0);
        return createElement("p", null,
            createElement("button", { onClick: () => setClicks(clicks + 1) }, clicks),
            createElement("span", { "data-nannin": "", ...attributes }, "some"));
    };
    const onRecoverableError = (error) => complaints.push(error.message);
    ReactDOM.hydrateRoot(document.getElementById("root"), createElement(App), { onRecoverableError });
}"""


@pytest.fixture
def hydrated(
    publish: Publish, newcomer: Newcomer, shared_server: Server
) -> Callable[[dict[str, bool]], Page]:
    """Opens the page, and hydrates it with these attributes on the element once the number is there."""
    head = ""
    for path, file in LIBRARIES.items():
        assert file.exists(), "React is missing: `make node` installs it"
        head += f'<script src="{publish(path, file.read_text(encoding="utf-8"))}"></script>'

    def open_page(attributes: dict[str, bool]) -> Page:
        page = newcomer("en")
        page.goto(publish("/hydrated", embedding(shared_server, RENDERED, head=head)))
        shows(page, "1")
        page.evaluate(HYDRATE, attributes)
        page.get_by_role("button").click()
        page.wait_for_function("document.querySelector('button').textContent === '1'")
        return page

    return open_page


def test_hydration_and_a_new_rendering_leave_the_number(
    hydrated: Callable[[dict[str, bool]], Page],
) -> None:
    page = hydrated({"suppressHydrationWarning": True})
    shows(page, "1")
    assert page.evaluate("complaints") == []


def test_without_the_attribute_react_complains_and_the_number_returns(
    hydrated: Callable[[dict[str, bool]], Page],
) -> None:
    page = hydrated({})
    shows(page, "1")
    assert page.evaluate("complaints.some((text) => /#425/.test(text))")  # 418 from React 19 on
