"""Where settings come from: flag > environment > nannin.toml > the application's code > default."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any, Final

from nannin.errors import SettingsError
from nannin.list_kinds import ListOf
from nannin.setting import PREFIX, check_value
from nannin.settings import FILE_OF, SETTINGS, Settings, check_together

__all__ = [
    "CONFIG_FILE",
    "CONFIG_VARIABLE",
    "PURE_VARIABLE",
    "check_code",
    "load",
    "load_with_sources",
    "to_environ",
]

CONFIG_VARIABLE: Final = "NANNIN_CONFIG"
# Chooses the Python twin of what is built in C (engine/send_all.py); read before there are settings.
PURE_VARIABLE: Final = "NANNIN_PURE"
CONFIG_FILE: Final = "nannin.toml"
# Maximum characters of a file with secrets. A file of another kind was named by mistake.
_MAX_SECRET_CHARACTERS: Final = 65_536
_NO_SETTINGS: Final = frozenset({CONFIG_VARIABLE, PURE_VARIABLE})

# What Kubernetes puts into the environment of every pod for a service named "nannin". These are not settings.
_KUBERNETES = re.compile(r"NANNIN_(SERVICE_(HOST|PORT\w*)|PORT_\d+_(TCP|UDP|SCTP)\w*)")


def load(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
    toml_path: str | os.PathLike[str] | None = None,
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """The settings from all their sources: flag > environment > TOML > code > default.

    Args:
        flags: what the command line says, by setting; texts are parsed, None means not given.
        environ: the environment; each NANNIN_* variable must be a setting.
        toml_path: a TOML file, which must exist. None: the file that NANNIN_CONFIG names, which must exist
            as well, or else nannin.toml in the current directory, if there is one.
        defaults: what the application's code says, by setting.

    Returns:
        The settings, checked.

    Raises:
        SettingsError: one line that names the source and the setting.
    """
    return load_with_sources(flags, environ, toml_path, defaults)[0]


def load_with_sources(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
    toml_path: str | os.PathLike[str] | None = None,
    defaults: Mapping[str, object] | None = None,
) -> tuple[Settings, Mapping[str, str]]:
    """The settings, as `load` has them, and the source of each that is not the default.

    Raises:
        SettingsError: one line that names the source and the setting.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    ranks: dict[str, int] = {}  # 0: the code, 1: the file, 2: the environment, 3: the command line

    def put(rank: int, source: str, name: str, value: object, *, is_text: bool) -> None:
        values[name] = check_value(SETTINGS[name], source, value, is_text=is_text)
        sources[name], ranks[name] = source, rank

    for name, value in check_code(defaults or {}).items():
        put(0, f"{name} (in the code)", name, value, is_text=False)
    path, table = _read_toml(toml_path or environ.get(CONFIG_VARIABLE) or None)
    for name, value in table.items():
        if isinstance(value, dict) and name != "hooks":
            raise SettingsError(f'{path} has no table "[{name}]": put each of its keys at the top level')
        if name not in SETTINGS:
            raise SettingsError(f'{path} has an unknown setting "{name}"{_hint(name, list(SETTINGS))}')
        put(1, f"{name} in {path}", name, value, is_text=False)
    for name, text in _from_environ(environ).items():
        put(2, SETTINGS[name].variable, name, text, is_text=True)
    for name, value in (flags or {}).items():
        if value is not None:
            put(3, SETTINGS[name].flag, name, value, is_text=isinstance(value, str))
    if flags is not None:  # whoever serves nothing need not know where
        _choose_place(values, sources, ranks)
        if values.get("reload") and not values.get("app"):
            why = "watches the files of an application: name it with --app FILE_OR_MODULE:NAME"
            raise SettingsError(f"{sources['reload']} {why}")
    for secret, file in FILE_OF.items():
        _choose_secret(secret, file, values, sources, ranks)
    check_together(values, sources)
    return Settings(**values), sources


def _choose_secret(
    secret: str, file: str, values: dict[str, Any], sources: dict[str, str], ranks: Mapping[str, int]
) -> None:
    """Reads a secret from the file that names it, if the file comes from a higher source than the secret.

    Raises:
        SettingsError: both come from the same source, or the file holds no such secret.
    """
    if values.get(file) is None:
        return
    if secret in values:
        if ranks[secret] == ranks[file] and values[secret] is not None:
            raise SettingsError(f"{sources[secret]} and {sources[file]} exclude each other: set one of them")
        if ranks[secret] > ranks[file]:
            del values[file], sources[file]
            return
    values[secret] = _read_secret(secret, values[file], sources[file])
    sources[secret] = sources[file]


def _read_secret(secret: str, path: str, source: str) -> Any:
    """The secret in a file; space around it, such as the end of its line, is not part of it."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MAX_SECRET_CHARACTERS + 1).strip()
    except OSError as error:
        raise SettingsError(f"{source}: {path} can't be read: {error.strerror or error}") from None
    except ValueError:
        raise SettingsError(f"{source}: {path} must be a text in UTF-8") from None
    if not text or len(text) > _MAX_SECRET_CHARACTERS:
        wrong = "is too large to be a secret" if text else "is empty"
        raise SettingsError(f"{source}: {path} {wrong}")
    setting = SETTINGS[secret]
    if isinstance(setting.kind, ListOf):
        text = ",".join(text.splitlines())
    return check_value(setting, f"{source}: {secret} in {path}", text, is_text=True)


def _choose_place(values: dict[str, Any], sources: dict[str, str], ranks: Mapping[str, int]) -> None:
    """Keeps one of the settings that say where to listen: the one from the highest source.

    Raises:
        SettingsError: two come from the same source.
    """
    given = [name for name in ("port", "uds", "fd") if values.get(name) is not None]
    places = sorted(given, key=lambda name: -ranks[name])
    if len(places) > 1 and ranks[places[0]] == ranks[places[1]]:
        one, other = (sources[name] for name in places[:2])
        raise SettingsError(f"{one} and {other} exclude each other: set one of them")
    for name in places[1:]:
        del values[name], sources[name]


def check_code(defaults: Mapping[str, object]) -> dict[str, Any]:
    """Checks what an application's code says, such as Live(ping_interval=10).

    Args:
        defaults: values by setting.

    Returns:
        The values as they are kept.

    Raises:
        SettingsError: an unknown setting, one that only the server can have, or a wrong value.
    """
    in_code = [setting.name for setting in SETTINGS.values() if setting.in_code]
    for name in defaults:
        if name not in SETTINGS:
            raise SettingsError(f'the code has an unknown setting "{name}"{_hint(name, in_code)}')
        if name not in in_code:
            setting = SETTINGS[name]
            raise SettingsError(
                f"{name} can't be set in the code, which is read after the server has started: "
                f"use {setting.flag}, {setting.variable} or {CONFIG_FILE}"
            )
    return {
        name: check_value(SETTINGS[name], f"{name} (in the code)", value) for name, value in defaults.items()
    }


def to_environ(flags: Mapping[str, object], config: str | None = None) -> dict[str, str]:
    """These flags as environment variables, for the application and other processes to load.

    Args:
        flags: as for `load`.
        config: the TOML file of the command line, or None for the one that `load` would read. Its path is
            made absolute, since an application may change the current directory.

    Returns:
        The variables; one is NANNIN_CONFIG, if there is a file.
    """
    variables = {
        SETTINGS[name].variable: ("true" if value else "false") if isinstance(value, bool) else str(value)
        for name, value in flags.items()
        if value is not None
    }
    for secret, file in FILE_OF.items():
        if flags.get(file) is not None:
            # The application may change the directory. A secret in the environment counts less than the flag.
            variables[SETTINGS[file].variable] = os.path.abspath(str(flags[file]))
            variables.setdefault(SETTINGS[secret].variable, "")
        elif flags.get(secret) is not None:
            variables[SETTINGS[file].variable] = ""
    config = (
        config or os.environ.get(CONFIG_VARIABLE) or (CONFIG_FILE if os.path.exists(CONFIG_FILE) else None)
    )
    if config is not None:
        variables[CONFIG_VARIABLE] = os.path.abspath(config)
    return variables


def _read_toml(path: str | os.PathLike[str] | None) -> tuple[str, dict[str, object]]:
    if path is None and not os.path.exists(CONFIG_FILE):
        return CONFIG_FILE, {}
    import tomllib  # most servers have no such file

    shown = os.fspath(path or CONFIG_FILE)
    try:
        return shown, tomllib.loads(pathlib.Path(shown).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{shown} can't be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{shown} is not TOML: {' '.join(str(error).split())}") from None


def _from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in _NO_SETTINGS or _KUBERNETES.fullmatch(variable):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in SETTINGS or variable != SETTINGS[name].variable:
            raise SettingsError(f"{variable} is not a setting{_hint(name, list(SETTINGS), PREFIX)}")
        if name == "port" and text.startswith(("tcp://", "udp://")):
            continue  # Kubernetes again
        found[name] = text
    return found


def _hint(name: str, known: list[str], prefix: str = "") -> str:
    from difflib import get_close_matches  # only where something is wrong

    close = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {prefix}{close[0].upper() if prefix else close[0]}?" if close else ""
