"""Who holds the interpreter's lock while the whole pipeline runs, as py-spy sees it; it is no dependency.

py-spy looks at the process from outside, so many times a second, and notes who holds the lock, if anybody does.
"""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from .run_folder import run_folder

__all__ = ["GROUPS", "Holders", "holders_of", "py_spy", "watch_pipeline"]

RATE = 500
"""Looks a second: py-spy stops the process at each."""
ROOT = Path(__file__).parents[1]
GROUPS = {
    "examples": "the domain's functions",
    "actors": "actors",
    "stores": "stores",
    "runtime": "runtime",
    "benchmarks": "the tasks that submit",
}
"""What is said of the code in each folder. A look counts for the innermost function that is in one of them."""
OUTERMOST = {
    ("_run_once", "base_events.py"): "event loop",
    ("_bootstrap", "threading.py"): "threads' hand-over",
}
"""The functions inside which all of it happens, and what is said where nothing further in is in one of the folders."""


class Holders(Struct, frozen=True):
    """In how many looks each group held the lock. py-spy slows down what it watches, so only the shares say much."""

    looks: dict[str, int]

    def share(self, group: str) -> float:
        """Return which part of all looks at which anybody held the lock was `group`."""
        return self.looks[group] / sum(self.looks.values())


def py_spy() -> str | None:
    """Return where py-spy is: beside this Python, or on the path; ``None`` where it is not installed."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def watch_pipeline(program: str, commands: int, tasks: int, seed: int, data: Path) -> Holders | str:
    """Run the pipeline under `program`, which is py-spy, and return who held the lock, or why that cannot be said."""
    pipeline = [sys.executable, "-m", "benchmarks.pipeline", "--no-floor", "--no-uvloop"]
    pipeline += ["--effects", "off", "--waits", "projected"]
    load = ["--rounds", "1", "--commands", f"{commands}", "--tasks", f"{tasks}", "--seed", f"{seed}"]
    with run_folder(data) as folder:
        file = folder / "stacks"
        how = ["--gil", "--subprocesses", "--full-filenames", "--nolineno", "--format", "raw", "--rate", f"{RATE}"]
        done = subprocess.run(
            [program, "record", *how, "--output", str(file), "--", *pipeline, *load, "--data", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not file.exists():
            return f"py-spy ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        return Holders(holders_of(file.read_text().splitlines(), ROOT))


def holders_of(stacks: Iterable[str], root: Path) -> dict[str, int]:
    """Return how many looks fell on each group; each of `stacks` is frames, outermost first, and how many saw it."""
    looks: Counter[str] = Counter()
    for stack in stacks:
        path, _, count = stack.rpartition(" ")
        holder = None  # for imports, and for the drawing of commands
        for frame in path.split(";"):
            function, _, file = frame.removesuffix(")").partition(" (")
            holder = OUTERMOST.get((function.rpartition(".")[2], Path(file).name), holder)
            if holder is not None:
                holder = GROUPS.get(file.removeprefix(f"{root}/").partition("/")[0], holder)
        if holder is not None:
            looks[holder] += int(count)
    return dict(looks)
