"""The command as a process: how it starts, and what it leaves for later."""

from __future__ import annotations

import subprocess
import sys


def test_the_help_imports_no_server() -> None:
    modules = {"uvicorn", "starlette", "websockets", "asyncio", "rich", "itsdangerous", "crawleruseragents"}
    code = (
        "import sys; from nannin.cli.command import main; main(['--help']); "
        f"sys.exit(' '.join({modules} & sys.modules.keys()) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "nannin", "--port", "x"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert result.returncode == 2
    assert result.stderr == 'nannin: --port must be a whole number from 0 to 65535, not "x"\n'


def test_the_list_of_crawlers_is_loaded_by_its_first_question() -> None:
    code = (
        "import sys, nannin.access.crawlers as c; before = 'crawleruseragents' in sys.modules;"
        "c.is_crawler('');"
        "empty = 'crawleruseragents' in sys.modules; c.is_crawler('x');"
        "print(before, empty, 'crawleruseragents' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (result.stdout, result.stderr) == ("False False True\n", "")


def test_the_package_by_itself_imports_no_server() -> None:
    modules = {"asyncio", "starlette", "uvicorn"}
    code = f"import sys, nannin; sys.exit(' '.join({modules} & sys.modules.keys()) or 0)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (result.returncode, result.stderr) == (0, "")


def test_what_only_some_need_is_not_loaded_before_they_need_it() -> None:
    modules = {"prometheus_client", "sqlalchemy", "psycopg", "redis"}
    code = (
        "import sys, nannin.server.process, nannin.server.supervisor; from nannin import Live; Live();"
        f"sys.exit(' '.join({modules} & sys.modules.keys()) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (result.returncode, result.stderr) == (0, "")
