"""Whatever a rule does, it fails its own command: its neighbours in the same batch proceed, and so does everything."""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from twofold import App, Claim, Config, Context, EventMeta, ProjectorHalted, Reject, Runtime, Statement, sql
from twofold.runtime.config import DataSettings
from twofold.runtime.testing import MemoryFolder, MemoryRuntime
from twofold.stores.errors import DiskFull, StorageFailed
from twofold.stores.records import CommandRecord, Outcome

from tests.doubles.accounts import AccountOpened, Deposit, OpenAccount, accounts_app
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Do(Struct, frozen=True):
    """A command whose rule does what it says."""

    account: str
    how: str = "well"


class Done(Struct, frozen=True):
    how: str
    number: float = 0.0
    whole: int = 0
    exact: Decimal = Decimal(0)


class Foreign(Struct, frozen=True):
    how: str = "foreign"


class State(Struct, frozen=True):
    """What was done; its annotations are not always kept to."""

    done: int = 0
    last: str = ""
    number: float = 0.0
    names: tuple[str, ...] = ()


class Untellable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Text(str):
    __slots__ = ()


def broken(error: BaseException) -> Any:
    raise error


def endless(depth: int) -> Any:
    return endless(depth + 1)


DECIDED: dict[str, Callable[[], Any]] = {
    "raise": lambda: broken(ValueError("a bug")),
    "raise what cannot be told": lambda: broken(Untellable()),
    "raise a lone surrogate": lambda: broken(ValueError("\ud800")),
    "raise very much": lambda: broken(ValueError("x" * 5_000_000)),
    "raise an error of the stores": lambda: broken(StorageFailed("a file", "sync", "says who?")),
    "raise a full disk": lambda: broken(DiskFull("a file")),
    "raise what ends a program": lambda: broken(SystemExit(1)),
    "raise what ends a task": lambda: broken(CancelledError()),
    "recurse": lambda: endless(0),
    "reject with no text": lambda: broken(Reject(5)),  # type: ignore[arg-type]
    "a number": lambda: 5,
    "one event, in no list": lambda: Done("x"),
    "a text": lambda: "garbage",
    "nothing in a list": lambda: [None],
    "a foreign event": lambda: [Foreign()],
    "nan": lambda: [Done("x", number=float("nan"))],
    "infinity": lambda: [Done("x", number=float("inf"))],
    "nul": lambda: [Done("\0")],
    "a lone surrogate": lambda: [Done("\ud800")],
    "2**63": lambda: [Done("x", whole=2**63)],
    "a huge decimal": lambda: [Done("x", exact=Decimal("1E+9999"))],
    "no decimal": lambda: [Done("x", exact=Decimal("NaN"))],
    "an event of wrong types": lambda: [Done(5)],  # type: ignore[arg-type]
    "an event of a subclassed text": lambda: [Done(Text("x"))],
    "a release of what is not held": lambda: [Claim.release("name", "x")],
    "a claim of no text": lambda: [Claim.take("name", 5)],  # type: ignore[arg-type]
    "a claim of a lone surrogate": lambda: [Claim.take("name", "\ud800")],
    "a claim too long": lambda: [Claim.take("name", "x" * 10_000)],
    "a good event before a bad one": lambda: [Done("fine"), Done("\0")],
    # what evolve makes of them is wrong
    "evolve raises": lambda: [Done("evolve raises")],
    "evolve returns nothing": lambda: [Done("evolve returns nothing")],
    "evolve returns another type": lambda: [Done("evolve returns another type")],
    "evolve slips once": lambda: [Done("evolve returns nothing"), Done("well")],
    "a state of wrong types": lambda: [Done("a state of wrong types")],
    "a state that cannot be stored": lambda: [Done("a state that cannot be stored")],
}
EVOLVED: dict[str, Callable[[], Any]] = {
    "evolve raises": lambda: broken(KeyError("a bug")),
    "evolve returns nothing": lambda: None,
    "evolve returns another type": lambda: Done("x"),
    "a state of wrong types": lambda: State(last=5),  # type: ignore[arg-type]
    "a state that cannot be stored": lambda: State(number=float("nan")),
}


def poisonous() -> App:
    app = App("poison")
    decider = app.decider("thing", State, key="account", commands={"do": Do}, events={"done": Done})
    app.decider("other", Other, key="account", commands={"other": OtherCommand}, events={"foreign": Foreign}).evolve(
        evolve_other
    )
    app._deciders["other"].decide(decide_other)

    @decider.decide
    def decide(state: State, command: Do, context: Context) -> list[Done | Claim]:
        made: list[Done | Claim] = DECIDED[command.how]() if command.how in DECIDED else [Done(command.how)]
        return made

    @decider.evolve
    def evolve(state: State, event: Done) -> State:
        if event.how in EVOLVED:
            evolved: State = EVOLVED[event.how]()
            return evolved
        return State(state.done + 1, event.how)

    return app


class OtherCommand(Struct, frozen=True):
    account: str


class Other(Struct, frozen=True):
    pass


def decide_other(state: Other, command: OtherCommand, context: Context) -> list[Foreign]:
    return []


def evolve_other(state: Other, event: Foreign) -> Other:
    return state


def do(number: int, account: str, how: str) -> CommandRecord:
    data = b'{"account":"%s","how":"%s"}' % (account.encode(), how.encode())
    return CommandRecord(f"c{number}", "do", f"thing-{account}", data, b"digest", 1)


async def outcomes(runtime: Runtime, count: int) -> list[Outcome]:
    found = [await runtime.outcome(f"c{number}") for number in range(count)]
    return [outcome for outcome in found if outcome is not None]


@pytest.mark.parametrize("how", DECIDED)
async def test_a_rule_gone_wrong_fails_its_command_alone(how: str) -> None:
    folder = MemoryFolder()
    await folder.log.append([do(0, "1", "well"), do(1, "1", how), do(2, "1", "well"), do(3, "2", "well")])
    async with MemoryRuntime(poisonous(), folder=folder) as runtime:
        await runtime.settled()
        assert [each.status for each in await outcomes(runtime, 4)] == ["handled", "failed", "handled", "handled"]
        assert (await runtime.state("thing-1")).state == State(2, "well")
        assert [event.version for event in await runtime.history("thing-1")] == [1, 2]
        assert [role.restarts for role in runtime.statistics()] == [0, 0, 0]
        failed = (await outcomes(runtime, 4))[1]
        assert failed.faults[0].code
        assert len(failed.faults[0].message) <= 2000


async def test_every_rule_gone_wrong_in_one_real_batch_leaves_the_store_sound(tmp_path: Path) -> None:
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    commands = [Do("1", how) for bad in DECIDED for how in (bad, "well")]
    async with Runtime(poisonous(), config) as runtime:
        await runtime.submit_many(commands, command_ids=[f"c{number}" for number in range(len(commands))])
        await runtime.settled()
        statuses = [outcome.status for outcome in await outcomes(runtime, len(commands))]
        assert statuses == ["failed", "handled"] * len(DECIDED)
    async with Runtime(poisonous(), config) as runtime:
        assert (await runtime.state("thing-1")).state == State(len(DECIDED), "well")
        assert (await runtime.submit(Do("1"), wait="handled")).stage == "handled"
        again = await runtime.submit(commands[0], command_id="c0", wait="handled")
        assert again.outcome is not None
        assert again.outcome.status == "failed"


async def test_a_claim_taken_within_the_batch_is_taken(tmp_path: Path) -> None:
    folder = MemoryFolder()
    data = b'{"account":"%d","owner":"Ada","email":"a@example.org"}'
    await folder.log.append(
        [CommandRecord(f"c{n}", "account.open", f"account-{n}", data % n, b"digest", 1) for n in range(3)]
    )
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        await runtime.settled()
        found = await outcomes(runtime, 3)
    assert [(each.status, [fault.code for fault in each.faults]) for each in found] == [
        ("handled", []),
        ("rejected", ["claim.taken"]),
        ("rejected", ["claim.taken"]),
    ]


async def test_a_command_whose_type_is_no_longer_registered_fails_and_says_so() -> None:
    folder = MemoryFolder()
    await folder.log.append(
        [
            CommandRecord("c0", "gone", "account-1", b"{}", b"digest", 1),
            CommandRecord("c1", "account.open", "vanished-1", b"{}", b"digest", 1),
            CommandRecord("c2", "account.open", "account-1", b'{"account":"1","owner":5}', b"digest", 1),
            CommandRecord("c3", "account.open", "account-1", b'{"account":"1","owner":"Ada"}', b"digest", 1),
        ]
    )
    async with MemoryRuntime(accounts_app(), folder=folder) as runtime:
        await runtime.settled()
        found = await outcomes(runtime, 4)
    assert [each.status for each in found] == ["failed", "failed", "failed", "handled"]
    assert "gone" in found[0].faults[0].message
    assert "vanished" in found[1].faults[0].message


SEEN = "INSERT INTO seen (key) VALUES (?)"
BROKEN = {
    "it raises": "",
    "its statement is refused": "INSERT INTO nowhere VALUES (?)",
    "what it leaves is refused": "INSERT INTO seen VALUES (?, 'nobody')",
}


def halting_app(*, broken_at: int, how: str = "it raises") -> App:
    app = accounts_app()
    schema = "CREATE TABLE seen(key TEXT PRIMARY KEY, by TEXT REFERENCES seen DEFERRABLE INITIALLY DEFERRED) STRICT"
    broken_projection = app.projection("broken", version=1, schema=schema)

    @broken_projection.on
    def opened(event: AccountOpened, meta: EventMeta) -> Iterator[Statement]:
        if meta.position == broken_at and not BROKEN[how]:
            raise ValueError("a bug")
        yield sql(BROKEN[how] if meta.position == broken_at else SEEN, meta.key)

    return app


@pytest.mark.parametrize("how", BROKEN)
async def test_a_projection_that_fails_halts_the_projector_exactly_there(tmp_path: Path, how: str) -> None:
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    async with Runtime(halting_app(broken_at=3, how=how), config) as runtime:
        await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(1, 6)], wait="handled")
        await until(lambda: runtime.statistics()[2].state == "halted")
        assert (await runtime.submit(Deposit("1", Decimal(1)), wait="handled")).stage == "handled", "commands go on"
        projector = runtime.statistics()[2]
        assert (projector.cursor, projector.lag) == (2, 4)
        assert projector.failure is not None
        assert "broken failed at position 3" in projector.failure
        answer = await runtime.query("accounts")
        assert (answer.value, answer.position) == (["1", "2"], 2)
        assert "broken failed at position 3" in (answer.projector_halted or "")
        with pytest.raises(ProjectorHalted):
            await runtime.query("accounts", min_position=3)
        with pytest.raises(ProjectorHalted):
            await runtime.settled()
    async with Runtime(halting_app(broken_at=3, how=how), config) as runtime:
        with pytest.raises(ProjectorHalted, match="broken failed at position 3"):
            await runtime.query("accounts")  # after a start every query waits for what was there at open
    async with Runtime(halting_app(broken_at=0), config) as runtime:  # mended
        assert (await runtime.query("accounts")).value == ["1", "2", "3", "4", "5"]


async def test_a_wait_for_a_halted_projector_comes_back_at_once_and_says_so(tmp_path: Path) -> None:
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    async with Runtime(halting_app(broken_at=2), config) as runtime:
        assert (await runtime.submit(OpenAccount("1", "Ada"), wait="projected", timeout=None)).stage == "projected"
        waited = await runtime.submit(OpenAccount("2", "Ada"), wait="projected", timeout=None)
        later = await runtime.submit(OpenAccount("3", "Ada"), wait="projected", timeout=None)
        for receipt in (waited, later):
            assert (receipt.stage, receipt.timed_out) == ("handled", False)
            assert "broken failed at position 2" in (receipt.projector_halted or "")
        assert runtime._pipeline.in_flight._unprojected == []
