"""The converter of the example shop: rows of invoices in, commands out."""

import json
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from examples.shop import online_retail
from tests.doubles.retail_rows import Command, read_commands, row, write_rows

SCRIPT = Path(__file__).parents[2] / "examples" / "shop" / "online_retail.py"
Convert: TypeAlias = Callable[..., list[Command]]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    def run(*rows: list[str], name: str = "rows.csv") -> list[Command]:
        out = tmp_path / "commands.ndjson"
        assert online_retail.main([str(write_rows(tmp_path / name, *rows)), "--out", str(out)]) == 0
        return read_commands(out)

    return run


def ids(commands: list[Command], prefix: str = "") -> list[str]:
    return [command["id"] for command in commands if command["id"].startswith(prefix)]


def test_an_order_first_reprices_its_products_and_is_then_placed_with_all_its_rows(convert: Convert) -> None:
    assert convert(row("536365"), row("536365", "71053", "2", "3.390")) == [
        {
            "type": "product.reprice",
            "id": "reprice-85123A-2010-12-01-536365",
            "data": {"sku": "85123A", "price": "2.55"},
        },
        {
            "type": "product.reprice",
            "id": "reprice-71053-2010-12-01-536365",
            "data": {"sku": "71053", "price": "3.390"},
        },
        {
            "type": "order.place",
            "id": "order-536365",
            "data": {
                "order_id": "536365",
                "country": "United Kingdom",
                "customer": "17850",
                "lines": [
                    {"sku": "85123A", "quantity": 6, "unit_price": "2.55"},
                    {"sku": "71053", "quantity": 2, "unit_price": "3.390"},
                ],
            },
        },
    ]


def test_a_return_is_accepted_with_its_quantities_made_positive_and_reprices_nothing(convert: Convert) -> None:
    assert convert(row("C536379", "D", "-1", "27.5")) == [
        {
            "type": "return.accept",
            "id": "return-C536379",
            "data": {
                "return_id": "C536379",
                "country": "United Kingdom",
                "customer": "17850",
                "lines": [{"sku": "D", "quantity": 1, "unit_price": "27.5"}],
            },
        }
    ]


def test_other_documents_make_no_command_and_are_counted(convert: Convert, capsys: pytest.CaptureFixture[str]) -> None:
    assert ids(convert(row("A563185", "B", "1", "-11062.06"), row("536365"), row("A563185"))) == [
        "reprice-85123A-2010-12-01-536365",
        "order-536365",
    ]
    counts = dict(line.split() for line in capsys.readouterr().err.splitlines())
    assert counts == {
        "rows": "3",
        "documents": "2",
        "repricings": "1",
        "orders": "1",
        "returns": "0",
        "commands": "2",
        "other_documents": "1",
        "skipped_rows": "2",
    }


def test_only_the_first_price_of_a_day_counts(convert: Convert) -> None:
    commands = convert(
        row("1", price="2.55"),
        row("2", price="3.00"),
        row("3", price="2.95", day="2010-12-02"),
        row("4", price="2.55", day="2010-12-02"),
    )
    assert ids(commands, "reprice") == ["reprice-85123A-2010-12-01-1", "reprice-85123A-2010-12-02-3"]


def test_the_price_a_product_has_already_is_no_repricing_however_it_is_written(convert: Convert) -> None:
    assert ids(convert(row("1", price="2.5"), row("2", price="2.50", day="2010-12-02")), "reprice") == [
        "reprice-85123A-2010-12-01-1"
    ]


def test_a_row_without_price_or_quantity_does_not_take_the_first_place_of_its_day(convert: Convert) -> None:
    commands = convert(row("1", price="0.0"), row("2", quantity="-3"), row("2", price="3.00"))
    assert ids(commands) == ["order-1", "reprice-85123A-2010-12-01-2", "order-2"]
    assert commands[1]["data"]["price"] == "3.00"
    assert [line["quantity"] for line in commands[2]["data"]["lines"]] == [-3, 6]


def test_a_day_that_comes_back_later_in_the_file_keeps_its_first_price(convert: Convert) -> None:
    commands = convert(
        row("1", price="2.55"),
        row("2", "71053", day="2010-12-02"),
        row("3", price="3.00"),
    )
    assert ids(commands, "reprice-85123A") == ["reprice-85123A-2010-12-01-1"]


def test_interleaved_documents_come_whole_and_in_the_order_of_their_first_rows(convert: Convert) -> None:
    commands = convert(
        row("542806", "A"),
        row("C542805", "B", "-1"),
        row("542807", "C"),
        row("542806", "D"),
        row("C542805", "E", "-1"),
    )
    documents = [command for command in commands if command["type"] != "product.reprice"]
    assert [(command["id"], [line["sku"] for line in command["data"]["lines"]]) for command in documents] == [
        ("order-542806", ["A", "D"]),
        ("return-C542805", ["B", "E"]),
        ("order-542807", ["C"]),
    ]


def test_a_document_is_handed_on_as_soon_as_its_last_row_was_read(tmp_path: Path) -> None:
    read: list[str] = []

    def rows() -> Iterator[online_retail.Row]:
        for seen in online_retail.read_rows(write_rows(tmp_path / "rows.csv", row("1"), row("1"), row("2"), row("3"))):
            read.append(seen.document)
            yield seen

    documents = online_retail.documents(rows(), Counter({"1": 2, "2": 1, "3": 1}))
    assert len(next(documents)) == 2
    assert read == ["1", "1"]


def test_four_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    def peak(days: int) -> int:
        dates = [f"2010-{day // 28 + 1:02}-{day % 28 + 1:02}" for day in range(days)]
        rows = (row(str(invoice), f"sku-{i}", day=date) for invoice, date in enumerate(dates) for i in range(100))
        path = write_rows(tmp_path / "rows.csv", *rows)
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            tracemalloc.start()
            try:
                online_retail.convert(path, nowhere)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert peak(120) < 2 * peak(30)


def test_codes_that_differ_in_case_are_two_products(convert: Convert) -> None:
    assert ids(convert(row("1", "84029g"), row("1", "84029G", price="3.39")), "reprice") == [
        "reprice-84029g-2010-12-01-1",
        "reprice-84029G-2010-12-01-1",
    ]


def test_spaces_in_a_code_are_kept(convert: Convert) -> None:
    commands = convert(row("1", "BANK CHARGES"))
    assert commands[0]["data"]["sku"] == commands[1]["data"]["lines"][0]["sku"] == "BANK CHARGES"


def test_an_empty_customer_is_none(convert: Convert) -> None:
    assert convert(row("1", customer=""))[-1]["data"]["customer"] is None


def test_a_bad_order_is_still_a_command_because_refusing_it_is_the_shops_part(convert: Convert) -> None:
    (command,) = convert(row("1", quantity="-10", price="0.0"))
    assert command["data"]["lines"] == [{"sku": "85123A", "quantity": -10, "unit_price": "0.0"}]


def test_an_xz_file_gives_the_same_commands_as_a_plain_one(convert: Convert) -> None:
    rows = [row("1"), row("C2", quantity="-1")]
    assert convert(*rows, name="rows.csv.xz") == convert(*rows, name="rows.csv")


def test_the_publishers_dates_are_read_month_first(convert: Convert) -> None:
    published = row("536365")
    published[4] = "12/1/2010 8:26"
    assert ids([convert(published)[0]]) == ["reprice-85123A-2010-12-01-536365"]


def test_the_script_runs_anywhere_and_writes_to_the_standard_output(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.csv", row("1"))
    command = [sys.executable, "-S", str(SCRIPT), str(path), "--out", "-"]  # -S: without anything installed
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["reprice-85123A-2010-12-01-1", "order-1"]


def test_the_help_says_what_becomes_of_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        online_retail.main(["--help"])
    assert stopped.value.code == 0
    assert "InvoiceNo starts with C" in capsys.readouterr().out
