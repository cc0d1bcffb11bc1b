"""The application that is served: FILE_OR_MODULE:NAME, as an ASGI app."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
import pathlib
import sys
import traceback
import types
from difflib import get_close_matches
from typing import Any, Final

from nannin.errors import ApplicationError, NanninError
from nannin.settings import Settings

__all__ = ["default_application", "folder_of", "has_own_page", "load_application", "max_message_bytes"]

DEFAULT_NAMES: Final = ("app", "live")
# How many names an error lists.
MAX_OFFERED: Final = 5

logger = logging.getLogger("nannin.applications")


def default_application() -> Any:
    """The page of nannin itself. It keeps history, unless a setting says otherwise."""
    from nannin import Live

    return Live(history=True)


def has_own_page(application: object) -> bool:
    """Whether it shows nannin's own page at `/`."""
    from nannin import Live

    return isinstance(application, Live) and application.wrapped is None


def load_application(target: str) -> Any:
    """Imports an ASGI application.

    Args:
        target: FILE_OR_MODULE:NAME, such as path/to/app.py:live or package.module:live. Without a name, `app`
            is tried, then `live`.

    Raises:
        ApplicationError: one line that says which file, module or name, and why.
    """
    place, name, is_file = split_target(target)
    path = pathlib.Path(place)
    if is_file and not path.is_file():
        raise ApplicationError(f"there is no file {place}")
    if not place or (not is_file and not all(part.isidentifier() for part in place.split("."))):
        raise ApplicationError(f'"{target}" is not FILE_OR_MODULE:NAME, such as app.py:live')
    folder = folder_of(target)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = import_file(path.resolve(), folder) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:
        logger.debug("%s can't be imported", place, exc_info=True)
        if isinstance(error, ModuleNotFoundError) and error.name and f"{place}.".startswith(f"{error.name}."):
            raise ApplicationError(f'there is no module "{place}" here or among the installed ones') from None
        hint = (
            "" if isinstance(error, (NanninError, SyntaxError)) else "; --log-level debug shows the traceback"
        )
        raise ApplicationError(f"{place} can't be imported: {cause(error, folder)}{hint}") from None
    return pick(module, place, name)


def split_target(target: str) -> tuple[str, str, bool]:
    """The file or module, the name if there is one, and whether it is a file."""
    place, colon, name = target.rpartition(":")
    if not colon or os.sep in name:  # no name; a colon before a separator is part of the path
        place, name = target, ""
    return place, name, place.endswith(".py") or os.sep in place or pathlib.Path(place).is_file()


def folder_of(target: str) -> pathlib.Path:
    """The folder from which an application is imported."""
    place, _, is_file = split_target(target)
    return package_root(pathlib.Path(place).resolve()) if is_file else pathlib.Path.cwd()


def package_root(path: pathlib.Path) -> pathlib.Path:
    """The folder from which this file is imported: the first one above it that is not a package."""
    folder = path.parent
    while (folder / "__init__.py").exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def import_file(path: pathlib.Path, folder: pathlib.Path) -> types.ModuleType:
    """Imports a file, as a part of its package if it is in one."""
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    if "." in name:
        return importlib.import_module(name)
    # A file called json.py must not be mistaken for the module json, nor become it.
    name = f"app_{name}" if name in sys.modules or name in sys.stdlib_module_names else name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def cause(error: BaseException, folder: pathlib.Path) -> str:
    """The exception in one line, with the place in the application's own code that led to it."""
    text = " ".join(str(error).split())
    where = ""
    if isinstance(error, SyntaxError):
        text, where = error.msg, f"{error.filename}:{error.lineno}"
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith(str(folder)) and "site-packages" not in frame.filename:
                where = f"{frame.filename}:{frame.lineno}"
    text = text if isinstance(error, NanninError) else f"{type(error).__name__}: {text}".removesuffix(": ")
    where = where.removeprefix(f"{pathlib.Path.cwd()}{os.sep}")
    return f"{text} ({where})" if where else text


def pick(module: types.ModuleType, place: str, name: str) -> Any:
    """The application of this name in a module."""
    if not name:
        name = next((candidate for candidate in DEFAULT_NAMES if hasattr(module, candidate)), "")
        if not name:
            raise ApplicationError(
                f'{place} has neither "app" nor "live": say which, as in {place}:NAME{offered(module)}'
            )
    application: Any = module
    for part in name.split("."):
        if not hasattr(application, part):
            close = get_close_matches(part, dir(application), n=1)
            hint = f'; did you mean "{close[0]}"?' if close else offered(application)
            raise ApplicationError(f'{place} has no "{name}"{hint}')
        application = getattr(application, part)
    if not callable(application):
        from nannin.app.pages import Pages

        hint = (
            f"; its handlers belong to a Live: live = Live(); live.include({name})"
            if isinstance(application, Pages)
            else ""
        )
        raise ApplicationError(
            f"{place}:{name} is not an ASGI application: it is of type {type(application).__name__}{hint}"
        )
    return application


def offered(module: object) -> str:
    """The objects of a module that may be the application, in the words of an error; "" if none is."""
    values = vars(module) if isinstance(module, types.ModuleType) else {}
    names = [name for name, value in values.items() if inspect.iscoroutinefunction(_call_of(value))]
    return f"; it has {', '.join(names[:MAX_OFFERED])}" if names else ""


def _call_of(value: object) -> Any:
    return None if inspect.isclass(value) else getattr(type(value), "__call__", None)  # noqa: B004


def max_message_bytes(application: object, settings: Settings) -> int:
    """How large a message of a WebSocket may be that no session of ours has taken over yet, or ever will.

    Our own applications know their limit, which their code may have set. In another one, a Live sets its own
    limit for its own WebSockets, and those beside it have this one.
    """
    own = getattr(application, "settings", None)
    if isinstance(own, Settings) and getattr(application, "wrapped", None) is None:
        assembly = getattr(application, "assembly", None)
        return own.max_payload_bytes(handles_events=assembly is None or assembly.handles_events)
    return settings.max_payload_bytes(handles_events=True)
