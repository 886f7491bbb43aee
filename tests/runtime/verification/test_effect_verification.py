"""`verify` holds the effect ledger against the events: what no event can have led to is named."""

from pathlib import Path

import pytest
from twofold import Runtime
from twofold.runtime.stores import DataFolder

from tests.doubles.accounts import OpenAccount
from tests.doubles.ledger import config_of, edit, verified
from tests.doubles.refusing import Calls

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def opened(root: Path) -> DataFolder:
    """Return a folder in which two accounts were opened, and the consumer refused both events."""
    async with Runtime(Calls().app, config_of(root)) as runtime:
        for key in ("1", "2"):
            await runtime.submit(OpenAccount(key, "Ada"))
        await runtime.settled()
    return DataFolder(root)


async def faults(folder: DataFolder) -> list[str]:
    return [fault.what for fault in (await verified(folder, Calls().app)).faults]


EDITS = {
    "another id": (
        "UPDATE effects SET effect_id = 'made up' WHERE position = 1",
        "its id is not that of effect 0 of calls for the event at 1",
    ),
    "another ordinal": ("UPDATE effects SET ordinal = 1 WHERE position = 1", "its id is not that of effect 1 of calls"),
    "another stream": (
        "UPDATE effects SET stream = 'account-9' WHERE position = 1",
        "it is of account-9, and the event at position 1 is of account-1",
    ),
    "no event": ("UPDATE effects SET position = 9 WHERE position = 1", "there is no event at its position 9"),
    "no consumer": ("UPDATE effects SET consumer = 'x' WHERE position = 1", "its consumer x is not in the ledger"),
    "failures without attempts": (
        "UPDATE effects SET failures = 7 WHERE position = 1",
        "it failed 7 times in 1 attempts",
    ),
}


@pytest.mark.parametrize(("statement", "what"), EDITS.values(), ids=EDITS)
async def test_an_effect_that_does_not_fit_its_event_is_named(tmp_path: Path, statement: str, what: str) -> None:
    folder = await opened(tmp_path / "data")
    assert await faults(folder) == []
    edit(folder.effects_db, statement)
    (found,) = await faults(folder)
    assert what in found


async def test_a_ledger_of_another_history_is_named_though_its_events_look_alike(tmp_path: Path) -> None:
    folder, other = await opened(tmp_path / "data"), await opened(tmp_path / "other")
    folder.effects_db.write_bytes(other.effects_db.read_bytes())
    assert [what.partition(" is not")[0] for what in await faults(folder)] == ["its id"] * 2
