"""The shop in seven figures."""

from decimal import Decimal

from msgspec import Struct
from twofold import ReadDb

from .application import app
from .money import amount

__all__ = ["Totals", "totals"]


class Totals(Struct, frozen=True):
    """What the shop has done so far. Cancelled orders are in none of the figures."""

    orders_placed: int
    order_lines: int
    returns: int
    repricings: int
    products: int
    revenue: Decimal
    refunded: Decimal


@app.query("shop.totals")
async def totals(db: ReadDb) -> Totals:
    """Return the figures, all of one moment: a query reads one snapshot, whichever projections own the tables.

    They are sums over tables that hold a row for each country or product, and so stay small however much is sold.
    """
    sold = "SELECT coalesce(sum(orders), 0), coalesce(sum(lines), 0), coalesce(sum(revenue), 0) FROM country_sales"
    [(orders_placed, order_lines, revenue)] = await db.rows(sold)
    returned = "SELECT coalesce(sum(returns), 0), coalesce(sum(refunded), 0) FROM country_refunds"
    [(returns, refunded)] = await db.rows(returned)
    [(products, repricings)] = await db.rows("SELECT count(*), coalesce(sum(repricings), 0) FROM product")
    return Totals(orders_placed, order_lines, returns, repricings, products, amount(revenue), amount(refunded))
