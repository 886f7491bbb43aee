"""What the end of an attempt means for its effect: done, to be tried again after a while, or parked."""

from random import Random

from ..stores.effect_records import Conclusion
from .delivery import Delivered, Delivery, Paused, Refused, TryAgain, storable_reason
from .retry import Retry
from .schedule import Scheduled

__all__ = ["conclusion_of", "delay_after", "is_own_failure"]


def is_own_failure(delivery: Delivery) -> bool:
    """Return whether the attempt failed by its own effect, and not by what holds up all of its consumer's."""
    return isinstance(delivery, TryAgain) and not delivery.slow_down


def conclusion_of(effect: Scheduled, delivery: Delivery, retry: Retry, due: int) -> Conclusion:
    """Return what the ledger is to keep of an attempt at `effect`, which would be tried again at `due`."""
    match delivery:
        case Delivered(result=result):
            return Conclusion(effect.effect_id, "done", None, result)
        case Refused(error=error):
            return Conclusion(effect.effect_id, "parked", storable_reason(error), failed=True)
        case TryAgain(error=error, slow_down=False, result=result) if effect.failures + 1 >= retry.attempts:
            reason = f"after {effect.failures + 1} attempts: {error}"
            return Conclusion(effect.effect_id, "parked", storable_reason(reason), result, failed=True)
        case TryAgain(error=error, result=result):
            reason, failed = storable_reason(error), is_own_failure(delivery)
            return Conclusion(effect.effect_id, "retry", reason, result, failed, due)
        case Paused(error=error):
            return Conclusion(effect.effect_id, "retry", storable_reason(error), due=due)


def delay_after(effect: Scheduled, delivery: Delivery, retry: Retry, random: Random) -> float:
    """Return in how many seconds `effect` may be tried again: at once where its whole consumer waits."""
    if not isinstance(delivery, TryAgain):
        return 0.0
    asked = delivery.after or 0.0
    return asked if delivery.slow_down else max(asked, retry.delay(effect.failures + 1, random))
