"""The pages of the demo's site: a small town's paper, with a shop."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

__all__ = ["GROUPS", "PAGES", "Kind", "Place"]


class Kind(Enum):
    """When in the day a page has its readers."""

    PAPER = "in the morning, at noon and in the evening"
    SHOP = "in the evening"


class Place(NamedTuple):
    """One page.

    Attributes:
        key: its path.
        title: its heading.
        weight: how much of the site's audience it has, beside the others.
        kind: when it has its readers.
        age_days: how long ago it was published, if it is an article: most read it on its first days.
    """

    key: str
    title: str
    weight: float
    kind: Kind = Kind.PAPER
    age_days: float | None = None


# Sections whose readers are also counted as one audience.
GROUPS: Final = ("/news/*", "/shop/*", "/*")

_SHOP: Final = Kind.SHOP

PAGES: Final = (
    Place("/", "The Harbour Herald", 40),
    Place("/news", "News", 12),
    Place("/sport", "Sport", 8),
    Place("/culture", "Culture", 4),
    Place("/weather", "Weather and tides", 14),
    Place("/ferries", "Ferry times", 10),
    Place("/jobs", "Jobs", 3),
    Place("/letters", "Letters to the editor", 2),
    Place("/crossword", "Crossword", 6),
    Place("/about", "About us", 0.8),
    Place("/contact", "Contact", 0.6),
    Place("/newsletter", "Newsletter", 0.7),
    Place("/news/bridge-reopens", "The old bridge reopens", 60, age_days=0.35),
    Place("/news/storm-warning", "Storm warning for the weekend", 46, age_days=1.1),
    Place("/news/council-budget", "Council agrees on a budget", 24, age_days=2.4),
    Place("/news/lighthouse-lamp", "A new lamp for the lighthouse", 26, age_days=5.2),
    Place("/news/school-roof", "School roof: who pays?", 22, age_days=12.6),
    Place("/news/night-bus", "Night bus gets a second year", 20, age_days=24.3),
    Place("/news/election-night", "Election night, as it happened", 160, age_days=46.5),
    Place("/news/whale-in-the-bay", "A whale in the bay", 210, age_days=97.4),
    Place("/news/fish-market-fire", "Fire at the fish market", 240, age_days=171.7),
    Place("/news/harbour-festival", "Everything about the harbour festival", 110, age_days=203.4),
    Place("/sport/derby", "Derby: a draw in the last minute", 44, age_days=3.8),
    Place("/sport/rowing-regatta", "Regatta: two boats, one length", 30, age_days=74.4),
    Place("/sport/marathon", "Marathon: all results", 130, age_days=131.6),
    Place("/sport/winter-swim", "Four hundred swim into the new year", 70, age_days=330.5),
    Place("/culture/museum-boats", "The museum shows its boats", 14, age_days=8.5),
    Place("/culture/choir", "The choir that nobody conducts", 12, age_days=61.5),
    Place("/culture/cinema-saved", "The cinema is saved", 60, age_days=248.5),
    Place("/shop", "Shop", 14, _SHOP),
    Place("/shop/tide-calendar", "Tide calendar", 9, _SHOP),
    Place("/shop/oilskin-jacket", "Oilskin jacket", 8, _SHOP),
    Place("/shop/enamel-mug", "Enamel mug", 6, _SHOP),
    Place("/shop/wool-jumper", "Wool jumper", 7, _SHOP),
    Place("/shop/harbour-print", "Print: the harbour in fog", 4, _SHOP),
    Place("/shop/tea", "Smoked tea, 100 g", 3, _SHOP),
    Place("/shop/rope-doormat", "Doormat of old rope", 3, _SHOP),
    Place("/shop/gift-voucher", "Gift voucher", 5, _SHOP),
    Place("/shop/basket", "Your basket", 6, _SHOP),
    Place("/shop/checkout", "Checkout", 3, _SHOP),
)
