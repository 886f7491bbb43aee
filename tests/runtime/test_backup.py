"""A backup beside a running process: what was acknowledged is in it, and it starts as a folder after a kill would."""

import shutil
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio import to_thread
from twofold import Config, EventMeta, Runtime
from twofold.runtime.backup import PARTIAL, Backup, BackupRefused, back_up
from twofold.runtime.config import DataSettings, LogSettings
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification.verification import verify
from twofold.stores.errors import Corruption
from twofold.stores.segments.log import SegmentLog

from tests.doubles.accounts import AccountOpened, Deposit, OpenAccount, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ACCOUNTS = 8
BACKUPS = 6


def config_of(data: Path, **log: int) -> Config:
    return Config(data=DataSettings(dir=data), log=LogSettings(**log))


def nothing(_part: str) -> None:
    pass


async def start_once(config: Config) -> DataFolder:
    """Make a data folder in which nothing has happened yet."""
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.settled()
    return DataFolder(config.data.dir)


async def test_under_load_each_backup_is_whole_and_holds_all_that_was_acknowledged(tmp_path: Path) -> None:
    app, config = accounts_app(), config_of(tmp_path / "data", segment_bytes=16 << 10)
    rung = list[str]()

    @app.consumer("bell")
    async def ring(_event: AccountOpened, meta: EventMeta) -> None:
        rung.append(meta.key)

    known: list[list[int]] = []
    backups: list[Backup] = []
    async with Runtime(app, config) as runtime:
        await runtime.submit_many([OpenAccount(str(account), "Ada") for account in range(ACCOUNTS)])
        await runtime.settled()
        while any((await runtime.effects_to_send()).values()):
            await anyio.lowlevel.checkpoint()
        counts, done = [0] * ACCOUNTS, anyio.Event()

        async def pay(account: int) -> None:
            while not done.is_set():
                await runtime.submit(Deposit(str(account), Decimal(1)))
                counts[account] += 1

        async with anyio.create_task_group() as tasks:
            for account in range(ACCOUNTS):
                tasks.start_soon(pay, account)
            for number in range(BACKUPS):
                known.append(list(counts))
                target = tmp_path / "backups" / str(number)
                backups.append(await to_thread.run_sync(back_up, DataFolder(config.data.dir), target, nothing))
            done.set()
    for before, after in pairwise(backups):
        assert before.log_end < after.log_end, "commands went on"
    domain = app.domain()
    for number, acknowledged in enumerate(known):
        copy = config_of(tmp_path / "backups" / str(number))
        assert (await verify(DataFolder(copy.data.dir), domain)).faults == ()
        async with Runtime(app, copy) as restored:
            await restored.settled()
            for account, count in enumerate(acknowledged):
                assert (await restored.query("deposits_of", account=str(account))).value >= count
        assert (await verify(DataFolder(copy.data.dir), domain)).faults == ()
    assert sorted(rung) == [str(account) for account in range(ACCOUNTS)], "what was done in the copy is not done again"


async def test_a_backup_of_a_folder_that_nobody_has_open_equals_it_and_goes_on_from_there(tmp_path: Path) -> None:
    config = config_of(tmp_path / "data")
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit_many([OpenAccount("1", "Ada"), Deposit("1", Decimal(1))], wait="projected")
    seen = list[str]()
    made = back_up(DataFolder(config.data.dir), tmp_path / "copy", seen.append)
    assert (made.folder, made.log_end) == (str(tmp_path / "copy"), 2)
    assert seen == ["the read database", "the effect ledger", "the write database", "the log"]
    assert not (tmp_path / f"copy{PARTIAL}").exists()
    shutil.rmtree(config.data.dir)
    (tmp_path / "copy").rename(config.data.dir)
    async with Runtime(accounts_app(), config) as runtime:
        assert runtime.rebuilding() is None, "the read database came along"
        receipt = await runtime.submit(Deposit("1", Decimal(1)), wait="projected")
        assert (receipt.offset, receipt.position) == (3, 3)
        assert (await runtime.query("deposits_of", account="1")).value == 2


async def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    config = config_of(tmp_path / "data")
    folder = await start_once(config)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name, why in [("full", "something in it"), ("file", "no folder"), ("data", "itself"), ("data/b", "itself")]:
        with pytest.raises(BackupRefused, match=why):
            back_up(folder, tmp_path / name, nothing)
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"
    assert back_up(folder, tmp_path / "empty", nothing).log_end == 0


async def test_a_backup_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    config = config_of(tmp_path / "data")
    folder = await start_once(config)
    folder.write_db.write_bytes(b"no database" * 1000)
    with pytest.raises(Corruption, match=r"write\.db"):
        back_up(folder, tmp_path / "copy", nothing)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


async def test_a_log_that_was_shortened_meanwhile_past_what_the_copy_has_handled_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path / "data", segment_bytes=4 << 10)
    folder = await start_once(config)
    shutil.copy(folder.write_db, tmp_path / "early.db")
    async with Runtime(accounts_app(), config) as runtime:
        for account in range(60):
            await runtime.submit(OpenAccount(str(account), "Ada"))
    log = await SegmentLog.open(folder.log, segment_bytes=4 << 10, retain_bytes=0, retain_age=0)
    await log.retain(60)
    await log.close()
    shutil.copy(tmp_path / "early.db", folder.write_db)
    with pytest.raises(BackupRefused, match="Try again"):
        back_up(folder, tmp_path / "copy", nothing)
    assert not (tmp_path / "copy").exists()
