"""What may go into the log: every malformed command is refused with its fault, and nothing else happens."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import anyio
import pytest
from msgspec import Struct
from twofold import App, CommandRefused, Config, Context, JsonCommand, Receipt, Runtime, ValidatorFailed
from twofold.actors.admission import LARGEST_COMMAND
from twofold.runtime.config import DataSettings
from twofold.runtime.testing import MemoryFolder, MemoryRuntime
from twofold.stores.records import CommandRecord
from twofold.stores.segments.frame import MAX_BODY

from tests.doubles.accounts import Deposit, OpenAccount, accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@dataclass(frozen=True)
class Place:
    name: str = ""


class Anything(Struct, frozen=True):
    key: str
    text: str = ""
    whole: int = 0
    number: float = 0.0
    exact: Decimal = Decimal(0)
    inside: "Anything | None" = None
    place: Place = Place()
    free: Any = None
    many: tuple[int, ...] = ()


class Touchy(Struct, frozen=True):
    key: str

    def __post_init__(self) -> None:
        if self.key == "bug":
            raise KeyError("a bug of the type itself")
        if self.key == "no":
            raise ValueError("this key is not wanted")


class Happened(Struct, frozen=True):
    pass


class State(Struct, frozen=True):
    pass


def anything_app() -> App:
    app = App("anything")
    decider = app.decider(
        "thing", State, key="key", commands={"any": Anything, "touchy": Touchy}, events={"happened": Happened}
    )

    @decider.decide
    def decide(state: State, command: Anything | Touchy, context: Context) -> list[Happened]:
        return []

    @decider.evolve
    def evolve(state: State, event: Happened) -> State:
        return state

    return app


def nested(levels: int, leaf: bytes = b"null") -> bytes:
    return b'{"key":"1","inside":' * levels + leaf + b"}" * levels


REFUSED: list[tuple[Any, str]] = [
    (b"", "json.malformed"),
    (b"no json", "json.malformed"),
    (b'{"key":"1"', "json.malformed"),
    (b'{"key":"1"} more', "json.malformed"),
    (b"\xff\xfe", "json.malformed"),
    (b'{"key":"1","text":"\xff"}', "json.malformed"),
    ('{"key":"1","text":"\ud800"}', "json.malformed"),
    (b'{"key":"1","text":"\\ud800"}', "json.malformed"),
    (b'{"key":"1","number":NaN}', "json.malformed"),
    (b'{"key":"1","number":Infinity}', "json.malformed"),
    (b"[]", "schema"),
    (b"{}", "schema"),
    (b'{"key":5}', "schema"),
    (b'{"key":"1","whole":"5"}', "schema"),
    (b'{"key":"1","exact":"1e99999999999999999999"}', "schema"),
    (b'{"key":"1","text":"a\\u0000b"}', "value.not_storable"),
    (b'{"key":"1","place":{"name":"\\u0000"}}', "value.not_storable"),
    (b'{"key":"1","free":{"a":[{"b":"\\u0000"}]}}', "value.not_storable"),
    (b'{"key":"1","free":{"\\u0000":1}}', "value.not_storable"),
    (b'{"key":"1","whole":9223372036854775808}', "value.not_storable"),
    (b'{"key":"1","whole":18446744073709551616}', "value.not_storable"),
    (b'{"key":"1","whole":-9223372036854775809}', "value.not_storable"),
    (b'{"key":"1","many":[1,9223372036854775808]}', "value.not_storable"),
    (b'{"key":"1","free":%s}' % (b"9" * 400), "value.not_storable"),
    (b'{"key":"1","exact":"NaN"}', "value.not_storable"),
    (b'{"key":"1","exact":"-Infinity"}', "value.not_storable"),
    (b'{"key":"1","exact":1e400}', "value.not_storable"),
    (b'{"key":"1","exact":"1E-65"}', "value.not_storable"),
    (b'{"key":"1","exact":"' + b"9" * 65 + b'"}', "value.not_storable"),
    (nested(40), "value.not_storable"),
    (nested(40_000), "json.too_deep"),
    (b'{"key":"1","free":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json.too_deep"),
    (b'{"key":"1","unknown":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json.too_deep"),
    (b'{"key":"1","free":' + b"[" * 60 + b"]" * 60 + b"}", "value.not_storable"),
    (b'{"key":""}', "key.empty"),
    (b'{"key":"%s"}' % (b"k" * 201), "key.too_long"),
    (b'{"key":"a\\nb"}', "key.unprintable"),
    (b'{"key":"1","text":"%s"}' % (b"x" * LARGEST_COMMAND), "command.too_large"),
    (Anything("1", text="\ud800"), "value.not_storable"),
    (Anything("1", text="\0"), "value.not_storable"),
    (Anything("1", whole=2**64), "value.not_storable"),
    (Anything("1", number=float("nan")), "value.not_storable"),
    (Anything("1", number=float("inf")), "value.not_storable"),
    (Anything("1", exact=Decimal("sNaN")), "value.not_storable"),
    (Anything("1", free=object()), "value.not_storable"),
    (Anything(5), "schema"),  # type: ignore[arg-type]
    (Anything("1", many=["x"]), "schema"),  # type: ignore[arg-type]
    (Anything("1", text="x" * LARGEST_COMMAND), "command.too_large"),
    (JsonCommand("nothing", b"{}"), "command.unknown"),
    (JsonCommand(["a list"], b"{}"), "command.unknown"),  # type: ignore[arg-type]
    (OpenAccount("1", "Ada"), "command.unknown"),
    ("a text", "command.unknown"),
]


def commands() -> Iterator[Any]:
    for sent, code in REFUSED:
        is_json = isinstance(sent, bytes) or (isinstance(sent, str) and sent.startswith("{"))
        yield pytest.param(JsonCommand("any", sent) if is_json else sent, code, id=f"{code}: {str(sent)[:30]!r}")


@pytest.mark.parametrize(("command", "code"), list(commands()))
async def test_a_malformed_command_is_refused_with_its_fault(command: Any, code: str) -> None:
    folder = MemoryFolder()
    async with MemoryRuntime(anything_app(), folder=folder) as runtime:
        with pytest.raises(CommandRefused) as refused:
            await runtime.submit(command, command_id="x")
        assert [fault.code for fault in refused.value.faults] == [code]
        assert folder.log.end() == 0
        assert runtime._pipeline.in_flight._flights == {}
        assert not (await runtime.submit(Anything("1"), command_id="x")).repeated
        assert runtime.statistics()[0].restarts == 0


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        ({"command_id": ""}, "id.empty"),
        ({"command_id": "x" * 201}, "id.too_long"),
        ({"command_id": "a\0b"}, "id.unprintable"),
        ({"command_id": "\ud800"}, "id.unprintable"),
        ({"command_id": 5}, "id.no_text"),
        ({"principal": "\ud800"}, "principal.unprintable"),
        ({"principal": 5}, "principal.no_text"),
        ({"principal": "x" * 10_000_000}, "principal.too_long"),
        ({"correlation_id": b"bytes"}, "correlation_id.no_text"),
        ({"expected_version": "3"}, "expected_version.invalid"),
        ({"expected_version": 1.5}, "expected_version.invalid"),
        ({"expected_version": True}, "expected_version.invalid"),
        ({"expected_version": -1}, "expected_version.invalid"),
        ({"expected_version": 2**63}, "expected_version.invalid"),
    ],
)
async def test_what_the_log_could_not_read_back_beside_a_command_is_refused(envelope: Any, code: str) -> None:
    folder = MemoryFolder()
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        with pytest.raises(CommandRefused) as refused:
            await runtime.submit(OpenAccount("1", "Ada"), **envelope)
        assert [fault.code for fault in refused.value.faults] == [code]
        assert folder.log.end() == 0


@pytest.mark.parametrize(
    ("key", "named"),
    [("a\nb", "U+000A,"), ("a\u3000b", "U+3000 IDEOGRAPHIC SPACE,"), ("a\u200db", "U+200D ZERO WIDTH JOINER,")],
)
async def test_the_character_that_a_key_may_not_hold_is_named(key: str, named: str) -> None:
    async with MemoryRuntime(accounts_app()) as runtime:
        with pytest.raises(CommandRefused, match=re.escape(f"the key holds {named} which is no printable character")):
            await runtime.submit(OpenAccount(key, "Ada"))


@pytest.mark.parametrize("data", [None, 5, ["a"]])
async def test_json_that_is_no_bytes_is_answered_and_harms_nobody(data: Any) -> None:
    async with MemoryRuntime(anything_app()) as runtime:
        with pytest.raises(ValidatorFailed):
            await runtime.submit(JsonCommand("any", data))
        assert runtime.statistics()[0].restarts == 0


async def test_a_bug_in_the_commands_own_type_is_the_answer_to_that_command_alone() -> None:
    async with MemoryRuntime(anything_app()) as runtime:
        bug, unwanted, fine = await runtime.submit_many(
            [JsonCommand("touchy", b'{"key":"%s"}' % key) for key in (b"bug", b"no", b"fine")]
        )
    assert isinstance(bug, ValidatorFailed)
    assert isinstance(unwanted, CommandRefused)
    assert "not wanted" in unwanted.faults[0].message
    assert isinstance(fine, Receipt)


async def test_what_is_just_within_the_bounds_is_taken() -> None:
    async with MemoryRuntime(anything_app()) as runtime:
        answers = await runtime.submit_many(
            [
                Anything("k" * 200, whole=2**63 - 1, exact=Decimal("9" * 64)),
                Anything("1", whole=-(2**63), exact=Decimal("1E-64")),
                JsonCommand("any", nested(30)),
                JsonCommand("any", b'{"key":"1","text":"%s"}' % (b"x" * (LARGEST_COMMAND - 300))),
                JsonCommand("any", json.dumps({"key": "ключ-with-hyphens", "text": "\U0001f600"}).encode()),
            ],
            wait="handled",
        )
    assert [type(answer) for answer in answers] == [Receipt] * 5


async def test_commands_that_fit_one_by_one_are_split_to_fit_the_log(tmp_path: Any) -> None:
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    size = LARGEST_COMMAND - 1000
    count = MAX_BODY // size + 5
    async with Runtime(accounts_app(), config) as runtime:
        answers = await runtime.submit_many(
            [OpenAccount("1", "Ada"), *(Deposit("1", Decimal(1), "x" * size) for _ in range(count))], wait="handled"
        )
        assert [answer.offset for answer in answers if isinstance(answer, Receipt)] == list(range(1, count + 2))
        assert runtime.statistics()[0].restarts == 0
        assert (await runtime.state("account-1")).state.balance == count


async def test_objects_are_seen_as_they_come_back_from_their_stored_form() -> None:
    seen: list[Anything] = []
    app = anything_app()

    @app.validate
    def look(command: Anything) -> None:
        seen.append(command)

    items = [1, 2]
    command = Anything("1", many=items, number=1)  # type: ignore[arg-type]
    folder = MemoryFolder()
    async with MemoryRuntime(app, folder=folder) as runtime, anyio.create_task_group() as tasks:
        tasks.start_soon(runtime.submit, command)
        await anyio.lowlevel.checkpoint()
        items.append(3)
        await runtime.settled()
    assert len(seen) == 1
    assert isinstance(seen[0].many, tuple)
    assert type(seen[0].number) is float
    (logged,) = await folder.log.read(0, 10)
    assert isinstance(logged.command, CommandRecord)
    assert json.loads(logged.command.data)["many"] == list(seen[0].many)
