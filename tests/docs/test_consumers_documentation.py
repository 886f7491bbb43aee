"""The page about consumers of one's own holds: its consumer runs on the README's domain, and says what is shown."""

import re
from pathlib import Path

import pytest
from twofold.runtime.exit_codes import ExitCode

from tests.docs.test_documentation import without_times
from tests.docs.test_testing_documentation import blocks
from tests.doubles.command_line import CommandLine

PAGE = "docs/consumers.md"


@pytest.fixture
def twofold(tmp_path: Path) -> CommandLine:
    """Return the command line in the folder of a reader who copies all that is shown."""
    (consumer,) = blocks(PAGE, "python")
    (bookings,) = re.findall(r"<<'END'\n(.*?)^END", blocks(PAGE, "sh")[0], re.DOTALL | re.MULTILINE)
    (tmp_path / "seats.py").write_text(blocks("README.md", "python")[0] + consumer, encoding="utf-8")
    (tmp_path / "bookings.ndjson").write_text(bookings, encoding="utf-8")
    (tmp_path / "config.toml").write_text('[app]\ndomain = "seats:app"\n', encoding="utf-8")
    return CommandLine(tmp_path / "data", tmp_path / "config.toml")


@pytest.mark.timeout(60)
def test_the_consumer_that_is_shown_prints_what_is_shown_and_is_mended_as_is_shown(twofold: CommandLine) -> None:
    (session,) = blocks(PAGE, "console")
    for step in session.split("$ twofold ")[1:]:
        command, _, shown = step.partition("\n")
        ran = twofold.run(*command.split())
        assert ran.code == ExitCode.DONE, ran
        assert without_times(ran.out) == without_times(shown), command
