"""The tutorial holds: followed to the letter, in an empty folder, everything comes out as it is shown."""

from pathlib import Path

import pytest

from tests.docs.page import Page
from tests.docs.reader import Reader

pytestmark = pytest.mark.timeout(180)

TUTORIAL = Page("docs/tutorial.md")


def test_who_follows_the_tutorial_sees_what_it_shows(tmp_path: Path) -> None:
    with Reader(tmp_path, called="/home/ada/workshop") as reader:
        reader.follow(TUTORIAL)
    (letter,) = (tmp_path / "data" / "outbox").glob("*.eml")
    assert "To: bo@example.com" in letter.read_text(encoding="utf-8")


def test_nothing_that_the_tutorial_shows_goes_unread() -> None:
    assert TUTORIAL.text.count("\n```") == 2 * len(TUTORIAL.blocks())
    assert {block.language for block in TUTORIAL.blocks()} == {"sh", "text", "python", "toml", "diff"}
    assert len(TUTORIAL.blocks("text")) > 25
