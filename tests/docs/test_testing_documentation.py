"""The page about testing holds: its tests pass, on the domain of the example, and what it says that is told is told."""

import subprocess
import sys
from pathlib import Path

import pytest
from twofold.runtime import testing

from tests.docs.page import Page
from tests.doubles.command_line import ENVIRONMENT, REPOSITORY

PAGE = Page("docs/testing.md")
DOMAIN = REPOSITORY / "examples" / "seats.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the domain and the tests that a reader has who copies all that is shown."""
    addition, *tests = PAGE.code("python")
    (told,) = PAGE.code("pycon")
    (tmp_path / "seats.py").write_text(DOMAIN.read_text(encoding="utf-8") + addition, encoding="utf-8")
    (tmp_path / "test_seats.py").write_text("\n".join([f'"""\n{told}"""', *tests]), encoding="utf-8")
    return tmp_path


def test_the_tests_that_are_shown_pass_and_the_failures_read_as_shown(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", "test_seats.py"]
    ran = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout
    shown = sum(block.count("def test_") for block in PAGE.code("python"))
    assert f"{shown + 1} passed" in ran.stdout


def test_every_tool_is_named_on_the_page() -> None:
    returned_by_others = {"Happened", "Verdict", "Sent"}
    assert [name for name in testing.__all__ if name not in PAGE.text and name not in returned_by_others] == []


def test_the_tools_need_no_test_framework() -> None:
    check = "import sys, twofold.runtime.testing; print(sorted({'pytest', 'unittest', '_pytest'} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", check], env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.strip() == "[]"
