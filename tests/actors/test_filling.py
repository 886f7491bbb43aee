"""Filling a generation beside commands: it comes to its end whatever their rate, and leaves them what it can."""

from collections.abc import Sequence
from math import inf

import pytest
from msgspec.structs import replace
from twofold.actors.filling import AHEAD, IDLE_AFTER, PAGE, PAGE_BESIDE_COMMANDS, REST, Filling, RebuildProgress
from twofold.runtime.testing import VirtualClock
from twofold.stores.chain import seal
from twofold.stores.memory.event_store import MemoryEventStore
from twofold.stores.records import GENESIS, EventRecord, Position, Statement

from tests.doubles.accounts import accounts_app

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

SPEED = 10_000
"""Events a second that a step fills, on the machine of these tests."""
HISTORY = 20_000


class Machine(VirtualClock):
    """A clock that moves as long as a step fills or rests, while commands make events."""

    def __init__(
        self,
        made_per_second: float,
        handled_per_second: float | None = None,
        *,
        batch: float = 0.0,
        until: float = inf,
    ) -> None:
        """Handle those of each `batch` seconds together, and none after the second `until`."""
        super().__init__()
        self._batch = batch
        self._until = until
        self._made = made_per_second
        self._handled = made_per_second if handled_per_second is None else handled_per_second
        self.rested = 0.0

    def end(self) -> Position:
        return HISTORY + int(self._made * self.monotonic())

    def handled(self) -> int:
        seconds = min(self.monotonic(), self._until)
        return int(self._handled * (seconds - seconds % self._batch if self._batch else seconds))

    async def sleep(self, seconds: float) -> None:
        self.rested += seconds
        self.advance(seconds)


class Events(MemoryEventStore):
    """A history whose events are all alike, and take their time to be filled in."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.steps = list[int]()
        self._machine = machine
        self._erased = replace(seal(GENESIS, "account-1", 1, "account.opened", 1, "{}", "{}", 0), data=None)

    async def read(self, after: Position, limit: int) -> Sequence[EventRecord]:
        assert after + limit <= self._machine.end(), "it asks for events that are not there yet"
        self.steps.append(limit)
        self._machine.advance(limit / SPEED)
        return [replace(self._erased, position=after + limit)]


class Generation:
    """A generation that keeps nothing but its position."""

    at = 0

    async def position(self) -> Position:
        return self.at

    async def apply(self, statements: Sequence[Statement], *, expected: Position, position: Position) -> None:
        assert self.at == expected < position
        self.at = position


async def caught_up(machine: Machine) -> Events:
    """Return how the history was read by a filling that has caught up with `machine`."""
    events, seen = Events(machine), list[RebuildProgress]()
    filling = Filling(
        accounts_app().domain(), events, Generation(), 0, machine,
        end=machine.end, report=seen.append, handled=machine.handled,
    )  # fmt: skip
    await filling.catch_up(500)
    assert machine.end() - filling.position <= 500
    assert [each.done for each in seen] == [sum(events.steps[: n + 1]) for n in range(len(events.steps))]
    return events


async def test_where_no_command_comes_it_takes_large_steps_and_no_rest() -> None:
    machine = Machine(0)
    assert set((await caught_up(machine)).steps) == {PAGE}
    assert machine.rested == 0


@pytest.mark.parametrize("made_per_second", [0, 10, 1_000])
async def test_beside_commands_it_takes_small_steps_and_leaves_two_thirds_of_the_time(made_per_second: int) -> None:
    machine = Machine(made_per_second, handled_per_second=1_000)
    assert set((await caught_up(machine)).steps[1:]) == {PAGE_BESIDE_COMMANDS}
    assert machine.rested / machine.monotonic() == pytest.approx(REST / (1 + REST), abs=0.02)


async def test_commands_that_come_in_batches_are_left_their_time_between_them_too() -> None:
    machine = Machine(0, handled_per_second=1_000, batch=0.9 * IDLE_AFTER)
    steps = (await caught_up(machine)).steps
    until_the_first_batch = steps.index(PAGE_BESIDE_COMMANDS)
    assert until_the_first_batch <= 1
    assert set(steps[until_the_first_batch:]) == {PAGE_BESIDE_COMMANDS}


async def test_where_commands_have_ended_it_takes_large_steps_again() -> None:
    machine = Machine(0, handled_per_second=1_000, until=1.0)
    steps = (await caught_up(machine)).steps
    after = steps.index(PAGE, 1)
    assert after == pytest.approx((1.0 + IDLE_AFTER) / ((1 + REST) * PAGE_BESIDE_COMMANDS / SPEED), abs=3)
    assert set(steps[after:]) == {PAGE}


@pytest.mark.parametrize("made_per_second", [3_000, 4_000, 4_900, 6_000, 9_000])
async def test_however_fast_events_are_made_it_comes_to_an_end(made_per_second: int) -> None:
    machine = Machine(made_per_second)
    await caught_up(machine)
    filled_per_second = min(AHEAD * made_per_second, SPEED)
    assert machine.monotonic() <= 1.2 * HISTORY / (filled_per_second - made_per_second)


async def test_it_waits_for_no_rest_where_the_generation_that_serves_is_held_up() -> None:
    machine = Machine(0, handled_per_second=1_000)
    events, generation = Events(machine), Generation()
    filling = Filling(
        accounts_app().domain(), events, generation, 0, machine,
        end=machine.end, report=lambda _: None, handled=machine.handled,
    )  # fmt: skip
    await filling.finish()
    assert (generation.at, set(events.steps), machine.rested) == (HISTORY, {PAGE}, 0)
