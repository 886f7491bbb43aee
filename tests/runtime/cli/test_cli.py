"""The installed command: settings, what it reads from a data folder, and the exit codes."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.stores.lock import FolderLock

from tests.doubles.command_line import CommandLine
from tests.doubles.ledger import edit

PRICES = ("1.5", "2.5", "3.25")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Return a shop with one product that was repriced twice, and one order."""
    with CommandLine(tmp_path_factory.mktemp("shop") / "data") as shop:
        commands = [{"type": "product.reprice", "id": p, "data": {"sku": "A 1", "price": p}} for p in PRICES]
        lines = [{"sku": "A 1", "quantity": 2, "unit_price": "1.5"}]
        commands.append({"type": "order.place", "data": {"order_id": "7", "country": "Curaçao", "lines": lines}})
        sent = shop.run("send", "-", stdin="\n".join(map(json.dumps, commands)).encode())
        assert sent.code == 0, sent
        yield shop


def test_a_fault_is_told_as_path_message_and_code(tmp_path: Path) -> None:
    order = {"order_id": "1", "country": "", "lines": []}
    lines = [{"sku": "A", "quantity": -1, "unit_price": "1"}]
    sent = CommandLine(tmp_path / "data").run(
        "send",
        "-",
        stdin=b"\n".join(
            json.dumps({"type": "order.place", "data": data}).encode()
            for data in (order, {**order, "country": "Norway", "lines": lines})
        ),
    )
    assert "    country: Expected `str` of length >= 1 (schema)\n" in sent.out
    assert "    lines[0]: line.not_sellable, sku=A, quantity=-1, price=1\n" in sent.out


def test_a_good_configuration_is_said_to_be_good(shop: CommandLine) -> None:
    checked = shop.run("check")
    assert (checked.code, checked.err) == (0, "")
    assert f"{shop.config}: good" in checked.out
    assert str(shop.data) in checked.out
    assert "order.place" in checked.out


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[log]\nsegment_byte = 1", "segment_byte"),
        ('[log]\nsegment_bytes = "64 parsecs"', "log.segment_bytes"),
        ("[lock]\n", "lock"),
        ("[data]\ndir = 5", "data.dir"),
        ("no toml", "is no TOML"),
        ('[app]\ndomain = "nowhere:app"', "nowhere"),
        ('[app]\ndomain = "json:app"', 'app.domain = "json:app"'),
        ("", "names no domain"),
    ],
)
def test_a_bad_configuration_is_refused_by_its_name(tmp_path: Path, text: str, named: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text, encoding="utf-8")
    checked = CommandLine(tmp_path / "data", config).run("check")
    assert (checked.code, checked.out) == (ExitCode.CONFIGURATION, "")
    assert checked.err.startswith("Error: ")
    assert named in checked.err
    assert "Traceback" not in checked.err
    assert not (tmp_path / "data").exists(), "a check starts nothing"


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    checked = CommandLine(tmp_path / "data", tmp_path / "missing.toml").run("check")
    assert checked.code == ExitCode.CONFIGURATION
    assert f"{tmp_path}/missing.toml cannot be read" in checked.err


def test_a_query_answers_as_json_or_for_people(shop: CommandLine) -> None:
    as_json = shop.run("query", "shop.product", "sku=A 1", "--json")
    assert as_json.answer["value"]["price"] == PRICES[-1]
    assert as_json.answer["position"] == 4
    for_people = shop.run("query", "shop.product", "sku=A 1")
    assert for_people.answer == as_json.answer["value"]
    assert len(for_people.out.splitlines()) > 1
    assert for_people.err == as_json.err == "at position 4 of 4\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["shop.nothing"], ExitCode.NOT_DONE, "No query is called 'shop.nothing'. There are: shop.order"),
        (["shop.order"], ExitCode.NOT_DONE, "missing required parameter `id`. It takes id."),
        (["shop.order", "id=7", "x=1"], ExitCode.NOT_DONE, "unknown parameter `x`"),
        (["shop.top_countries", "limit=many"], ExitCode.NOT_DONE, "`limit`"),
        (["shop.top_countries", "limit=0"], ExitCode.NOT_DONE, "`limit`"),
        (["shop.top_countries", "limit"], ExitCode.USAGE, "'limit' is not of the form KEY=VALUE"),
        (["shop.top_countries", "=3"], ExitCode.USAGE, "'=3' is not of the form KEY=VALUE"),
        (["shop.top_countries", "limit=1", "limit=2"], ExitCode.USAGE, "'limit' is given twice"),
        ([], ExitCode.USAGE, "NAME"),
    ],
)
def test_a_query_that_makes_no_sense_is_answered_with_why(
    shop: CommandLine, arguments: list[str], code: ExitCode, said: str
) -> None:
    asked = shop.run("query", *arguments)
    assert (asked.code, asked.out) == (code, "")
    assert said in asked.err
    assert "Traceback" not in asked.err


def test_a_query_of_a_database_that_is_behind_says_who_brings_the_rest(shop: CommandLine, tmp_path: Path) -> None:
    behind = CommandLine(shutil.copytree(shop.data, tmp_path / "data"))
    (generation,) = (behind.data / "read").glob("*.db")
    edit(generation, "UPDATE twofold_cursor SET position = 3")
    assert "twofold send /dev/null --settle does it" in behind.run("query", "shop.totals").err
    lock = FolderLock(behind.data)
    beside = behind.run("query", "shop.totals").err
    lock.release()
    assert "at position 3 of 4" in beside
    assert f"process {os.getpid()}, which runs it, is behind, or its projector is halted." in beside
    assert "twofold send" not in beside


def test_a_parameter_may_hold_an_equals_sign_and_any_letter(shop: CommandLine) -> None:
    assert shop.run("query", "shop.product", "sku=a=ü", "--json").answer["value"] is None


def test_history_tells_every_event_with_its_command(shop: CommandLine) -> None:
    events = shop.run("history", "product-A 1", "--json").answers
    assert [(event["version"], event["event"]["price"], event["command_id"]) for event in events] == [
        (version, price, price) for version, price in enumerate(PRICES, start=1)
    ]
    for_people = shop.run("history", "product-A 1").out
    assert all(f'{{"price":"{price}"}}' in for_people for price in PRICES)
    assert "Curaçao" in shop.run("history", "order-7").out


@pytest.mark.parametrize(
    ("options", "version", "price"),
    [
        ([], 3, "3.25"),
        (["--version", "2"], 2, "2.5"),
        (["--version", "0"], 0, None),
        (["--at", "2000-01-01T00:00:00Z"], 0, None),
        (["--at", "2999-01-01T00:00:00+05:30"], 3, "3.25"),
    ],
)
def test_a_state_is_that_of_any_version_or_time(
    shop: CommandLine, options: list[str], version: int, price: str | None
) -> None:
    found = shop.run("state", "product-A 1", *options, "--json").answer
    assert (found["stream"], found["version"], found["state"]) == ("product-A 1", version, {"price": price})


def test_a_state_at_the_time_of_an_event_holds_that_event_and_no_later_one(shop: CommandLine) -> None:
    first = shop.run("history", "product-A 1", "--json").answers[0]
    found = shop.run("state", "product-A 1", "--at", first["time"], "--json").answer
    same_moment = [e for e in shop.run("history", "product-A 1", "--json").answers if e["time"] == first["time"]]
    assert found["version"] == len(same_moment)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["history", "product-B"], ExitCode.NOT_DONE, "There is no stream 'product-B'"),
        (["history", "product"], ExitCode.NOT_DONE, "a stream is category-key"),
        (["history", "horse-1"], ExitCode.NOT_DONE, "the categories are order, product, return"),
        (["state", "product-B"], ExitCode.NOT_DONE, "There is no stream 'product-B'"),
        (["state", "product-A 1", "--version", "4"], ExitCode.NOT_DONE, "Its versions are 1 to 3"),
        (["state", "product-A 1", "--version", "-1"], ExitCode.USAGE, "--version"),
        (["state", "product-A 1", "--at", "noon"], ExitCode.USAGE, "'noon' is no time. Write 2011-"),
        (["state", "product-A 1", "--at", "2011-05-31T12:00:00"], ExitCode.USAGE, "has no time zone"),
        (["state", "product-A 1", "--at", "2011-05-31T12:00:00Z", "--version", "1"], ExitCode.USAGE, "not by both"),
        (["log", "dump", "--after", "-1"], ExitCode.USAGE, "--after"),
        (["log", "dump", "--limit", "0"], ExitCode.USAGE, "--limit"),
        (["verify", "--head", "nonsense"], ExitCode.NOT_DONE, "nonsense"),
        (["send", "/nowhere.ndjson"], ExitCode.USAGE, "/nowhere.ndjson"),
        (["sell"], ExitCode.USAGE, "No such command 'sell'"),
    ],
)
def test_what_is_not_there_or_not_understood_is_named(
    shop: CommandLine, arguments: list[str], code: ExitCode, said: str
) -> None:
    asked = shop.run(*arguments)
    assert (asked.code, asked.out) == (code, "")
    assert said in asked.err
    assert "Traceback" not in asked.err


def test_status_counts_what_is_there(shop: CommandLine) -> None:
    status = shop.run("status", "--json").answer
    marks = {name: status[name] for name in ("log_end", "handled", "head", "projected", "held_by")}
    assert marks == {"log_end": 4, "handled": 4, "head": 4, "projected": 4, "held_by": None}
    assert status["folder"] == str(shop.data)
    assert status["write_db_bytes"] == (shop.data / "write.db").stat().st_size
    for_people = shop.run("status").out
    assert "not open in any process" in for_people
    assert "offset 4" in for_people


def test_the_log_can_be_dumped_from_an_offset_and_up_to_a_number(shop: CommandLine) -> None:
    assert [entry["offset"] for entry in shop.run("log", "dump", "--json").answers] == [1, 2, 3, 4]
    (entry,) = shop.run("log", "dump", "--after", "1", "--limit", "1", "--json").answers
    assert (entry["offset"], entry["id"], entry["stream"]) == (2, "2.5", "product-A 1")
    assert entry["data"] == {"sku": "A 1", "price": "2.5"}
    assert (shop.data / "log" / entry["file"]).exists()
    nothing = shop.run("log", "dump", "--after", "4")
    assert (nothing.code, nothing.out) == (0, "")
    assert "product.reprice" in shop.run("log", "dump", "--limit", "1").out


def test_a_sound_folder_verifies_and_a_damaged_one_does_not(shop: CommandLine, tmp_path: Path) -> None:
    sound = shop.run("verify", "--json")
    assert (sound.code, sound.answer["faults"]) == (0, [])
    damaged = CommandLine(tmp_path / "data")
    for file in (file for file in shop.data.rglob("*") if file.is_file()):
        copy = damaged.data / file.relative_to(shop.data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (segment,) = (damaged.data / "log").glob("*.log")
    content = bytearray(segment.read_bytes())
    content[-1] ^= 1
    segment.write_bytes(content)
    found = damaged.run("verify", "--json")
    assert found.code == ExitCode.NOT_DONE
    assert found.answer["faults"]
    assert segment.name in found.out
    refused = damaged.run("send", "-")
    assert (refused.code, refused.out) == (ExitCode.CORRUPTION, "")
    assert segment.name in refused.err


@pytest.mark.parametrize(
    "arguments",
    [["query", "shop.totals"], ["history", "order-1"], ["state", "order-1"], ["status"], ["log", "dump"], ["verify"]],
    ids=lambda arguments: arguments[0],
)
def test_reading_where_nothing_is_says_so_and_makes_nothing(tmp_path: Path, arguments: list[str]) -> None:
    asked = CommandLine(tmp_path / "data").run(*arguments)
    assert (asked.code, asked.out) == (ExitCode.NOT_DONE, "")
    assert str(tmp_path / "data") in asked.err
    assert len(asked.err.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_the_data_folder_of_the_configuration_is_used_unless_another_is_named(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    domain = f'[app]\ndomain = "examples.shop.domain:app"\n[data]\ndir = "{tmp_path}/configured"\n'
    config.write_text(domain, encoding="utf-8")
    assert str(tmp_path / "named") in CommandLine(tmp_path / "named", config).run("check").out
    named_nowhere = CommandLine(tmp_path / "named", config).run_plain("check", "--config", config)
    assert f"Data folder: {tmp_path}/configured" in named_nowhere.out


def test_the_configuration_of_the_working_directory_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[app]\ndomain = "examples.shop.domain:app"\n', encoding="utf-8")
    checked = CommandLine(tmp_path / "x").run_plain("check")
    assert checked.code == 0, checked
    assert f"{tmp_path}/config.toml: good. Data folder: {tmp_path}/data" in checked.out


def test_a_backup_can_be_verified_and_says_how_far_it_goes(shop: CommandLine, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    made = shop.run("backup", target, "--json")
    assert made.code == 0, made
    assert (made.answer["folder"], made.answer["log_end"]) == (str(target), 4)
    with CommandLine(target) as copy:
        assert copy.run("verify").out.splitlines()[-1] == shop.run("verify").out.splitlines()[-1]
        assert copy.run("query", "shop.totals").out == shop.run("query", "shop.totals").out
    again = shop.run("backup", target)
    assert (again.code, again.out) == (ExitCode.USAGE, "")
    assert "there is something in it already" in again.err
