"""The read side of orders: each of them, and what they add up to by country, by customer and by product.

One projection holds all four tables, because cancelling an order looks up in the first what it has to take out of the
others, and a projection may rely on its own tables only. Amounts are whole thousandths.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct
from twofold import EventMeta, ReadDb, Statement, sql

from .application import app
from .lines import Line
from .money import amount, thousandths
from .orders import OrderCancelled, OrderPlaced

__all__ = [
    "CountryRevenue",
    "CustomerRevenue",
    "OrderView",
    "ProductSales",
    "order",
    "order_cancelled",
    "order_placed",
    "top_countries",
    "top_customers",
    "top_products",
]

# The lines of an order are read and written as a whole, so they are one JSON text and not some twenty rows more.
# No index on revenue or units: each order would move entries in it, to spare a query the scan of some thousand rows.
sales = app.projection(
    "sales",
    version=1,
    schema="""
        CREATE TABLE placed_order (
            order_id TEXT PRIMARY KEY, status TEXT NOT NULL, placed_at TEXT NOT NULL, country TEXT NOT NULL,
            customer TEXT, total INTEGER NOT NULL, line_count INTEGER NOT NULL, lines TEXT NOT NULL
        ) STRICT;
        CREATE TABLE country_sales (
            country TEXT PRIMARY KEY, orders INTEGER NOT NULL, lines INTEGER NOT NULL, revenue INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE customer_sales (
            customer TEXT PRIMARY KEY, orders INTEGER NOT NULL, revenue INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE product_sales (sku TEXT PRIMARY KEY, units INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """,
)


@sales.on
def order_placed(event: OrderPlaced, meta: EventMeta) -> Iterator[Statement]:
    """Add an order. Each text of SQL is a constant, so that SQLite compiles it once, however many lines there are."""
    revenue = thousandths(event.total)
    yield sql(
        "INSERT INTO placed_order VALUES (?, 'placed', ?, ?, ?, ?, ?, ?)",
        meta.key,
        meta.time.isoformat(),
        event.country,
        event.customer,
        revenue,
        len(event.lines),
        msgspec.json.encode(event.lines).decode(),
    )
    yield sql(
        """INSERT INTO country_sales VALUES (?, 1, ?, ?) ON CONFLICT DO UPDATE
           SET orders = orders + 1, lines = lines + excluded.lines, revenue = revenue + excluded.revenue""",
        event.country,
        len(event.lines),
        revenue,
    )
    if event.customer is not None:
        yield sql(
            """INSERT INTO customer_sales VALUES (?, 1, ?) ON CONFLICT DO UPDATE
               SET orders = orders + 1, revenue = revenue + excluded.revenue""",
            event.customer,
            revenue,
        )
    # A product may stand on several lines. Added up here, and handed over as one JSON object for all products of the
    # order, this takes less than half the time of one statement for each.
    units: dict[str, int] = {}
    for line in event.lines:
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    yield sql(
        """INSERT INTO product_sales SELECT key, value FROM json_each(?) WHERE true ON CONFLICT DO UPDATE
           SET units = units + excluded.units""",
        msgspec.json.encode(units).decode(),
    )


@sales.on
def order_cancelled(event: OrderCancelled, meta: EventMeta) -> Iterator[Statement]:
    """Take an order out of the sums again. It stays in the list, as cancelled."""
    yield sql(
        """UPDATE country_sales
           SET orders = orders - 1, lines = country_sales.lines - cancelled.line_count,
               revenue = revenue - cancelled.total
           FROM placed_order AS cancelled
           WHERE cancelled.order_id = ? AND cancelled.country = country_sales.country""",
        meta.key,
    )
    yield sql(
        """UPDATE customer_sales SET orders = orders - 1, revenue = revenue - cancelled.total
           FROM placed_order AS cancelled
           WHERE cancelled.order_id = ? AND cancelled.customer = customer_sales.customer""",
        meta.key,
    )
    yield sql(
        """UPDATE product_sales SET units = product_sales.units - cancelled.units
           FROM (SELECT json_extract(line.value, '$.sku') AS sku, sum(json_extract(line.value, '$.quantity')) AS units
                 FROM placed_order, json_each(placed_order.lines) AS line WHERE order_id = ? GROUP BY 1) AS cancelled
           WHERE cancelled.sku = product_sales.sku""",
        meta.key,
    )
    yield sql("UPDATE placed_order SET status = 'cancelled' WHERE order_id = ?", meta.key)


class OrderView(Struct, frozen=True):
    """An order as a reader sees it."""

    order_id: str
    status: str
    placed_at: datetime
    country: str
    customer: str | None
    total: Decimal
    lines: tuple[Line, ...]


class CountryRevenue(Struct, frozen=True):
    """What the orders of a country are worth."""

    country: str
    revenue: Decimal


class CustomerRevenue(Struct, frozen=True):
    """What the orders of a customer are worth."""

    customer: str
    revenue: Decimal


class ProductSales(Struct, frozen=True):
    """How many pieces of a product were sold."""

    sku: str
    units: int


Limit: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
"""How long a list of the best may be. SQLite takes a negative limit for none at all, so this is not left to it."""


@app.query("shop.order")
async def order(db: ReadDb, id: str) -> OrderView | None:  # noqa: A002 the name that callers write: id=536365
    """Return an order with its lines, or nothing where no such order was placed."""
    row = await db.row(
        "SELECT order_id, status, placed_at, country, customer, total, lines FROM placed_order WHERE order_id = ?", id
    )
    if row is None:
        return None
    order_id, status, placed_at, country, customer, total, lines = row
    return OrderView(
        order_id,
        status,
        datetime.fromisoformat(placed_at),
        country,
        customer,
        amount(total),
        msgspec.json.decode(lines, type=tuple[Line, ...]),
    )


@app.query("shop.top_countries")
async def top_countries(db: ReadDb, limit: Limit = 5) -> list[CountryRevenue]:
    """Return the countries with the highest revenue, equals by name."""
    rows = await db.rows(
        "SELECT country, revenue FROM country_sales WHERE orders > 0 ORDER BY revenue DESC, country LIMIT ?", limit
    )
    return [CountryRevenue(country, amount(revenue)) for country, revenue in rows]


@app.query("shop.top_customers")
async def top_customers(db: ReadDb, limit: Limit = 5) -> list[CustomerRevenue]:
    """Return the customers with the highest revenue, equals by name."""
    rows = await db.rows(
        "SELECT customer, revenue FROM customer_sales WHERE orders > 0 ORDER BY revenue DESC, customer LIMIT ?", limit
    )
    return [CustomerRevenue(customer, amount(revenue)) for customer, revenue in rows]


@app.query("shop.top_products")
async def top_products(db: ReadDb, limit: Limit = 5) -> list[ProductSales]:
    """Return the products of which most pieces were sold, equals by name."""
    rows = await db.rows("SELECT sku, units FROM product_sales WHERE units > 0 ORDER BY units DESC, sku LIMIT ?", limit)
    return [ProductSales(sku, units) for sku, units in rows]
