"""Behind a command that is turned away for a reason that passes nothing new gets in, so a second try keeps order."""

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import anyio
import pytest
from twofold import (
    App,
    CommandRefused,
    Config,
    OutOfTurn,
    Receipt,
    Reject,
    Runtime,
    ValidatorTimeout,
)
from twofold.runtime.command_lines import READ_AT_ONCE
from twofold.runtime.config import ValidatorSettings
from twofold.runtime.send_summary import Summary
from twofold.runtime.sending import HELD_UP, send
from twofold.runtime.testing import MemoryFolder

from tests.doubles.accounts import Deposit, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

IMPATIENT = Config(validator=ValidatorSettings(timeout=0.05))


def app_that_is_slow_once() -> App:
    """Return a domain that takes too long for the first deposit that says so, and refuses another one."""
    app, calls = accounts_app(), count()

    @app.validate
    async def look(command: Deposit) -> Sequence[Reject]:
        if command.note.startswith("slow") and next(calls) == 0:
            await anyio.sleep_forever()
        return [Reject("note.bad")] if command.note == "bad" else []

    return app


async def test_commands_that_are_submitted_again_after_one_was_turned_away_keep_their_order() -> None:
    notes = ["", "bad", "slow", "", "bad", ""]
    ids = [str(number) for number in range(len(notes))]
    async with Runtime(app_that_is_slow_once(), IMPATIENT, open_stores=MemoryFolder().open) as runtime:
        kinds = []
        for _ in range(2):
            commands = [Deposit("ada", 1, note) for note in notes]  # type: ignore[arg-type] # a whole number will do
            answers = await runtime.submit_many(commands, command_ids=ids)
            kinds.append([type(answer) for answer in answers])
        offsets = [answer.offset for answer in answers if isinstance(answer, Receipt)]
    assert kinds == [
        [Receipt, CommandRefused, ValidatorTimeout, OutOfTurn, CommandRefused, OutOfTurn],
        [Receipt, CommandRefused, Receipt, Receipt, CommandRefused, Receipt],
    ]
    assert offsets == [1, 2, 3, 4]


async def test_a_file_that_is_sent_again_after_a_line_was_turned_away_keeps_its_order(tmp_path: Path) -> None:
    lines, file, folder = 2_000, tmp_path / "commands.ndjson", MemoryFolder()

    def line(number: int) -> bytes:
        data = {"account": "ada", "amount": "1", "note": ("slow" if number == 10 else "").ljust(1_000)}
        return json.dumps({"type": "account.deposit", "id": str(number), "data": data}).encode() + b"\n"

    file.write_bytes(b"".join(map(line, range(1, lines + 1))))
    assert file.stat().st_size > 6 * READ_AT_ONCE, "more than is under way at a time"

    async with Runtime(app_that_is_slow_once(), IMPATIENT, open_stores=folder.open) as runtime:

        async def sent() -> Summary:
            with file.open("rb") as source:
                scope = anyio.CancelScope()
                return await send(
                    runtime, source, wait="accepted", timeout=30, progress=lambda _read: None, reading=scope
                )

        first = await sent()
        assert (first.accepted, first.gave_up, first.complete) == (9, HELD_UP, False)
        assert first.codes == {"OutOfTurn": len(first.unanswered) - 1, "ValidatorTimeout": 1}
        assert [each.line for each in first.unanswered] == list(range(10, first.lines + 1))
        assert first.lines < lines, "the rest of the file was not read"

        second = await sent()
        assert (second.accepted, second.repeated, second.gave_up, second.complete) == (lines, 9, None, True)
        await runtime.settled()
    logged = await folder.log.read(0, lines)
    assert [each.command.command_id for each in logged] == [str(number) for number in range(1, lines + 1)]
