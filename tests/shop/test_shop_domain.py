"""The rules, the read side and the effects of the example shop, tried without starting it."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from twofold import Purge, Reject
from twofold.runtime.testing import START, Given, ReadSide, check_round_trips, emails_of, purges_of

from examples.shop import money
from examples.shop.catalogue import ProductView
from examples.shop.domain import app
from examples.shop.lines import Line
from examples.shop.orders import CancelOrder, Order, OrderCancelled, OrderPlaced, PlaceOrder
from examples.shop.products import Product, ProductRepriced, RepriceProduct
from examples.shop.returns import AcceptReturn, Return, ReturnAccepted
from examples.shop.sales import OrderView
from examples.shop.totals import Totals

given = Given(app)


def line(sku: str = "85123A", quantity: int = 6, price: str = "2.55") -> Line:
    return Line(sku, quantity, Decimal(price))


def place(*lines: Line) -> PlaceOrder:
    return PlaceOrder("1", "France", lines)


def placed(*lines: Line, country: str = "United Kingdom", customer: str | None = "17850") -> OrderPlaced:
    lines = lines or (line(),)
    return OrderPlaced(country, lines, sum((x.quantity * x.unit_price for x in lines), Decimal(0)), customer)


def test_all_that_is_stored_comes_back_as_it_was() -> None:
    check_round_trips(
        app,
        placed(line("A", 1, "0.001"), customer=None),
        OrderCancelled("too late"),
        ProductRepriced(Decimal("2.50")),
        ReturnAccepted("France", (line(price="0"),), Decimal(0), "17850"),
        Order("cancelled"),
        Product(Decimal("1E+3")),
        Return(accepted=True),
    )


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
        given().when(place()).refused("order.empty")

    def test_each_bad_line_is_named_once_with_its_facts(self) -> None:
        given().when(place(line(quantity=0, price="0.0"), line(), line("B", 1, "-1"))).refused_with(
            Reject("line.not_sellable", path="lines[0]", sku="85123A", quantity=0, price="0.0"),
            Reject("line.not_sellable", path="lines[2]", sku="B", quantity=1, price="-1"),
        )

    @pytest.mark.parametrize(
        "bad", [line(quantity=-1), line(price="0"), line(price="0.0005"), line(price="1E+9"), line(quantity=10**9)]
    )
    def test_a_line_that_cannot_be_booked_is_refused(self, bad: Line) -> None:
        given().when(place(bad)).refused("line.not_sellable", path="lines[0]")

    def test_a_tenth_of_a_penny_is_a_price(self) -> None:
        cheap = line(quantity=1, price="0.001")
        given().when(place(cheap)).then(placed(cheap, country="France", customer=None))

    def test_a_placed_order_knows_its_total(self) -> None:
        lines = line(), line("B", 2, "0.001")
        given().when(PlaceOrder("1", "France", lines, "17850")).then(
            OrderPlaced("France", lines, Decimal("15.302"), "17850")
        )

    @pytest.mark.parametrize(
        ("history", "command", "code"),
        [
            ([placed()], place(line()), "order.exists"),
            ([placed(), OrderCancelled("")], place(line()), "order.exists"),
            ([], CancelOrder("1"), "order.unknown"),
            ([placed(), OrderCancelled("")], CancelOrder("1"), "order.already_cancelled"),
        ],
    )
    def test_an_order_is_placed_once_and_cancelled_once(
        self, history: list[OrderPlaced | OrderCancelled], command: PlaceOrder | CancelOrder, code: str
    ) -> None:
        given(*history).when(command).rejects(code)

    def test_a_placed_order_can_be_cancelled(self) -> None:
        given(placed()).when(CancelOrder("1", "too late")).then(OrderCancelled("too late"))


class TestProducts:
    def test_another_price_is_an_event_and_the_same_one_is_none(self) -> None:
        priced = given(ProductRepriced(Decimal("2.5")))
        priced.when(RepriceProduct("A", Decimal("2.50"))).then()
        priced.when(RepriceProduct("A", Decimal("2.51"))).then(ProductRepriced(Decimal("2.51")))

    @pytest.mark.parametrize("price", ["0", "-1", "0.0005", "1E+9"])
    def test_a_price_that_nothing_could_be_sold_at_is_refused(self, price: str) -> None:
        given().when(RepriceProduct("A", Decimal(price))).refused("price.not_sellable", path="price")


class TestReturns:
    def test_a_return_is_accepted_once(self) -> None:
        command = AcceptReturn("C1", "France", (line(quantity=2),))
        accepted = ReturnAccepted("France", command.lines, Decimal("5.10"))
        given().when(command).then(accepted)
        given(accepted).when(command).rejects("return.exists")

    def test_a_present_may_come_back(self) -> None:
        present = (line(price="0"),)
        given().when(AcceptReturn("C1", "France", present)).then(ReturnAccepted("France", present, Decimal(0)))

    def test_what_cannot_be_booked_is_refused(self) -> None:
        given().when(AcceptReturn("C1", "France", (line(quantity=-1), line(price="-1")))).refused_with(
            Reject("line.not_returnable", path="lines[0]", sku="85123A", quantity=-1, price="2.55"),
            Reject("line.not_returnable", path="lines[1]", sku="85123A", quantity=6, price="-1"),
        )
        given().when(AcceptReturn("C1", "France", ())).refused("return.empty")


class TestEffects:
    def test_a_customer_gets_a_confirmation_of_each_order(self) -> None:
        (mail,) = emails_of(app, "order-confirmation", placed(line(), line("<B>", 1, "0.001")), key="536365")
        assert (mail.to, mail.subject) == ("customer-17850@example.com", "Your order 536365")
        assert "Total: 15.301 GBP" in mail.text
        assert "<td>&lt;B&gt;</td>" in str(mail.html)

    def test_a_visitor_gets_none(self) -> None:
        assert emails_of(app, "order-confirmation", placed(customer=None)) == []
        assert emails_of(app, "refund-notice", ReturnAccepted("France", (line(),), Decimal("15.30"))) == []

    def test_a_customer_is_told_of_a_refund(self) -> None:
        accepted = ReturnAccepted("France", (line(),), Decimal("15.30"), "17850")
        (mail,) = emails_of(app, "refund-notice", accepted, key="C536365")
        assert (mail.to, mail.subject) == ("customer-17850@example.com", "Your return C536365")

    def test_the_page_of_a_product_is_dropped_when_its_price_changes(self) -> None:
        assert purges_of(app, "product-pages", ProductRepriced(Decimal(15)), key="BANK CHARGES") == [
            Purge(urls=("/products/BANK%20CHARGES",), tags=("catalogue",))
        ]


@pytest.fixture
async def shop() -> AsyncIterator[ReadSide]:
    async with ReadSide(app) as shop:
        yield shop


@pytest.mark.anyio
class TestReadSide:
    async def test_an_empty_shop_has_totals_of_zero(self, shop: ReadSide) -> None:
        assert await shop.ask("shop.totals") == Totals(0, 0, 0, 0, 0, Decimal(0), Decimal(0))

    async def test_the_totals_speak_of_orders_returns_and_products(self, shop: ReadSide) -> None:
        await shop.happened(placed(line(), line("B", 1, "0.001")), key="1")
        await shop.happened(placed(country="France", customer=None), key="2")
        await shop.happened(ReturnAccepted("France", (line(),), Decimal("15.30")), key="C1")
        await shop.happened(ReturnAccepted("France", (line(),), Decimal("0.70")), key="C2")
        await shop.happened(ProductRepriced(Decimal("2.55")), key="85123A")
        await shop.happened(ProductRepriced(Decimal("2.95")), key="85123A")
        await shop.happened(ProductRepriced(Decimal("0.001")), key="B")
        assert await shop.ask("shop.totals") == Totals(2, 3, 2, 3, 2, Decimal("30.601"), Decimal(16))

    async def test_an_order_is_read_as_it_was_placed(self, shop: ReadSide) -> None:
        lines = (line(), line("B", 1, "0.001"))
        await shop.happened(placed(*lines), key="536365")
        assert await shop.ask("shop.order", id="536365") == OrderView(
            "536365", "placed", START, "United Kingdom", "17850", Decimal("15.301"), lines
        )
        assert await shop.ask("shop.order", id="536366") is None

    async def test_a_product_has_its_newest_price(self, shop: ReadSide) -> None:
        await shop.happened(ProductRepriced(Decimal("2.55")), key="BANK CHARGES")
        await shop.happened(ProductRepriced(Decimal("0.001")), key="BANK CHARGES")
        assert await shop.ask("shop.product", sku="BANK CHARGES") == ProductView(
            "BANK CHARGES", Decimal("0.001"), START, 2
        )
        assert await shop.ask("shop.product", sku="bank charges") is None

    async def test_the_best_come_first_and_equals_by_name(self, shop: ReadSide) -> None:
        await shop.happened(placed(line("B", 1, "3")), key="1")
        await shop.happened(placed(line("A", 1, "3"), country="France", customer="12346"), key="2")
        await shop.happened(placed(line("C", 2, "2"), country="Spain", customer=None), key="3")
        assert [(x.country, x.revenue) for x in await shop.ask("shop.top_countries")] == [
            ("Spain", 4),
            ("France", 3),
            ("United Kingdom", 3),
        ]
        assert [(x.customer, x.revenue) for x in await shop.ask("shop.top_customers")] == [("12346", 3), ("17850", 3)]
        assert [(x.sku, x.units) for x in await shop.ask("shop.top_products", limit=2)] == [("C", 2), ("A", 1)]

    async def test_a_product_on_several_lines_counts_all_its_units(self, shop: ReadSide) -> None:
        await shop.happened(placed(line("A", 1), line("a", 2), line("A", 4)), key="1")
        assert [(x.sku, x.units) for x in await shop.ask("shop.top_products")] == [("A", 5), ("a", 2)]

    async def test_a_cancelled_order_is_taken_out_of_every_sum(self, shop: ReadSide) -> None:
        await shop.happened(placed(line("A", 1)), key="1")
        await shop.happened(placed(line("A", 3), line("B", 2), line("A", 4), line("C", 1)), key="2")
        await shop.happened(placed(line("A", 1), country="France", customer=None), key="3")
        await shop.happened(OrderCancelled(""), key="2")
        await shop.happened(OrderCancelled(""), key="3")
        assert (await shop.ask("shop.order", id="2")).status == "cancelled"
        assert await shop.ask("shop.totals") == Totals(1, 1, 0, 0, 0, Decimal("2.55"), Decimal(0))
        assert [(x.country, x.revenue) for x in await shop.ask("shop.top_countries")] == [
            ("United Kingdom", Decimal("2.55"))
        ]
        assert [(x.customer, x.revenue) for x in await shop.ask("shop.top_customers")] == [("17850", Decimal("2.55"))]
        assert [(x.sku, x.units) for x in await shop.ask("shop.top_products")] == [("A", 1)]
