"""How an effect leaves: what a consumer hands to the outside, and the ends that an attempt can have."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from ..stores.effect_records import EffectRecord
from ..stores.errors import TwofoldError
from .domain import storable_text
from .kernel.words import words_of

__all__ = ["Delivered", "Deliverer", "Delivery", "Paused", "Refused", "TryAgain", "reason_of", "storable_reason"]

_LONGEST_REASON = 2000


class Delivered(Struct, frozen=True):
    """It was taken; `result` is what the other side said, as JSON."""

    result: str = "null"


class TryAgain(Struct, frozen=True):
    """It was not taken this time. `after` is how many seconds the other side asked to wait, if it did.

    `slow_down` says that it is not this effect, but all of the consumer's: the connection, the rate.
    `result` is what of it is done already, as JSON, such as the recipients that have the mail. It goes into the ledger
    and comes back as the effect's `result` with the next attempt; with ``None`` the ledger keeps the one it has.
    """

    error: str
    after: float | None = None
    slow_down: bool = False
    result: str | None = None


class Refused(Struct, frozen=True):
    """It will never be taken as it is: it is parked."""

    error: str


class Paused(Struct, frozen=True):
    """Nothing of this consumer will be taken until somebody mends the access: it is paused, the effect stays."""

    error: str


Delivery: TypeAlias = Delivered | TryAgain | Refused | Paused


def storable_reason(text: str) -> str:
    """Return `text` in a length and in characters that the ledger can keep: a reason must not become a fault."""
    return storable_text(text[:_LONGEST_REASON])


def reason_of(error: Exception) -> str:
    """Return what `error` says: an error of Twofold's is a sentence, of any other the type matters as well."""
    return storable_reason(str(error) if isinstance(error, TwofoldError) else words_of(error))


class Deliverer(Protocol):
    """Takes effects out of the process: a mail server, a CDN, a user's function. It keeps no state that matters."""

    largest_call: int
    """How many effects one call of `deliver` may take."""

    async def deliver(self, effects: Sequence[EffectRecord]) -> Sequence[Delivery]:
        """Try each of `effects` once and return how each ended, in the same order. It raises nothing on purpose.

        What it raises all the same counts as `TryAgain` for each of them, but for a store that is broken: that ends
        the process. Time limits are its own.
        """

    async def close(self) -> None:
        """Close what it keeps open."""
