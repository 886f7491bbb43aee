"""Rows as the publisher of the invoices writes them, and the commands that come of them."""

import csv
import json
import lzma
from pathlib import Path
from typing import Any, TypeAlias

from examples.shop import online_retail

Command: TypeAlias = dict[str, Any]


def row(
    invoice: str,
    sku: str = "85123A",
    quantity: str = "6",
    price: str = "2.55",
    *,
    day: str = "2010-12-01",
    customer: str = "17850.0",
    country: str = "United Kingdom",
) -> list[str]:
    return [invoice, sku, "WHITE HANGING HEART", quantity, f"{day} 08:26:00", price, customer, country]


def write_rows(path: Path, *rows: list[str]) -> Path:
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([online_retail.COLUMNS, *rows])
    return path


def read_commands(path: Path) -> list[Command]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
