"""What the end of an attempt means for its effect: done, to be tried again after a while, or parked."""

from random import Random

from ..stores.effect_records import Conclusion, EffectRecord
from .delivery import Delivered, Delivery, Paused, Refused, TryAgain, storable_reason
from .retry import Retry
from .schedule import Scheduled

__all__ = ["conclusion_of", "delay_after", "failures_before", "is_own_failure"]


def is_own_failure(delivery: Delivery) -> bool:
    """Return whether the attempt failed by its own effect, and not by what holds up all of its consumer's."""
    return isinstance(delivery, TryAgain) and not delivery.slow_down


def failures_before(record: EffectRecord, retry: Retry) -> int:
    """Return how many failures of its own an effect has behind it that a predecessor left unfinished.

    The ledger counts all attempts, those too that were held up with all of the consumer's, so after a start an effect
    has two attempts at least before it is parked, where `retry` has as many at all.
    """
    return min(record.attempts, max(0, retry.attempts - 2))


def conclusion_of(effect: Scheduled, delivery: Delivery, retry: Retry) -> Conclusion:
    """Return what the ledger is to keep of an attempt at `effect`."""
    match delivery:
        case Delivered(result=result):
            return Conclusion(effect.effect_id, "done", None, result)
        case Refused(error=error):
            return Conclusion(effect.effect_id, "parked", storable_reason(error))
        case TryAgain(error=error, slow_down=False, result=result) if effect.failures + 1 >= retry.attempts:
            reason = f"after {effect.failures + 1} attempts: {error}"
            return Conclusion(effect.effect_id, "parked", storable_reason(reason), result)
        case TryAgain(error=error, result=result):
            return Conclusion(effect.effect_id, "retry", storable_reason(error), result)
        case Paused(error=error):
            return Conclusion(effect.effect_id, "retry", storable_reason(error))


def delay_after(effect: Scheduled, delivery: Delivery, retry: Retry, random: Random) -> float:
    """Return in how many seconds `effect` may be tried again: at once where its whole consumer waits."""
    if not isinstance(delivery, TryAgain):
        return 0.0
    asked = delivery.after or 0.0
    return asked if delivery.slow_down else max(asked, retry.delay(effect.failures + 1, random))
