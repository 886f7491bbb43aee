"""The documents hold: what they name is there, and what they show is what comes out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command, Group
from twofold.runtime.cli import main
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.runtime.cli.first_steps import first_steps

from examples.shop.domain import app as shop
from tests.docs.page import Page
from tests.docs.reader import Reader
from tests.doubles.clone import clone_in
from tests.doubles.command_line import CommandLine

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [REPOSITORY / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
DOCUMENTS += sorted((REPOSITORY / "examples").glob("*/README.md")) + sorted((REPOSITORY / "docs").glob("*.md"))
PACKAGE = sorted(file for folder in ("actors", "runtime", "stores") for file in (REPOSITORY / folder).rglob("*.py"))
PAGE = Page("README.md")

LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAMED_COMMAND = re.compile(r"(?:`|: |^ *)twofold ((?:[a-z]+ ?)+)", re.MULTILINE)
FILE = re.compile(r"`([\w./]+\.(?:py|md|toml|sql))`")
FOLDERS = ("actors", "benchmarks", "docs", "examples", "runtime", "stores", "tests")
MADE_BY_THE_READER = {"workshop.py", "test_workshop.py"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(REPOSITORY)))
def test_every_link_file_and_test_that_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(text):
        linked = document.parent / target if target else document
        assert linked.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(linked), f"{target} has no heading {anchor}"
    for name in set(FILE.findall(text)) - MADE_BY_THE_READER:
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


@pytest.mark.timeout(120)
def test_who_follows_the_readme_sees_what_it_shows(tmp_path: Path) -> None:
    clone = clone_in(tmp_path)
    with Reader(clone, called="/home/ada/twofold") as reader:
        for block in PAGE.blocks("sh", "text"):
            reader.take(block)
    assert len(PAGE.blocks("sh")) == len(PAGE.blocks("text")) >= 6


def test_the_command_that_the_readme_begins_with_is_what_the_program_proposes() -> None:
    proposed = next(first_steps(shop.domain(), "http://127.0.0.1:8080", "twofold status"))
    assert PAGE.code("sh")[:2] == ["make run\n", f"{proposed}\n"]


def test_the_code_in_the_readme_stands_in_the_file_that_is_named() -> None:
    file = ""
    for block in PAGE.blocks("python"):
        linked = re.findall(r"\((examples/\w+\.py)\)", block.before)
        file = linked[-1] if linked else file
        lines = iter((REPOSITORY / file).read_text(encoding="utf-8").splitlines())
        missing = [line for line in block.text.splitlines() if line and line not in lines]  # each after the one before
        assert missing == [], file


def test_the_domain_in_one_file_can_be_served(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[app]\ndomain = "examples.seats:app"\n', encoding="utf-8")
    checked = CommandLine(tmp_path / "data", tmp_path / "config.toml").run("check")
    assert checked.code == ExitCode.DONE, checked
    assert "seat.book" in checked.out


def test_the_commands_in_the_readme_are_those_of_the_command_line() -> None:
    assert set(re.findall(r"^\| `twofold (\w+)", PAGE.text, re.MULTILINE)) == set(main.commands)


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
