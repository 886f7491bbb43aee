"""What the log says of effects that wait for help: soon, with what to do, and never a line for each of thousands."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs
from twofold.actors.delivery import Paused, Refused
from twofold.actors.effect_notices import EffectNotices
from twofold.runtime.testing import VirtualClock

from tests.doubles.consuming import Outside, rest
from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


@asynccontextmanager
async def telling(
    clock: VirtualClock, url: str | None = None
) -> AsyncIterator[tuple[EffectNotices, list[MutableMapping[str, Any]]]]:
    notices = EffectNotices("mail", clock, url)
    with capture_logs() as logged:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(notices.tell)
            await turns()
            yield notices, logged
            tasks.cancel_scope.cancel()


async def test_a_parked_effect_is_told_at_once_with_how_to_see_it() -> None:
    async with telling(VirtualClock()) as (notices, logged):
        notices.parked("e1", "550 no such user")
        await turns()
        assert logged == [
            {
                "event": "effect parked",
                "log_level": "warning",
                "consumer": "mail",
                "effects": 1,
                "newest": "e1",
                "reason": "550 no such user",
                "next": "twofold effects show e1",
            }
        ]


@pytest.mark.parametrize(
    ("url", "commands"),
    [
        ("http://127.0.0.1:8080", ["show e1 --url http://127.0.0.1:8080", "resume mail --url http://127.0.0.1:8080"]),
        (None, ["show e1", "resume mail, with --url where the process goes on"]),
    ],
)
async def test_where_the_process_is_reached_the_command_can_be_pasted(url: str | None, commands: list[str]) -> None:
    async with telling(VirtualClock(), url) as (notices, logged):
        notices.parked("e1", "550 no such user")
        await turns()
        notices.paused("535 the password is wrong")
        assert [line["next"].partition("twofold effects ")[2] for line in logged] == commands


async def test_ten_thousand_in_a_minute_are_two_lines_and_none_is_left_out() -> None:
    clock = VirtualClock()
    async with telling(clock) as (notices, logged):
        for n in range(10_000):
            notices.parked(f"e{n}", "the server is dead")
            if n == 5000:
                await turns()
        clock.advance(59.0)
        await turns()
        assert [line["effects"] for line in logged] == [5001]
        clock.advance(1.0)
        await turns()
        assert [line["effects"] for line in logged] == [5001, 4999]
        assert logged[-1]["newest"] == "e9999"
        assert logged[-1]["next"] == "twofold effects list --state parked --consumer mail"
        clock.advance(3600.0)
        await turns()
        assert len(logged) == 2


async def test_what_was_not_told_yet_is_told_when_the_consumer_ends() -> None:
    async with telling(VirtualClock()) as (notices, logged):
        notices.parked("e1", None)
        await turns()
        notices.parked("e2", None)
    assert [line["newest"] for line in logged] == ["e1", "e2"]


async def test_a_consumer_tells_of_what_is_refused_and_of_what_it_cannot_know() -> None:
    outside = Outside(at_most_once=True)
    outside.deliverer.answer(Refused("550 no such user"))
    with capture_logs() as logged:
        async with outside.running(stops=False):
            outside.happen("a")
            await rest()
            gate = outside.deliverer.hold()
            outside.happen("b")
            await gate.reached.wait()
        async with outside.running():
            pass
    assert [line["event"] for line in logged] == ["effect parked", "effect parked"]
    assert logged[0]["reason"] == "550 no such user"
    assert "may have arrived" in logged[1]["reason"]


async def test_a_consumer_that_is_paused_says_so_once_and_again_at_each_start() -> None:
    outside = Outside(concurrency=2)
    outside.deliverer.always = lambda _effect: Paused("535 the password is wrong")
    calls = outside.deliverer.hold(), outside.deliverer.hold()
    with capture_logs() as logged:
        async with outside.running():
            outside.happen("a", "b")
            for call in calls:
                await call.reached.wait()
            for call in calls:
                call.open()
                await rest()
        assert [(line["event"], line["reason"]) for line in logged] == [
            ("consumer paused", "535 the password is wrong")
        ]
        async with outside.running():
            pass
    assert [line["event"] for line in logged] == ["consumer paused"] * 2
    assert "twofold effects resume outside" in logged[0]["next"]
