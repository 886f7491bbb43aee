"""`twofold send`: every line gets its answer under its number, and bad lines leave their neighbours alone."""

import gc
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast

import anyio
import pytest
from twofold import Config, Runtime
from twofold.actors.definitions import Domain
from twofold.runtime.cli.collector import THRESHOLD
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.runtime.cli.send import run_send
from twofold.runtime.command_lines import LONGEST_LINE, READ_AT_ONCE, LineReader
from twofold.runtime.config import DataSettings
from twofold.runtime.sending import send
from twofold.runtime.stores import Stores, open_folder
from twofold.stores.errors import StorageFailed
from twofold.stores.protocols import EventStore
from twofold.stores.records import Commit

from examples.shop.domain import app
from tests.doubles.command_line import CommandLine, Finished
from tests.doubles.killed_stores import Beside
from tests.doubles.pipe import Pipe
from tests.doubles.waiting import until


@pytest.fixture
def shop(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


def reprice(number: int, **more: Any) -> bytes:
    command = {"type": "product.reprice", "id": f"good-{number}", "data": {"sku": f"s{number}", "price": "1.5"}}
    return json.dumps(command | more).encode()


def with_data(data: bytes) -> bytes:
    return b'{"type":"product.reprice","id":"bad","data":' + data + b"}"


def with_quantity(quantity: int) -> bytes:
    line = {"sku": "a", "quantity": quantity, "unit_price": "1"}
    return json.dumps(
        {"type": "order.place", "id": "bad", "data": {"order_id": "1", "country": "France", "lines": [line]}}
    ).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000

BAD_LINES = {
    "no JSON": (b"hello", "line.malformed"),
    "cut off": (b'{"type": "product.re', "line.malformed"),
    "no object": (b"[1]", "line.malformed"),
    "null": (b"null", "line.malformed"),
    "two values": (reprice(0) + b" " + reprice(0), "line.malformed"),
    "an unknown key": (reprice(0, price=3), "line.malformed"),
    "no type": (b'{"data": {}}', "line.malformed"),
    "no data": (b'{"type": "product.reprice"}', "line.malformed"),
    "an id that is no text": (reprice(0, id=5), "line.malformed"),
    "UTF-8 broken outside a string": (b"\xff\xfe", "line.malformed"),
    "UTF-8 broken in the id": (b'{"type":"product.reprice","id":"\xff","data":{}}', "line.malformed"),
    "UTF-8 broken in the data": (with_data(b'{"sku":"\xff","price":"1"}'), "json.malformed"),
    "a byte order mark": (b"\xef\xbb\xbf" + reprice(0), "line.malformed"),
    "a bare NUL": (with_data(b'{"sku":"\x00","price":"1"}'), "line.malformed"),
    "a NUL in a value": (with_data(rb'{"sku":"a\u0000","price":"1"}'), "value.not_storable"),
    "a NUL in the id": (reprice(0, id="a\0"), "id.unprintable"),
    "an empty id": (reprice(0, id=""), "id.empty"),
    "a long id": (reprice(0, id="x" * 5_000), "id.too_long"),
    "NaN": (with_data(b'{"sku":"a","price":NaN}'), "line.malformed"),
    "NaN as text": (with_data(b'{"sku":"a","price":"NaN"}'), "value.not_storable"),
    "infinity as text": (with_data(b'{"sku":"a","price":"-Infinity"}'), "value.not_storable"),
    "a huge exponent": (with_data(b'{"sku":"a","price":1e400}'), "value.not_storable"),
    "a lone surrogate": (with_data(rb'{"sku":"\ud800","price":"1"}'), "line.malformed"),
    "an integer of 2**63": (with_quantity(2**63), "value.not_storable"),
    "an integer of 2**64": (with_quantity(2**64), "value.not_storable"),
    "depth in the line": (DEEP, "line.malformed"),
    "depth in the data": (with_data(DEEP), "line.malformed"),
    "depth in an unknown field": (with_data(b'{"sku":"a","price":"1","more":' + DEEP + b"}"), "line.malformed"),
    "an unknown type": (reprice(0, type="horse.ride"), "command.unknown"),
    "data of another type": (reprice(0, type="order.cancel"), "schema"),
    "data that is no object": (with_data(b'"text"'), "schema"),
    "a line that is too long": (with_data(b'{"sku":"' + b"x" * LONGEST_LINE + b'"}'), "line.too_long"),
    "a command that is too large": (with_data(b'{"sku":"' + b"x" * (LONGEST_LINE - 100) + b'"}'), "command.too_large"),
}


def test_each_bad_line_is_refused_by_its_number_and_its_good_neighbours_go_through(shop: CommandLine) -> None:
    text = b"".join(bad + b"\n" + reprice(number) + b"\n" for number, (bad, _) in enumerate(BAD_LINES.values(), 1))
    sent = shop.run("send", "-", "--json", stdin=text)
    summary = sent.answer
    assert sent.code == 0, "a refusal is an answer"
    found = {refusal["line"]: [fault["code"] for fault in refusal["faults"]] for refusal in summary["refused"]}
    expected = {2 * number - 1: [code] for number, (_, code) in enumerate(BAD_LINES.values(), 1)}
    by_name = {name: found.get(line) for name, line in zip(BAD_LINES, expected, strict=True)}
    assert by_name == {name: [code] for name, (_, code) in BAD_LINES.items()}
    assert found == expected
    assert summary["lines"] == 2 * len(BAD_LINES)
    assert summary["accepted"] == summary["outcomes"]["handled"] == len(BAD_LINES)
    assert logged_ids(shop) == [f"good-{number}" for number in range(1, len(BAD_LINES) + 1)]
    for refusal in summary["refused"]:
        assert all(
            fault["code"] == "line.malformed" or "recursion" not in fault["message"] for fault in refusal["faults"]
        )
        assert all(fault["message"] for fault in refusal["faults"])
        assert all('"type": NAME' in f["message"] for f in refusal["faults"] if f["code"] == "line.malformed")


def logged_ids(shop: CommandLine) -> list[str]:
    return [entry["id"] for entry in shop.run("log", "dump", "--json").answers]


@pytest.mark.parametrize("count", [1_000, 2_500])
def test_no_line_is_lost_whatever_their_number(shop: CommandLine, count: int) -> None:
    sent = shop.run("send", "-", "--json", stdin=b"".join(reprice(number) + b"\n" for number in range(count)))
    assert (sent.answer["lines"], sent.answer["accepted"]) == (count, count)
    assert logged_ids(shop) == [f"good-{number}" for number in range(count)]


def test_a_large_file_loses_no_line_between_two_blocks(shop: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "commands.ndjson"
    reason = {"type": "order.cancel", "data": {"order_id": "1", "reason": "r" * 400}}
    file.write_bytes(b"".join(json.dumps(reason | {"id": str(n)}).encode() + b"\n" for n in range(3_000)))
    sent = shop.run("send", file, "--json").answer
    assert (sent["lines"], sent["accepted"], sent["outcomes"]) == (3_000, 3_000, {"rejected": 3_000})
    assert [answer["line"] for answer in sent["rejected"]] == list(range(1, 3_001))


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1_000])
def test_lines_are_the_same_wherever_a_block_ends(size: int) -> None:
    text = b"\n".join([reprice(1), b"", b"bad", reprice(2) + b"\r", b"  ", reprice(3)])
    reader = LineReader()
    lines = [line for start in range(0, len(text), size) for line in reader.feed(text[start : start + size])]
    lines += reader.end()
    assert [(line.number, line.command is not None) for line in lines] == [(1, True), (3, False), (4, True), (6, True)]


@pytest.mark.parametrize(
    "text",
    [
        b"\n\n" + reprice(1) + b"\n \t\n" + reprice(2),
        reprice(1) + b"\r\n\r\n" + reprice(2) + b"\r\n",
        reprice(1) + b"\n" + reprice(2),
    ],
    ids=["empty lines", "CRLF", "no final newline"],
)
def test_line_ends_of_every_kind_are_understood(shop: CommandLine, text: bytes) -> None:
    sent = shop.run("send", "-", "--json", stdin=text)
    assert (sent.code, sent.answer["lines"], sent.answer["accepted"]) == (0, 2, 2)


def test_an_empty_line_counts_in_the_numbering(shop: CommandLine) -> None:
    sent = shop.run("send", "-", "--json", stdin=b"\n\r\nbad\n").answer
    assert [refusal["line"] for refusal in sent["refused"]] == [3]


@pytest.mark.parametrize("text", [b"", b"\n\n"], ids=["no byte", "no line"])
def test_an_empty_file_is_sent_at_once(shop: CommandLine, tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "empty.ndjson"
    file.write_bytes(text)
    sent = shop.run("send", file, "--json")
    assert (sent.code, sent.answer["lines"], sent.answer["accepted"]) == (0, 0, 0)


def test_a_slow_writer_gets_its_lines_through_as_they_come(shop: CommandLine) -> None:
    with shop, Pipe() as pipe:
        running = shop.start("send", "-", "--json", stdin=pipe.reading)
        pipe.write(reprice(1) + b"\n" + reprice(2)[:20])
        running.until(lambda: log_end(shop) == 1)
        pipe.write(reprice(2)[20:] + b"\n")
        running.until(lambda: log_end(shop) == 2)
        pipe.close()
        assert running.finished().answer["accepted"] == 2


def log_end(shop: CommandLine) -> int:
    status = shop.run("status", "--json")
    return int(status.answer["log_end"]) if status.code == 0 else 0


def test_the_same_id_with_another_body_is_refused_and_with_the_same_body_repeated(shop: CommandLine) -> None:
    first, other = {"sku": "a", "price": "1"}, {"sku": "a", "price": "2"}
    same = {"price": 1, "sku": "a"}
    text = b"\n".join(reprice(1, data=data) for data in (first, other, same))
    sent = shop.run("send", "-", "--json", stdin=text)
    assert sent.code == 0
    (refusal,) = sent.answer["refused"]
    assert (refusal["line"], [fault["code"] for fault in refusal["faults"]]) == (2, ["id.reused"])
    assert (sent.answer["accepted"], sent.answer["repeated"]) == (2, 1)
    again = shop.run("send", "-", "--json", stdin=text).answer
    assert (again["accepted"], again["repeated"], len(again["refused"])) == (2, 2, 1)


@pytest.mark.anyio
async def test_a_failed_device_ends_a_send_at_once_and_not_when_its_wait_runs_out(tmp_path: Path) -> None:
    @asynccontextmanager
    async def failing(config: Config, domain: Domain) -> AsyncIterator[Stores]:
        async def commit(commit: Commit) -> None:
            raise StorageFailed("write.db", "commit", "made to fail")

        async with open_folder(config, domain) as stores:
            yield stores._replace(events=cast(EventStore, Beside(stores.events, "commit", commit)))

    file = tmp_path / "commands.ndjson"
    file.write_bytes(reprice(1))
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    with file.open("rb") as source, anyio.fail_after(30), pytest.raises(StorageFailed):
        async with Runtime(app, config, open_stores=failing) as runtime:
            await send(
                runtime, source, wait="handled", timeout=600, progress=lambda _: None, reading=anyio.CancelScope()
            )


@pytest.mark.anyio
async def test_commands_go_in_while_those_before_them_wait_for_their_answers(tmp_path: Path) -> None:
    @asynccontextmanager
    async def waiting_for_the_next_block(config: Config, domain: Domain) -> AsyncIterator[Stores]:
        async def commit(commit: Commit) -> None:
            await until(lambda: runtime.readiness().log_end > in_first_block)
            await events.commit(commit)

        async with open_folder(config, domain) as stores:
            events = stores.events
            yield stores._replace(events=cast(EventStore, Beside(events, "commit", commit)))

    text = b"".join(reprice(number) + b"\n" for number in range(4_000))
    in_first_block = text[: READ_AT_ONCE + 1].count(b"\n")
    assert in_first_block < 3_500
    file = tmp_path / "commands.ndjson"
    file.write_bytes(text)
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    with file.open("rb") as source, anyio.fail_after(60):
        async with Runtime(app, config, open_stores=waiting_for_the_next_block) as runtime:
            summary = await send(
                runtime, source, wait="handled", timeout=60, progress=lambda _: None, reading=anyio.CancelScope()
            )
    assert summary.outcomes == {"handled": 4_000}


class Watched(io.FileIO):
    """A file that notes how rarely cycles are looked for while it is read."""

    thresholds: ClassVar[set[int]] = set()

    def read(self, size: int | None = -1, /) -> bytes:
        self.thresholds.add(gc.get_threshold()[0])
        return super().read(size) or b""


@pytest.mark.anyio
async def test_cycles_are_looked_for_rarely_while_a_file_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "commands.ndjson"
    file.write_bytes(reprice(1))
    config, before = Config(data=DataSettings(dir=tmp_path / "data")), gc.get_threshold()
    with Watched(file) as source, anyio.fail_after(30):
        await run_send(app, config, cast(BinaryIO, source), wait="handled", timeout=30, waits=False, quiet=True)
    assert Watched.thresholds == {THRESHOLD[0]}
    assert gc.get_threshold() == before


def test_a_rejected_command_is_an_answer_and_is_shown_with_its_line(shop: CommandLine) -> None:
    cancel = b'{"type":"order.cancel","id":"x","data":{"order_id":"9"}}'
    sent = shop.run("send", "-", "--json", stdin=reprice(1) + b"\n" + cancel)
    assert (sent.code, sent.answer["outcomes"]) == (0, {"handled": 1, "rejected": 1})
    (rejected,) = sent.answer["rejected"]
    assert (rejected["line"], rejected["answer"], rejected["faults"][0]["code"]) == (2, "rejected", "order.unknown")


@pytest.mark.parametrize("stage", ["accepted", "handled", "projected"])
def test_standard_output_holds_the_answer_alone(shop: CommandLine, stage: str) -> None:
    sent = shop.run("send", "-", "--wait", stage, "--settle", "--json", stdin=reprice(1))
    assert sent.answer["accepted"] == 1
    assert len(sent.out.splitlines()) == 1
    assert sent.answer["outcomes"] == ({} if stage == "accepted" else {"handled": 1})
    assert shop.run("status", "--json").answer["projected"] == 1


def test_a_person_reads_what_became_of_the_lines(shop: CommandLine) -> None:
    sent: Finished = shop.run("send", "-", stdin=reprice(1) + b"\nbad\n")
    assert "line 2: refused" in " ".join(sent.out.split())
    assert "2 lines in" in sent.out
    assert "1 accepted, 1 refused with 1 fault\n" in sent.out


def test_a_wait_that_runs_out_is_told_and_is_no_success(shop: CommandLine) -> None:
    text = b"".join(reprice(number) + b"\n" for number in range(500))
    sent = shop.run("send", "-", "--timeout", "0", "--wait", "projected", "--json", stdin=text)
    assert sent.code == ExitCode.NOT_DONE
    assert sent.answer["timed_out"] + len(sent.answer["unanswered"]) == 500
    again = shop.run("send", "-", "--wait", "projected", "--json", stdin=text)
    assert (again.code, again.answer["outcomes"]) == (0, {"handled": 500})
