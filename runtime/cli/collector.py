"""Python's collector of cycles, kept out of the way in a process that is Twofold's own.

It looks for cycles whenever some hundreds of objects more exist than before, and goes through the young ones each time.
What a command leaves holds none, but thousands of commands under way are many young objects: with 1,024 tasks that
submit, 11 % of the processor's time went into looking, and 4 % does with the threshold here (perf, 40,000 commands of
the shop). An application that embeds Twofold decides for itself; this is for the command line.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rare_collections"]

THRESHOLD = 50_000, 20, 50
"""New objects before the young are gone through, and rounds of that before the older ones are: some MB at the most."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Leave out what exists by now, and look at what comes later more rarely, for as long as the block lasts."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
