"""The library `eventsource-py` with its SQLite store: aggregates in its decider style, and a repository for each.

A command's rules run on the state folded from the aggregate's events, which are read for each command; the version
that it read is the optimistic concurrency, and a conflict is tried again. It keeps no log of commands and no read
model, and a resend is refused only by the rules. Validation is the shop's own, called first.

Durability: its connection sets WAL and leaves `synchronous` at SQLite's FULL: a sync for each `save`.
Tuning: no snapshots, since streams of this load hold some ten events; no event bus, since nobody listens.
What limits it: one connection under one lock, several hops to its thread for each command, and the sync.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import anyio
from eventsource import (
    AggregateRepository,
    CommandRejectedError,
    DeciderAggregate,
    DomainEvent,
    OptimisticLockError,
    register_event,
)
from eventsource.adapters.sqlite import SQLiteEventStore
from pydantic import BaseModel

from benchmarks.shop_mix import Sent
from examples.shop.lines import Line, total
from examples.shop.orders import PlaceOrder
from examples.shop.products import RepriceProduct
from examples.shop.returns import AcceptReturn

from .driving import drive
from .peer import PeerRun
from .rules import address

__all__ = ["run"]


@register_event
class ProductRepriced(DomainEvent):
    """A product got another price."""

    aggregate_type: str = "Product"
    price: Decimal


@register_event
class DocumentBooked(DomainEvent):
    """An order was placed, or a return accepted."""

    aggregate_type: str = "Document"
    country: str
    lines: list[dict[str, Any]]
    total: Decimal
    customer: str | None


class ProductState(BaseModel):
    """A product's price, once it has one."""

    id: UUID
    price: Decimal | None = None


class DocumentState(BaseModel):
    """Whether an order or a return is there."""

    id: UUID
    booked: bool = False


class Product(DeciderAggregate[ProductState]):
    """A product and its price."""

    aggregate_type = "Product"

    @staticmethod
    def initial_state(aggregate_id: UUID) -> ProductState:
        return ProductState(id=aggregate_id)

    @staticmethod
    def decide(command: RepriceProduct, state: ProductState) -> list[DomainEvent]:
        return [] if command.price == state.price else [ProductRepriced(aggregate_id=state.id, price=command.price)]

    @staticmethod
    def evolve(state: ProductState, event: ProductRepriced) -> ProductState:
        return ProductState(id=state.id, price=event.price)


class Document(DeciderAggregate[DocumentState]):
    """An order or a return: there once, and then no more."""

    aggregate_type = "Document"

    @staticmethod
    def initial_state(aggregate_id: UUID) -> DocumentState:
        return DocumentState(id=aggregate_id)

    @staticmethod
    def decide(command: PlaceOrder | AcceptReturn, state: DocumentState) -> list[DomainEvent]:
        if state.booked:
            raise CommandRejectedError("It is there.", command)
        booked = DocumentBooked(
            aggregate_id=state.id,
            country=command.country,
            lines=[_plain(line) for line in command.lines],
            total=total(command.lines),
            customer=command.customer,
        )
        return [booked]

    @staticmethod
    def evolve(state: DocumentState, event: DocumentBooked) -> DocumentState:
        return DocumentState(id=state.id, booked=event.aggregate_id == state.id)


def run(way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun:  # noqa: ARG001 one way
    """Handle `commands`."""
    return anyio.run(_handle, commands, tasks, seconds, folder / "events.db")


async def _handle(commands: Sequence[Sent], tasks: int, seconds: float, file: Path) -> PeerRun:
    store = SQLiteEventStore(str(file))
    products = AggregateRepository(event_store=store, aggregate_factory=Product, aggregate_type="Product")
    documents = AggregateRepository(event_store=store, aggregate_factory=Document, aggregate_type="Document")

    async def submit(sent: Sent) -> bool:
        to = address(sent.command, str(sent.command_id))
        repository = products if isinstance(sent.command, RepriceProduct) else documents
        while True:
            aggregate = await repository.load_or_create(uuid5(NAMESPACE_URL, to.stream))
            events = aggregate.execute(sent.command)
            try:
                await repository.save(aggregate)
                return bool(events)
            except OptimisticLockError:
                continue

    async def stored() -> int:
        return len([event async for event in store.read_all()])

    run = await drive(commands, tasks, seconds, submit, stored)
    await store.close()
    return run


def _plain(line: Line) -> dict[str, Any]:
    return {"sku": line.sku, "quantity": line.quantity, "unit_price": line.unit_price}
