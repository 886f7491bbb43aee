"""The settings of a runtime in a folder of the test's own."""

from pathlib import Path

import pytest
from twofold import Config
from twofold.runtime.config import DataSettings


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))
