"""Reading a data folder from which something is gone: it is told, and never taken for a folder without data."""

import shutil
from pathlib import Path

import anyio
import pytest
from twofold import Config
from twofold.runtime.exit_codes import ExitCode, exit_code_of
from twofold.runtime.status import read_status
from twofold.runtime.stores import DataFolder
from twofold.stores.errors import Corruption

from tests.doubles.ledger import config_of, fill

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


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
