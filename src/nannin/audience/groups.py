"""Groups of pages: each has a number of its own, in which a person who is on several of its pages is one."""

from __future__ import annotations

from collections.abc import Iterator

from nannin.audience.page_key import as_uri, is_page_key

# Maximum groups. Each is looked at once for each page that somebody comes to first.
MAX_GROUPS = 100


def check_group_key(key: str) -> str:
    """Returns a group's key in the one spelling that all clients find it by.

    Raises:
        ValueError: the key is not a page key with one `*`, at its end.
    """
    key = as_uri(key)
    if not is_page_key(key) or key.count("*") != 1 or not looks_like_group(key) or "{" in key:
        raise ValueError(f"a group is a page key with one *, at its end, such as /shop/* or /*; not {key!r}")
    return key


def looks_like_group(key: str) -> bool:
    """Whether a key may be a group's."""
    return key.endswith("*")


class Groups:
    """The groups that there are, and which pages belong to each.

    Args:
        keys: their keys; see `add`.

    Attributes:
        keys: in one spelling each, in the order in which they were named; not to be changed from outside.
    """

    def __init__(self, *keys: str) -> None:
        self.keys: dict[str, None] = {}
        # Pages share their tuple of groups, of which there are few.
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        for key in keys:
            self.add(key)

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        return key in self.keys

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys)

    def add(self, key: str) -> str:
        """Makes a group of all pages whose keys begin with what is before the `*`; once is enough.

        Returns:
            The group's key as it is found.

        Raises:
            ValueError: it can't be a group's key, or there are too many groups.
        """
        key = check_group_key(key)
        if key not in self.keys and len(self.keys) >= MAX_GROUPS:
            raise ValueError(f"there are {MAX_GROUPS} groups already, and there can be no more")
        self.keys[key] = None
        return key

    def find(self, key: str) -> str | None:
        """The key of the group that this one names, in any spelling; None if there is no such group."""
        if key in self.keys:
            return key
        return uri if looks_like_group(key) and (uri := as_uri(key)) in self.keys else None

    def of(self, page: str) -> tuple[str, ...]:
        """The groups that a page belongs to. A group's own key is not a page, and belongs to none."""
        if page in self.keys:
            return ()
        page = as_uri(page)
        found = tuple([key for key in self.keys if page.startswith(key[:-1])])
        return self._shared.setdefault(found, found)
