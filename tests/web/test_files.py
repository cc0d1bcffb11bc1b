"""Files that are read and compressed once, and sent only to those who have not got them."""

from __future__ import annotations

import asyncio
import gzip
import re

import pytest
from starlette.types import ASGIApp

from nannin.web.files import STATIC, StaticFile, names_tag, squeeze, takes_gzip
from support.asgi import Call, scope

SCRIPT = STATIC / "nannin.js"


def get(app: ASGIApp, method: str = "GET", **headers: str) -> Call:
    """One request to the app."""

    async def main() -> Call:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await Call(scope("http", "", names, method=method)).start(app).ends()

    return asyncio.run(main())


def test_a_file_is_sent_as_it_is_to_those_who_ask_for_no_encoding() -> None:
    call = get(StaticFile("nannin.js", {"cache-control": "no-cache"}))
    assert (call.status, call.body) == (200, SCRIPT.read_bytes())
    assert call.header("content-type") == "text/javascript; charset=utf-8"
    assert call.header("content-length") == str(len(call.body))
    assert call.header("content-encoding") is None
    assert call.header("cache-control") == "no-cache"
    assert call.header("vary") == "Accept-Encoding"
    assert call.header("x-content-type-options") == "nosniff"


def test_a_file_is_sent_compressed_to_those_who_take_gzip() -> None:
    call = get(StaticFile("nannin.js", {}), accept_encoding="gzip, deflate, br, zstd")
    assert gzip.decompress(call.body) == SCRIPT.read_bytes()
    assert call.header("content-encoding") == "gzip"
    assert call.header("content-length") == str(len(call.body))
    assert call.header("vary") == "Accept-Encoding"


def test_a_file_is_compressed_once_for_all() -> None:
    one, other = StaticFile("nannin.js", {}), StaticFile("nannin.js", {"x": "y"})
    assert one.loaded is other.loaded


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_head_has_the_head_of_a_get_and_nothing_else(encoding: str) -> None:
    file = StaticFile("index.html", {})
    got, asked = get(file, accept_encoding=encoding), get(file, "HEAD", accept_encoding=encoding)
    assert asked.sent[0] == got.sent[0]
    assert (asked.body, bool(got.body)) == (b"", True)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_browser_that_has_the_file_is_not_sent_it_again(encoding: str) -> None:
    file = StaticFile("nannin.js", {"cache-control": "no-cache"})
    tag = get(file, accept_encoding=encoding).header("etag") or ""
    call = get(file, accept_encoding=encoding, if_none_match=f'"x", W/{tag}')
    assert (call.status, call.body) == (304, b"")
    assert call.header("etag") == tag
    assert call.header("vary") == "Accept-Encoding"
    assert call.header("cache-control") == "no-cache"
    assert call.header("content-encoding") is None


def test_each_encoding_has_an_etag_of_its_own() -> None:
    file = StaticFile("nannin.js", {})
    tags = {get(file, accept_encoding=encoding).header("etag") for encoding in ("identity", "gzip")}
    assert len(tags) == 2
    plain = get(file).header("etag") or ""
    assert get(file, accept_encoding="gzip", if_none_match=plain).status == 200


@pytest.mark.parametrize(
    "header", ["gzip", "GZIP", "br, gzip;q=0.5", "gzip;q=1.0", "x-gzip", "*", "deflate, *;q=0.1"]
)
def test_gzip_is_taken(header: str) -> None:
    assert takes_gzip(header)


@pytest.mark.parametrize(
    "header", ["", "br", "gzip;q=0", "gzip; q=0.000", "identity", "*;q=0", "*, gzip;q=0", "gzipped", ",;="]
)
def test_gzip_is_not_taken(header: str) -> None:
    assert not takes_gzip(header)


def test_a_star_names_every_tag() -> None:
    assert names_tag("*", '"a"')
    assert names_tag('"b", "a"', '"a"')
    assert not names_tag("", '"a"')
    assert not names_tag("a", '"a"')


def test_a_squeezed_script_has_no_indentation_no_comment_lines_and_few_spaces() -> None:
    script = b"""// what it is

const one = (two) => {
  // why
  if (two == 1 && !three) {
    const { four, five } = two;
    for (let six = four; six >= 1; six += 2) five(six ? [six] : { six }, 1 - 2 * 3 + -six);
    return two ?? "a  // b";
  }
};
"""
    squeezed = squeeze(script).decode()
    assert squeezed == (
        "const one=(two)=>{\nif (two==1&&!three){\nconst {four,five}=two;\n"
        "for (let six=four;six>=1;six += 2) five(six?[six]:{six},1-2*3 + -six);\n"
        'return two??"a  // b";\n}\n};\n'
    )


@pytest.mark.parametrize("name", ["nannin.js", "nannin-trend.js"])
def test_what_is_squeezed_keeps_its_texts_and_patterns(name: str) -> None:
    # Texts, templates without a place for a value, and regular expressions; none goes over a line's end.
    literal = re.compile(r"""(?m)"[^"\n]*"|`[^`$\n]*`|(?<=[=>(\s?])/(?![/*])(?:[^/\\\n]|\\.)+/[gimu]*""")
    script = re.sub(r"(?m)^\s*//.*$", "", (STATIC / name).read_text())
    literals = literal.findall(script)
    assert len(literals) > 20
    assert [text for text in literals if squeeze(text.encode()).decode() != text] == []
    assert literal.findall(squeeze(script.encode()).decode()) == literals
    assert "`\n" not in script


def test_a_squeezed_file_is_another_than_the_file_as_it_is() -> None:
    squeezed, plain = StaticFile("nannin.js", {}, squeezed=True), StaticFile("nannin.js", {})
    assert get(squeezed).body == squeeze(SCRIPT.read_bytes())
    assert get(squeezed).header("etag") != get(plain).header("etag")
