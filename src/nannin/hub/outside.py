"""Does with this node's clients what other programs want; each node hears them by itself."""

from __future__ import annotations

from typing import Final

from nannin.access.refusals import Refusal
from nannin.audience.page_key import as_uri, is_page_key
from nannin.audience.recovery import Aim
from nannin.hub.encoding import encode_event
from nannin.hub.hub import Hub
from nannin.hub.node_messages import Ordered
from nannin.hub.targets import carry_out, check_event
from nannin.nodes.orders import Order

_REFUSED: Final = "refused what another program sent over Redis"


class OutsideOrders:
    """Carries out orders.

    Args:
        hub: this node's.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def refuse(self, reason: str, *args: object) -> None:
        """Counts a message that can't be carried out; the log says each reason once.

        Args:
            reason: why, in the same words each time.
            args: for the reason's placeholders.
        """
        self._hub.refusals.add_and_tell(Refusal.OUTSIDE, f"{_REFUSED}: {reason}", *args)

    def carry_out(self, order: Order) -> None:
        """Does what an order says, and refuses one that can't be done."""
        page = as_uri(order.page)
        if not is_page_key(page):
            self.refuse("a page's key starts with /, has up to 255 bytes and no comma")
            return
        aim = Aim(None if order.to is None else frozenset(order.to), frozenset(order.except_))
        if order.event is not None:
            try:
                check_event(order.event)
                event = encode_event(page, order.event, tuple(order.args))
            except (TypeError, ValueError) as error:
                self.refuse("its event can't be sent: %s", error)
                return
            self._hub.emitter.deliver(page, aim, event, volatile=order.volatile)
        if order.join or order.leave or order.disconnect:
            ordered = Ordered(aim, order.join, order.leave, order.disconnect, order.close)
            carry_out(self._hub, page, ordered)
