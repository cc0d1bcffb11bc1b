"""The site: `make docs` builds it without a broken link, it needs no other host, and says what is there."""

from __future__ import annotations

import contextlib
import functools
import html.parser
import http.server
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

import nannin
import nannin.testing
from nannin.settings import SETTINGS
from support.doc_pages import DOCS, PAGES, read
from support.servers import ROOT

PARTS = ["docs", "examples", "src"]  # what the pages are made from


def build(folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Builds the site of a folder as the Makefile does."""
    command = [str(pathlib.Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    env = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=folder, env=env)


class Navigation(html.parser.HTMLParser):
    """The files that a page's navigation links."""

    def __init__(self) -> None:
        super().__init__()
        self.linked: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        file = urlsplit(values.get("href", "")).path
        if tag == "a" and file and "md-nav__link" in values.get("class", "").split():
            self.linked.add(file.removeprefix("./"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of what the site is built from, and the site."""
    folder = tmp_path_factory.mktemp("project")
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "Containerfile"):
        shutil.copy(ROOT / name, folder)
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def site(project: pathlib.Path) -> pathlib.Path:
    return project / "site"


def test_make_docs_builds_it_in_strict_mode() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndocs:")[2].partition("\n\n")[0]
    assert "docs/hooks/settings_page.py" in recipe
    assert "docs/hooks/state_picture.py" in recipe
    assert "zensical build --strict --clean" in recipe


def test_every_page_is_built_and_is_in_the_navigation(site: pathlib.Path) -> None:
    names = {path.stem for path in DOCS.glob("*.md")}
    assert {path.stem for path in site.glob("*.html")} == {*names, "404"}
    for name in names:
        page = Navigation()
        page.feed((site / f"{name}.html").read_text(encoding="utf-8"))
        assert page.linked == {f"{name}.html" for name in names}, name


MISTAKES = {
    "[gone](nowhere.md)\n\n[gone](deploy.md#nowhere)": ["page does not exist", "anchor does not exist"],
    '```py\n--8<-- "examples/none.py"\n```': ["examples/none.py"],
    "::: nannin.Nobody": ["nannin.Nobody"],
}


@pytest.fixture
def small_project(tmp_path: pathlib.Path) -> pathlib.Path:
    """Two pages that are built as the site is, in a quarter of the time."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Start\n\n[then](deploy.md)\n", encoding="utf-8")
    (tmp_path / "docs" / "deploy.md").write_text("# Deploy\n", encoding="utf-8")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_two_pages_without_a_mistake_are_built(small_project: pathlib.Path) -> None:
    done = build(small_project)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_on_a_page_fails_the_build(small_project: pathlib.Path, mistake: str) -> None:
    with (small_project / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{mistake}\n")
    done = build(small_project)
    assert done.returncode != 0
    assert [words for words in MISTAKES[mistake] if words not in done.stdout + done.stderr] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_is_there(page: str) -> None:
    pictures = [path for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", read(page)) if "://" not in path]
    assert [path for path in pictures if not (ROOT / page).parent.joinpath(path).exists()] == []


@pytest.mark.parametrize("name", nannin.__all__)
def test_every_public_name_is_in_the_reference(site: pathlib.Path, name: str) -> None:
    assert f'id="nannin.{name}"' in (site / "reference.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", nannin.testing.__all__)
def test_the_names_for_tests_are_in_the_reference(site: pathlib.Path, name: str) -> None:
    assert f'id="nannin.testing.{name}"' in (site / "reference.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("owner", ["Live", "Page", "Pages", "Socket", "Target"])
def test_every_public_method_is_in_the_reference_and_no_other(site: pathlib.Path, owner: str) -> None:
    kinds = getattr(nannin, owner).__mro__
    members = [member for kind in kinds for member in vars(kind).items()]
    methods = {name for name, value in members if isinstance(value, types.FunctionType | property)}
    shown = re.findall(rf'id="nannin\.{owner}\.(\w+)"', (site / "reference.html").read_text(encoding="utf-8"))
    assert {name for name in methods if name[0] != "_"} - {*shown} == set()


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    text = runpy.run_path(str(DOCS / "hooks" / "settings_page.py"))["text"]()
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == text, "`make docs` writes it anew"
    for setting in SETTINGS.values():
        (row,) = [line for line in text.splitlines() if f"| `{setting.name}` |" in line]
        assert f"`{setting.flag}" in row
        assert f"`{setting.variable}`" in row
        assert setting.help.replace("*", r"\*") in row


def test_the_picture_of_the_states_is_the_diagram_of_the_page(site: pathlib.Path) -> None:
    hook = runpy.run_path(str(DOCS / "hooks" / "state_picture.py"))
    drawn = (DOCS / "states.svg").read_text(encoding="utf-8")
    assert drawn == hook["picture"](), "`make docs` draws it anew"
    assert drawn.count('marker-end="url(#tip)"') == len(hook["moves"]()) > 10
    page = (site / "architecture.html").read_text(encoding="utf-8")
    assert 'src="states.svg"' in page
    assert "<details" in page.partition("stateDiagram")[0][-1500:]


def test_the_site_has_a_page_in_japanese_whose_sentences_have_no_gaps() -> None:
    words = "[\\u3040-\\u30ff\\u4e00-\\u9fff。、]"
    for page in (DOCS / "ja.md", ROOT / "README.ja.md"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(rf"{words}\n{words}", text), "a line's end is shown as a space"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@contextlib.contextmanager
def served(folder: pathlib.Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_reader_asks_no_other_host_for_anything(site: pathlib.Path, chromium: Browser) -> None:
    with served(site) as url, contextlib.closing(chromium.new_context()) as context:
        page = context.new_page()
        asked: list[str] = []
        failed: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
        for name in ("library", "settings", "reference"):
            page.goto(f"{url}/{name}.html")
        page.wait_for_load_state("networkidle")
        page.keyboard.press("/")
        page.keyboard.type("recovery", delay=10)
        page.wait_for_load_state("networkidle")
        assert len(asked) > 8
        assert [one for one in asked if not one.startswith((f"{url}/", "data:", "blob:"))] == []
        assert failed == []
