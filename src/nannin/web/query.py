"""The parameters of a request's query, and how an error message quotes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException

# How many parameters a query may have: more than the pages of a stream, so that the stream itself can say
# how many pages it takes.
MAX_PARAMETERS: Final = 1_000
_MAX_SHOWN: Final = 80


def show(text: str) -> str:
    """A text as an error message quotes it: on one line, and not too long."""
    return f'"{text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."}"'


class Query:
    """The parameters of one request.

    Args:
        query_string: as ASGI has it.
        known: the parameters that may come, each once.
        repeatable: those of them that may come more than once.
        lenient: whether unknown ones are ignored.

    Raises:
        HTTPException: 400 with a sentence that says what is wrong.
    """

    def __init__(
        self,
        query_string: bytes,
        known: Collection[str],
        repeatable: Collection[str] = (),
        *,
        lenient: bool = False,
    ) -> None:
        try:
            pairs = parse_qsl(
                query_string.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_PARAMETERS,
            )
        except UnicodeDecodeError:
            raise HTTPException(400, "the query is not UTF-8") from None
        except ValueError:
            raise HTTPException(400, f"the query has over {MAX_PARAMETERS} parameters") from None
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if name not in known:
                if lenient:
                    continue
                listed = ", ".join(known) or "none"
                raise HTTPException(400, f"unknown parameter {show(name)}; there are: {listed}")
            values = self._values.setdefault(name, [])
            if values and name not in repeatable:
                raise HTTPException(400, f'the parameter "{name}" is given more than once')
            values.append(value)

    def texts(self, name: str, default: str) -> list[str]:
        """All values of a repeatable parameter, each once, in their order."""
        return list(dict.fromkeys(self._values.get(name, [default])))

    def text(self, name: str, default: str) -> str:
        """The text of one parameter."""
        return self._values.get(name, [default])[0]

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One of a few words.

        Raises:
            HTTPException: 400 if it is none of them.
        """
        value = self.text(name, default)
        if value not in choices:
            raise HTTPException(400, f"{name} must be one of {', '.join(choices)}, not {show(value)}")
        return value

    def has(self, name: str) -> bool:
        """Whether the parameter is there."""
        return name in self._values

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within limits, both included.

        Raises:
            HTTPException: 400 if it is not one.
        """
        text = self.text(name, str(default))
        # int() would also take "1_0", " 7 " and the digits of other scripts.
        if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most:
            return int(text)
        raise HTTPException(400, f"{name} must be a whole number from {least} to {most}, not {show(text)}")
