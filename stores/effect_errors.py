"""What the effect ledger raises of its own, beside what every store does."""

from collections.abc import Collection, Mapping

from .errors import StoreError

__all__ = ["UnknownConsumer", "UnknownEffect", "WrongEffectState"]


class UnknownConsumer(StoreError):
    """The effect ledger knows no consumer of that name."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer
        super().__init__(f"The effect ledger has no consumer {consumer}. Check the name, or open the consumer first.")


class UnknownEffect(StoreError):
    """The ledger has no effect of that id; nothing was changed."""

    def __init__(self, effect_id: str) -> None:
        self.effect_id = effect_id
        super().__init__(
            f"No effect in the ledger has the id {effect_id}. Nothing was changed; `twofold effects list` names them. "
            "What was done or given up is kept for effects.keep_done."
        )


class WrongEffectState(StoreError):
    """An effect is not in a state from which the step that was asked for leads on; nothing was changed."""

    _WAITS = "It is tried without help, and `twofold status` says what it waits for"
    _WHAT_NOW: Mapping[str, str] = {
        "pending": _WAITS,
        "sending": _WAITS,
        "retry": _WAITS,
        "done": "Nothing is left to do for it",
        "discarded": "It was given up for good",
    }

    def __init__(self, effect_id: str, state: str, step: str, allowed: Collection[str]) -> None:
        """Say that the effect is in `state`, and that `step` leads on from the `allowed` ones alone."""
        self.effect_id, self.state, self.step, self.allowed = effect_id, state, step, tuple(allowed)
        what_now = self._WHAT_NOW.get(state, "It waits for `twofold effects retry` or `discard`")
        super().__init__(
            f"Effect {effect_id} is in state {state}, and only one in state {' or '.join(allowed)} can {step}. "
            f"{what_now}. Nothing was changed: leave it out and ask again."
        )
