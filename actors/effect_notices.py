"""What a consumer of effects says in the log, so that an operator hears of what waits for help.

A server that refuses everything parks thousands of effects in a minute. The first is told at once, and then all that
were parked since in one line a minute; each of them stands in the ledger.
"""

import anyio
import structlog

from .kernel.clock import Clock

__all__ = ["EffectNotices", "how_to"]

_BETWEEN_LINES = 60.0

_log = structlog.get_logger("twofold")


def how_to(step: str, url: str | None) -> str:
    """Return the command that takes an operator's `step` on effects, as it can be pasted while this process goes on.

    Without a `url` at which that takes requests, what changes something needs the folder that it holds.
    """
    return f"twofold effects {step}" if url is None else f"twofold effects {step} --url {url}"


class EffectNotices:
    """The notices of one actor of one consumer; `tell` is its task that writes the lines."""

    def __init__(self, consumer: str, clock: Clock, url: str | None) -> None:
        """Speak for `consumer`, in a process that takes requests at `url`."""
        self._consumer, self._clock, self._url = consumer, clock, url
        self._untold = 0
        self._newest = "", ""
        self._noted = anyio.Event()

    def paused(self, reason: str) -> None:
        """Say that nothing of the consumer is sent until somebody helps."""
        where = "" if self._url is not None else ", with --url where the process goes on"
        then = f"mend the access, then: {how_to(f'resume {self._consumer}', self._url)}{where}"
        _log.error("consumer paused", consumer=self._consumer, reason=reason, next=then)

    def parked(self, effect_id: str, reason: str | None) -> None:
        """Note that an effect was parked, to be told soon."""
        self._untold += 1
        self._newest = effect_id, reason or ""
        self._noted.set()

    async def tell(self) -> None:
        """Write the lines for as long as the actor lives; what is untold when it is cancelled is told then."""
        try:
            while True:
                await self._noted.wait()
                self._tell()
                await self._clock.sleep(_BETWEEN_LINES)
        finally:
            if self._untold:
                self._tell()

    def _tell(self) -> None:
        count, (effect_id, reason) = self._untold, self._newest
        self._untold, self._noted = 0, anyio.Event()
        show = f"show {effect_id}" if count == 1 else f"list --state parked --consumer {self._consumer}"
        facts = {"consumer": self._consumer, "effects": count, "newest": effect_id, "reason": reason}
        _log.warning("effect parked", **facts, next=how_to(show, self._url))
