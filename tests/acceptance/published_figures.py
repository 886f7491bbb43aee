"""The figures that were computed straight from the invoices, put beside what the shop says."""

from decimal import Decimal
from typing import Any

from tests.doubles.command_line import CommandLine

LISTS = ("top_countries", "top_customers", "top_products")


def check_summary(summary: dict[str, Any], figures: dict[str, Any]) -> None:
    """Assert that the file was sent whole: bad orders were refused, all else was handled, each command once."""
    assert (len(summary["refused"]), summary["faults"]) == (figures["orders_rejected"], figures["bad_lines"])
    assert summary["accepted"] == summary["lines"] - figures["orders_rejected"]
    assert summary["outcomes"] == {"handled": summary["accepted"]}
    assert summary["accepted"] == figures["orders_placed"] + figures["returns"] + figures["repricings"]
    assert (summary["unanswered"], summary["rejected"], summary["timed_out"]) == ([], [], 0)


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
