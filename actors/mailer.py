"""The Mailer: takes e-mails out of the ledger and hands them to a transport, and says how each ended."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from anyio import create_task_group

from ..stores.effect_records import EffectRecord
from .delivery import Delivery, Refused, TryAgain
from .email import Email, InvalidEmail, address_of, check_email
from .kernel.clock import Clock, SystemClock
from .kernel.words import words_of
from .mail_directory import DirectoryTransport
from .mail_message import Mail, compose, message_bytes
from .mail_report import MailFailed, MailReport, MailTransport, read_report
from .mail_settings import MailSettings

__all__ = ["Mailer", "open_mailer"]

NOBODY = "twofold@localhost"
"""The From where the settings name none, which only the transport `directory` allows."""

FILES_AT_ONCE = 16
"""Into a directory, where a call costs two commits of the ledger and a mail one file."""

_read_email = msgspec.json.Decoder(Email).decode


def open_mailer(settings: MailSettings, outbox: Path, clock: Clock | None = None) -> "Mailer":
    """Return a Mailer over the transport of `settings`; no connection is opened before there is a mail."""
    if settings.transport == "directory":
        return Mailer(DirectoryTransport(outbox), settings.sender or NOBODY, FILES_AT_ONCE)
    from .mail_smtp import SmtpTransport  # noqa: PLC0415 - aiosmtplib loads on first use

    return Mailer(SmtpTransport(settings, clock or SystemClock()), settings.sender or NOBODY, settings.connections)


class Mailer:
    """The `Deliverer` of e-mails. The mails of one call are sent side by side."""

    def __init__(self, transport: MailTransport, sender: str, at_once: int) -> None:
        self._transport = transport
        self._sender = sender
        self.largest_call = at_once

    async def deliver(self, effects: Sequence[EffectRecord]) -> Sequence[Delivery]:
        ends: dict[str, Delivery] = {}

        async def send(effect: EffectRecord) -> None:
            ends[effect.effect_id] = await self._deliver(effect)

        async with create_task_group() as tasks:
            for effect in effects:
                tasks.start_soon(send, effect)
        return [ends[effect.effect_id] for effect in effects]

    async def close(self) -> None:
        await self._transport.close()

    async def _deliver(self, effect: EffectRecord) -> Delivery:
        try:
            email = _read_email(effect.payload)
            check_email(email)
            earlier = _earlier(effect)
        except (msgspec.DecodeError, InvalidEmail) as error:
            return Refused(str(error))
        try:
            return await self._send(effect, email, earlier)
        except MailFailed as failed:
            return _with_earlier(failed.delivery, email, earlier)
        except Exception as error:  # noqa: BLE001 - one mail's failure must not be that of the others in the call
            return TryAgain(words_of(error))

    async def _send(self, effect: EffectRecord, email: Email, earlier: MailReport) -> Delivery:
        left = tuple(each for each in email.recipients if each not in earlier.settled)
        if not left:
            return earlier.delivery()
        content = message_bytes(compose(email, effect, self._sender))
        report = await self._transport.send(
            Mail(effect.effect_id, address_of(email.sender or self._sender), left, content)
        )
        return report.after(earlier).delivery()


def _earlier(effect: EffectRecord) -> MailReport:
    """Return what earlier attempts settled. An operator's retry counts from 1, and asks the refused once more."""
    report = read_report(effect.result)
    return report if effect.attempts > 1 else MailReport(report.accepted)


def _with_earlier(delivery: Delivery, email: Email, earlier: MailReport) -> Delivery:
    """Return how a mail ended whose last recipients were refused all at once, while others have it already."""
    if not isinstance(delivery, Refused) or not earlier.accepted:
        return delivery
    refused = {each: delivery.error for each in email.recipients if each not in earlier.settled}
    return MailReport(refused=refused).after(earlier).delivery()
