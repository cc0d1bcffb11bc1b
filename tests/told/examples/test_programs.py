"""Each small program of docs/programs.md, served as it says, and driven by its client or in two browsers."""

from __future__ import annotations

import contextlib
import pathlib
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from support.doc_pages import block, read
from support.servers import NODE, ROOT, Server, nannin

FOLDER = ROOT / "examples" / "programs"
FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())

# What each client in Node.js prints, in this order but where two clients speak at once.
PRINTED = {
    "typed": [
        "2 x tea, as a gift",
        "{ error: 'there is not so much tea' }",
        "{ error: 'argument 1: Expected `int` >= 1 - at `$.amount`' }",
        "{ error: 'argument 1: Object missing required field `amount`' }",
        "{ error: 'expected 1 argument, not 0' }",
    ],
    "acks": ["5", "Good morning, Ann", "{ answers: [ 'Tea? Yes.' ], silent: 1 }"],
    "refusals": [
        "Invalid auth: argument 1: Object missing required field `ticket` undefined",
        "No such ticket { shop: 'https://example.org/tickets' }",
        "{ error: 'only the host may do that' }",
        "closed",
    ],
    "rooms": [
        "[ 'red' ]",
        "[ 'red' ]",
        "[ 'red', 'blue' ]",
        "Ann: somebody joined red",
        "Ann, in red: Hello",
        "Bob, in red: Hello",
        "Bob, in blue: Only me here",
        "{ error: 'you are not in blue' }",
    ],
    "recovery": ["new", "one", "back", "two"],
}
AT_ONCE = ("rooms",)

Visit = Callable[[str], Page]


@contextlib.contextmanager
def served(path: pathlib.Path) -> Iterator[Server]:
    """Serves a program with the command that stands at its top."""
    (line,) = re.findall("^nannin serve .*", path.read_text(encoding="utf-8"), re.MULTILINE)
    with nannin(*shlex.split(line)[2:]) as server:
        yield server
        assert "Traceback" not in server.log


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens a page as somebody new; an error in its script fails the test.

    Its server ends before it, and then it tries in vain to come back.
    """
    errors: list[str] = []

    def note(said: ConsoleMessage) -> None:
        if said.type == "error" and "net::ERR_CONNECTION" not in said.text:
            errors.append(said.text)

    with contextlib.ExitStack() as contexts:

        def open_page(url: str) -> Page:
            page = contexts.enter_context(contextlib.closing(chromium.new_context())).new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", note)
            page.goto(url)
            return page

        yield open_page
    assert errors == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_on_the_page(path: pathlib.Path) -> None:
    assert path.read_text(encoding="utf-8") in read("docs/programs.md")


def test_every_program_is_tested_here() -> None:
    with_a_page = {path.stem for path in FILES if path.suffix == ".html"}
    assert {path.stem for path in FILES if path.suffix == ".mjs"} == {*PRINTED}
    assert {path.stem for path in FILES if path.suffix == ".py"} == {*PRINTED, *with_a_page}
    assert with_a_page <= {name.removeprefix("test_") for name in globals()}


@pytest.mark.parametrize("name", PRINTED)
def test_the_official_client_prints_what_it_should(name: str, node: str, tmp_path: pathlib.Path) -> None:
    client = tmp_path / f"{name}.mjs"  # beside node_modules, as npm would put them
    client.write_bytes((FOLDER / client.name).read_bytes())
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    with served(FOLDER / f"{name}.py") as server:
        command = [node, str(client), server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env={"NO_COLOR": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    in_order: Callable[[list[str]], list[str]] = sorted if name in AT_ONCE else list
    assert in_order(done.stdout.splitlines()) == in_order(PRINTED[name])


def test_chat(visit: Visit) -> None:
    with served(FOLDER / "chat.py") as server:
        ann, bob = visit(server.url), visit(server.url)
        for page in (ann, bob):
            expect(page.locator("#people")).to_have_text("2")
        expect(ann.locator("#said li")).to_have_text("Somebody came in.")
        bob.fill("#name", "Bob")
        bob.fill("#text", "<b>Good morning</b>")
        bob.click("button")
        for page in (ann, bob):
            expect(page.locator("#said li").last).to_have_text("Bob: <b>Good morning</b>")
        bob.close()
        expect(ann.locator("#people")).to_have_text("1")


def test_poll(visit: Visit) -> None:
    with served(FOLDER / "poll.py") as server:
        ann, bob = visit(server.url), visit(server.url)
        ann.click("button[value=tea]")
        expect(ann.locator("#thanks")).to_have_text("Thank you.")
        expect(bob.locator("#tea")).to_have_text("1")
        ann.click("button[value=tea]")
        expect(ann.locator("#thanks")).to_have_text("You have voted already.")
        bob.click("button[value=coffee]")
        expect(ann.locator("#coffee")).to_have_text("1")
        expect(ann.locator("#tea")).to_have_text("1")


def test_cursor(visit: Visit) -> None:
    with served(FOLDER / "cursor.py") as server:
        ann, bob = visit(server.url), visit(server.url)
        for page in (ann, bob):
            page.wait_for_function("socket.connected")
        size = ann.viewport_size
        assert size
        ann.mouse.move(size["width"] / 4, size["height"] / 2)
        expect(bob.locator("i")).to_have_attribute("style", "left: 25%; top: 50%;")
        expect(ann.locator("i")).to_have_count(0)
        ann.close()
        expect(bob.locator("i")).to_have_count(0)


def test_dashboard(visit: Visit) -> None:
    with served(FOLDER / "dashboard.py") as server:
        ann, bob = visit(server.url), visit(server.url)
        for page in (ann, bob):
            expect(page.locator("#visitors")).to_have_text("2")
            expect(page.locator("#orders")).to_have_text("0")
        httpx.post(f"{server.url}/orders", json={"amount": 12.5}).raise_for_status()
        for page in (ann, bob):
            expect(page.locator("#orders")).to_have_text("1")
            expect(page.locator("#revenue")).to_have_text("12.5")
            expect(page.locator("#load")).to_have_text(re.compile(r"^\d"))


def test_the_program_of_the_start_answers_in_a_console(visit: Visit, tmp_path: pathlib.Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(block("docs/start.md", "A program of your own", "python").text, encoding="utf-8")
    with nannin("--app", f"{app}:live") as server:
        page = visit(server.url)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        with page.expect_console_message(lambda message: message.text == "Good morning"):
            page.evaluate(block("docs/start.md", "A program of your own", "js").text)
        assert said == ["Welcome.", "Good morning"]
