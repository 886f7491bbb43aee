"""A folder in which nothing is wrong, and a copy of it for each test to damage."""

import shutil
from pathlib import Path

import anyio
import pytest
from twofold.runtime.stores import DataFolder

from tests.doubles.ledger import fill


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound") / "data"
    anyio.run(fill, root)
    return root


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> DataFolder:
    """Return a copy of the sound folder, for a test to damage."""
    return DataFolder(shutil.copytree(sound, tmp_path / "data"))
