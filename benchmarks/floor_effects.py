"""The floor with effects: `benchmarks.floor`, which then does the same durable work for the shop's e-mails and purges.

It does all that the floor does, and after each batch of 1,000 commands, on the same thread and inside the clock, it

6. renders the effects of the batch's events once, and encodes each as JSON;
7. enters them with the cursors of all consumers into Twofold's effect ledger, by statements of many rows, in one
   transaction with `synchronous=FULL`;
8. records that an attempt at each of them begins, in one such transaction more;
9. composes each e-mail as Twofold's mailer does, and writes it as Twofold's transport `directory` does: into a file of
   a temporary name, `fdatasync`, rename, `fsync` of the folder;
10. gathers what all purges of the batch name, each thing once, into calls of up to 100 of a kind, and appends each
    call as a line with an `fdatasync`, as Twofold's provider `directory` does;
11. records all ends with their results, in a third transaction.

A batch of commands makes at most 1,000 effects, so that this is one batch of effects too. It does not decode the events
and the payloads that it has in hand, check e-mails, check purges more than once, look at the states of effects before
it changes them, keep the order of a stream's effects, wait for a purge's window (Twofold's is a second, so that more go
into one call), open the file of purges for each line, retry, or survive a crash between its steps. Registering the
consumers is off the clock. What it leaves in the ledger and the names of the mails are Twofold's, which
`benchmarks.same_rows` checks; how the purges fall into calls is not compared, for that follows from the time.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct
from twofold import Email, Purge
from twofold.actors.cdn_directory import PURGES
from twofold.actors.cdn_settings import CdnSettings
from twofold.actors.cdn_zone import Part, Zone
from twofold.actors.definitions import Domain
from twofold.actors.domain import EventMeta
from twofold.actors.mail_message import compose, message_bytes
from twofold.actors.mail_report import MailReport
from twofold.actors.mailer import NOBODY
from twofold.runtime.stores import DataFolder
from twofold.stores.effect_records import EffectRecord, effect_id
from twofold.stores.files import Files, write_durably

from .bare_ledger import BareLedger
from .floor import FloorFiles, FloorRun, Rows, run_straight
from .whole_shop import whole_shop

__all__ = ["FloorWithEffects", "run_floor_with_effects"]

encode_json = msgspec.json.Encoder().encode
row_of = msgspec.structs.astuple


class FloorWithEffects(Struct, frozen=True):
    """How long the floor with effects took, and how much of it for what, in seconds."""

    whole: FloorRun
    """Everything, the effects as well."""
    effects: int
    mails: int
    calls: int
    """How many lines the purges became."""
    ledger_seconds: float
    """Of the whole: the transactions of the ledger."""
    mail_seconds: float
    """Of the whole: composing, writing and syncing the mails."""
    purge_seconds: float
    """Of the whole: gathering, writing and syncing the purges."""


class Made(NamedTuple):
    """The effects of a batch: as the ledger holds them, and each besides as its function made it."""

    records: list[EffectRecord]
    mails: list[tuple[Email, EffectRecord]]
    purges: list[tuple[Purge, EffectRecord]]


class StraightEffects:
    """The shop's effects, done directly, into the ledger and the outbox of `folder`."""

    def __init__(self, domain: Domain, folder: DataFolder) -> None:
        self._consumers = tuple(domain.effects.values())
        self._ledger = BareLedger(folder.effects_db, tuple(domain.effects))
        self._zone = Zone(CdnSettings().zone_url)
        self._items_per_call = CdnSettings().items_per_call
        self._files, self._outbox = Files(), folder.outbox
        self._files.make_folder(self._outbox)
        self._purges = self._files.open(self._outbox / PURGES, create=True)
        self._files.sync_folder(self._outbox)
        self._size = 0
        self.effects = self.mails = self.calls = 0
        self.ledger_seconds = self.mail_seconds = self.purge_seconds = 0.0

    def do(self, rows: Rows) -> None:
        """Do the effects of the events in `rows`."""
        now = time.perf_counter
        records, mails, purges = self._made(rows)
        started = now()
        self._ledger.enter([row_of(record) for record in records], rows.events[-1].position)
        self._ledger.begin([(record.effect_id, _wall_clock()) for record in records])
        begun = now()
        results = self._send(mails)
        sent = now()
        results |= self._purge(purges)
        purged = now()
        self._ledger.conclude([(name, result, _wall_clock()) for name, result in results.items()])
        self.ledger_seconds += begun - started + now() - purged
        self.mail_seconds += sent - begun
        self.purge_seconds += purged - sent
        self.effects += len(records)
        self.mails += len(mails)

    def close(self) -> None:
        """Release the files."""
        os.close(self._purges)
        self._ledger.close()

    def _made(self, rows: Rows) -> Made:
        effects = Made([], [], [])
        for event, live in zip(rows.events, rows.live, strict=True):
            for consumer in self._consumers:
                if event.type not in consumer.events or (made := consumer.call(live, EventMeta(event))) is None:
                    continue
                name = effect_id(consumer.name, event.position, event.hash, 0)
                place = name, consumer.name, event.position, 0, event.stream
                record = EffectRecord(*place, encode_json(made).decode(), "pending", 0, None, None, _wall_clock())
                effects.records.append(record)
                if isinstance(made, Email):
                    effects.mails.append((made, record))
                else:
                    effects.purges.append((made, record))
        return effects

    def _send(self, mails: Iterable[tuple[Email, EffectRecord]]) -> dict[str, str]:
        """Write a file for each e-mail, and return the results by the effects' ids."""
        results = {}
        for mail, record in mails:
            name = f"{record.effect_id}.eml"
            write_durably(self._files, self._outbox / name, message_bytes(compose(mail, record, NOBODY)))
            results[record.effect_id] = MailReport(dict.fromkeys(mail.recipients, f"written to {name}")).as_json()
        return results

    def _purge(self, purges: Iterable[tuple[Purge, EffectRecord]]) -> dict[str, str]:
        """Write a line for each call of the CDN, and return the results by the effects' ids."""
        wanted: dict[Part, list[str]] = {}
        for purge, record in purges:
            for part in self._zone.parts(purge):
                wanted.setdefault(part, []).append(record.effect_id)
        results: dict[str, list[str]] = {}
        for kind in dict.fromkeys(part.kind for part in wanted):
            parts = [part for part in wanted if part.kind == kind]
            for start in range(0, len(parts), self._items_per_call):
                call = parts[start : start + self._items_per_call]
                ids = list(dict.fromkeys(name for part in call for name in wanted[part]))
                result = self._append({"effects": ids, kind: [part.name for part in call]})
                for name in ids:
                    results.setdefault(name, []).append(result)
        return {name: f"[{','.join(answers)}]" for name, answers in results.items()}

    def _append(self, call: dict[str, list[str]]) -> str:
        line = encode_json(call) + b"\n"
        result = encode_json({"file": PURGES, "byte": self._size}).decode()
        self._files.write_all(self._purges, line, self._size)
        self._files.sync(self._purges)
        self._size += len(line)
        self.calls += 1
        return result


def run_floor_with_effects(count: int, seed: int, folder: Path, sender_ids: bool) -> FloorWithEffects:
    """Do the durable work of `count` commands and of their effects in `folder`, which is empty."""
    domain = whole_shop().domain()
    effects = StraightEffects(domain, DataFolder(folder))
    whole = run_straight(domain, count, seed, FloorFiles(folder), sender_ids, effects.do)
    effects.close()
    return FloorWithEffects(
        whole,
        effects.effects,
        effects.mails,
        effects.calls,
        effects.ledger_seconds,
        effects.mail_seconds,
        effects.purge_seconds,
    )


def _wall_clock() -> int:
    return time.time_ns() // 1000
