"""What became of each recipient of a mail, over all the attempts at it."""

from typing import Protocol

import msgspec
from msgspec import Struct

from .delivery import Delivered, Delivery, Refused, TryAgain
from .mail_message import Mail

__all__ = ["MailFailed", "MailReport", "MailTransport", "read_report"]

_encode = msgspec.json.Encoder().encode


class MailReport(Struct, frozen=True):
    """The recipients of a mail by how they fared, each with the server's words. As JSON it is the effect's result."""

    accepted: dict[str, str] = {}
    refused: dict[str, str] = {}
    """For ever; whoever is named here does not get the mail."""
    waiting: dict[str, str] = {}
    """For now; whoever is named here is tried again, and nobody else is."""
    slow_down: bool = False
    """Whether the server throttled."""

    @property
    def settled(self) -> set[str]:
        """Those to whom nothing is sent any more."""
        return {*self.accepted, *self.refused}

    def after(self, earlier: "MailReport") -> "MailReport":
        """Return this attempt's report together with what `earlier` attempts had settled."""
        return MailReport(
            {**earlier.accepted, **self.accepted}, {**earlier.refused, **self.refused}, self.waiting, self.slow_down
        )

    def delivery(self) -> Delivery:
        """Return how the attempt ended: it is delivered once nobody waits and somebody has it."""
        if self.waiting:
            return TryAgain(_listed(self.waiting), slow_down=self.slow_down, result=self.as_json())
        if not self.accepted:
            return Refused(_listed(self.refused))
        return Delivered(self.as_json())

    def as_json(self) -> str:
        """Return the JSON that `read_report` reads."""
        return _encode({"accepted": self.accepted, "refused": self.refused, "waiting": self.waiting}).decode()


class MailFailed(Exception):
    """An attempt at a mail ended the same way for all of its recipients."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        super().__init__(delivery)


class MailTransport(Protocol):
    """Takes finished mails out of the process."""

    async def send(self, mail: Mail) -> MailReport:
        """Send `mail` once and return what became of each of its recipients.

        Raises:
            MailFailed: it ended for all of them, as the error says.
        """

    async def close(self) -> None:
        """Close what it keeps open."""


def read_report(result: str | None) -> MailReport:
    """Return the report that an effect's `result` holds; an empty one where there is none yet."""
    return MailReport() if result is None else msgspec.json.decode(result, type=MailReport)


def _listed(words: dict[str, str]) -> str:
    return "; ".join(f"{address}: {said}" for address, said in words.items())
