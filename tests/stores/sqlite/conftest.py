"""A notebook, to try databases on."""

from pathlib import Path

import pytest
from twofold.stores.sqlite.migrations import Schema

VERSION_1 = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT;"


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "notes_1.sql").write_text(VERSION_1)
    return Schema("notes", 0x6E6F7465, "notebook", "Buy another one.", folder=folder)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"
