"""Six months of a real shop through the installed command: sent, asked, verified, and sent again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.drivers import check_verified
from tests.acceptance.effects_seen import is_sellable
from tests.acceptance.published_figures import check_figures, check_summary
from tests.doubles.command_line import CommandLine, Finished

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def shop(disk: Path) -> Iterator[CommandLine]:
    yield CommandLine(disk / "real" / "data")
    shutil.rmtree(disk / "real")


@pytest.fixture(scope="module")
def sent(shop: CommandLine, real_commands: Path) -> Finished:
    shop.data.parent.mkdir()
    return shop.run("send", real_commands, "--wait", "projected", "--json")


@pytest.fixture(scope="module")
def bad_lines(real_commands: Path) -> dict[int, list[str]]:
    """Return, by line of the file, the paths that a refusal of its order must name: from the data, not the shop."""
    bad: dict[int, list[str]] = {}
    with real_commands.open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            command = json.loads(text)
            if command["type"] == "order.place":
                paths = [f"lines[{i}]" for i, line in enumerate(command["data"]["lines"]) if not is_sellable(line)]
                bad |= {number: paths} if paths else {}
    return bad


def faults_by_line(summary: dict[str, Any]) -> dict[int, list[str]]:
    return {refusal["line"]: [fault["path"] for fault in refusal["faults"]] for refusal in summary["refused"]}


def test_bad_orders_are_refused_with_each_bad_line_named_and_all_else_is_handled(
    sent: Finished, bad_lines: dict[int, list[str]], figures: dict[str, Any]
) -> None:
    summary = sent.answer
    assert sent.code == 0
    assert faults_by_line(summary) == bad_lines
    assert summary["repeated"] == 0
    check_summary(summary, figures)


def test_queries_give_the_published_figures(sent: Finished, shop: CommandLine, figures: dict[str, Any]) -> None:
    check_figures(shop, figures)


def test_every_part_of_the_data_folder_verifies(sent: Finished, shop: CommandLine) -> None:
    check_verified(shop)


def test_a_product_has_its_history(sent: Finished, shop: CommandLine, real_commands: Path) -> None:
    prices = [
        command["data"]["price"]
        for command in map(json.loads, real_commands.read_text(encoding="utf-8").splitlines())
        if command["type"] == "product.reprice" and command["data"]["sku"] == "85123A"
    ]
    history = shop.run("history", "product-85123A", "--json").answers
    assert [event["event"]["price"] for event in history] == prices
    assert [event["version"] for event in history] == list(range(1, len(prices) + 1))
    assert shop.run("state", "product-85123A", "--json").answer["state"]["price"] == prices[-1]


def test_sending_the_file_again_changes_nothing(
    sent: Finished, shop: CommandLine, real_commands: Path, bad_lines: dict[int, list[str]], figures: dict[str, Any]
) -> None:
    before = shop.run("status", "--json").answer
    again = shop.run("send", real_commands, "--wait", "projected", "--json")
    assert again.code == 0
    assert again.answer["repeated"] == again.answer["accepted"] == sent.answer["accepted"]
    assert again.answer["outcomes"] == sent.answer["outcomes"]
    assert faults_by_line(again.answer) == bad_lines
    after = shop.run("status", "--json").answer
    assert [after[mark] for mark in ("log_end", "handled", "head", "projected")] == [
        before[mark] for mark in ("log_end", "handled", "head", "projected")
    ]
    check_figures(shop, figures)
