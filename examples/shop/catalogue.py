"""The read side of products: what each of them costs now."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from twofold import EventMeta, ReadDb, Statement, sql

from .application import app
from .money import amount, thousandths
from .products import ProductRepriced

__all__ = ["ProductView", "product", "product_repriced"]

catalogue = app.projection(
    "catalogue",
    version=1,
    schema="""
        CREATE TABLE product (
            sku TEXT PRIMARY KEY, price INTEGER NOT NULL, repriced_at TEXT NOT NULL, repricings INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    """,
)


@catalogue.on
def product_repriced(event: ProductRepriced, meta: EventMeta) -> Iterator[Statement]:
    """Set the price. An upsert, because the first price is what makes a product appear."""
    yield sql(
        """INSERT INTO product VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE
           SET price = excluded.price, repriced_at = excluded.repriced_at, repricings = repricings + 1""",
        meta.key,
        thousandths(event.price),
        meta.time.isoformat(),
    )


class ProductView(Struct, frozen=True):
    """A product as a reader sees it."""

    sku: str
    price: Decimal
    repriced_at: datetime
    repricings: int


@app.query("shop.product")
async def product(db: ReadDb, sku: str) -> ProductView | None:
    """Return a product, or nothing where this code never had a price."""
    row = await db.row("SELECT price, repriced_at, repricings FROM product WHERE sku = ?", sku)
    if row is None:
        return None
    price, repriced_at, repricings = row
    return ProductView(sku, amount(price), datetime.fromisoformat(repriced_at), repricings)
