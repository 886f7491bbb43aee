"""The figures that were computed straight from the invoices, put beside what the shop says."""

from decimal import Decimal
from typing import Any

from tests.doubles.command_line import CommandLine

LISTS = ("top_countries", "top_customers", "top_products")


def check_figures(shop: CommandLine, figures: dict[str, Any]) -> None:
    """Assert that each query answers as the figures say, as numbers."""
    totals = shop.run("query", "shop.totals", "--json").answer["value"]
    assert {name: Decimal(value) for name, value in totals.items()} == {name: Decimal(figures[name]) for name in totals}
    assert set(totals) >= {"orders_placed", "order_lines", "returns", "repricings", "products", "revenue", "refunded"}
    for name in LISTS:
        best = [tuple(each.values()) for each in shop.run("query", f"shop.{name}", "--json").answer["value"]]
        assert [(label, Decimal(figure)) for label, figure in best] == [
            (label, Decimal(figure)) for label, figure in figures[name]
        ]
