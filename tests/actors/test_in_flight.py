"""Who waits for a command under way gets its answer at the stage that was asked for, and no later."""

import pytest
from twofold.actors.in_flight import InFlight
from twofold.actors.submission import Receipt, Submission
from twofold.stores.records import Outcome, Position

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]


def outcome(name: str, position: Position) -> Outcome:
    """Return the outcome of a command whose last event is at `position`, or that made none."""
    return Outcome(name, 1, b"digest", "handled", "thing-1", 1, int(position > 0), position, 1)


def waiting(in_flight: InFlight, name: str) -> Submission:
    """Let a command fly whose sender waits for the read database."""
    submission = Submission(None, command_id=name, wait="projected")
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
