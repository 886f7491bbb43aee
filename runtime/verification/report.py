"""What a verification found: faults, each with its place and the next step, notes, and what was looked at."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from msgspec import Struct, ValidationError

from ...stores.errors import Corruption, SchemaTooOld, StoreError, TwofoldError
from ...stores.records import Head

__all__ = [
    "Checked",
    "Findings",
    "InvalidHead",
    "Report",
    "VerificationFault",
    "VerificationReport",
    "format_head",
    "parse_head",
]

Report: TypeAlias = Callable[[int, int], None]
"""Takes how much of a part is done, and how much there is."""

FAULTS_SHOWN = 50
"""How many faults of one kind are named one by one: the rest is counted."""
HASH_BYTES = 32
RESTORE = "Restore a backup; an exported head tells which copy of the history is the true one."


class InvalidHead(TwofoldError, ValueError):
    """A text is no head of a history."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"{text!r} is no head. Give POSITION:HASH as `twofold verify` prints it.")


class VerificationFault(Struct, frozen=True):
    """One thing that is not as it must be."""

    where: str
    """The file, and the offset, position, stream, table or row in it."""
    what: str
    next_step: str


class Checked(Struct):
    """How much was looked at."""

    commands: int = 0
    """In the log, which keeps them for a limited time."""
    unhandled: int = 0
    """Of these, past the handler's cursor."""
    outcomes: int = 0
    events: int = 0
    streams: int = 0
    states: int = 0
    claims: int = 0
    effects: int = 0
    tables: int = 0
    rows: int = 0
    """Of the read database."""


class VerificationReport(Struct, frozen=True):
    """The result of a verification."""

    head: str | None
    """Where the history ended, as ``POSITION:HASH``, or ``None`` where that could not be read.

    Export it, and a later verification can be held against it.
    """
    faults: tuple[VerificationFault, ...]
    notes: tuple[str, ...]
    """What is worth knowing and no fault."""
    checked: Checked

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class Part:
    """A part of the verification, and whether it came to its end."""

    is_whole = False


class Findings:
    """Collects faults and notes; of each kind of fault only so many are kept."""

    def __init__(self) -> None:
        self.checked = Checked()
        self._faults: list[VerificationFault] = []
        self._notes: list[str] = []
        self._found: Counter[str] = Counter()

    def fault(self, kind: str, where: str, what: str, next_step: str = RESTORE) -> None:
        """Add a fault. `kind` says what many of them would be faults of."""
        self._found[kind] += 1
        if self._found[kind] <= FAULTS_SHOWN:
            self._faults.append(VerificationFault(where, what, next_step))

    def has(self, kind: str) -> bool:
        """Tell whether faults of that kind were found."""
        return self._found[kind] > 0

    def note(self, text: str) -> None:
        """Add something that is worth knowing and no fault."""
        self._notes.append(text)

    def corruption(self, kind: str, error: Corruption, next_step: str = "") -> None:
        """Add a fault that a store has found; `next_step` stands in for the store's own, which is to verify."""
        where = f"{error.file}" if error.offset is None else f"{error.file} at byte {error.offset}"
        self.fault(kind, where, error.what, next_step or error.next_step or RESTORE)

    @contextmanager
    def reading(self, where: object, next_step: str) -> Iterator["Part"]:
        """Run a part of the verification; where the file cannot be read, that is a fault, and the part ends there."""
        part = Part()
        try:
            yield part
            part.is_whole = True
        except Corruption as error:
            self.corruption(str(where), error)
        except SchemaTooOld as error:
            self.fault(str(where), str(where), error.what, error.next_step)
        except (StoreError, sqlite3.Error, UnicodeError, ValidationError) as error:
            self.fault(str(where), str(where), f"it cannot be read: {error}", next_step)

    def report(self, head: Head | None) -> VerificationReport:
        """Return all that was found."""
        left_out = [
            VerificationFault(kind, f"{count - FAULTS_SHOWN} more faults of this kind are not listed", RESTORE)
            for kind, count in self._found.items()
            if count > FAULTS_SHOWN
        ]
        ended = None if head is None else format_head(head)
        return VerificationReport(ended, (*self._faults, *left_out), tuple(self._notes), self.checked)


def format_head(head: Head) -> str:
    """Return `head` as ``POSITION:HASH``."""
    return f"{head.position}:{head.hash.hex()}"


def parse_head(text: str) -> Head:
    """Return the head that `text` stands for.

    Raises:
        InvalidHead: it stands for none.
    """
    position, _, digest = text.strip().partition(":")
    try:
        head = Head(int(position), bytes.fromhex(digest))
    except ValueError:
        raise InvalidHead(text) from None
    if head.position < 0 or len(head.hash) != HASH_BYTES:
        raise InvalidHead(text)
    return head
