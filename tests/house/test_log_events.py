"""What is logged has one logger and one style, so that it can be searched for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def calls(*names: str) -> Iterator[ast.Call]:
    for floor in ("stores", "actors", "runtime"):
        for file in (REPOSITORY / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
                    yield node


def test_every_logger_is_that_of_twofold() -> None:
    found = [ast.unparse(call) for call in calls("get_logger")]
    assert found
    assert set(found) == {"structlog.get_logger('twofold')"}


def events_logged() -> set[str]:
    said = (call.args[0] for call in calls(*LEVELS) if call.args)
    return {str(event.value) for event in said if isinstance(event, ast.Constant)}


def test_every_logged_event_is_in_short_lower_case_words() -> None:
    said = events_logged()
    assert "role halted" in said
    assert [event for event in said if not event.replace(" ", "").isalpha() or event != event.lower()] == []


def test_the_page_for_operators_says_of_every_logged_event_what_to_do() -> None:
    page = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([^`]+)` \| (?:info|warning|error|critical)", page, re.MULTILINE)
    assert set(told) == events_logged()
