"""What is logged has one logger and one style, so that it can be searched for."""

import ast
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


def test_every_logged_event_is_in_short_lower_case_words() -> None:
    said = [call.args[0].value for call in calls(*LEVELS) if call.args and isinstance(call.args[0], ast.Constant)]
    assert "role halted" in said
    assert [event for event in said if not str(event).replace(" ", "").isalpha() or event != str(event).lower()] == []
