"""E-mails and purges that were sent to nowhere: kept in memory, for a test to look at."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from ...actors.cdn_settings import CdnSettings
from ...actors.cdn_zone import Zone
from ...actors.delivery import Delivered, Delivery, Refused
from ...actors.email import Email
from ...actors.kernel.clock import Clock
from ...actors.mail_settings import MailSettings
from ...actors.purge import InvalidPurge, Purge
from ...stores.effect_records import EffectRecord

__all__ = ["Sent"]

E = TypeVar("E", bound=Struct)


class Sent:
    """An `Outbox` from which nothing leaves, whatever server the settings name."""

    def __init__(self) -> None:
        self.emails: list[Email] = []
        """In the order in which they were sent."""
        self.purges: list[Purge] = []
        """In the order in which they were sent."""

    def mailer(self, settings: MailSettings, clock: Clock) -> "Keeping[Email]":  # noqa: ARG002 - no server is asked
        return Keeping(Email, self.emails)

    def purger(self, settings: CdnSettings, clock: Clock) -> "Keeping[Purge]":  # noqa: ARG002 - no server is asked
        return Keeping(Purge, self.purges, Zone(settings.zone_url).parts)


class Keeping(Generic[E]):
    """A `Deliverer` that delivers into a list what passes `check`."""

    largest_call = 100

    def __init__(self, type_: type[E], kept: list[E], check: Callable[[E], object] = lambda _effect: None) -> None:
        self._type = type_
        self._kept = kept
        self._check = check

    async def deliver(self, effects: Sequence[EffectRecord]) -> Sequence[Delivery]:
        return [self._take(msgspec.json.decode(effect.payload, type=self._type)) for effect in effects]

    async def close(self) -> None:
        """Nothing is open."""

    def _take(self, effect: E) -> Delivery:
        try:
            self._check(effect)
        except InvalidPurge as error:
            return Refused(str(error))
        self._kept.append(effect)
        return Delivered()
