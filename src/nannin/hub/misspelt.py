"""Whether the name of a handler's event is probably one of the built-in events, misspelt.

Such a name is legitimate: clients may send any event. So there is a warning and no error, and only for slips
of the hand and of case. More distant words, such as `connected`, are taken for what they say.
"""

from __future__ import annotations

from typing import Final

BUILT_IN: Final = ("connect", "disconnect", "enter", "exit")
# From how many letters on one wrong letter is a slip: `edit` is not `exit`.
_LONG: Final = 6


def meant_by(event: str) -> str | None:
    """The built-in event that was probably meant; None for that event itself, and for any other name."""
    if event in BUILT_IN:
        return None
    words = {event.lower(), event.lower().removeprefix("on").lstrip("_- ")}
    return next((name for name in BUILT_IN if any(_is_slip(word, name) for word in words)), None)


def _is_slip(word: str, name: str) -> bool:
    """Whether a word is this name with one letter missing, too many or wrong, or with two swapped."""
    places = range(len(name))
    swapped = {name[:i] + name[i + 1 : i + 2] + name[i] + name[i + 2 :] for i in places}
    is_short_of_one = len(word) == len(name) - 1 and word in _without_one(name)
    has_one_too_many = len(word) == len(name) + 1 and name in _without_one(word)
    is_one_wrong = (
        len(word) == len(name) >= _LONG and sum(a != b for a, b in zip(word, name, strict=True)) == 1
    )
    return word == name or word in swapped or is_short_of_one or has_one_too_many or is_one_wrong


def _without_one(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}
