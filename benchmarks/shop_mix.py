"""Commands for the example shop, drawn from a seed in the proportions of real invoices.

The proportions are those of half a year of a mail-order shop's invoices, turned into commands by
`examples.shop.online_retail`: of 54,000 commands four in five set a price, one in six places an order, the rest are
returns; an order has 22 lines on average, a quarter of them six or fewer and some several hundred; 3,400 products and
2,500 customers of very unequal popularity; nine orders in ten come from one country. All of them are valid.
"""

import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import accumulate, count
from typing import NamedTuple, TypeAlias

from examples.shop.lines import Line
from examples.shop.orders import PlaceOrder
from examples.shop.products import RepriceProduct
from examples.shop.returns import AcceptReturn

__all__ = ["Sent", "ShopCommand", "draw_commands", "draw_orders", "endless_commands"]

ShopCommand: TypeAlias = RepriceProduct | PlaceOrder | AcceptReturn

PRODUCTS = 3_400
CUSTOMERS = 2_500
COUNTRIES = 20
KINDS, SHARES = ("reprice", "order", "return"), (0.80, 0.17, 0.03)
LONGEST_ORDER = 700
FIRST_DOCUMENT = 536_365


class Sent(NamedTuple):
    """A command, and the id that its sender gave it, if any."""

    command: ShopCommand
    command_id: str | None


class _Shop:
    """What the commands speak of: products with their prices, customers, countries."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.skus = [f"{10_000 + number}{self.random.choice(('', '', 'A', 'B'))}" for number in range(PRODUCTS)]
        self.prices = {sku: self.price() for sku in self.skus}
        self._demand = list(accumulate(self.random.lognormvariate(0, 1.2) for _ in self.skus))
        self._customers = [str(12_346 + 2 * number) for number in range(CUSTOMERS)]
        self._custom = list(accumulate(self.random.lognormvariate(0, 1.0) for _ in self._customers))
        self._countries = ["United Kingdom", *(f"Country {number}" for number in range(2, COUNTRIES + 1))]

    def price(self) -> Decimal:
        """Return a price in whole pence, mostly a few pounds."""
        return Decimal(max(1, round(self.random.lognormvariate(5.35, 1.0)))).scaleb(-2)

    def reprice(self) -> RepriceProduct:
        """Give a product another price than it has."""
        sku = self.random.choice(self.skus)
        price = self.price()
        while price == self.prices[sku]:
            price = self.price()
        self.prices[sku] = price
        return RepriceProduct(sku, price)

    def order(self, number: int, lines: int | None = None) -> PlaceOrder:
        """Place an order, of so many lines as are given, or else as many as real ones have."""
        count = lines or max(1, min(LONGEST_ORDER, round(self.random.lognormvariate(2.6, 1.0))))
        return PlaceOrder(str(number), self._country(), self._lines(count), self._customer())

    def goods_back(self, number: int) -> AcceptReturn:
        """Return a line or a few."""
        count = max(1, min(LONGEST_ORDER, round(self.random.lognormvariate(0.3, 0.9))))
        return AcceptReturn(f"C{number}", self._country(), self._lines(count), self._customer())

    def _lines(self, count: int) -> tuple[Line, ...]:
        skus = self.random.choices(self.skus, cum_weights=self._demand, k=count)
        return tuple(Line(sku, max(1, round(self.random.lognormvariate(1.1, 1.2))), self.prices[sku]) for sku in skus)

    def _country(self) -> str:
        return self._countries[0] if self.random.random() < 0.9 else self.random.choice(self._countries[1:])

    def _customer(self) -> str | None:
        if self.random.random() < 0.09:
            return None
        return self.random.choices(self._customers, cum_weights=self._custom)[0]


def draw_commands(count: int, seed: int, *, sender_ids: bool = False) -> list[Sent]:
    """Return `count` commands, the same ones for the same seed; with `sender_ids` each has an id of its sender's."""
    shop = _Shop(seed)
    return list(_draw(shop.random.choices(KINDS, SHARES, k=count), shop, FIRST_DOCUMENT, sender_ids=sender_ids))


def draw_orders(count: int, seed: int, lines: int) -> list[PlaceOrder]:
    """Return `count` orders of so many lines each, the same ones for the same seed."""
    shop = _Shop(seed)
    return [shop.order(number, lines) for number in range(FIRST_DOCUMENT, FIRST_DOCUMENT + count)]


def endless_commands(seed: int, *, already: int = 0) -> Iterator[Sent]:
    """Yield commands without end, one by one; so many numbers of documents are `already` taken by others."""
    shop = _Shop(seed)
    kinds = (shop.random.choices(KINDS, SHARES)[0] for _ in count())
    return _draw(kinds, shop, FIRST_DOCUMENT + already, sender_ids=False)


def _draw(kinds: Iterable[str], shop: _Shop, first: int, *, sender_ids: bool) -> Iterator[Sent]:
    for number, kind in enumerate(kinds, first):
        match kind:
            case "reprice":
                reprice = shop.reprice()
                yield Sent(reprice, f"reprice-{reprice.sku}-{number}" if sender_ids else None)
            case "order":
                yield Sent(shop.order(number), f"order-{number}" if sender_ids else None)
            case _:
                yield Sent(shop.goods_back(number), f"return-C{number}" if sender_ids else None)
