"""The pair with effects on: the floor with effects, and Twofold with the whole shop right behind it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from msgspec import Struct
from twofold.runtime.stores import DataFolder
from twofold.stores.sqlite.effect_audit import effect_count

from .filled import require_filled
from .floor import FloorFiles
from .floor_effects import FloorWithEffects, run_floor_with_effects
from .load import LoadRun, run_load
from .measuring import in_own_process
from .run_folder import run_folder
from .same_rows import require_same_effects, require_same_folders

__all__ = ["EffectPair", "run_effect_pair"]


class EffectPair(Struct, frozen=True):
    """What both parties took for the same commands and the same effects."""

    effects: int
    mails: int
    """How many of the effects are e-mails, each a file of its own that is synced."""
    load: LoadRun
    floor: FloorWithEffects | None = None
    same_rows: int = 0
    """How many rows and mails both left alike."""

    @property
    def projected_ratio(self) -> float | None:
        """The floor's whole time over Twofold's until all was projected, which waits for no effect."""
        return None if self.floor is None else self.floor.whole.seconds / self.load.seconds

    @property
    def settled_ratio(self) -> float | None:
        """The floor's whole time over Twofold's until all effects were done."""
        return None if self.floor is None else self.floor.whole.seconds / self.load.settled_seconds


def run_effect_pair(
    data: Path, count: int, seed: int, tasks: int, *, sender_ids: bool, floor: bool, tell: Callable[[str], None]
) -> EffectPair:
    """Measure `count` commands of `tasks` tasks with their effects, beside the `floor` or alone."""
    with run_folder(data) as floor_folder, run_folder(data) as folder:
        beside = None
        if floor:
            tell("the floor with effects")
            beside = in_own_process(run_floor_with_effects, count, seed, floor_folder, sender_ids)
        tell(f"{tasks} tasks, projected, with effects")
        load = in_own_process(run_load, count, seed, folder, tasks, "projected", sender_ids, effects=True)
        ours, others = DataFolder(folder), DataFolder(floor_folder)
        same = 0
        if floor:
            same = require_same_folders(FloorFiles(floor_folder), ours) + require_same_effects(others, ours)
        in_own_process(require_filled, folder, count, effects=True)
        with closing(sqlite3.connect(ours.effects_db)) as ledger:
            effects = effect_count(ledger)
        return EffectPair(effects, len(list(ours.outbox.glob("*.eml"))), load, beside, same)
