"""The page about consumers of one's own holds: its consumer runs on the example's domain, and says what is shown."""

import re
from pathlib import Path

import pytest

from tests.docs.page import Page
from tests.docs.reader import check_answers
from tests.doubles.command_line import REPOSITORY, CommandLine

PAGE = Page("docs/consumers.md")


@pytest.fixture
def twofold(tmp_path: Path) -> CommandLine:
    """Return the command line in the folder of a reader who copies all that is shown."""
    (consumer,) = PAGE.code("python")
    (bookings,) = re.findall(r"<<'END'\n(.*?)^END", PAGE.code("sh")[0], re.DOTALL | re.MULTILINE)
    domain = (REPOSITORY / "examples" / "seats.py").read_text(encoding="utf-8")
    (tmp_path / "seats.py").write_text(domain + consumer, encoding="utf-8")
    (tmp_path / "bookings.ndjson").write_text(bookings, encoding="utf-8")
    (tmp_path / "config.toml").write_text('[app]\ndomain = "seats:app"\n', encoding="utf-8")
    return CommandLine(tmp_path / "data", tmp_path / "config.toml")


@pytest.mark.timeout(60)
def test_the_consumer_that_is_shown_prints_what_is_shown_and_is_mended_as_is_shown(twofold: CommandLine) -> None:
    assert len(PAGE.code("console")) == 1
    check_answers(PAGE, twofold)
