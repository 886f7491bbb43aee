"""The read side of returns: how much was refunded, by country."""

from collections.abc import Iterator

from twofold import EventMeta, Statement, sql

from .application import app
from .money import thousandths
from .returns import ReturnAccepted

__all__ = ["return_accepted"]

refunds = app.projection(
    "refunds",
    version=1,
    schema="""
        CREATE TABLE country_refunds (
            country TEXT PRIMARY KEY, returns INTEGER NOT NULL, refunded INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    """,
)


@refunds.on
def return_accepted(event: ReturnAccepted, meta: EventMeta) -> Iterator[Statement]:
    """Add a return."""
    yield sql(
        """INSERT INTO country_refunds VALUES (?, 1, ?) ON CONFLICT DO UPDATE
           SET returns = returns + 1, refunded = refunded + excluded.refunded""",
        event.country,
        thousandths(event.refund),
    )
