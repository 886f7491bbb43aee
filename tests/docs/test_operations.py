"""The page for operators holds: its exit codes are those of the code, and its sessions what comes out."""

import json
import re
import shutil
from pathlib import Path

import pytest
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.runtime.readiness import Readiness

from tests.docs.page import Page
from tests.docs.reader import check_answers
from tests.doubles.command_line import CommandLine

PAGE = Page("docs/operations.md")
LINES = [{"sku": "85123A", "quantity": 6, "unit_price": "2.55"}]
ORDER = {
    "type": "order.place",
    "id": "order-1-place",
    "data": {"order_id": "1", "country": "Norway", "customer": "17850", "lines": LINES},
}


@pytest.fixture
def twofold(tmp_path: Path) -> CommandLine:
    """Return the command line on a stopped folder with the order of the page."""
    command_line = CommandLine(tmp_path / "data")
    sent = command_line.run("send", "-", "--settle", stdin=json.dumps(ORDER).encode())
    assert sent.code == ExitCode.DONE, sent
    return command_line


def test_the_exit_codes_of_the_page_are_those_of_the_code() -> None:
    listed = re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGE.text, re.MULTILINE)
    assert listed == [(str(code.value), code.meaning) for code in ExitCode]


def test_the_fields_that_are_listed_are_those_that_status_tells_programs(twofold: CommandLine) -> None:
    listed = re.findall(
        r"^\| `(\w+)` \|", Page("docs/operations.md", "What `status` tells programs").text, re.MULTILINE
    )
    status = twofold.run("status", "--json").answer
    first, *_ = status["consumers"]
    assert listed == [*status, *first]
    told = re.search(r"in each state: (.*) \|$", PAGE.text, re.MULTILINE)
    assert told is not None
    assert re.findall(r"`(\w+)`", told[1]) == list(first["effects"])


def test_what_to_alarm_on_names_fields_and_events_that_are_there(twofold: CommandLine) -> None:
    alarms = Page("docs/operations.md", "What to alarm on").text
    ready, status = (set(re.findall(rf"^\| `{of}`: `(\w+)`", alarms, re.MULTILINE)) for of in ("/readyz", "status"))
    assert ready
    assert ready <= set(Readiness.__struct_fields__)
    assert status
    assert status <= set(twofold.run("status", "--json").answer)
    for event in ("effect parked", "role restarts"):
        assert f"`{event}`" in Page("docs/operations.md", "What the log says").text


def test_the_sessions_of_the_page_show_what_comes_out(twofold: CommandLine) -> None:
    assert sum(len(list(block.steps)) for block in PAGE.blocks("console")) > 5
    check_answers(PAGE, twofold, called="/srv/shop/data")


def test_a_copy_of_a_stopped_folder_is_a_backup_also_without_the_read_database(twofold: CommandLine) -> None:
    copy = CommandLine(twofold.data.with_name("backup"))
    shutil.copytree(twofold.data, copy.data)
    assert copy.run("verify", "--head", twofold.run("verify", "--json").answer["head"]).code == ExitCode.DONE
    shutil.rmtree(copy.data / "read")
    assert copy.run("send", "-", "--settle").code == ExitCode.DONE
    assert copy.run("query", "shop.totals").answer == twofold.run("query", "shop.totals").answer
    assert copy.run("verify").code == ExitCode.DONE


def test_the_generation_that_is_kept_may_be_deleted_while_nothing_runs(twofold: CommandLine) -> None:
    assert twofold.run("rebuild").code == ExitCode.DONE
    kept = (twofold.data / "read" / "current").read_text(encoding="utf-8").splitlines()[1]
    (twofold.data / "read" / kept).unlink()
    assert twofold.run("query", "shop.totals").code == ExitCode.DONE
    assert twofold.run("send", "-", "--settle").code == ExitCode.DONE
    back = twofold.run("rebuild", "--back")
    assert (back.code, "There is no way back" in back.err) == (ExitCode.NOT_DONE, True)
