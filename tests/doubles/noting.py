"""A consumer of effects that notes its calls, and what the ledger has of them."""

from twofold import EventMeta, Retry, Runtime
from twofold.stores.effect_records import EffectRecord

from tests.doubles.accounts import AccountOpened, Deposited, accounts_app


class Calls:
    """A domain whose consumer notes its calls, and fails or hangs as a test says."""

    def __init__(self, name: str = "calls", *, from_start: bool = False, retry: Retry | None = None) -> None:
        self.seen: list[tuple[int, str]] = []
        self.failing = False
        self.app = accounts_app()

        @self.app.consumer(name, from_start=from_start, retry=retry)
        async def note(event: AccountOpened | Deposited, meta: EventMeta) -> None:
            self.seen.append((meta.position, meta.effect_id))
            if self.failing:
                raise ConnectionError("down")

    @property
    def positions(self) -> list[int]:
        return [position for position, _ in self.seen]


async def effects_of(runtime: Runtime) -> list[EffectRecord]:
    return list(await runtime._stores.effects.search(limit=10_000))
