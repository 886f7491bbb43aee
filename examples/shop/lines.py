"""What orders and returns have in common: lines of goods, and the names and bounds of their fields.

Bounds that stand in a type are checked while a command is decoded, which stops at the first fault. What a person should
be told of all at once, each bad line of an order, is left to a validator. The examples go into the first commands that
`twofold run` proposes.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from .money import LARGEST_AMOUNT, is_amount

__all__ = ["Country", "Customer", "DocumentId", "Line", "Lines", "Price", "Sku", "is_sound", "total"]

DocumentId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, examples=["1001"])]
Sku: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, examples=["85123A"])]
Customer: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, examples=["17850"])]
Country: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, examples=["Norway"])]
Price: TypeAlias = Annotated[Decimal, Meta(examples=["2.55"])]


class Line(Struct, frozen=True):
    """So many pieces of one product, at the price they were sold for.

    It holds no description: events are kept for ever, and what a product is called is no fact of this sale.
    """

    sku: Sku
    quantity: Annotated[int, Meta(examples=[6])]
    unit_price: Price


Lines: TypeAlias = Annotated[tuple[Line, ...], Meta(max_length=5_000)]


def is_sound(line: Line) -> bool:
    """Whether `line` counts at least one piece at a price that can be booked."""
    return line.quantity > 0 and is_amount(line.unit_price) and line.quantity * line.unit_price <= LARGEST_AMOUNT


def total(lines: Iterable[Line]) -> Decimal:
    """Return what `lines` are worth."""
    return sum((line.quantity * line.unit_price for line in lines), Decimal(0))
