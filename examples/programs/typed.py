"""Typed events: what does not fit the annotations is refused, and never reaches the handler.

nannin serve --app examples/programs/typed.py:live
"""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nannin import Live, PayloadError, Socket

live = Live()
stock = {"tea": 3, "coffee": 0}


@dataclass
class Order:
    item: str
    amount: Annotated[int, Meta(ge=1)]
    gift: bool = False


@live.on("order")
def take(socket: Socket, order: Order) -> str:
    if order.amount > stock.get(order.item, 0):
        raise PayloadError(f"there is not so much {order.item}")
    stock[order.item] -= order.amount
    return f"{order.amount} x {order.item}{', as a gift' if order.gift else ''}"
