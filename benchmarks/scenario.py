"""What all scenarios share: their arguments, their JSON lines, and processes that stay for the whole of one."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from .goals import Goal
from .measuring import Machine

__all__ = ["Durability", "Party", "Recorded", "parser_for", "party", "recorded", "write_records"]

P = ParamSpec("P")
T = TypeVar("T")

DATA = Path("build/benchmarks")

Durability: TypeAlias = Mapping[str, str]
"""What each party has safe on the disk, and when: figures of parties that promise less say less."""
Recorded: TypeAlias = dict[str, Any]
"""A line of JSON: `record` says what it is of."""


class Party:
    """A process of one party, which does one piece of work after the other."""

    def __init__(self, process: ProcessPoolExecutor) -> None:
        self._process = process

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` there and wait for its end, while all other parties rest."""
        return self._process.submit(work, *args, **kwargs).result()


@contextmanager
def party() -> Iterator[Party]:
    """Start a process, which ends with the block."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        yield Party(process)


def parser_for(module: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of a scenario, with the arguments that all have."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    parser.add_argument("--quick", action="store_true", help="smaller, and one round: half a minute at most")
    parser.add_argument("--rounds", type=int, help="how many times all is measured")
    parser.add_argument("--seed", type=int, default=1, help="of the commands")
    parser.add_argument("--data", type=Path, default=DATA, help="where the data folders go")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, as JSON lines")
    return parser


def recorded(kind: str, value: Struct, **more: object) -> Recorded:
    """Return a line of the kind `kind` with the fields of `value`, and `more`."""
    return {"record": kind, **more, **msgspec.to_builtins(value, enc_hook=str)}


def write_records(
    file: Path | None,
    settings: Struct,
    machine: Machine,
    durability: Durability,
    measured: Sequence[Recorded],
    goals: Sequence[Goal],
) -> None:
    """Write the settings, the machine and what the parties promise, then what was measured, then the goals."""
    if file is None:
        return
    plain = msgspec.to_builtins
    first = {"settings": plain(settings, enc_hook=str), "machine": plain(machine), "durability": dict(durability)}
    lines = [{"record": "run", **first}, *measured, *(recorded("goal", goal) for goal in goals)]
    file.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
