"""The answer to an ask: given once, by whoever handles the message, awaited by whoever sent it."""

from asyncio import Future, get_running_loop
from typing import Generic, TypeVar

__all__ = ["Reply"]

T = TypeVar("T")


class Reply(Generic[T]):
    """One answer that is still to come.

    It is an asyncio future underneath: with a thousand asks in flight an `anyio.Event` and a slot beside it cost
    7 us more an ask. The asker's cancellation leaves the answer to nobody, and harms nobody.

    An answer that was taken is kept no longer: an error that was raised leads to all that its asker knew, and whoever
    still holds the reply would hold that.
    """

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: Future[T] | None = get_running_loop().create_future()
        """``None`` once the answer was taken."""

    @property
    def ended(self) -> bool:
        """Whether the answer was given, or nobody waits for it any more."""
        return self._future is None or self._future.done()

    def give(self, answer: T) -> None:
        """Answer; only the first answer counts."""
        if self._future is not None and not self._future.done():
            self._future.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Answer with an error, which the asker sees raised."""
        if self._future is not None and not self._future.done():
            self._future.set_exception(error)
            self._future.exception()  # seen: an asker who has gone is no reason for asyncio to complain

    async def wait(self) -> T:
        """Take the answer once it is given, or raise the error that was given in its place.

        Raises:
            RuntimeError: it was taken before.
        """
        if self._future is None:
            raise RuntimeError("An answer is taken once.")
        try:
            return await self._future
        finally:
            self._future = None
