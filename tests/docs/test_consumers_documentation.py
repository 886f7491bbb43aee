"""The page about consumers of one's own holds: who copies its files and its session sees what is shown."""

import re
import subprocess
from pathlib import Path

import pytest
from twofold.stores.effect_records import EffectRecord

from tests.docs.page import Page
from tests.docs.reader import check_answers
from tests.doubles.command_line import CommandLine

PAGE = Page("docs/consumers.md")


@pytest.fixture
def twofold(tmp_path: Path) -> CommandLine:
    """Return the command line in the folder of a reader who copies all that is shown into it."""
    for block in PAGE.blocks("python", "toml"):
        (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    for text in PAGE.code("sh"):
        subprocess.run(["bash", "-e", "-c", text], cwd=tmp_path, check=True, timeout=30)
    assert {file.name for file in tmp_path.iterdir()} == {"seats.py", "config.toml", "bookings.ndjson"}
    return CommandLine(tmp_path / "data", tmp_path / "config.toml")


@pytest.mark.timeout(60)
def test_the_consumer_that_is_shown_does_what_is_shown_and_is_mended_as_is_shown(twofold: CommandLine) -> None:
    assert len(PAGE.code("console")) == 1
    check_answers(PAGE, twofold)


@pytest.mark.timeout(60)
def test_the_fields_that_are_listed_are_those_that_programs_get(twofold: CommandLine) -> None:
    check_answers(PAGE, twofold)
    listed = re.findall(r"^\| `(\w+)` \|", Page("docs/consumers.md", "For programs").text, re.MULTILINE)
    first, _ = effects = twofold.run("effects", "list", "--json").answer
    shown = twofold.run("effects", "show", first["effect_id"], "--json").answer
    assert [list(each) for each in (*effects, shown)] == [listed] * 3 == [list(EffectRecord.__struct_fields__)] * 3
