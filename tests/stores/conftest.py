"""Where an effect ledger is tried on a file; other stores name theirs themselves."""

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "effects.db"
