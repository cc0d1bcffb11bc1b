"""The widget, in a real browser: a framework renders the page anew after the tag has run."""

from __future__ import annotations

import pytest

from support.sample_page import Visit
from support.servers import Server
from whole.browser.pages.widget_site import Publish, embedding, shows

# A page that comes rendered from its server, as a framework takes it over in the browser.
RENDERED = '<div id="root"><p><span data-nannin>some</span> are reading</p></div>'

RERENDERS = {
    "all is replaced": "document.getElementById('root').innerHTML = rendered",
    "the element is replaced": """
        const old = document.querySelector("[data-nannin]");
        const anew = old.cloneNode();
        anew.textContent = "some";
        old.replaceWith(anew);
    """,
    "the text node is replaced": 'document.querySelector("[data-nannin]").replaceChildren("some")',
    "the text node is rewritten": 'document.querySelector("[data-nannin]").firstChild.data = "some"',
    "the element is taken out and put back": """
        const old = document.querySelector("[data-nannin]"), parent = old.parentNode;
        old.remove();
        old.textContent = "some";
        setTimeout(() => parent.prepend(old), 200);
    """,
}


@pytest.mark.parametrize("rerender", RERENDERS.values(), ids=RERENDERS)
def test_the_number_is_right_after_the_page_was_rendered_anew(
    shared_server: Server, publish: Publish, visit: Visit, rerender: str, request: pytest.FixtureRequest
) -> None:
    path = "/hydrated/" + request.node.callspec.id.replace(" ", "-")
    url = publish(path, embedding(shared_server, RENDERED))
    page = visit(url, "en")
    shows(page, "1")
    page.evaluate(f"rendered => {{ {rerender} }}", RENDERED)
    shows(page, "1")
    other = visit(url, "en")
    for tab in (page, other):
        shows(tab, "2")
    page.evaluate(f"rendered => {{ {rerender} }}", RENDERED)
    other.context.close()
    shows(page, "1")


def test_an_element_that_is_rendered_anew_keeps_its_text_for_a_server_that_is_away(
    server: Server, publish: Publish, visit: Visit
) -> None:
    page = visit(publish("/hydrated", embedding(server, RENDERED)), "en")
    shows(page, "1")
    page.evaluate(f"rendered => {{ {RERENDERS['the text node is rewritten']} }}", RENDERED)
    shows(page, "1")
    server.stop()
    shows(page, "some")
