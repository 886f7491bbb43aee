"""When an attempt that failed is made again."""

from itertools import pairwise
from random import Random

import pytest
from twofold import Retry


def test_the_delay_doubles_up_to_the_longest() -> None:
    retry = Retry("1s", "1m")
    for attempts, longest in enumerate([1, 2, 4, 8, 16, 32, 60, 60], start=1):
        delays = [retry.delay(attempts, Random(seed)) for seed in range(50)]
        assert longest / 2 <= min(delays)
        assert max(delays) <= longest


def test_the_jitter_keeps_effects_that_failed_together_apart() -> None:
    random = Random(1)
    delays = sorted(Retry("8s").delay(1, random) for _ in range(100))
    assert len(set(delays)) == 100
    assert max(later - earlier for earlier, later in pairwise(delays)) < 1.0
    assert delays[-1] - delays[0] > 3.0


def test_no_number_of_attempts_overflows() -> None:
    assert 1800 <= Retry("1s", "1h").delay(1_000_000, Random(1)) <= 3600


@pytest.mark.parametrize(("first", "longest", "attempts"), [("2s", "1s", 5), ("1s", "1h", 0), ("soon", "1h", 1)])
def test_a_retry_that_makes_no_sense_is_refused(first: str, longest: str, attempts: int) -> None:
    with pytest.raises(ValueError, match=f"{attempts}|duration"):
        Retry(first, longest, attempts=attempts)
