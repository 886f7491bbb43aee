"""Orders: they are placed, and may be cancelled once."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct
from twofold import Context, Reject

from .application import app
from .lines import Country, Customer, DocumentId, Lines, is_sound, total

__all__ = ["CancelOrder", "Order", "OrderCancelled", "OrderPlaced", "PlaceOrder", "lines_are_sellable"]


class PlaceOrder(Struct, frozen=True):
    """A customer, or a visitor who gives no name, orders goods."""

    order_id: DocumentId
    country: Country
    lines: Lines
    customer: Customer | None = None


class CancelOrder(Struct, frozen=True):
    """An order is called off as a whole."""

    order_id: DocumentId
    reason: Annotated[str, Meta(max_length=500)] = ""


class OrderPlaced(Struct, frozen=True):
    """Goods were ordered. The total is written down: a fact must not change when the way of adding up does."""

    country: Country
    lines: Lines
    total: Decimal
    customer: Customer | None = None


class OrderCancelled(Struct, frozen=True):
    """The order counts no longer. What it was worth stands in its first event, so it is not said again."""

    reason: str


class Order(Struct, frozen=True):
    """What the rules need to remember of an order, and no more: a state is stored anew with each event."""

    status: Literal["new", "placed", "cancelled"] = "new"


order = app.decider(
    "order",
    Order,
    version=1,
    key="order_id",
    commands={"order.place": PlaceOrder, "order.cancel": CancelOrder},
    events={"order.placed": OrderPlaced, "order.cancelled": OrderCancelled},
)


@app.validate
def lines_are_sellable(command: PlaceOrder) -> Iterator[Reject]:
    """Refuse an order that has nothing to sell, and name each bad line: one answer, and the order can be mended."""
    if not command.lines:
        yield Reject("order.empty")
    for i, line in enumerate(command.lines):
        if not line.unit_price or not is_sound(line):
            yield Reject(
                "line.not_sellable",
                path=f"lines[{i}]",
                sku=line.sku,
                quantity=line.quantity,
                price=str(line.unit_price),
            )


@order.decide
def decide(state: Order, command: PlaceOrder | CancelOrder, context: Context) -> list[OrderPlaced | OrderCancelled]:
    """Say what follows from a command. It alone sees the current state, so only it can say whether an order exists."""
    match command:
        case PlaceOrder():
            if state.status != "new":
                raise Reject("order.exists")
            return [OrderPlaced(command.country, command.lines, total(command.lines), command.customer)]
        case CancelOrder():
            if state.status == "new":
                raise Reject("order.unknown")
            if state.status == "cancelled":
                raise Reject("order.already_cancelled")
            return [OrderCancelled(command.reason)]


@order.evolve
def evolve(state: Order, event: OrderPlaced | OrderCancelled) -> Order:
    """Remember an event. It happened: there is nothing to refuse here."""
    match event:
        case OrderPlaced():
            return Order(status="placed")
        case OrderCancelled():
            return Order(status="cancelled")
