"""The answer to an ask: given once, by whoever handles the message, awaited by whoever sent it."""

from asyncio import Future, get_running_loop
from collections.abc import Callable
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

    __slots__ = ("_future", "_taken")

    def __init__(self) -> None:
        self._future: Future[T] | None = get_running_loop().create_future()
        """``None`` once the answer was given to whoever takes it."""
        self._taken = False

    @property
    def ended(self) -> bool:
        """Whether the answer was given, or nobody waits for it any more."""
        return self._future is None or self._future.done()

    def give(self, answer: T) -> None:
        """Answer; only the first answer counts."""
        if (future := self._to_be_answered()) is not None:
            future.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Answer with an error, which the asker sees raised."""
        if (future := self._to_be_answered()) is not None:
            future.set_exception(error)
            future.exception()  # seen: an asker who has gone is no reason for asyncio to complain

    def wait(self) -> "Future[T]":
        """Take the answer: what is returned is awaited at once, and gives it, or raises what was given in its place.

        Raises:
            RuntimeError: it was taken before.
        """
        future = self._future
        if self._taken or future is None:
            raise RuntimeError("An answer is taken once.")
        self._taken = True
        if future.done():
            self._future = None
        return future

    def then(self, take: Callable[[T | BaseException], object]) -> None:
        """Have the event loop call `take` with the answer, or with the error in its place, once it is given.

        Raises:
            RuntimeError: it was taken before.
        """
        self.wait().add_done_callback(lambda given: take(given.exception() or given.result()))

    def _to_be_answered(self) -> "Future[T] | None":
        future = self._future
        if future is None or future.done():
            return None
        if self._taken:
            self._future = None
        return future
