"""Verifying the history: the chain of its events, the streams that they form, and the states that they fold into."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ...actors.codec import Codec
from ...actors.definitions import DeciderDefinition, Domain, EventDefinition
from ...actors.domain import read_metadata
from ...stores.chain import verify
from ...stores.records import GENESIS, EventRecord, Head, StateRecord, StreamId, Version, split_stream
from ...stores.sqlite.command_audit import MadeEvents
from ...stores.sqlite.write_audit import Bounds
from .report import Findings

__all__ = ["History"]

FOLD_ANEW = (
    "The events are right and the state is not: restore a backup, or raise the decider's version, "
    "and all its states are folded anew."
)
REGISTER = "Register the event again, as it was when it was stored; or restore a backup if the event was damaged."


class Folded(Struct):
    """A stream as far as its events were read."""

    decider: DeciderDefinition | None
    version: Version
    state: Any
    is_whole: bool
    """Whether each of its events could be folded; if not, nothing can be said of the state."""


class History:
    """The events read so far, in order. It keeps the newest state of every stream, and no event."""

    def __init__(self, domain: Domain, file: Path, found: Bounds, expected: Head | None, findings: Findings) -> None:
        self.streams: dict[StreamId, Folded] = {}
        self._domain = domain
        self._file = file
        self._cursor = found.cursor
        self._end = found.head.position
        self._head = GENESIS
        self._expected = expected
        self._findings = findings
        self._events_by_name: dict[str, dict[str, EventDefinition]] = {
            category: {each.name: each for each in decider.events.values()}
            for category, decider in domain.deciders.items()
        }
        self._open: MadeEvents | None = None
        self._folded_by_others = 0
        self._expected_was_met = expected == GENESIS

    def add(self, events: list[EventRecord]) -> Iterator[MadeEvents]:
        """Read events that follow those before; yield what each command made, once the next one's events begin."""
        for link in verify(events, self._head):
            self._fault(link.position, link.what)
        for event in events:
            if self._expected is not None and event.position == self._expected.position:
                self._compare_hash(event, self._expected.hash)
            self._fold(event)
            yield from self._made_by_command(event)
            self._head = Head(event.position, event.hash)

    def finish(self) -> Iterator[MadeEvents]:
        """Yield what the last command made, and check that the expected head was there."""
        if self._open is not None:
            yield self._open
        if self._expected is not None and not self._expected_was_met:
            what = f"the exported head is at position {self._expected.position}, and the history ends at {self._end}"
            self._fault(self._expected.position, f"{what}: events are missing")

    def compare_state(self, record: StateRecord, newer: Callable[[Version], Iterable[EventRecord]]) -> None:
        """Hold the state of a stream against its events; `newer` returns those past a version of it."""
        stream = self.streams.pop(record.stream, None) or self._new_stream(record.stream)
        where = f"{self._file}, state of {record.stream}"
        if record.version > stream.version:
            for event in newer(stream.version):
                if event.version <= record.version:
                    self._evolve(stream, event)
        if stream.version == 0:
            self._findings.fault("states", where, "there is a state, and the stream has no events")
        elif record.version != stream.version:
            what = f"the state is at version {record.version}, and the stream's events go to {stream.version}"
            self._findings.fault("states", where, what, FOLD_ANEW)
        elif stream.decider is None or not stream.is_whole:
            return
        elif record.fingerprint != stream.decider.fingerprint:
            self._folded_by_others += 1
        else:
            self._compare_fold(stream.decider, stream.state, record, where)

    def finish_states(self) -> None:
        """Name the streams whose state no `compare_state` has seen, and count what could not be compared."""
        for name in self.streams:
            what = "the stream has events and no state"
            self._findings.fault("states", f"{self._file}, stream {name}", what, FOLD_ANEW)
        if self._folded_by_others:
            self._findings.note(
                f"{self._folded_by_others} states were folded by other code than that of today: "
                "they were not compared, and are folded anew when they are used."
            )

    def _compare_fold(self, decider: DeciderDefinition, state: Any, record: StateRecord, where: str) -> None:
        try:
            _, folded = decider.state.again(state)
            if is_same_state(decider.state, folded, record.data.encode()):
                return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this state, the others are still looked at
            self._findings.fault("states", where, f"the state cannot be compared: {error}", FOLD_ANEW)
            return
        self._findings.fault("states", where, "the state is not what the stream's events fold into", FOLD_ANEW)

    def _fold(self, event: EventRecord) -> None:
        stream = self.streams.get(event.stream)
        if stream is None:
            stream = self.streams[event.stream] = self._new_stream(event.stream)
            if stream.decider is None:
                what = f"the stream {event.stream} belongs to no decider"
                self._fault(event.position, what, "Register its decider again; or restore a backup.")
        if event.version != stream.version + 1:
            what = f"it is version {event.version} of {event.stream}, and follows version {stream.version}"
            self._fault(event.position, what)
        self._evolve(stream, event)

    def _evolve(self, stream: Folded, event: EventRecord) -> None:
        stream.version = event.version
        if stream.decider is None or event.data is None:
            stream.is_whole = False
            return
        definition = self._events_by_name[stream.decider.category].get(event.type)
        if definition is None:
            stream.is_whole = False
            what = f"the decider {stream.decider.category} knows no event {event.type!r}"
            self._fault(event.position, what, REGISTER)
            return
        try:
            decoded = definition.codec.decode(event.data)
            if stream.is_whole:
                stream.state = stream.decider.evolve(stream.state, decoded)
        except msgspec.MsgspecError as error:
            stream.is_whole = False
            self._fault(event.position, f"it does not decode as {event.type}: {error}", REGISTER)
        except Exception as error:  # noqa: BLE001 - evolve is the user's, and its bug concerns this stream only
            stream.is_whole = False
            self._fault(event.position, f"evolve raised {error!r}", "Mend evolve, which never raises.")

    def _new_stream(self, name: StreamId) -> Folded:
        decider = self._domain.deciders.get(split_stream(name)[0])
        return Folded(decider, 0, None if decider is None else decider.initial(), is_whole=True)

    def _made_by_command(self, event: EventRecord) -> Iterator[MadeEvents]:
        try:
            metadata = read_metadata(event.metadata)
        except msgspec.MsgspecError as error:
            self._fault(event.position, f"its metadata does not decode: {error}")
            return
        if not 1 <= metadata.offset <= self._cursor:
            what = f"it names the command at offset {metadata.offset}, and handled are 1 to {self._cursor}"
            self._fault(event.position, what)
            return
        before = self._open
        of_command = metadata.offset, metadata.command_id, event.stream
        if before is not None and of_command == before[:3] and event.time == before.time:
            self._open = before._replace(version=event.version, events=before.events + 1, position=event.position)
            return
        if before is not None:
            yield before
        self._open = MadeEvents(*of_command, event.version, 1, event.position, event.time)

    def _compare_hash(self, event: EventRecord, expected: bytes) -> None:
        self._expected_was_met = True
        if event.hash != expected:
            what = f"its hash is {event.hash.hex()}, and the exported head's is {expected.hex()}"
            self._fault(event.position, f"{what}: the history up to here was changed since")

    def _fault(self, position: int, what: str, *next_step: str) -> None:
        self._findings.fault("events", f"{self._file}, event {position}", what, *next_step)


def is_same_state(codec: Codec[Any], folded: bytes, kept: bytes) -> bool:
    """Tell whether two states are spelled alike, but for the order in which the members of a set stand."""
    if folded == kept:
        return True
    return sorted(folded) == sorted(kept) and (
        codec.digest(codec.decode(folded), folded) == codec.digest(codec.decode(kept), kept)
    )
