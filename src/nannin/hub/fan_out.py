"""One telling of a page's count: what everybody there has heard, and who has yet to hear the new count."""

from __future__ import annotations

from collections.abc import Mapping

from nannin.audience.crowd import Crowd
from nannin.audience.roster import Count
from nannin.hub.connection import Connection
from nannin.hub.crowds import Form
from nannin.hub.encoding import Variant, encode_update
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

    def all_heard(self, count: Count, connections: int) -> bool:
        """Whether nobody of so many connections on the page has heard another count than this."""
        others_heard = count == self.count and not self.was_overtaken
        return (others_heard or len(self.at_join) == connections) and all(
            heard == count for heard in self.at_join.values()
        )

    def settle(self, count: Count, *, was_overtaken: bool = False) -> None:
        """This count has been told."""
        self.count, self.was_overtaken = count, was_overtaken


class Part:
    """The recipients of one fan-out in one crowd: a range of seats that only empties while it is told.

    Args:
        crowd: whose members they are.
        variant: how they are told.

    Attributes:
        crowd, variant: as above.
        at: the seat of the next recipient.
        settled: the seat after the last one who was there at the last fan-out; the others joined since.
        end: the seat after the last recipient.
    """

    __slots__ = ("at", "crowd", "end", "settled", "variant")

    def __init__(self, crowd: Crowd[Connection], variant: Variant) -> None:
        self.crowd = crowd
        self.variant = variant
        self.at = 0
        self.settled, self.end = crowd.settled, len(crowd.members)


class FanOut:
    """One telling of a page's count to those who were on the page when it began.

    What a recipient has heard before, and whether it has to be told the new count:

    | recipient                                      | has heard               | is told             |
    |------------------------------------------------|-------------------------|---------------------|
    | was there at the last fan-out                  | that fan-out's count    | if its part differs |
    | was there at the last fan-out, when            |                         |                     |
    | a newer count overtook that                    | one of several counts   | always              |
    | joined since the last fan-out                  | a count, at its CONNECT | if its part differs |

    Its part is what its variant tells of a count: the classic pair tells the visitors only. So those who were
    there at the last fan-out are told all or none, in one go; only the others are looked at one by one.

    Args:
        heard: what the page's connections have heard.
        crowds: the page's crowds.
        began_s: when it begins, in monotonic seconds.

    Attributes:
        heard, began_s: as above.
        parts: the recipients that have not been told yet, by crowd.
        took_s: seconds that the loop was busy with it.
        count: the count that is told from here on.
        was_overtaken: whether not all of the page will have heard the same count at the end.
        recipients: how many there were when it began.
    """

    __slots__ = (
        "_at_join",
        "_crowds",
        "_passed",
        "_updates",
        "began_s",
        "count",
        "heard",
        "parts",
        "recipients",
        "took_s",
        "was_overtaken",
    )

    def __init__(self, heard: Heard, crowds: Mapping[Form, Crowd[Connection]], began_s: float = 0.0) -> None:
        self.heard = heard
        self.began_s = began_s
        self.took_s = 0.0
        self.count = NOTHING_YET
        self.was_overtaken = False
        self.parts = [Part(crowd, form.variant) for form, crowd in crowds.items() if form.variant is not None]
        self.recipients = sum(part.end for part in self.parts)
        self._passed = False
        self._updates: dict[Variant, Outgoing] = {}
        self._at_join, heard.at_join = heard.at_join, {}
        self._crowds = list(crowds.values())
        for crowd in self._crowds:
            crowd.settle()
            crowd.begin_walk()

    def renew(self, count: Count) -> None:
        """From here on, tells this count."""
        self.was_overtaken = self._passed
        self.count = count
        self._updates = {}

    def settled_need(self, variant: Variant) -> bool:
        """Whether those who were there at the last fan-out have to be told, by the table."""
        return self.heard.was_overtaken or variant.part(self.heard.count) != variant.part(self.count)

    def needs(self, connection: Connection, variant: Variant) -> bool:
        """Whether one who joined since has to be told, by the table."""
        heard = self._at_join.get(connection)
        return heard is None or variant.part(heard) != variant.part(self.count)

    def update(self, variant: Variant) -> Outgoing:
        """The count in one variant, encoded for the first who needs it and kept for all after that."""
        update = self._updates.get(variant)
        if update is None:
            joined = self.count.visitors > self.heard.count.visitors
            update = encode_update(variant, self.heard.page, self.count, joined=joined)
            self._updates[variant] = update
        return update

    def advance(self, stop: int) -> None:
        """The recipients of the first part up to this seat have been told, or need not be."""
        part = self.parts[0]
        self._passed = self._passed or stop > part.at
        part.at = stop
        if part.at == part.end:
            del self.parts[0]

    def finish(self) -> None:
        """Nobody is told any more: the crowds may close up."""
        for crowd in self._crowds:
            crowd.end_walk()
