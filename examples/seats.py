"""A seat can be booked once, however many ask for it at the same moment: a whole domain in one file."""

from collections.abc import Iterator

from msgspec import Struct
from twofold import App, Context, EventMeta, ReadDb, Reject, Statement, sql

app = App("seats")


class BookSeat(Struct, frozen=True):
    """A command: what somebody wants."""

    seat: str
    guest: str


class SeatBooked(Struct, frozen=True):
    """An event: what happened, kept for ever."""

    guest: str


class Seat(Struct, frozen=True):
    """A state: what the events add up to, one for each seat."""

    guest: str = ""


seat = app.decider("seat", Seat, key="seat", commands={"seat.book": BookSeat}, events={"seat.booked": SeatBooked})


@app.validate  # before the log: every fault that it yields is named in the refusal
def names_a_guest(command: BookSeat) -> Iterator[Reject]:
    if not command.guest.strip():
        yield Reject("guest.missing", path="guest")


@seat.decide  # pure, and the last word: it alone sees the current state
def decide(state: Seat, command: BookSeat, context: Context) -> list[SeatBooked]:
    if state.guest:
        raise Reject("seat.taken")
    return [SeatBooked(command.guest)]


@seat.evolve  # pure, and never raises: the event has happened
def evolve(state: Seat, event: SeatBooked) -> Seat:
    return Seat(event.guest)


plan = app.projection("plan", schema="CREATE TABLE booking(seat TEXT PRIMARY KEY, guest TEXT NOT NULL) STRICT")


@plan.on  # returns statements and touches nothing else, so that it can be run again from the first event
def seat_booked(event: SeatBooked, meta: EventMeta) -> Iterator[Statement]:
    yield sql("INSERT INTO booking VALUES (?, ?)", meta.key, event.guest)


@app.query("seats.plan")
async def seating_plan(db: ReadDb) -> dict[str, str]:
    return {str(seat): str(guest) for seat, guest in await db.rows("SELECT seat, guest FROM booking")}
