"""The floor: a straight-line program that does the same durable work as Twofold, without the architecture.

In batches of 1,000 commands, on one thread, one step after the other, all of it inside the clock, it

1. encodes each command as JSON, digests that (blake2b, 16 bytes), makes its log record, encodes the batch as Twofold's
   log does (MessagePack, CRCs), writes it, and waits for `fdatasync`;
2. runs the shop's rules once, `decide` and `evolve`, on states that it keeps in a dictionary;
3. encodes each event and its metadata as JSON and hashes it into Twofold's chain; encodes the states that changed;
4. writes events, states, outcomes and the cursor by `executemany` into Twofold's write database, in one transaction
   with `synchronous=FULL`;
5. runs the shop's projections once, and writes what they return, each SQL text with all of its rows in one
   `executemany`, with the cursor into the read database, in one transaction with `synchronous=NORMAL`.

It does not decode or validate anything, check what can be stored, look up ids, answer anybody, admit commands from
several senders, load states from a database, or survive a crash between its steps. It runs the objects that it was
given and never what was stored. So the digest of a command is over its plain JSON where Twofold's is over a form with
one spelling for equal values; both are 16 bytes. Everything else that it leaves in the databases is equal, which
`benchmarks.same_rows` checks after each pair of runs.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from twofold.actors.command_ids import new_command_id
from twofold.actors.definitions import CommandDefinition, Domain
from twofold.actors.domain import Context, EventMeta, EventMetadata
from twofold.stores.chain import seal
from twofold.stores.records import (
    GENESIS,
    CommandRecord,
    EventRecord,
    Head,
    LoggedCommand,
    Offset,
    Position,
    StreamId,
    stream_id,
)

from .bare_stores import BareLog, BareReadDb, BareWriteDb, Row
from .measuring import quiet_collector
from .shop_mix import Sent, draw_commands
from .shop_without_effects import app

__all__ = ["BATCH", "FloorFiles", "FloorRun", "Rows", "StraightShop", "run_floor", "run_straight"]

BATCH = 1_000

encode_json = msgspec.json.Encoder().encode
row_of = msgspec.structs.astuple


class FloorFiles(Struct, frozen=True):
    """Where the floor writes."""

    folder: Path

    @property
    def log(self) -> Path:
        """The log, one file of batches."""
        return self.folder / "log"

    @property
    def write_db(self) -> Path:
        """The write database."""
        return self.folder / "write.db"

    @property
    def read_db(self) -> Path:
        """The read database."""
        return self.folder / "read.db"


class FloorRun(Struct, frozen=True):
    """How long the floor took, in seconds, and with what."""

    commands: int
    seconds: float
    log_seconds: float
    """Of these: the log's write and sync."""
    write_seconds: float
    """Of these: the transactions of the write database."""
    read_seconds: float
    """Of these: the transactions of the read database. The rest is Python: rules, encoding, hashing."""
    cpu_seconds: float
    """The time of the processor, which a busy machine disturbs less."""
    log_bytes: int


class Rows(Struct, frozen=True):
    """What a batch of commands leaves in the write database, and its events once more for the projections."""

    events: list[EventRecord]
    live: list[Any]
    """The events as the rules returned them."""
    states: list[Row]
    outcomes: list[Row]
    cursor: Offset


Then: TypeAlias = Callable[[Rows], None]
"""What is done once a batch is projected, inside the clock."""


class StraightShop:
    """The shop's rules, called directly."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._streams: dict[StreamId, tuple[int, Any]] = {}
        self._head: Head = GENESIS
        self._offset: Offset = 0
        # The shop's rules ask nothing of it.
        self._context = Context(LoggedCommand(0, CommandRecord("", "", "", b"", b"", 0)), 0)

    def records(self, batch: Sequence[Sent]) -> list[CommandRecord]:
        """Return the log's records of `batch`."""
        now = time.time_ns() // 1000
        return [self._record(sent, now) for sent in batch]

    def rows(self, batch: Sequence[Sent], records: Sequence[CommandRecord]) -> Rows:
        """Decide `batch`, whose log records are `records`, and return what it leaves in the write database."""
        events: list[EventRecord] = []
        live: list[Any] = []
        outcomes: list[Row] = []
        changed: dict[StreamId, CommandDefinition] = {}
        for (command, _), record in zip(batch, records, strict=True):
            self._offset += 1
            definition = self._domain.commands_by_type[type(command)]
            decider, stream = definition.decider, record.stream
            version, state = self._streams.get(stream) or (0, decider.initial())
            decided = decider.decide(state, command, self._context) or ()
            metadata = encode_json(EventMetadata(record.command_id, self._offset)).decode() if decided else ""
            for event in decided:
                version += 1
                state = decider.evolve(state, event)
                name, data = decider.events[type(event)].name, encode_json(event).decode()
                sealed = seal(self._head, stream, version, name, 1, data, metadata, record.time)
                self._head = Head(sealed.position, sealed.hash)
                events.append(sealed)
                live.append(event)
            self._streams[stream] = version, state
            if decided:
                changed[stream] = definition
            outcomes.append(outcome_row(record, self._offset, version, len(decided), self._head.position))
        states = [self._state_row(stream, definition) for stream, definition in changed.items()]
        return Rows(events, live, states, outcomes, self._offset)

    def statements(self, rows: Rows) -> dict[str, list[Row]]:
        """Return what the shop's projections make of the events, by their SQL."""
        statements: dict[str, list[Row]] = {}
        for record, event in zip(rows.events, rows.live, strict=True):
            meta = EventMeta(record)
            for _, project in self._domain.projected[record.type]:
                for sql, parameters in project(event, meta) or ():
                    statements.setdefault(sql, []).append(parameters)
        return statements

    def _record(self, sent: Sent, now: int) -> CommandRecord:
        command, command_id = sent
        definition = self._domain.commands_by_type[type(command)]
        data = encode_json(command)
        stream = stream_id(definition.decider.category, getattr(command, definition.key))
        digest = blake2b(data, digest_size=16).digest()
        return CommandRecord(command_id or new_command_id(), definition.name, stream, data, digest, now)

    def _state_row(self, stream: StreamId, definition: CommandDefinition) -> Row:
        version, state = self._streams[stream]
        return stream, version, definition.decider.fingerprint, encode_json(state).decode()


def outcome_row(record: CommandRecord, offset: Offset, version: int, events: int, head: Position) -> Row:
    """Return the row that keeps what became of a command."""
    position = head if events else 0
    stream, digest = record.stream, record.digest
    return record.command_id, offset, digest, "handled", stream, version, events, position, record.time, None


def run_floor(count: int, seed: int, folder: Path, sender_ids: bool) -> FloorRun:
    """Do the durable work of `count` commands in `folder`, which is empty."""
    return run_straight(app.domain(), count, seed, FloorFiles(folder), sender_ids)


def run_straight(
    domain: Domain, count: int, seed: int, files: FloorFiles, sender_ids: bool, then: Then | None = None
) -> FloorRun:
    """Do the durable work of `count` commands, and `then` whatever else follows from each batch of their events."""
    commands = draw_commands(count, seed, sender_ids=sender_ids)
    log, write_db = BareLog(files.log), BareWriteDb(files.write_db)
    read_db = BareReadDb(files.read_db, domain.projections)
    with quiet_collector():
        run = straight(domain, commands, log, write_db, read_db, then)
    for store in (log, write_db, read_db):
        store.close()
    return run


def straight(
    domain: Domain,
    commands: Iterable[Sent],
    log: BareLog,
    write_db: BareWriteDb,
    read_db: BareReadDb,
    then: Then | None,
) -> FloorRun:
    """Handle `commands` batch by batch, and time it."""
    shop, source = StraightShop(domain), iter(commands)
    log_seconds = write_seconds = read_seconds = 0.0
    now = time.perf_counter
    cpu_before, started, done = time.process_time(), now(), 0
    while batch := list(islice(source, BATCH)):
        records = shop.records(batch)
        frame = log.frame(records)
        before = now()
        log.append(frame)
        log_seconds += now() - before
        rows = shop.rows(batch, records)
        before = now()
        write_db.commit(map(row_of, rows.events), rows.states, rows.outcomes, rows.cursor)
        write_seconds += now() - before
        if rows.events:
            statements = shop.statements(rows)
            before = now()
            read_db.apply(statements, rows.events[-1].position)
            read_seconds += now() - before
            if then is not None:
                then(rows)
        done += len(batch)
    seconds, cpu_seconds = now() - started, time.process_time() - cpu_before
    return FloorRun(done, seconds, log_seconds, write_seconds, read_seconds, cpu_seconds, log.size)
