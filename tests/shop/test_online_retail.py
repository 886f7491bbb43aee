"""The converter of the example shop: rows of invoices in, commands out."""

import csv
import json
import lzma
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from examples.shop import online_retail

SCRIPT = Path(__file__).parents[2] / "examples" / "shop" / "online_retail.py"

Command: TypeAlias = dict[str, Any]
Convert: TypeAlias = Callable[..., list[Command]]


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


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    def run(*rows: list[str], name: str = "rows.csv") -> list[Command]:
        out = tmp_path / "commands.ndjson"
        assert online_retail.main([str(write_rows(tmp_path / name, *rows)), "--out", str(out)]) == 0
        return read_commands(out)

    return run


@pytest.fixture
def refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    def run(path: Path) -> str:
        out = tmp_path / "commands.ndjson"
        assert online_retail.main([str(path), "--out", str(out)]) == 1
        assert not out.exists()
        assert not list(tmp_path.glob("*.partial"))
        return capsys.readouterr().err

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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({3: "six"}, "row 2: Quantity 'six' is no whole number."),
        ({5: "2,55"}, "row 2: UnitPrice '2,55' is no number."),
        ({5: "Infinity"}, "row 2: UnitPrice 'Infinity' is no number."),
        ({4: "yesterday"}, "row 2: InvoiceDate 'yesterday' is no date like 2010-12-01 08:26:00."),
        ({0: ""}, "row 2: InvoiceNo is empty."),
        ({1: " "}, "row 2: StockCode is empty."),
        ({7: ""}, "row 2: Country is empty."),
    ],
)
def test_a_malformed_row_is_named_with_what_is_wrong_and_nothing_is_left_behind(
    tmp_path: Path, refusal: Callable[[Path], str], change: dict[int, str], complaint: str
) -> None:
    bad = [change.get(i, field) for i, field in enumerate(row("2"))]
    assert complaint in refusal(write_rows(tmp_path / "rows.csv", row("1"), bad, row("3")))


def test_a_row_of_too_few_fields_is_named(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    assert "row 2: it has 3 fields, expected 8." in refusal(write_rows(tmp_path / "rows.csv", row("1"), row("2")[:3]))


def test_a_line_break_inside_a_description_does_not_shift_the_row_that_is_named(
    tmp_path: Path, refusal: Callable[[Path], str]
) -> None:
    broken = row("1")
    broken[2] = "WHITE\nHEART"
    assert "row 2: Quantity" in refusal(write_rows(tmp_path / "rows.csv", broken, row("2", quantity="x")))


def test_another_header_is_refused_with_the_one_expected(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("Invoice,StockCode\n1,2\n", encoding="utf-8")
    assert "the header reads 'Invoice,StockCode'; expected 'InvoiceNo,StockCode," in refusal(path)


def test_a_cut_xz_file_is_refused(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path = write_rows(tmp_path / "rows.csv.xz", *[row(str(i)) for i in range(100)])
    path.write_bytes(path.read_bytes()[:-20])
    assert "cannot be read" in refusal(path)


def test_text_in_another_encoding_is_refused_and_can_be_named(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "latin.ndjson"
    path.write_bytes(write_rows(path, row("1", "CAFÉ")).read_text(encoding="utf-8").encode("latin-1"))
    assert "after row 0: 'utf-8' codec can't decode" in refusal(path)
    assert online_retail.main([str(path), "--out", str(out), "--encoding", "latin-1"]) == 0
    assert read_commands(out)[0]["data"]["sku"] == "CAFÉ"


def test_a_missing_file_is_named(tmp_path: Path, refusal: Callable[[Path], str]) -> None:
    assert "nowhere.csv" in refusal(tmp_path / "nowhere.csv")


def test_a_failed_conversion_leaves_an_earlier_result_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "commands.ndjson"
    out.write_text("earlier\n", encoding="utf-8")
    assert online_retail.main([str(write_rows(tmp_path / "rows.csv", row("1", price="x"))), "--out", str(out)]) == 1
    assert out.read_text(encoding="utf-8") == "earlier\n"


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
