"""Turn *Online Retail*, a real shop's invoices, into commands for the example shop.

The data set is Daqing Chen's (UCI Machine Learning Repository, CC BY 4.0): one row an invoice line, in the columns
InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID and Country. A *document* is all the
rows of one InvoiceNo:

  InvoiceNo starts with a digit   a product.reprice for each product whose price is new that day, then one order.place
  InvoiceNo starts with C         one return.accept, its quantities made positive
  anything else                   nothing; it is counted under other_documents

Each line of the result is one command, {"type": ..., "id": ..., "data": {...}}. Its id is derived from the document, so
converting twice and sending twice does nothing twice. The file is read twice and never held in memory.

This file needs nothing but Python: not Twofold, and not the rest of the shop.
"""

import argparse
import csv
import json
import lzma
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TextIO, TypeAlias

__all__ = ["BadFile", "Prices", "Row", "convert", "documents", "main", "read_rows"]

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
DATE_FORMATS = ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M")  # the spreadsheet's own, and that of the publisher's CSV
REPORTED = ("rows", "documents", "repricings", "orders", "returns", "commands", "other_documents", "skipped_rows")

Command: TypeAlias = dict[str, Any]


class BadFile(Exception):
    """The file cannot be converted; the message names the file, the row where there is one, and what is wrong."""


class MalformedRow(Exception):
    """One row is not what the columns promise; the message says what is wrong with it."""


class Row(NamedTuple):
    """One invoice line, checked. Codes are kept exactly as written: case and spaces tell products apart."""

    document: str
    sku: str
    quantity: int
    day: str
    price: Decimal
    customer: str | None
    country: str


def read_rows(path: Path, encoding: str = "utf-8-sig") -> Iterator[Row]:
    """Yield the rows of a CSV file, plain or ``.xz``.

    Raises `BadFile` at the first row that is not what the columns promise.
    """
    number = 0  # counts rows, not lines: a description may hold line breaks
    opener = lzma.open if path.suffix == ".xz" else open
    try:
        with opener(path, "rt", encoding=encoding, newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if tuple(header) != COLUMNS:
                raise BadFile(f"{path}: the header reads {','.join(header)!r}; expected {','.join(COLUMNS)!r}.")
            for number, fields in enumerate(reader, start=1):  # noqa: B007 the handlers below name it
                yield parse_row(fields)
    except MalformedRow as problem:
        raise BadFile(f"{path}, row {number}: {problem}.") from problem
    except (csv.Error, UnicodeError) as problem:
        raise BadFile(f"{path}, after row {number}: {problem}.") from problem
    except (OSError, EOFError, lzma.LZMAError, LookupError) as problem:  # a LookupError is an unknown encoding
        raise BadFile(f"{path} cannot be read: {problem}.") from problem


def parse_row(fields: list[str]) -> Row:
    """Return the row that `fields` hold; raises `MalformedRow`."""
    if len(fields) != len(COLUMNS):
        raise MalformedRow(f"it has {len(fields)} fields, expected {len(COLUMNS)}")
    document, sku, _, quantity, date, price, customer, country = fields
    for column, text in (("InvoiceNo", document), ("StockCode", sku), ("Country", country)):
        if not text.strip():
            raise MalformedRow(f"{column} is empty")
    return Row(
        document,
        sku,
        parse_quantity(quantity),
        parse_day(date),
        parse_price(price),
        customer.removesuffix(".0") or None,  # a spreadsheet made 17850.0 of customer 17850
        country,
    )


def parse_quantity(text: str) -> int:
    """Return a whole number of pieces."""
    try:
        return int(text)
    except ValueError:
        raise MalformedRow(f"Quantity {text!r} is no whole number") from None


def parse_price(text: str) -> Decimal:
    """Return a price exactly as it was written; zero and less are the shop's to refuse."""
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite():
        raise MalformedRow(f"UnitPrice {text!r} is no number")
    return price


@lru_cache  # the rows of a document share their date, and parsing one costs more than all else of a row
def parse_day(text: str) -> str:
    """Return the calendar day of an InvoiceDate, as ``2010-12-01``."""
    for date_format in DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).date().isoformat()  # noqa: DTZ007 the shop's own wall clock
        except ValueError:
            continue
    raise MalformedRow(f"InvoiceDate {text!r} is no date like 2010-12-01 08:26:00")


def documents(rows: Iterable[Row], row_counts: Counter[str]) -> Iterator[list[Row]]:
    """Yield each document once its last row was seen, in the order of their first rows.

    Rows of documents may be interleaved, so `row_counts` says how many each has. Held in memory are the documents that
    are still incomplete, and those that wait behind them.
    """
    left = row_counts.copy()
    waiting: dict[str, list[Row]] = {}
    for row in rows:
        waiting.setdefault(row.document, []).append(row)
        left[row.document] -= 1
        while waiting and left[first := next(iter(waiting))] == 0:
            yield waiting.pop(first)
    if waiting:
        raise BadFile("The file changed while it was read. Convert it again.")


class Prices:
    """Finds the repricings: an invoice tells the day's price of a product, and the first such row of a day counts."""

    def __init__(self, rows_by_day: Counter[str]) -> None:
        self._current: dict[str, Decimal] = {}
        self._priced_today: dict[str, set[str]] = {}
        self._left = rows_by_day.copy()

    def changes(self, document: list[Row]) -> Iterator[Row]:
        """Yield the rows of `document` that give their product another price than it had."""
        for row in document:
            priced = self._priced_today.setdefault(row.day, set())
            if row.price > 0 and row.quantity > 0 and row.sku not in priced:
                priced.add(row.sku)
                if self._current.get(row.sku) != row.price:
                    self._current[row.sku] = row.price
                    yield row
        for row in document:
            self._left[row.day] -= 1
            if self._left[row.day] == 0:  # no row of this day is to come: forgetting it keeps memory flat
                self._priced_today.pop(row.day, None)


def convert(path: Path, out: TextIO, encoding: str = "utf-8-sig") -> Counter[str]:
    """Write the commands of the file at `path` to `out`, one a line, and return what was counted.

    Every row is checked before the first command is written. Raises `BadFile`.
    """
    rows_by_document: Counter[str] = Counter()
    rows_by_day: Counter[str] = Counter()
    for row in progress(read_rows(path, encoding), "checking"):
        rows_by_document[row.document] += 1
        if is_order(row.document):
            rows_by_day[row.day] += 1

    counts = Counter(rows=rows_by_document.total(), documents=len(rows_by_document))
    prices = Prices(rows_by_day)
    for document in documents(progress(read_rows(path, encoding), "converting"), rows_by_document):
        number = document[0].document
        if is_order(number):
            for row in prices.changes(document):
                counts["repricings"] += 1
                write(out, reprice(row))
            counts["orders"] += 1
            write(out, whole(document, "order", "place"))
        elif number.startswith("C"):
            counts["returns"] += 1
            positive = [row._replace(quantity=abs(row.quantity)) for row in document]
            write(out, whole(positive, "return", "accept"))
        else:
            counts["other_documents"] += 1
            counts["skipped_rows"] += len(document)
    return counts


def is_order(number: str) -> bool:
    """Whether an InvoiceNo is that of an order: it starts with a digit."""
    return number[0] in "0123456789"


def reprice(row: Row) -> Command:
    """Return the command that gives a product the price of `row`."""
    command_id = f"reprice-{row.sku}-{row.day}-{row.document}"
    return {"type": "product.reprice", "id": command_id, "data": {"sku": row.sku, "price": f"{row.price:f}"}}


def whole(document: list[Row], kind: str, verb: str) -> Command:
    """Return the command that hands in a document with all its rows, the bad ones too: refusing is the shop's part."""
    first = document[0]
    # A price is text, because a JSON number would pass through a binary float on its way.
    lines = [{"sku": row.sku, "quantity": row.quantity, "unit_price": f"{row.price:f}"} for row in document]
    data = {f"{kind}_id": first.document, "country": first.country, "customer": first.customer, "lines": lines}
    return {"type": f"{kind}.{verb}", "id": f"{kind}-{first.document}", "data": data}


def write(out: TextIO, command: Command) -> None:
    """Write one command as one line, in ASCII, which no terminal or pipe can spoil."""
    out.write(json.dumps(command, separators=(",", ":")) + "\n")


def progress(rows: Iterable[Row], doing: str) -> Iterator[Row]:
    """Pass `rows` on, and tell a person at a terminal how many they were."""
    watched = sys.stderr.isatty()
    try:
        for number, row in enumerate(rows, start=1):
            if watched and number % 10_000 == 0:
                sys.stderr.write(f"\r{doing}: {number:,} rows")
                sys.stderr.flush()
            yield row
    finally:
        if watched:
            sys.stderr.write("\n")


@contextmanager
def whole_file(name: str) -> Iterator[TextIO]:
    """Open `name` for writing, so that it appears whole or not at all; ``-`` is the standard output."""
    path = Path(name)
    if name == "-":
        yield sys.stdout
    elif path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
        with path.open("w", encoding="utf-8") as out:
            yield out
    else:
        partial = path.with_name(f"{path.name}.partial")
        try:
            with partial.open("w", encoding="utf-8", newline="\n") as out:
                yield out
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 converted, 1 the file is bad, 2 a wrong usage."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python examples/shop/online_retail.py online-retail.csv.xz --out commands.ndjson",
    )
    parser.add_argument("csv", type=Path, metavar="CSV[.xz]", help="the data set, plain or compressed with xz")
    parser.add_argument("--out", required=True, metavar="FILE", help="where the commands go; - is the standard output")
    parser.add_argument("--encoding", default="utf-8-sig", help="of the data set (default: UTF-8)")
    options = parser.parse_args(arguments)
    try:
        with whole_file(options.out) as out:
            counts = convert(options.csv, out, options.encoding)
            out.flush()
    except BrokenPipeError:  # the reader, say `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BadFile, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    counts["commands"] = counts["repricings"] + counts["orders"] + counts["returns"]
    for name in REPORTED:
        sys.stderr.write(f"{name:<16}{counts[name]:>10}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
