"""Who waits for a command under way gets its answer at the stage that was asked for, and no later."""

import pytest
from twofold.actors.in_flight import InFlight
from twofold.actors.submission import Receipt, Stage, Stopping, Submission
from twofold.stores.records import Outcome, Position

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


def outcome(name: str, position: Position) -> Outcome:
    """Return the outcome of a command whose last event is at `position`, or that made none."""
    return Outcome(name, 1, b"digest", "handled", "thing-1", 1, int(position > 0), position, 1)


def waiting(in_flight: InFlight, name: str, wait: Stage = "projected") -> Submission:
    """Let a command fly whose sender waits until it is at the stage `wait`."""
    submission = Submission(None, command_id=name, wait=wait)
    assert in_flight.join(submission, name, b"digest")
    in_flight.accepted(name, 1)
    return submission


async def test_what_made_no_event_is_projected_as_soon_as_it_is_handled() -> None:
    in_flight = InFlight()
    submission = waiting(in_flight, "none")
    in_flight.handled(outcome("none", 0))
    assert submission.ended
    assert (await submission.wait()).stage == "projected"


async def test_each_is_answered_once_the_read_database_holds_its_events_in_whatever_order_they_came() -> None:
    in_flight = InFlight()
    submissions = {position: waiting(in_flight, f"at {position}") for position in (3, 1, 2)}
    for position in submissions:
        in_flight.handled(outcome(f"at {position}", position))
    for position in (1, 2, 3):
        assert not submissions[position].ended
        in_flight.projected(position)
        assert await submissions[position].wait() == Receipt(
            f"at {position}", 1, "projected", outcome(f"at {position}", position)
        )


async def test_whose_time_is_up_keeps_the_answer_that_was_given_then() -> None:
    in_flight = InFlight()
    submission = waiting(in_flight, "late")
    submission.expire()
    in_flight.handled(outcome("late", 1))
    in_flight.projected(1)
    receipt = await submission.wait()
    assert (receipt.stage, receipt.timed_out) == ("accepted", True)


async def test_nobody_who_waits_for_no_more_than_accepted_calls_for_haste() -> None:
    in_flight = InFlight()
    waiting(in_flight, "one", "accepted")
    assert not in_flight.handling.waiting


@pytest.mark.parametrize("wait", ["handled", "projected"])
async def test_who_waits_for_more_calls_for_haste_until_the_command_is_handled(wait: Stage) -> None:
    in_flight = InFlight()
    waiting(in_flight, "one", wait)
    assert in_flight.handling.waiting
    in_flight.handled(outcome("one", 1))
    assert not in_flight.handling.waiting
    assert in_flight.projecting.waiting == (wait == "projected")
    in_flight.projected(1)
    assert not in_flight.projecting.waiting


async def test_who_joins_a_command_that_another_one_sent_calls_for_haste_too() -> None:
    in_flight = InFlight()
    waiting(in_flight, "one", "accepted")
    in_flight.join(Submission(None, command_id="one", wait="handled"), "one", b"digest")
    assert in_flight.handling.waiting


async def test_nobody_calls_for_haste_once_a_command_is_refused() -> None:
    in_flight = InFlight()
    waiting(in_flight, "one")
    in_flight.refuse("one", Stopping())
    assert not in_flight.handling.waiting


async def test_nobody_calls_for_haste_once_the_read_database_stands_still() -> None:
    in_flight = InFlight()
    waiting(in_flight, "one")
    in_flight.handled(outcome("one", 1))
    in_flight.projection_halted("a bug")
    assert not in_flight.projecting.waiting


async def test_nobody_calls_for_haste_once_all_were_told_that_nothing_will_be_handled() -> None:
    in_flight = InFlight()
    waiting(in_flight, "one")
    waiting(in_flight, "another")
    in_flight.handled(outcome("another", 1))
    in_flight.fail_all()
    assert not in_flight.handling.waiting
    assert not in_flight.projecting.waiting
