"""The id of an effect names its event and no other one: over restarts, a replayed log, restores and other folders."""

import hashlib
import shutil
from pathlib import Path

import pytest
from twofold import App, Config, Email, EventMeta, Runtime
from twofold.runtime.config import DataSettings
from twofold.runtime.stores import DataFolder

from tests.doubles.accounts import AccountOpened, OpenAccount, accounts_app
from tests.doubles.ledger import edit, verified
from tests.doubles.refusing import Calls

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

ENDINGS = ("", "-wal", "-shm")


def config_of(data: Path) -> Config:
    return Config(data=DataSettings(dir=data))


async def called_for(data: Path, *keys: str) -> dict[int, str]:
    """Open accounts in a folder, and return with which id a consumer was called for the event at each position."""
    app, ids = accounts_app(), dict[int, str]()

    @app.consumer("calls")
    async def call(event: AccountOpened, meta: EventMeta) -> None:
        ids[meta.position] = meta.effect_id

    async with Runtime(app, config_of(data)) as runtime:
        for key in keys:
            await runtime.submit(OpenAccount(key, "Ada"), command_id=key)
        await runtime.settled()
    return ids


async def test_a_log_that_is_replayed_gives_each_effect_the_id_that_it_had(tmp_path: Path) -> None:
    ids = await called_for(tmp_path / "data", "1", "2", "3")
    for name in ("write.db", "effects.db"):
        for ending in ENDINGS:
            (tmp_path / "data" / f"{name}{ending}").unlink(missing_ok=True)
    shutil.rmtree(tmp_path / "data" / "read")
    assert await called_for(tmp_path / "data") == ids
    assert len(set(ids.values())) == 3


async def test_after_a_restore_another_event_at_the_same_position_has_another_id(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    await called_for(data, "1")
    shutil.copytree(data, backup)
    lost = await called_for(data, "2")
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    instead = await called_for(data, "3")
    assert lost.keys() == instead.keys() == {2}
    assert lost[2] != instead[2]


async def test_the_same_commands_in_another_folder_have_other_ids(tmp_path: Path) -> None:
    one, other = await called_for(tmp_path / "one", "1"), await called_for(tmp_path / "other", "1")
    assert one.keys() == other.keys()
    assert one != other


async def entered_by_an_older_version(folder: DataFolder, app: App, consumer: str) -> str:
    """Let `consumer` park an effect in a new folder, and return the id under which the older version entered it."""
    async with Runtime(app, config_of(folder.root)) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"))
        await runtime.settled()
    older = f"{1:012x}{hashlib.sha256(f'{consumer}/1/0'.encode()).hexdigest()[:20]}"
    edit(folder.effects_db, f"UPDATE effects SET effect_id = '{older}' WHERE state = 'parked'")
    assert (await verified(folder, app)).faults == ()
    return older


async def test_what_an_older_version_entered_keeps_its_id_and_is_sent_under_it(tmp_path: Path) -> None:
    calls, folder = Calls(), DataFolder(tmp_path / "data")
    older = await entered_by_an_older_version(folder, calls.app, "calls")
    calls.healed = True
    async with Runtime(calls.app, config_of(folder.root)) as runtime:
        assert await runtime.release_effects([older], again=True) == 1
        await runtime.settled()
    assert calls.delivered == [older]


async def test_what_an_older_version_could_not_render_is_rendered_anew_under_its_id(tmp_path: Path) -> None:
    app, folder, mails = accounts_app(), DataFolder(tmp_path / "data"), list[Email]()

    @app.email("welcome")
    def welcome(event: AccountOpened, meta: EventMeta) -> list[Email]:
        if not mails:
            raise ValueError("a bug")
        return mails

    older = await entered_by_an_older_version(folder, app, "welcome")
    mails += [Email(to=to, subject="Hello", text="Hello", sender="c@example.com") for to in ("a@b.com", "b@b.com")]
    async with Runtime(app, config_of(folder.root)) as runtime:
        assert await runtime.release_effects([older], again=True) == 1
        await runtime.settled()
        first, second = await runtime.effects(states=["done"])
    assert (first.effect_id, second.ordinal) == (older, 1)
    assert (await verified(folder, app)).faults == ()
