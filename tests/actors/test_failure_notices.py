"""What the log says of commands that a rule failed: the place, soon, and never a line for each of thousands."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct
from structlog.testing import capture_logs
from twofold import App, Context
from twofold.runtime.testing import MemoryRuntime, VirtualClock

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Divide(Struct, frozen=True):
    key: str
    by: int


class Divided(Struct, frozen=True):
    result: float


class Result(Struct, frozen=True):
    last: float = 0.0


def dividing() -> App:
    app = App("dividing")
    decider = app.decider("sum", Result, key="key", commands={"divide": Divide}, events={"divided": Divided})

    @decider.decide
    def decide(state: Result, command: Divide, context: Context) -> list[Divided]:
        if command.by == 7:
            return [Divided("seven")]  # type: ignore[arg-type]
        return [Divided(json.loads("[") if command.by == 8 else 1 / command.by)]

    @decider.evolve
    def evolve(state: Result, event: Divided) -> Result:
        return Result(event.result)

    return app


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def failures(logged: list[Any]) -> list[Any]:
    return [line for line in logged if line["event"] == "command failed"]


async def test_a_command_that_fails_is_told_with_its_stream_and_the_line_of_the_rule(logged: list[Any]) -> None:
    async with MemoryRuntime(dividing()) as runtime:
        await runtime.submit(Divide("k", 0), command_id="c1", wait="handled")
    (told,) = failures(logged)
    line = dividing.__code__.co_firstlineno + 8
    where = told.pop("where")
    assert where.endswith(f"test_failure_notices.py:{line} dividing.<locals>.decide")
    assert told == {
        "event": "command failed",
        "log_level": "error",
        "command": "divide",
        "command_id": "c1",
        "stream": "sum-k",
        "cause": "ZeroDivisionError: division by zero",
        "others": 0,
        "next": "mend the rule, then send what it failed again, under another id",
    }


async def test_what_a_rule_calls_is_told_behind_the_rule(logged: list[Any]) -> None:
    async with MemoryRuntime(dividing()) as runtime:
        await runtime.submit(Divide("k", 8), wait="handled")
    places = failures(logged)[0]["where"].split(" > ")
    assert len(places) == 4
    assert "dividing.<locals>.decide" in places[0]
    assert "raw_decode" in places[-1]


async def test_an_event_that_does_not_fit_its_type_is_named(logged: list[Any]) -> None:
    async with MemoryRuntime(dividing()) as runtime:
        receipt = await runtime.submit(Divide("k", 7), wait="handled")
    assert receipt.outcome is not None
    assert receipt.outcome.faults[0].message == (
        "decide of sum made an event divided that does not fit its type: Expected `float`, got `str` - at `$.result`"
    )
    assert receipt.outcome.faults[0].message in failures(logged)[0]["cause"]


async def test_a_place_is_told_once_a_minute_with_how_many_met_it_meanwhile(logged: list[Any]) -> None:
    clock = VirtualClock()
    async with MemoryRuntime(dividing(), clock=clock) as runtime:
        for number in range(4):
            await runtime.submit(Divide(str(number), 0), wait="handled")
        await runtime.submit(Divide("k", 7), wait="handled")
        assert [line["stream"] for line in failures(logged)] == ["sum-0", "sum-k"], "another place is told at once"
        clock.advance(60)
        await runtime.submit(Divide("k", 0), wait="handled")
    assert [line["others"] for line in failures(logged)] == [0, 0, 3]
