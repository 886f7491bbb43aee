"""What the world sees of the shop's effects: the ledger as it lies, and what stands in the outbox.

What must be there is worked out from the events and from the commands of the file, and not by the shop.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from twofold.stores.effect_records import effect_id

from tests.acceptance.invariants import has_tables, read_only

__all__ = [
    "EffectRow",
    "Letter",
    "check_each_effect_is_done",
    "effect_rows",
    "entered",
    "letters",
    "mail_ids",
    "mails_sent",
    "purges",
    "wanted",
]

MAILS = {"order.placed": "order-confirmation", "return.accepted": "refund-notice"}
PAGES = "product-pages"
SITE = "https://shop.example"


class EffectRow(NamedTuple):
    """An effect in the ledger."""

    effect_id: str
    consumer: str
    position: int
    state: str
    attempts: int
    changed: int


class Letter(NamedTuple):
    """What a customer reads in a mail, as far as it counts."""

    to: str
    subject: str
    total: Decimal


def effect_rows(data: Path) -> list[EffectRow]:
    """Return all effects of the ledger; none before there is a ledger."""
    if not has_tables(data / "effects.db"):
        return []
    columns = ", ".join(EffectRow._fields)
    with closing(read_only(data / "effects.db")) as ledger:
        return list(map(EffectRow._make, ledger.execute(f"SELECT {columns} FROM effects ORDER BY position, consumer")))


def mails_sent(data: Path) -> int:
    """Return how many mails the ledger holds as done."""
    if not has_tables(data / "effects.db"):
        return 0
    with closing(read_only(data / "effects.db")) as ledger:
        count = "SELECT count(*) FROM effects WHERE state = 'done' AND consumer IN (?, ?)"
        return int(ledger.execute(count, tuple(MAILS.values())).fetchone()[0])


def entered(data: Path) -> int:
    """Return up to which position all consumers have entered their effects."""
    with closing(read_only(data / "effects.db")) as ledger:
        return int(ledger.execute("SELECT coalesce(min(cursor), 0) FROM consumers").fetchone()[0])


def check_each_effect_is_done(data: Path) -> None:
    """Assert that the ledger holds exactly the effects that the events call for, and that all of them are done."""
    with closing(read_only(data / "write.db")) as write_db:
        events = write_db.execute("SELECT position, type, data, hash FROM events ORDER BY position").fetchall()
    expected = []
    for position, type_, text, hash_ in events:
        if type_ == "product.repriced":
            expected.append((PAGES, position, hash_))
        elif type_ in MAILS and json.loads(text).get("customer") is not None:
            expected.append((MAILS[type_], position, hash_))
    found = effect_rows(data)
    assert [(row.effect_id, row.consumer, row.position) for row in found] == [
        (effect_id(consumer, position, hash_, 0), consumer, position) for consumer, position, hash_ in expected
    ]
    assert Counter(row.state for row in found) == {"done": len(expected)}


def mail_ids(data: Path) -> set[str]:
    """Return the effect ids of the mails in the outbox."""
    return {file.stem for file in (data / "outbox").glob("*.eml")}


def letters(data: Path) -> Iterator[Letter]:
    """Read each mail in the outbox as its receiver would."""
    for file in (data / "outbox").glob("*.eml"):
        mail = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
        assert (mail.defects, mail["X-Twofold-Effect"]) == ([], file.stem)
        body = mail.get_body(("plain",))
        assert body is not None
        (total,) = re.findall(r"^Total: (\S+) GBP\r?$", body.get_content(), re.MULTILINE)
        yield Letter(mail["To"], mail["Subject"], Decimal(total))


def wanted(commands: Path) -> tuple[Counter[Letter], set[str]]:
    """Return the letters and the pages that must come of the commands in a file."""
    found: Counter[Letter] = Counter()
    pages: set[str] = set()
    for command in map(json.loads, commands.read_text(encoding="utf-8").splitlines()):
        data = command["data"]
        match command["type"]:
            case "product.reprice":
                pages.add(f"{SITE}/products/{quote(data['sku'], safe='')}")
            case "order.place" if all(is_sellable(line) for line in data["lines"]) and data.get("customer"):
                found[_letter("Your order", data["order_id"], data)] += 1
            case "return.accept" if data.get("customer"):
                found[_letter("Your return", data["return_id"], data)] += 1
    return found, pages


def is_sellable(line: dict[str, Any]) -> bool:
    """Tell whether a line of an order may be sold."""
    return line["quantity"] > 0 and Decimal(line["unit_price"]) > 0


def purges(data: Path) -> tuple[Counter[tuple[str, str]], set[str]]:
    """Return how often each effect had a call of each kind made for it, and all pages that were dropped.

    What stands behind the last line break was never made.
    """
    calls: Counter[tuple[str, str]] = Counter()
    pages: set[str] = set()
    file = data / "outbox" / "purges.jsonl"
    whole, _, _ = file.read_bytes().rpartition(b"\n") if file.exists() else (b"", b"", b"")
    for line in map(json.loads, whole.splitlines()):
        (kind,) = line.keys() - {"effects"}
        calls.update((kind, effect) for effect in line["effects"])
        pages.update(line[kind] if kind == "files" else ())
    return calls, pages


def _letter(what: str, number: str, data: dict[str, Any]) -> Letter:
    total = sum((line["quantity"] * Decimal(line["unit_price"]) for line in data["lines"]), Decimal(0))
    return Letter(f"customer-{data['customer']}@example.com", f"{what} {number}", total)
