"""A full device: writes wait for room, the log says so once for each, and they go on by themselves."""

import anyio
import pytest
from structlog.testing import capture_logs
from twofold.actors.space import Space
from twofold.runtime.testing import VirtualClock
from twofold.stores.errors import DiskFull

from tests.doubles.waiting import turns

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_a_write_without_room_says_once_what_to_do_and_again_when_it_goes_on() -> None:
    clock = VirtualClock()
    space = Space(clock)
    tries = 0

    async def write() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise DiskFull("a file")

    with capture_logs() as logged:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(space.write, write)
            while tries < 4:
                await turns()
                assert space.is_short
                clock.advance(1.0)
                await turns()
    assert [line["event"] for line in logged] == ["waiting for space", "has space again"]
    assert "resumes by itself" in logged[0]["cause"]
    assert not space.is_short
