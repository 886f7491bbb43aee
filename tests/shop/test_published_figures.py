"""The real invoices, converted for the example shop, give the figures that are published with them."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

from examples.shop import online_retail
from tests.doubles.retail_rows import Command


def test_the_real_file_gives_the_published_figures(tmp_path: Path, online_retail_folder: Path) -> None:
    expected = json.loads((online_retail_folder / "figures.json").read_text(encoding="utf-8"))
    (source,) = online_retail_folder.glob("*.csv.xz")
    out = tmp_path / "commands.ndjson"
    assert online_retail.main([str(source), "--out", str(out)]) == 0

    figures: Counter[str] = Counter()
    money: Counter[str] = Counter()
    products: set[str] = set()
    seen: set[str] = set()
    with out.open(encoding="utf-8") as file:
        for command in map(json.loads, file):
            assert command["id"] not in seen
            seen.add(command["id"])
            tally(command, figures, money, products)

    assert {name: figures[name] for name in figures} == {name: expected[name] for name in figures}
    assert len(products) == expected["products"]
    assert Decimal(money["revenue"]) / 1000 == Decimal(expected["revenue"])
    assert Decimal(money["refunded"]) / 1000 == Decimal(expected["refunded"])


def tally(command: Command, figures: Counter[str], money: Counter[str], products: set[str]) -> None:
    """Count one command as the rules of the data set say, in thousandths, without any code of the shop."""
    data = command["data"]
    if command["type"] == "product.reprice":
        figures["repricings"] += 1
        products.add(data["sku"])
        return
    lines = [(line["quantity"], int(Decimal(line["unit_price"]) * 1000)) for line in data["lines"]]
    worth = sum(quantity * price for quantity, price in lines)
    bad = sum(quantity <= 0 or price <= 0 for quantity, price in lines)
    if command["type"] == "return.accept":
        figures["returns"] += 1
        figures["refund_notices"] += data["customer"] is not None
        money["refunded"] += worth
    elif bad:
        figures["orders_rejected"] += 1
        figures["bad_lines"] += bad
    else:
        figures["orders_placed"] += 1
        figures["order_lines"] += len(lines)
        figures["confirmations"] += data["customer"] is not None
        money["revenue"] += worth
