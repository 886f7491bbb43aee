"""The example shop at work: commands through the log and both databases, on real files."""

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twofold import BadParameters, CommandRefused, Config, JsonCommand, Receipt, Runtime
from twofold.runtime.config import DataSettings

from examples.shop import online_retail
from examples.shop.domain import app
from examples.shop.lines import Line
from examples.shop.orders import CancelOrder, PlaceOrder
from examples.shop.products import RepriceProduct

pytestmark = pytest.mark.anyio

LINE = Line("85123A", 6, Decimal("2.55"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))


@pytest.fixture
async def shop(config: Config) -> AsyncIterator[Runtime]:
    async with Runtime(app, config) as runtime:
        yield runtime


async def test_an_order_can_be_read_at_the_position_of_its_receipt(shop: Runtime) -> None:
    receipt = await shop.submit(PlaceOrder("536365", "France", (LINE,)), wait="handled")
    answer = await shop.query("shop.order", id="536365", min_position=receipt.position)
    assert (answer.value.total, answer.value.lines) == (Decimal("15.30"), (LINE,))


async def test_a_code_with_spaces_is_a_product(shop: Runtime) -> None:
    await shop.submit(RepriceProduct("BANK CHARGES", Decimal(15)), wait="projected")
    assert (await shop.query("shop.product", sku="BANK CHARGES")).value.price == 15


async def test_every_bad_line_of_a_refused_order_is_named(shop: Runtime) -> None:
    lines = [{"sku": "A", "quantity": 0, "unit_price": "0.0"}, {"sku": "B", "quantity": 1, "unit_price": "-1"}]
    data = json.dumps({"order_id": "1", "country": "France", "lines": lines}).encode()
    with pytest.raises(CommandRefused) as refused:
        await shop.submit(JsonCommand("order.place", data))
    assert [(fault.code, fault.path) for fault in refused.value.faults] == [
        ("line.not_sellable", "lines[0]"),
        ("line.not_sellable", "lines[1]"),
    ]


async def test_a_rule_that_needs_the_state_says_no_in_the_outcome(shop: Runtime) -> None:
    receipt = await shop.submit(CancelOrder("536365"), wait="handled")
    assert receipt.outcome is not None
    assert (receipt.outcome.status, [fault.code for fault in receipt.outcome.faults]) == ("rejected", ["order.unknown"])


async def test_the_same_price_again_is_handled_without_an_event(shop: Runtime) -> None:
    await shop.submit(RepriceProduct("A", Decimal("2.5")), wait="handled")
    receipt = await shop.submit(RepriceProduct("A", Decimal("2.50")), wait="handled")
    assert receipt.outcome is not None
    assert (receipt.outcome.status, receipt.outcome.events) == ("handled", 0)


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_list_of_the_best_has_a_bounded_length(shop: Runtime, limit: int) -> None:
    with pytest.raises(BadParameters):
        await shop.query("shop.top_products", limit=limit)


async def test_a_cancelled_order_stays_cancelled_after_a_restart(config: Config) -> None:
    async with Runtime(app, config) as shop:
        await shop.submit(PlaceOrder("536365", "France", (LINE,), "17850"))
        await shop.submit(CancelOrder("536365"), wait="handled")
    async with Runtime(app, config) as shop:
        assert (await shop.query("shop.order", id="536365")).value.status == "cancelled"
        assert (await shop.query("shop.totals")).value.orders_placed == 0
        again = await shop.submit(CancelOrder("536365"), wait="handled")
        assert again.outcome is not None
        assert [fault.code for fault in again.outcome.faults] == ["order.already_cancelled"]


@pytest.mark.timeout(300)
async def test_the_real_invoices_come_out_as_the_published_figures(
    shop: Runtime, tmp_path: Path, online_retail_folder: Path
) -> None:
    expected = json.loads((online_retail_folder / "figures.json").read_text(encoding="utf-8"))
    (source,) = online_retail_folder.glob("*.csv.xz")
    out = tmp_path / "commands.ndjson"
    assert online_retail.main([str(source), "--out", str(out)]) == 0

    refused: list[CommandRefused] = []
    with out.open("rb") as file:
        while batch := list(islice(commands(file), 5_000)):
            answers = await shop.submit_many(
                [command for _, command in batch],
                command_ids=[command_id for command_id, _ in batch],
                wait="projected",
                timeout=None,
            )
            refused += [answer for answer in answers if isinstance(answer, CommandRefused)]
            assert all(isinstance(answer, Receipt | CommandRefused) for answer in answers)

    totals = (await shop.query("shop.totals")).value
    for figure in ("orders_placed", "order_lines", "returns", "repricings", "products"):
        assert getattr(totals, figure) == expected[figure], figure
    assert (totals.revenue, totals.refunded) == (Decimal(expected["revenue"]), Decimal(expected["refunded"]))
    assert len(refused) == expected["orders_rejected"]
    assert sum(len(refusal.faults) for refusal in refused) == expected["bad_lines"]
    for query in ("top_countries", "top_customers", "top_products"):
        best = [msgspec.structs.astuple(each) for each in (await shop.query(f"shop.{query}")).value]
        assert best == [(name, Decimal(figure)) for name, figure in expected[query]]


def commands(lines: Any) -> Iterator[tuple[str, JsonCommand]]:
    for line in lines:
        command = json.loads(line)
        yield command["id"], JsonCommand(command["type"], json.dumps(command["data"]).encode())
