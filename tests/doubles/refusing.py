"""A consumer of effects that refuses each of them for good, until a test heals it."""

from twofold import App, EventMeta, Undeliverable

from tests.doubles.accounts import AccountOpened, accounts_app

__all__ = ["Calls"]


class Calls:
    """A domain whose consumer refuses everything for good until it is healed."""

    def __init__(self) -> None:
        self.healed = False
        self.delivered: list[str] = []
        self.app: App = accounts_app()

        @self.app.consumer("calls")
        async def call(event: AccountOpened, meta: EventMeta) -> None:
            if not self.healed:
                raise Undeliverable("no such number")
            self.delivered.append(meta.effect_id)
