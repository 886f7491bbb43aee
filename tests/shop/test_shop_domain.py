"""The rules and the read side of the example shop: its functions as they stand, on a real read database."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from twofold import Context, EventMeta, Reject, Statement
from twofold.stores.records import EventRecord
from twofold.stores.sqlite.read_store import SqliteReadStore

from examples.shop import catalogue, money, orders, products, refunds, returns, sales
from examples.shop.domain import app
from examples.shop.lines import Line
from examples.shop.orders import CancelOrder, Order, OrderCancelled, OrderPlaced, PlaceOrder
from examples.shop.products import Product, ProductRepriced, RepriceProduct
from examples.shop.returns import AcceptReturn, Return, ReturnAccepted
from examples.shop.totals import Totals, totals

NOON = datetime(2010, 12, 1, 12, tzinfo=UTC)
CONTEXT = Context(command_id="c", offset=1, stream="order-1", key="1", version=0, time=0)


def line(sku: str = "85123A", quantity: int = 6, price: str = "2.55") -> Line:
    return Line(sku, quantity, Decimal(price))


def placed(*lines: Line, country: str = "United Kingdom", customer: str | None = "17850") -> OrderPlaced:
    lines = lines or (line(),)
    return OrderPlaced(country, lines, sum((x.quantity * x.unit_price for x in lines), Decimal(0)), customer)


class TestMoney:
    @pytest.mark.parametrize("text", ["0", "0.001", "2.55", "2.5500", "1E+3", "1000000"])
    def test_an_amount_comes_back_from_its_thousandths(self, text: str) -> None:
        assert money.is_amount(Decimal(text))
        assert money.amount(money.thousandths(Decimal(text))) == Decimal(text)

    @pytest.mark.parametrize("text", ["-0.001", "0.0001", "1000000.001", "1E+60", "0." + "3" * 60])
    def test_what_cannot_be_booked_is_no_amount(self, text: str) -> None:
        assert not money.is_amount(Decimal(text))


class TestOrders:
    def test_an_order_without_a_line_is_refused(self) -> None:
        (refusal,) = orders.lines_are_sellable(PlaceOrder("1", "France", ()))
        assert refusal.fault.code == "order.empty"

    def test_each_bad_line_is_named_once_with_its_facts(self) -> None:
        command = PlaceOrder("1", "France", (line(quantity=0, price="0.0"), line(), line("B", 1, "-1")))
        faults = [refusal.fault for refusal in orders.lines_are_sellable(command)]
        assert [(fault.code, fault.path, fault.facts) for fault in faults] == [
            ("line.not_sellable", "lines[0]", {"sku": "85123A", "quantity": 0, "price": "0.0"}),
            ("line.not_sellable", "lines[2]", {"sku": "B", "quantity": 1, "price": "-1"}),
        ]

    @pytest.mark.parametrize(
        "bad", [line(quantity=-1), line(price="0"), line(price="0.0005"), line(price="1E+9"), line(quantity=10**9)]
    )
    def test_a_line_that_cannot_be_booked_is_refused(self, bad: Line) -> None:
        assert len(list(orders.lines_are_sellable(PlaceOrder("1", "France", (bad,))))) == 1

    def test_a_tenth_of_a_penny_is_a_price(self) -> None:
        assert not list(orders.lines_are_sellable(PlaceOrder("1", "France", (line(price="0.001"),))))

    def test_a_placed_order_knows_its_total(self) -> None:
        command = PlaceOrder("1", "France", (line(), line("B", 2, "0.001")), "17850")
        assert orders.decide(Order(), command, CONTEXT) == [
            OrderPlaced("France", command.lines, Decimal("15.302"), "17850")
        ]

    @pytest.mark.parametrize(
        ("history", "command", "code"),
        [
            ([placed()], PlaceOrder("1", "France", (line(),)), "order.exists"),
            ([placed(), OrderCancelled("")], PlaceOrder("1", "France", (line(),)), "order.exists"),
            ([], CancelOrder("1"), "order.unknown"),
            ([placed(), OrderCancelled("")], CancelOrder("1"), "order.already_cancelled"),
        ],
    )
    def test_an_order_is_placed_once_and_cancelled_once(
        self, history: list[OrderPlaced | OrderCancelled], command: PlaceOrder | CancelOrder, code: str
    ) -> None:
        state = Order()
        for event in history:
            state = orders.evolve(state, event)
        with pytest.raises(Reject) as refused:
            orders.decide(state, command, CONTEXT)
        assert refused.value.fault.code == code

    def test_a_placed_order_can_be_cancelled(self) -> None:
        state = orders.evolve(Order(), placed())
        assert orders.decide(state, CancelOrder("1", "too late"), CONTEXT) == [OrderCancelled("too late")]


class TestProducts:
    def test_another_price_is_an_event_and_the_same_one_is_none(self) -> None:
        state = products.evolve(Product(), ProductRepriced(Decimal("2.5")))
        assert products.decide(state, RepriceProduct("A", Decimal("2.50")), CONTEXT) == []
        assert products.decide(state, RepriceProduct("A", Decimal("2.51")), CONTEXT) == [
            ProductRepriced(Decimal("2.51"))
        ]

    @pytest.mark.parametrize("price", ["0", "-1", "0.0005", "1E+9"])
    def test_a_price_that_nothing_could_be_sold_at_is_refused(self, price: str) -> None:
        (refusal,) = products.price_is_sellable(RepriceProduct("A", Decimal(price)))
        assert (refusal.fault.code, refusal.fault.path) == ("price.not_sellable", "price")


class TestReturns:
    def test_a_return_is_accepted_once(self) -> None:
        command = AcceptReturn("C1", "France", (line(quantity=2),))
        (event,) = returns.decide(Return(), command, CONTEXT)
        assert event == ReturnAccepted("France", command.lines, Decimal("5.10"))
        with pytest.raises(Reject) as refused:
            returns.decide(returns.evolve(Return(), event), command, CONTEXT)
        assert refused.value.fault.code == "return.exists"

    def test_a_present_may_come_back(self) -> None:
        assert not list(returns.lines_are_returnable(AcceptReturn("C1", "France", (line(price="0"),))))

    def test_what_cannot_be_booked_is_refused(self) -> None:
        command = AcceptReturn("C1", "France", (line(quantity=-1), line(price="-1")))
        assert [refusal.fault.path for refusal in returns.lines_are_returnable(command)] == ["lines[0]", "lines[1]"]
        (empty,) = returns.lines_are_returnable(AcceptReturn("C1", "France", ()))
        assert empty.fault.code == "return.empty"


class ReadSide:
    """The shop's read database, told of events and asked."""

    def __init__(self, store: SqliteReadStore) -> None:
        self.store = store
        self.position = 0

    async def told(self, key: str, event: Any) -> None:
        record = EventRecord(
            position=self.position + 1,
            stream=f"any-{key}",
            version=1,
            type="any",
            schema_version=1,
            data="",
            metadata="{}",
            time=int(NOON.timestamp()) * 1_000_000,
            digest=b"",
            hash=b"",
        )
        statements = list(statements_for(event, EventMeta(record)))
        await self.store.apply(statements, expected=self.position, position=self.position + 1)
        self.position += 1

    async def ask(self, query: Any, **parameters: object) -> Any:
        return (await self.store.query(partial(query, **parameters))).value


def statements_for(event: Any, meta: EventMeta) -> Iterator[Statement]:
    match event:
        case OrderPlaced():
            return sales.order_placed(event, meta)
        case OrderCancelled():
            return sales.order_cancelled(event, meta)
        case ProductRepriced():
            return catalogue.product_repriced(event, meta)
        case _:
            return refunds.return_accepted(event, meta)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ReadSide]:
    store = await SqliteReadStore.open(tmp_path / "read", app.domain().projections)
    yield ReadSide(store)
    await store.close()


@pytest.mark.anyio
class TestReadSide:
    async def test_an_empty_shop_has_totals_of_zero(self, shop: ReadSide) -> None:
        assert await shop.ask(totals) == Totals(0, 0, 0, 0, 0, Decimal(0), Decimal(0))

    async def test_the_totals_speak_of_orders_returns_and_products(self, shop: ReadSide) -> None:
        await shop.told("1", placed(line(), line("B", 1, "0.001")))
        await shop.told("2", placed(country="France", customer=None))
        await shop.told("C1", ReturnAccepted("France", (line(),), Decimal("15.30")))
        await shop.told("C2", ReturnAccepted("France", (line(),), Decimal("0.70")))
        await shop.told("85123A", ProductRepriced(Decimal("2.55")))
        await shop.told("85123A", ProductRepriced(Decimal("2.95")))
        await shop.told("B", ProductRepriced(Decimal("0.001")))
        assert await shop.ask(totals) == Totals(2, 3, 2, 3, 2, Decimal("30.601"), Decimal(16))

    async def test_an_order_is_read_as_it_was_placed(self, shop: ReadSide) -> None:
        lines = (line(), line("B", 1, "0.001"))
        await shop.told("536365", placed(*lines))
        assert await shop.ask(sales.order, id="536365") == sales.OrderView(
            "536365", "placed", NOON, "United Kingdom", "17850", Decimal("15.301"), lines
        )
        assert await shop.ask(sales.order, id="536366") is None

    async def test_a_product_has_its_newest_price(self, shop: ReadSide) -> None:
        await shop.told("BANK CHARGES", ProductRepriced(Decimal("2.55")))
        await shop.told("BANK CHARGES", ProductRepriced(Decimal("0.001")))
        assert await shop.ask(catalogue.product, sku="BANK CHARGES") == catalogue.ProductView(
            "BANK CHARGES", Decimal("0.001"), NOON, 2
        )
        assert await shop.ask(catalogue.product, sku="bank charges") is None

    async def test_the_best_come_first_and_equals_by_name(self, shop: ReadSide) -> None:
        await shop.told("1", placed(line("B", 1, "3")))
        await shop.told("2", placed(line("A", 1, "3"), country="France", customer="12346"))
        await shop.told("3", placed(line("C", 2, "2"), country="Spain", customer=None))
        assert [(x.country, x.revenue) for x in await shop.ask(sales.top_countries)] == [
            ("Spain", 4),
            ("France", 3),
            ("United Kingdom", 3),
        ]
        assert [(x.customer, x.revenue) for x in await shop.ask(sales.top_customers)] == [("12346", 3), ("17850", 3)]
        assert [(x.sku, x.units) for x in await shop.ask(sales.top_products, limit=2)] == [("C", 2), ("A", 1)]

    async def test_a_product_on_several_lines_counts_all_its_units(self, shop: ReadSide) -> None:
        await shop.told("1", placed(line("A", 1), line("a", 2), line("A", 4)))
        assert [(x.sku, x.units) for x in await shop.ask(sales.top_products)] == [("A", 5), ("a", 2)]

    async def test_a_cancelled_order_is_taken_out_of_every_sum(self, shop: ReadSide) -> None:
        await shop.told("1", placed(line("A", 1)))
        await shop.told("2", placed(line("A", 3), line("B", 2), line("A", 4), line("C", 1)))
        await shop.told("3", placed(line("A", 1), country="France", customer=None))
        await shop.told("2", OrderCancelled(""))
        await shop.told("3", OrderCancelled(""))
        assert (await shop.ask(sales.order, id="2")).status == "cancelled"
        assert await shop.ask(totals) == Totals(1, 1, 0, 0, 0, Decimal("2.55"), Decimal(0))
        assert [(x.country, x.revenue) for x in await shop.ask(sales.top_countries)] == [
            ("United Kingdom", Decimal("2.55"))
        ]
        assert [(x.customer, x.revenue) for x in await shop.ask(sales.top_customers)] == [("17850", Decimal("2.55"))]
        assert [(x.sku, x.units) for x in await shop.ask(sales.top_products)] == [("A", 1)]
