"""Reading a data folder from which something is gone: it is told, and never taken for a folder without data."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from twofold import Config
from twofold.actors.definitions import Domain
from twofold.runtime.cli.exit_codes import ExitCode, exit_code_of
from twofold.runtime.cli.inspection import NoData, put_query, read_history, read_state
from twofold.runtime.cli.rebuild import run_rebuild
from twofold.runtime.cli.status import read_status
from twofold.runtime.stores import DataFolder
from twofold.stores.errors import Corruption

from tests.doubles.ledger import config_of, fill, ledger_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


Read = Callable[[Domain, Config], Awaitable[object]]
READING: dict[str, Read] = {
    "status": lambda domain, config: read_status(config),
    "query": lambda domain, config: put_query(domain, config, "accounts", {}),
    "history": lambda domain, config: read_history(domain, config, "account-a1"),
    "rebuild": lambda domain, config: run_rebuild(domain, config, back=False),
    "state": lambda domain, config: read_state(domain, config, "account-a1", None, None),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound") / "data"
    anyio.run(fill, root)
    return root


@pytest.fixture
def config(sound: Path, tmp_path: Path) -> Config:
    return config_of(shutil.copytree(sound, tmp_path / "data"))


async def test_status_tells_of_damage_to_the_newest_segment(config: Config) -> None:
    *_, newest = sorted(DataFolder(config.data.dir).log.glob("*.log"))
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(Corruption) as told:
        await read_status(config)
    assert told.value.file == newest
    assert exit_code_of(told.value) == ExitCode.CORRUPTION


async def test_status_tells_of_a_segment_that_is_gone(config: Config) -> None:
    oldest, *_ = sorted(DataFolder(config.data.dir).log.glob("*.log"))
    oldest.unlink()
    with pytest.raises(Corruption, match="segment 1, the oldest that must be there, is missing"):
        await read_status(config)


async def test_status_tells_of_a_lost_log(config: Config) -> None:
    shutil.rmtree(DataFolder(config.data.dir).log)
    with pytest.raises(Corruption, match="ends at offset 0, but the write database has handled"):
        await read_status(config)


@pytest.mark.parametrize("read", READING.values(), ids=READING)
async def test_a_lost_write_database_is_never_taken_for_no_data(config: Config, read: Read) -> None:
    folder = DataFolder(config.data.dir)
    folder.write_db.unlink()
    for also_lost in (None, folder.read):
        if also_lost is not None:
            shutil.rmtree(also_lost)
        with pytest.raises(Corruption, match=r"the write database is missing\. Restore a backup") as told:
            await read(ledger_app().domain(), config)
        assert told.value.file == folder.write_db


@pytest.mark.parametrize("read", [READING["status"], READING["query"]], ids=["status", "query"])
async def test_a_lost_read_database_is_made_anew_by_a_start(config: Config, read: Read) -> None:
    shutil.rmtree(DataFolder(config.data.dir).read)
    with pytest.raises(Corruption, match=r"the read database is missing\. Start again"):
        await read(ledger_app().domain(), config)


@pytest.mark.parametrize("read", READING.values(), ids=READING)
async def test_a_first_start_that_ended_before_its_databases_were_made_left_no_data(tmp_path: Path, read: Read) -> None:
    DataFolder(tmp_path).log.mkdir()
    with pytest.raises(NoData):
        await read(ledger_app().domain(), config_of(tmp_path))
