"""The library `eventsourcing` with its SQLite recorder: aggregates with `@event` methods, and an Application.

A command's rules run on the aggregate, which comes from the application's cache or is folded from its events; the key
(aggregate, version) is the optimistic concurrency. It keeps no log of commands and no read model, and a resend is
refused only by the rules. Validation is the shop's own, called first.

*In groups*: the aggregates that a group of commands changed are saved in one call, which is one transaction.

Durability: its connections set WAL and leave `synchronous` at SQLite's FULL: a sync for each call of `save`.
Tuning: the aggregate cache is on and larger than the shop; one thread alone may do without fast-forwarding and deep
copies, too. The library blocks, so its clients are threads; SQLite lets one of them write at a time, and a conflict is
tried again.
What limits it: one sync a command; in groups, its Python: mapping, transcoding and inserting each event.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import anyio
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError

from benchmarks.shop_mix import Sent, ShopCommand
from examples.shop.lines import Line, total
from examples.shop.products import RepriceProduct

from .driving import drive, drive_threads
from .groups import Groups
from .peer import PeerRun
from .rules import address

__all__ = ["run"]

SETTINGS = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "AGGREGATE_CACHE_MAXSIZE": "100000"}
ALONE = {"AGGREGATE_CACHE_FASTFORWARD": "n", "DEEPCOPY_FROM_AGGREGATE_CACHE": "n"}


class Product(Aggregate):
    """A product and its price."""

    @event("Repriced")
    def __init__(self, sku: str, price: Decimal) -> None:
        self.sku = sku
        self.price = price

    @staticmethod
    def create_id(sku: str, price: Decimal | None = None) -> UUID:  # noqa: ARG004 it gets what the first event has
        """Return the aggregate's id."""
        return uuid5(NAMESPACE_URL, f"/products/{sku}")

    @event("RepricedAgain")
    def reprice(self, price: Decimal) -> None:
        """Give it another price."""
        self.price = price


class Document(Aggregate):
    """An order or a return: there once, and then no more."""

    @event("Placed")
    def __init__(
        self, kind: str, key: str, country: str, lines: list[dict[str, Any]], total: Decimal, customer: str | None
    ) -> None:
        self.kind, self.key = kind, key
        self.country, self.lines, self.total, self.customer = country, lines, total, customer

    @staticmethod
    def create_id(kind: str, key: str, **_: object) -> UUID:
        """Return the aggregate's id."""
        return uuid5(NAMESPACE_URL, f"/{kind}/{key}")


class DocumentExists(Exception):
    """An order or a return with that number is there; the benchmark sends none twice."""


class Shop(Application[UUID]):
    """The shop: from a command to the aggregate that it changed."""

    def decide(self, sent: Sent, changed: dict[UUID, Aggregate]) -> Aggregate:
        """Run a command's rules, on what those before it in its group `changed` and on what is stored."""
        command: ShopCommand = address(sent.command, str(sent.command_id)).command
        if isinstance(command, RepriceProduct):
            product = self._known(Product.create_id(command.sku), changed)
            if product is None:
                return Product(command.sku, command.price)
            if product.price != command.price:
                product.reprice(command.price)
            return product
        kind, key = ("orders", command.order_id) if hasattr(command, "order_id") else ("returns", command.return_id)
        if self._known(Document.create_id(kind, key), changed) is not None:
            raise DocumentExists(key)
        return Document(
            kind,
            key,
            country=command.country,
            lines=[_plain(line) for line in command.lines],
            total=total(command.lines),
            customer=command.customer,
        )

    def _known(self, of: UUID, changed: dict[UUID, Aggregate]) -> Any:
        if of in changed:
            return changed[of]
        try:
            return self.repository.get(of)
        except AggregateNotFoundError:
            return None

    def handle(self, sent: Sent) -> bool:
        """Handle a command in a transaction of its own, and return whether it changed anything."""
        while True:
            try:
                return bool(self.save(self.decide(sent, {})))
            except IntegrityError:  # another thread was first
                continue

    def handle_many(self, group: Sequence[Sent]) -> None:
        """Handle a group of commands in one transaction."""
        changed: dict[UUID, Aggregate] = {}
        for sent in group:
            aggregate = self.decide(sent, changed)
            changed[aggregate.id] = aggregate
        self.save(*changed.values())


def run(way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun:
    """Handle `commands`, "each" in a transaction or in "groups"."""
    settings = SETTINGS if way == "each" and tasks > 1 else SETTINGS | ALONE
    shop = Shop(env={**settings, "SQLITE_DBNAME": str(folder / "events.db")})
    try:
        if way == "groups":
            return anyio.run(_in_groups, shop, commands, tasks, seconds)
        return drive_threads(commands, tasks, seconds, shop.handle, lambda: _stored(shop))
    finally:
        shop.close()


async def _in_groups(shop: Shop, commands: Sequence[Sent], tasks: int, seconds: float) -> PeerRun:
    async def write(group: list[Sent]) -> None:
        shop.handle_many(group)  # on the loop's own thread: a second one would wait for the interpreter's lock

    async def stored() -> int:
        return _stored(shop)

    async with Groups(write).running() as groups:
        return await drive(commands, tasks, seconds, groups.submit, stored)


def _stored(shop: Shop) -> int:
    return int(shop.recorder.max_notification_id() or 0)


def _plain(line: Line) -> dict[str, Any]:
    return {"sku": line.sku, "quantity": line.quantity, "unit_price": line.unit_price}
