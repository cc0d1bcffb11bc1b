"""Which application is loaded, what is said where it can't be, and the path it is under."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator

import pytest

from nannin.errors import ApplicationError
from nannin.server.loading import load_application, max_message_bytes
from nannin.settings import Settings
from support.files import write


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """An empty current directory; modules that are imported from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(target: str) -> str:
    """The one line that this application is refused with."""
    with pytest.raises(ApplicationError) as caught:
        load_application(target)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_an_application_is_loaded_from_a_file(folder: pathlib.Path) -> None:
    write(folder / "sub" / "one.py", "def mine(): return 'one'")
    assert load_application("sub/one.py:mine")() == "one"
    assert load_application(f"{folder}/sub/one.py:mine")() == "one"


def test_an_application_is_loaded_from_a_module_of_the_current_directory(folder: pathlib.Path) -> None:
    write(folder / "pack_a" / "part.py", "def mine(): return 'part'")
    assert load_application("pack_a.part:mine")() == "part"


def test_a_name_may_have_dots(folder: pathlib.Path) -> None:
    write(folder / "dots.py", "class Box:\n    def inner(): return 1")
    assert load_application("dots.py:Box.inner")() == 1


def test_without_a_name_app_is_taken_and_else_live(folder: pathlib.Path) -> None:
    write(folder / "both.py", "def live(): return 'live'\ndef app(): return 'app'")
    write(folder / "second.py", "def live(): return 'live'")
    assert load_application("both.py")() == "app"
    assert load_application("second.py")() == "live"
    assert load_application("second")() == "live"


def test_a_file_imports_what_is_next_to_it(folder: pathlib.Path) -> None:
    write(folder / "sub" / "neighbour_a.py", "name = 'neighbour'")
    write(folder / "sub" / "two.py", "import neighbour_a\ndef app(): return neighbour_a.name")
    assert load_application("sub/two.py")() == "neighbour"


def test_a_file_in_a_package_imports_relatively(folder: pathlib.Path) -> None:
    write(folder / "src" / "pack_b" / "__init__.py", "")
    write(folder / "src" / "pack_b" / "names.py", "name = 'relative'")
    write(folder / "src" / "pack_b" / "main.py", "from . import names\ndef app(): return names.name")
    assert load_application("src/pack_b/main.py")() == "relative"


def test_a_file_may_be_called_like_a_module_of_python(folder: pathlib.Path) -> None:
    write(folder / "json.py", "def app(): return 'mine'")
    assert load_application("json.py")() == "mine"
    assert json.loads("[]") == []
    assert sys.modules["json"] is json


def test_what_is_not_there_is_named(folder: pathlib.Path) -> None:
    assert refusal("no/app.py:live") == "there is no file no/app.py"
    assert refusal("no_such_package.part:app") == (
        'there is no module "no_such_package.part" here or among the installed ones'
    )
    assert refusal(":live") == '":live" is not FILE_OR_MODULE:NAME, such as app.py:live'
    assert refusal("a b:live") == '"a b:live" is not FILE_OR_MODULE:NAME, such as app.py:live'


def test_a_missing_name_is_refused_with_a_hint(folder: pathlib.Path) -> None:
    write(folder / "names_a.py", "def live(): pass")
    assert refusal("names_a.py:life") == 'names_a.py has no "life"; did you mean "live"?'
    assert refusal("names_a.py:zzz") == 'names_a.py has no "zzz"'
    write(folder / "lives_a.py", "from nannin import EngineIO, Live\nroom, hall, x = Live(), Live(), Live")
    assert refusal("lives_a.py:zzz") == 'lives_a.py has no "zzz"; it has room, hall'
    said = 'lives_a.py has neither "app" nor "live": say which, as in lives_a.py:NAME; it has room, hall'
    assert refusal("lives_a.py") == said
    assert refusal("lives_a.py:room.zzz") == 'lives_a.py has no "room.zzz"'
    write(folder / "nothing.py", "x = 1")
    assert (
        refusal("nothing.py") == 'nothing.py has neither "app" nor "live": say which, as in nothing.py:NAME'
    )
    assert refusal("nothing.py:x") == "nothing.py:x is not an ASGI application: it is of type int"


def test_handlers_without_a_live_are_refused_with_the_call_that_includes_them(folder: pathlib.Path) -> None:
    write(folder / "rooms.py", "from nannin import Pages\nchat = Pages()")
    assert refusal("rooms.py:chat") == (
        "rooms.py:chat is not an ASGI application: it is of type Pages; "
        "its handlers belong to a Live: live = Live(); live.include(chat)"
    )


HINT = "; --log-level debug shows the traceback"


def test_an_exception_of_the_application_is_told_with_its_line_and_its_traceback(
    folder: pathlib.Path,
) -> None:
    write(folder / "bad_a.py", "\n\n1 / 0")
    line = "ZeroDivisionError: division by zero (bad_a.py:3)"
    assert refusal("bad_a.py") == f"bad_a.py can't be imported: {line}{HINT}"
    write(folder / "bad_b.py", "import json\njson.loads('x')")
    assert refusal("bad_b").endswith(f"Expecting value: line 1 column 1 (char 0) (bad_b.py:2){HINT}")
    write(folder / "bad_c.py", "\nimport no_such_module_c")
    line = "ModuleNotFoundError: No module named 'no_such_module_c' (bad_c.py:2)"
    assert refusal("bad_c") == f"bad_c can't be imported: {line}{HINT}"
    write(folder / "bad_d.py", "x = 1\nx = = 2")
    assert refusal("bad_d.py") == "bad_d.py can't be imported: SyntaxError: invalid syntax (bad_d.py:2)"
    write(folder / "bad_e.py", "import sys\nsys.exit(0)")
    assert refusal("bad_e.py") == f"bad_e.py can't be imported: SystemExit: 0 (bad_e.py:2){HINT}"


def test_a_wrong_setting_in_the_code_is_told_with_its_line(folder: pathlib.Path) -> None:
    write(folder / "bad_f.py", "from nannin import Live\nlive = Live(ping_intervall=1)")
    assert refusal("bad_f.py") == (
        'bad_f.py can\'t be imported: the code has an unknown setting "ping_intervall"; '
        "did you mean ping_interval? (bad_f.py:2)"
    )


def test_messages_are_limited_by_the_application_that_knows_its_limit() -> None:
    class Ours:
        settings = Settings(max_payload=1000)

    assert max_message_bytes(Ours(), Settings()) == 1000
    assert max_message_bytes(object(), Settings()) == 1_000_000
    assert max_message_bytes(object(), Settings(max_payload=2**30)) == 2**30
