"""One telling of a page's count: what everybody there has heard, and who has yet to hear the new count."""

from __future__ import annotations

from nannin.audience.roster import Count
from nannin.hub.connection import Connection
from nannin.hub.encoding import VARIANTS, Variant, encode_update
from nannin.wire.outgoing import Outgoing

# A count that no page has: to have "heard" this is to have heard nothing.
NOTHING_YET = Count(-1, -1, -1)


class Heard:
    """What a page's connections and watchers have heard.

    Attributes:
        page: the page's key.
        count: the count that the last fan-out told.
        was_overtaken: whether that fan-out's count changed midway, so that not all have heard the same.
        at_join: who joined since that fan-out began, and the count that each was told with its CONNECT.
        observers: connections that are told, but not counted.
        listeners: how many connections are told anything at all.
        by_watchers: the count that the watchers heard last; NOTHING_YET once the count has changed since.
    """

    __slots__ = ("at_join", "by_watchers", "count", "listeners", "observers", "page", "was_overtaken")

    def __init__(self, page: str) -> None:
        self.page = page
        self.count = Count()
        self.was_overtaken = False
        self.at_join: dict[Connection, Count] = {}
        self.observers: dict[Connection, None] = {}
        self.listeners = 0
        self.by_watchers = Count()

    def all_heard(self, count: Count) -> bool:
        """Whether nobody on the page has heard another count than this."""
        return self.were_all_told(count) and all(heard == count for heard in self.at_join.values())

    def were_all_told(self, count: Count) -> bool:
        """Whether all who were there at the last fan-out have heard this count; joiners may not have."""
        return count == self.count and not self.was_overtaken

    def settle(self, count: Count, *, was_overtaken: bool = False) -> None:
        """This count has been told."""
        self.count, self.was_overtaken = count, was_overtaken


class FanOut:
    """One telling of a page's count to those who were on the page when it began.

    What a recipient has heard before, and whether it has to be told the new count:

    | recipient                                      | has heard               | is told             |
    |------------------------------------------------|-------------------------|---------------------|
    | was there at the last fan-out                  | that fan-out's count    | if its part differs |
    | was there at the last fan-out, when            |                         |                     |
    | a newer count overtook that                    | one of several counts   | always              |
    | joined since the last fan-out                  | a count, at its CONNECT | if its part differs |
    | was there, and the count is what it heard last | the same count          | no: not a recipient |

    Its part is what its variant tells of a count: the classic pair tells the visitors only.

    Args:
        heard: what the page's connections have heard.
        recipients: the page's observers, then its connections in the order of their joins; or only those who
            joined since the last fan-out, where all others have heard the count.
        to_all: which of the two.

    Attributes:
        at: how many recipients have been told.
        took_s: seconds that the loop was busy with it.
        count: the count that is told from here on.
        updates: the count in each variant that somebody has needed so far.
        was_overtaken: whether not all of the page will have heard the same count at the end.
    """

    __slots__ = (
        "_all_differ",
        "_at_join",
        "_first_settled",
        "_first_unsettled",
        "_to_all",
        "at",
        "count",
        "heard",
        "recipients",
        "took_s",
        "updates",
        "was_overtaken",
    )

    def __init__(self, heard: Heard, recipients: list[Connection], *, to_all: bool) -> None:
        self.heard = heard
        self.recipients = recipients
        self.at = 0
        self.took_s = 0.0
        self.count = NOTHING_YET
        self.updates: dict[Variant, Outgoing] = {}
        self.was_overtaken = False
        self._to_all = to_all
        self._at_join, heard.at_join = heard.at_join, {}
        # Those in between were there at the last fan-out: observers may have joined at any time, and the
        # others who joined since stand last.
        self._first_settled = len(heard.observers) if to_all else len(recipients)
        self._first_unsettled = len(recipients) - len(self._at_join)
        self._all_differ = False

    def renew(self, count: Count) -> None:
        """From here on, tells this count."""
        self.was_overtaken = self.at > 0 or not (self._to_all or count == self.heard.count)
        self.count = count
        self.updates = {}
        self._all_differ = self.heard.was_overtaken or all(
            variant.part(self.heard.count) != variant.part(count) for variant in VARIANTS.values()
        )

    def all_need(self, stop: int) -> bool:
        """Whether all recipients from here up to `stop` have to be told, without a look at each."""
        return self._all_differ and self._first_settled <= self.at and stop <= self._first_unsettled

    def needs(self, connection: Connection, variant: Variant) -> bool:
        """Whether a connection has to be told, by the table."""
        heard = self._at_join.get(connection)
        if heard is None:
            if self.heard.was_overtaken:
                return True
            heard = self.heard.count
        return variant.part(heard) != variant.part(self.count)

    def encode(self, variant: Variant) -> Outgoing:
        """The update in one variant, for the first recipient that needs it and all after that."""
        joined = self.count.visitors > self.heard.count.visitors
        update = self.updates[variant] = encode_update(variant, self.heard.page, self.count, joined=joined)
        return update
