"""All scenarios, one after the other: `python -m benchmarks.suite [--quick]`, or `make bench` and `make bench-quick`.

Each is a process of its own. Its tables are printed, and kept beside its JSON lines in `docs/benchmarks`, where in the
end stand a picture of each scenario too and a page that shows them all (see `benchmarks.pictures`, `benchmarks.page`).
With `--page-only` nothing is measured: pictures and page are made anew from what is there.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .page import Measured, bounds_of, goals_of, read_measured, write_page
from .scenario import DATA
from .summary import summary

__all__ = ["SCENARIOS", "main"]

SCENARIOS = (
    "pipeline",
    "http",
    "stages",
    "queries",
    "http_queries",
    "rebuild",
    "neighbours",
    "overload",
    "start",
    "growth",
    "written",
    "peers",
)
NOT_QUICK = frozenset({"peers"})
"""Those that `--quick` leaves out unless they are named: even the quick run of peers takes minutes."""
SHARE_A_FOLDER = frozenset({"rebuild", "start"})
"""Those that begin with a filled folder, which they fill once for both."""
HAVE_ROUNDS = frozenset(SCENARIOS) - {"stages"}


class ScenarioFailed(Exception):
    """A scenario ended with an error, which stands above."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print all tables and the summary, write the page, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description="Run all scenarios.")
    parser.add_argument("--quick", action="store_true", help="smaller, and mostly one round: some three minutes in all")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, help="these scenarios")
    parser.add_argument("--rounds", type=int, help="how many times all is measured")
    parser.add_argument("--sizes", type=int, nargs="+", help="of `growth`: at how many commands it is measured")
    parser.add_argument("--ids", nargs="+", help="of `growth`: who gives a command its id, `made` or `random` or both")
    parser.add_argument("--data", type=Path, default=DATA, help="where the data folders go: some 10 GB, or 1 if quick")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"), help="where the results go")
    parser.add_argument("--no-page", action="store_true", help="make no pictures, which need matplotlib, and no page")
    parser.add_argument("--page-only", action="store_true", help="measure nothing; make both from what is there")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.page_only:
        kept = given.data / "filled"
        try:
            for name in given.only or (name for name in SCENARIOS if not (given.quick and name in NOT_QUICK)):
                run(name, given, kept)
        finally:
            shutil.rmtree(kept, ignore_errors=True)
    measured = [read_measured(given.out, name) for name in SCENARIOS if (given.out / f"{name}.jsonl").exists()]
    print(f"\n== all goals\n\n{summary(goals_of(measured))}\n\n{bounds_of(measured)}")
    if not given.no_page:
        picture_all(given.out, measured)
    return 0


def run(name: str, given: argparse.Namespace, kept: Path) -> None:
    """Run one scenario, and keep its tables and figures.

    Raises:
        ScenarioFailed: it did not end well.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", "--data", str(given.data)]
    command += ["--json", str(given.out / f"{name}.jsonl")]
    if given.quick:
        command.append("--quick")
    if given.rounds and name in HAVE_ROUNDS:
        command += ["--rounds", str(given.rounds)]
    if name in SHARE_A_FOLDER:
        command += ["--filled", str(kept)]
    if name == "growth" and given.sizes:
        command += ["--sizes", *map(str, given.sizes)]
    if name == "growth" and given.ids:
        command += ["--ids", *given.ids]
    began = time.monotonic()
    print(f"\n== {name}\n", flush=True)
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    if done.returncode != 0:
        raise ScenarioFailed(name)
    (given.out / f"{name}.txt").write_text(done.stdout)
    print(f"{name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def picture_all(out: Path, measured: Sequence[Measured]) -> None:
    """Draw what was measured, and write the page."""
    from .pictures import draw  # noqa: PLC0415 - matplotlib is an extra, and all else works without it

    for each in measured:
        draw(out, each)
    write_page(out, measured)


if __name__ == "__main__":
    sys.exit(main())
