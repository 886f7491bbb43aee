"""Effects that are e-mails, and a Mailer that sends them to a server of the test's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from twofold.actors.delivery import Delivered, Delivery, TryAgain
from twofold.actors.email import Email
from twofold.actors.mail_settings import MailSettings
from twofold.actors.mailer import Mailer, open_mailer
from twofold.runtime.testing import VirtualClock
from twofold.stores.effect_records import EffectRecord
from twofold.stores.records import StreamId

from tests.doubles.smtp_server import ScriptedSmtp

ANNA, BERT, CARA = "anna@example.com", "bert@example.com", "cara@example.com"
SHOP = "shop@example.org"


def settings(server: ScriptedSmtp, **changes: Any) -> MailSettings:
    given: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "security": "none",
        "rate": 10_000.0,
        "timeout": 5.0,
    } | changes
    return MailSettings(transport="smtp", sender=f"The Shop <{SHOP}>", **given)


@asynccontextmanager
async def mailing(server: ScriptedSmtp, clock: VirtualClock | None = None, **changes: Any) -> AsyncIterator[Mailer]:
    mailer = open_mailer(settings(server, **changes), Path("unused"), clock)
    try:
        yield mailer
    finally:
        await mailer.close()


def effect(
    email: Email | None = None, name: str = "e" * 32, result: str | None = None, attempts: int = 1
) -> EffectRecord:
    payload = msgspec.json.encode(email or Email(ANNA, "Your order", "Thank you.")).decode()
    stream = StreamId("order-1")
    return EffectRecord(name, "mail", 7, 0, stream, payload, "sending", attempts, None, result, 1_291_190_400_000_000)


async def attempt(server: ScriptedSmtp, email: Email | None = None, **changes: Any) -> Delivery:
    async with mailing(server, **changes) as mailer:
        [delivery] = await mailer.deliver([effect(email)])
    return delivery


def result_of(delivery: Delivery) -> Any:
    assert isinstance(delivery, Delivered | TryAgain)
    assert delivery.result is not None
    return msgspec.json.decode(delivery.result)
