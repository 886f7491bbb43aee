"""The collector of cycles is slowed down for a block, and not for what comes after it."""

import gc
import weakref
from contextlib import suppress

import pytest
from twofold.runtime.cli.collector import THRESHOLD, rare_collections

pytestmark = pytest.mark.timeout(30)


class Ring:
    def __init__(self) -> None:
        self.itself = self


def test_settings_are_those_of_before_when_the_block_ends_even_by_an_error() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    with suppress(LookupError), rare_collections():
        assert gc.get_threshold() == THRESHOLD
        assert gc.get_freeze_count() > before[1]
        raise LookupError
    assert gc.get_threshold() == before[0]
    assert gc.get_freeze_count() <= before[1], "Python 3.12 itself has left some out since it started"


def test_cycles_that_are_made_inside_are_still_found() -> None:
    with rare_collections():
        ring = weakref.ref(Ring())
        made = 0
        while ring() is not None:
            made += 1
            assert made < 2 * THRESHOLD[0], "nobody looked"
            Ring()
