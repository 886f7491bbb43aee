"""Returns: goods that came back, and what was paid for them."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from twofold import Context, Reject

from .application import app
from .lines import Country, Customer, DocumentId, Lines, is_sound, total

__all__ = ["AcceptReturn", "Return", "ReturnAccepted", "decide", "evolve", "lines_are_returnable"]


class AcceptReturn(Struct, frozen=True):
    """Goods came back. The shop's documents do not say which order they were from, so nothing asks for it."""

    return_id: DocumentId
    country: Country
    lines: Lines
    customer: Customer | None = None


class ReturnAccepted(Struct, frozen=True):
    """Goods were taken back and their price is to be refunded."""

    country: Country
    lines: Lines
    refund: Decimal
    customer: Customer | None = None


class Return(Struct, frozen=True):
    """Whether the goods were taken back already: a refund is paid once."""

    accepted: bool = False


goods_return = app.decider(
    "return",
    Return,
    version=1,
    key="return_id",
    commands={"return.accept": AcceptReturn},
    events={"return.accepted": ReturnAccepted},
)


@app.validate
def lines_are_returnable(command: AcceptReturn) -> Iterator[Reject]:
    """Refuse what cannot be booked. A price of zero can: what was a present may come back too."""
    if not command.lines:
        yield Reject("return.empty")
    for i, line in enumerate(command.lines):
        if not is_sound(line):
            yield Reject(
                "line.not_returnable",
                path=f"lines[{i}]",
                sku=line.sku,
                quantity=line.quantity,
                price=str(line.unit_price),
            )


@goods_return.decide
def decide(state: Return, command: AcceptReturn, context: Context) -> list[ReturnAccepted]:
    """Take the goods back, once."""
    if state.accepted:
        raise Reject("return.exists")
    return [ReturnAccepted(command.country, command.lines, total(command.lines), command.customer)]


@goods_return.evolve
def evolve(state: Return, event: ReturnAccepted) -> Return:
    """Remember that the goods are back."""
    return Return(accepted=True)
