"""A program whose every event has three effects: a call that is noted outside the data folder, a mail and a purge.

`python effect_driver.py DATA DELIVERIES EVENTS [--die POINT COUNT]`: with --die it kills itself, as `kill -9` does,
when it comes to a place for the COUNT-th time: one of `tests/doubles/killed_stores.py`, or ``deliver.before`` and
``deliver.after`` around the noting of a call.
"""

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

import anyio
from twofold import App, Config, Email, EventMeta, Purge, Runtime
from twofold.actors.mail_settings import MailSettings
from twofold.runtime.config import DataSettings

from tests.doubles.accounts import AccountOpened, OpenAccount, accounts_app
from tests.doubles.killed_stores import Killer, killed_at

CONSUMERS = ("calls", "mails", "pages")


def app_with_effects(deliveries: Path, killer: Killer) -> App:
    """Return the accounts with a consumer of each kind; a call is one line of the file `deliveries`."""
    app = accounts_app()
    file = os.open(deliveries, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    @app.consumer("calls", concurrency=4)
    async def call(event: AccountOpened, meta: EventMeta) -> None:
        killer.passes("deliver.before")
        os.write(file, f"{meta.effect_id}\n".encode())
        killer.passes("deliver.after")

    @app.email("mails")
    def mail(event: AccountOpened, meta: EventMeta) -> Email:
        return Email(to=f"{meta.key}@example.com", subject="Welcome", text=f"Welcome, {event.owner}.")

    @app.purge("pages", window="1ms")
    def page(event: AccountOpened, meta: EventMeta) -> Purge:
        return Purge(tags=(f"account-{meta.key}",))

    return app


async def drive(data: Path, deliveries: Path, events: int, die: tuple[str, int] | None) -> None:
    """Open all accounts, under the same command ids each time, and return once all their effects are done."""
    app = app_with_effects(deliveries, Killer(*(die or ("nowhere", 1))))
    config = Config(data=DataSettings(dir=data), mail=MailSettings(sender="bank@example.com"))
    with ExitStack() as stack:
        open_stores = stack.enter_context(killed_at(*die)) if die else None
        runtime = Runtime(app, config, open_stores=open_stores) if open_stores else Runtime(app, config)
        async with runtime:
            for first in range(0, events, 10):
                numbers = range(first, min(first + 10, events))
                commands = [OpenAccount(str(number), "Ada") for number in numbers]
                await runtime.submit_many(commands, command_ids=[f"c-{number}" for number in numbers], wait="handled")
            await runtime.settled()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("deliveries", type=Path)
    parser.add_argument("events", type=int)
    parser.add_argument("--die", nargs=2, metavar=("POINT", "COUNT"))
    options = parser.parse_args()
    die = (options.die[0], int(options.die[1])) if options.die else None
    anyio.run(drive, options.data, options.deliveries, options.events, die)


if __name__ == "__main__":
    main()
