"""The documents hold: what they name is there, and what they show is what comes out."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command, Group
from twofold.runtime.cli import main
from twofold.runtime.exit_codes import ExitCode

from tests.doubles.command_line import ENVIRONMENT, CommandLine

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [REPOSITORY / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
DOCUMENTS += sorted((REPOSITORY / "examples").glob("*/README.md")) + sorted((REPOSITORY / "docs").glob("*.md"))
PACKAGE = sorted(file for folder in ("actors", "runtime", "stores") for file in (REPOSITORY / folder).rglob("*.py"))
README = DOCUMENTS[0].read_text(encoding="utf-8")

LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAMED_COMMAND = re.compile(r"(?:`|: |^ *)twofold ((?:[a-z]+ ?)+)", re.MULTILINE)
FILE = re.compile(r"`([\w./]+\.(?:py|md|toml|sql))`")
FOLDERS = ("actors", "benchmarks", "docs", "examples", "runtime", "stores", "tests")
MADE_BY_THE_READER = "seats.py"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(REPOSITORY)))
def test_every_link_file_and_test_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(text):
        linked = document.parent / target if target else document
        assert linked.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(linked), f"{target} has no heading {anchor}"
    for name in set(FILE.findall(text)) - {MADE_BY_THE_READER}:
        assert (REPOSITORY / name).exists() or stands_somewhere(name), f"{name} is not there"
    for file, test in TEST.findall(text):
        tests = (REPOSITORY / file).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {test}\(", tests, re.MULTILINE), f"{file} has no {test}"


def anchors(document: Path) -> Iterator[str]:
    for title in re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE):
        yield "#" + re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def stands_somewhere(name: str) -> bool:
    return any(path.match(name) for folder in FOLDERS for path in (REPOSITORY / folder).rglob(Path(name).name))


def test_every_promise_names_tests() -> None:
    guarantees = (REPOSITORY / "docs" / "guarantees.md").read_text(encoding="utf-8")
    promises = re.split(r"^## ", guarantees, flags=re.MULTILINE)[1:-1]
    assert [promise.partition(".")[0] for promise in promises] == [str(number) for number in range(1, 11)]
    assert [promise.splitlines()[0] for promise in promises if not TEST.search(promise)] == []


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_domain_of_the_readme_runs_and_prints_what_is_shown(tmp_path: Path) -> None:
    domain, application = blocks("python")
    (tmp_path / "seats.py").write_text(domain, encoding="utf-8")
    (tmp_path / "config.toml").write_text('[app]\ndomain = "seats:app"\n', encoding="utf-8")
    (tmp_path / "application.py").write_text(application, encoding="utf-8")
    command = [sys.executable, "application.py"]
    ran = subprocess.run(
        command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert [ran.stdout.splitlines()[-2:]] == [shown.splitlines() for shown in blocks("text")]
    checked = CommandLine(tmp_path / "data", tmp_path / "config.toml").run("check")
    assert checked.code == ExitCode.DONE, checked
    assert "seat.book" in checked.out


def test_the_first_minute_of_the_readme_shows_what_comes_out(tmp_path: Path) -> None:
    (orders,) = re.findall(r"<<'END'\n(.*?)^END", README, re.DOTALL | re.MULTILINE)
    (tmp_path / "orders.ndjson").write_text(orders, encoding="utf-8")
    twofold = CommandLine(tmp_path / "data")
    (session,) = blocks("console")
    for step in session.split("$ twofold ")[1:]:
        command, _, shown = step.partition("\n")
        ran = twofold.run(*command.split())
        assert ran.code == ExitCode.DONE, ran
        assert without_times(ran.out) == without_times(shown), command


def without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d [\d:.]+Z|\d+\.\d s", "(time)", text)


def test_the_commands_in_the_readme_are_those_of_the_command_line() -> None:
    assert set(re.findall(r"^\| `twofold (\w+)", README, re.MULTILINE)) == set(main.commands)


def test_every_command_that_a_text_of_the_package_names_is_there() -> None:
    named = [words for file in PACKAGE for text in texts_in(file) for words in NAMED_COMMAND.findall(text)]
    assert len(named) > 10
    assert [words for words in named if not stands_in(main, words.split())] == []


def texts_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def stands_in(command: Command, words: list[str]) -> bool:
    """Tell whether `words` lead from group to group, or to a command that can be run, which takes the rest."""
    if not words or not isinstance(command, Group):
        return True
    return words[0] in command.commands and stands_in(command.commands[words[0]], words[1:])


def test_the_exit_codes_in_the_readme_are_those_of_the_code() -> None:
    listed = re.findall(r"^\| (\d+) \| ([\w ]+)", README, re.MULTILINE)
    assert [int(code) for code, _ in listed] == [code.value for code in ExitCode]
    for (_, meaning), code in zip(listed, ExitCode, strict=True):
        assert meaning.startswith(code.name.lower().replace("_", " "))
