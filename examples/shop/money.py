"""Money: pounds sterling, a `Decimal` in the rules and a count of whole thousandths in the read database.

Some goods cost a tenth of a penny, so pence are too coarse. SQLite has no decimal type: an integer adds up exactly
where a float would not.
"""

from decimal import Decimal

__all__ = ["LARGEST_AMOUNT", "amount", "is_amount", "thousandths"]

LARGEST_AMOUNT = Decimal(1_000_000)
"""What one line may be worth. Past it somebody mistyped, and the sums of the read database stay far below 64 bits."""

_NOTHING = Decimal(0)
_THOUSANDTH = Decimal("0.001")
_PENNY = Decimal("0.01")


def is_amount(value: Decimal) -> bool:
    """Whether `value` is money that this shop can book: not negative, not absurd, and of whole thousandths."""
    return _NOTHING <= value <= LARGEST_AMOUNT and not value % _THOUSANDTH


def thousandths(value: Decimal) -> int:
    """Return a booked amount as the integer that the read database keeps."""
    return int(value * 1000)


def amount(stored: int) -> Decimal:
    """Return the amount that the read database keeps as `stored` thousandths, in pence where it has no fraction."""
    exact = Decimal(stored).scaleb(-3)
    return exact.quantize(_PENNY) if stored % 10 == 0 else exact
