"""One batch of commands on its whole way, on one thread: each stage is timed for all of them, before the next begins.

The parts are those that a runtime is made of, over real files and databases; what is missing is the event loop between
them, the tasks that wait, and the threads that wait for one another.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from twofold.actors.admission import Candidate, read_command, record_of, refusal_by_validators
from twofold.actors.batch_draft import BatchDraft
from twofold.actors.decision import Loaded, load
from twofold.actors.definitions import Domain
from twofold.actors.domain import EventMeta
from twofold.actors.event_feed import EventFeed
from twofold.actors.in_flight import InFlight
from twofold.actors.kernel.clock import SystemClock
from twofold.actors.kernel.deadlines import Deadlines
from twofold.actors.kernel.mailbox import Mailbox
from twofold.actors.projector import statements_for
from twofold.actors.storable import looks_unstorable
from twofold.actors.submission import Submission
from twofold.stores.files import Files
from twofold.stores.records import GENESIS, LoggedCommand
from twofold.stores.segments.frame import encode_body
from twofold.stores.segments.log import SEGMENT_BYTES
from twofold.stores.segments.recovery import recover
from twofold.stores.segments.writer import SegmentWriter
from twofold.stores.sqlite.commits import write_commit
from twofold.stores.sqlite.event_rows import existing_states
from twofold.stores.sqlite.migrations import READ_DB, WRITE_DB, Schema, migrate
from twofold.stores.sqlite.projecting import apply_statements, create_projections
from twofold.stores.sqlite.settings import Synchronous, apply_settings, writer_settings

from .shop_mix import Sent

__all__ = ["PARTS", "STAGES", "StageTime", "Stopwatch", "walk"]

STAGES = {
    "submit": "id, future, deadline, mailbox",
    "admit: form": "encode and decode, look for what cannot be stored, names, digest",
    "admit: in flight": "the table of ids",
    "admit: validators": "the domain's",
    "log: encode": "records, MessagePack",
    "log: append": "CRC, one write, one fdatasync",
    "accepted": "who waits for no more is answered",
    "load": "states from the write database",
    "decide": "decide, evolve, encode events and states, seal",
    "commit": "rows, SQLite, one sync",
    "handled": "outcomes handed out, events published",
    "project": "the projections' statements",
    "apply": "SQLite",
    "projected": "answers",
}
"""The stages of a command's way, in order, each with what happens in it."""

PARTS = {
    "admit: form": ("to bytes and back", "what cannot be stored", "digest"),
    "decide": ("the domain's decide", "the domain's evolve", "events to bytes and back", "states to bytes and back"),
    "project": ("the domain's projections",),
}
"""What some of the stages are made of, timed once more by itself."""

_NOT_NEEDED: Any = None
"""The shop claims nothing, asks nothing, and its deciders look at no context."""


class StageTime(Struct, frozen=True):
    """The least that one stage took, in microseconds a command: by the clock, and of the processor."""

    wall: float
    cpu: float


class Stopwatch:
    """Keeps the least time of each stage, over all walks."""

    def __init__(self, commands: int) -> None:
        self.best: dict[str, StageTime] = {}
        self._commands = commands

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        yield
        cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
        best = self.best.get(name, StageTime(float("inf"), float("inf")))
        each = 1e3 * self._commands
        self.best[name] = StageTime(min(best.wall, wall / each), min(best.cpu, cpu / each))


async def walk(domain: Domain, sent: Sequence[Sent], folder: Path, watch: Stopwatch) -> None:
    """Take the commands `sent` through all stages, in the empty `folder`."""
    in_flight = InFlight()
    submissions = _submit(sent, watch)
    candidates = await _admit(domain, submissions, in_flight, watch)
    logged = _log(candidates, in_flight, folder, watch)
    with closing(_database(folder / "write.db", WRITE_DB, "FULL")) as write_db:
        draft = _handle(domain, logged, in_flight, write_db, watch)
        with watch("commit"):
            write_commit(write_db, folder / "write.db", draft.commit(0, len(logged)))
    feed = EventFeed(_NOT_NEEDED, 0)
    with watch("handled"):
        feed.publish(draft.events, draft.decoded)
        for outcome in draft.outcomes:
            in_flight.handled(outcome)
    _project(domain, draft, feed, folder / "read.db", watch)
    with watch("projected"):
        in_flight.projected(draft.head.position)
    _parts(domain, candidates, draft, watch)


def _submit(sent: Sequence[Sent], watch: Stopwatch) -> list[Submission]:
    deadlines, mailbox = Deadlines(SystemClock()), Mailbox[Submission](len(sent))
    with watch("submit"):
        for command, command_id in sent:
            submission = Submission(command, command_id=command_id, wait="projected")
            mailbox.tell(submission)
            deadlines.add(submission, 30.0)
    return mailbox.abandon()


async def _admit(
    domain: Domain, submissions: Sequence[Submission], in_flight: InFlight, watch: Stopwatch
) -> list[Candidate]:
    with watch("admit: form"):
        candidates = [read_command(domain, submission) for submission in submissions]
    with watch("admit: in flight"):
        for each in candidates:
            in_flight.join(each.submission, each.command_id, each.digest, each.command)
    clock = SystemClock()
    with watch("admit: validators"):
        refusals = [await refusal_by_validators(candidate, _NOT_NEEDED, clock, 1.0) for candidate in candidates]
    if any(refusals):
        raise AssertionError(f"the mix is of valid commands, and one was refused: {refusals}")
    return candidates


def _log(candidates: Sequence[Candidate], in_flight: InFlight, folder: Path, watch: Stopwatch) -> list[LoggedCommand]:
    with watch("log: encode"):
        records = [record_of(candidate, 0) for candidate in candidates]
        body = encode_body(records)
    files = Files()
    writer = SegmentWriter(files, folder, recover(files, folder), SEGMENT_BYTES, time.time)
    writer.append(encode_body(records[:1]), 1)  # the first one of all makes the segment
    with watch("log: append"):
        writer.append(body, len(records))
    writer.close()
    with watch("accepted"):
        for offset, record in enumerate(records, 1):
            in_flight.accepted(record.command_id, offset)
    return [LoggedCommand(offset, record) for offset, record in enumerate(records, 1)]


def _handle(
    domain: Domain, logged: Sequence[LoggedCommand], in_flight: InFlight, write_db: sqlite3.Connection, watch: Stopwatch
) -> BatchDraft:
    with watch("load"):
        deciders = {each.command.stream: domain.commands[each.command.type].decider for each in logged}
        kept = existing_states(write_db, list(deciders))
        streams = {stream: load(decider, kept.get(stream)) for stream, decider in deciders.items()}
    draft = BatchDraft(domain, _NOT_NEEDED, GENESIS, {stream: each for stream, each in streams.items() if each})
    with watch("decide"):
        for each in logged:
            claiming = draft.add(each, in_flight.command_at(each.command.command_id, each.offset))
            assert claiming is None  # the shop claims nothing
    return draft


def _project(domain: Domain, draft: BatchDraft, feed: EventFeed, file: Path, watch: Stopwatch) -> None:
    with closing(_database(file, READ_DB, "NORMAL")) as read_db:
        create_projections(read_db, file, domain.projections)
        with watch("project"):
            statements = statements_for(domain, draft.events, feed.decoded)
        with watch("apply"):
            apply_statements(read_db, file, statements, 0, draft.head.position)


def _parts(domain: Domain, candidates: Sequence[Candidate], draft: BatchDraft, watch: Stopwatch) -> None:
    """Do once more by itself what some of the stages are made of; each command finds its stream as it began."""
    with watch("to bytes and back"):
        for each in candidates:
            each.definition.codec.again(each.command)
    with watch("what cannot be stored"):
        for each in candidates:
            looks_unstorable(each.data)
    with watch("digest"):
        for each in candidates:
            each.definition.codec.digest(each.command, each.data)
    deciders = [each.definition.decider for each in candidates]
    new = [Loaded(0, decider.initial()) for decider in deciders]
    with watch("the domain's decide"):
        said = [
            decider.decide(loaded.state, each.command, _NOT_NEEDED)
            for decider, loaded, each in zip(deciders, new, candidates, strict=True)
        ]
    made = [(decider, event) for decider, events in zip(deciders, said, strict=True) for event in events or ()]
    with watch("the domain's evolve"):
        states = [decider.evolve(decider.initial(), event) for decider, event in made]
    with watch("events to bytes and back"):
        for decider, event in made:
            decider.events[type(event)].codec.again(event)
    with watch("states to bytes and back"):
        for (decider, _), state in zip(made, states, strict=True):
            decider.state.again(state)
    with watch("the domain's projections"):
        for record, event in zip(draft.events, draft.decoded, strict=True):
            for _, handler in domain.projected.get(record.type, ()):
                list(handler(event, EventMeta(record)) or ())


def _database(file: Path, schema: Schema, synchronous: Synchronous) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    apply_settings(connection, file, writer_settings(synchronous))
    migrate(connection, schema, file)
    return connection
