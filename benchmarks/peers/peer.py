"""What a peer is: what it does of the work, how durably, what it needs, and what one run of it came to."""

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct
from twofold.actors.submission import Stage

from benchmarks.measuring import Latencies
from benchmarks.shop_mix import Sent

__all__ = ["Does", "Need", "Peer", "PeerRun", "Runs", "find_program"]

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


class Does(Struct, frozen=True):
    """What a party does of the work."""

    validates: bool = False
    """Whether a command's faults are found before it is accepted."""
    logs: bool = False
    """Whether the command itself is kept, so that it is handled after a crash, too."""
    decides: bool = False
    """Whether rules run on the current state, and two at once cannot both have their way."""
    stores_events: bool = False
    reads: bool = False
    """Whether a read model is kept."""
    resends: bool = False
    """Whether the same command sent again has no second effect."""


class Need(Struct, frozen=True):
    """A package or a program that a peer needs, and how to get it."""

    name: str
    get: str
    kind: str = "package"

    def is_met(self) -> bool:
        """Whether it is installed."""
        if self.kind == "package":
            return importlib.util.find_spec(self.name) is not None
        if self.kind == "file":
            return Path(self.name).exists()
        return find_program(self.name) is not None


class Peer(Struct, frozen=True, kw_only=True):
    """A party beside Twofold, as the table tells of it."""

    name: str
    stage: Stage
    """The stage of Twofold's that it is compared with."""
    tasks: tuple[int, ...]
    """How many clients it is measured with."""
    does: Does
    durability: str
    tuning: str
    module: str
    """Where it runs: the function `run` of this module, which alone imports what the peer needs."""
    way: str = ""
    """Which way of several, if the module has them."""
    needs: tuple[Need, ...] = ()
    is_durable: bool = True
    """Whether what it acknowledged is on the disk."""
    family: str = ""
    """Which of the aims it counts for, if not one of its own."""

    def missing(self) -> str | None:
        """Return how to get what is not installed, if anything."""
        lacking = [need for need in self.needs if not need.is_met()]
        return "; ".join(f"{Path(need.name).name} is missing: {need.get}" for need in lacking) or None


class PeerRun(Struct, frozen=True):
    """How long the commands took, in seconds."""

    commands: int
    changes: int
    """How many of them changed something: a price that another task had set meanwhile is set to the same again."""
    seconds: float
    latencies: Latencies
    stored: int
    """How many changes its store holds afterwards, which must be all."""


class Runs(Protocol):
    """A peer at work: `commands` from `tasks` clients at once, for `seconds` at most, its files in `folder`."""

    def __call__(self, way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun: ...


def find_program(name: str) -> str | None:
    """Return where a program is; wheels put theirs beside Python, and Debian keeps PostgreSQL's apart from the path."""
    if found := shutil.which(name) or shutil.which(name, path=Path(sys.executable).parent):
        return found
    return next((str(file) for file in sorted(DEBIAN_POSTGRES.glob(f"*/bin/{name}"), reverse=True)), None)
