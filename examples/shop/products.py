"""Products: all that this shop decides about them is their price."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from twofold import Context, Reject

from .application import app
from .lines import Price, Sku
from .money import is_amount

__all__ = ["Product", "ProductRepriced", "RepriceProduct", "decide", "evolve", "price_is_sellable"]


class RepriceProduct(Struct, frozen=True):
    """A product is to cost this much from now on; its first price makes it a product of the shop."""

    sku: Sku
    price: Price


class ProductRepriced(Struct, frozen=True):
    """A product got another price than it had. Its code is the key of the stream, so it is not said again."""

    price: Decimal


class Product(Struct, frozen=True):
    """A product's price, once it has one."""

    price: Decimal | None = None


product = app.decider(
    "product",
    Product,
    version=1,
    key="sku",
    commands={"product.reprice": RepriceProduct},
    events={"product.repriced": ProductRepriced},
)


@app.validate
def price_is_sellable(command: RepriceProduct) -> Iterator[Reject]:
    """Refuse a price that no order could be placed at."""
    if not command.price or not is_amount(command.price):
        yield Reject("price.not_sellable", path="price", sku=command.sku, price=str(command.price))


@product.decide
def decide(state: Product, command: RepriceProduct, context: Context) -> list[ProductRepriced]:
    """Say the new price. The same price again is fine and changes nothing: a command need not make an event."""
    if command.price == state.price:
        return []
    return [ProductRepriced(command.price)]


@product.evolve
def evolve(state: Product, event: ProductRepriced) -> Product:
    """Remember the price."""
    return Product(event.price)
