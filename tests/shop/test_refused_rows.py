"""What the converter of the example shop cannot read is named, with its row, and nothing is left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from examples.shop import online_retail
from tests.doubles.retail_rows import read_commands, row, write_rows


@pytest.fixture
def refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    def run(path: Path) -> str:
        out = tmp_path / "commands.ndjson"
        assert online_retail.main([str(path), "--out", str(out)]) == 1
        assert not out.exists()
        assert not list(tmp_path.glob("*.partial"))
        return capsys.readouterr().err

    return run


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
