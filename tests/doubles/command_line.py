"""`twofold` as a user starts it: the installed command, in a process of its own."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

REPOSITORY = Path(__file__).parents[2]
TWOFOLD = Path(sysconfig.get_path("scripts")) / "twofold"
PYTHONPATH = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
OF_WHO_RUNS_THE_TESTS = ("TWOFOLD_", "MAKE", "MFLAGS")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(OF_WHO_RUNS_THE_TESTS)} | {
    "PYTHONPATH": PYTHONPATH
}
"""No setting of the one who runs the tests reaches a process, nor that it may be `make` who runs them. A process can
import `tests` and `examples` all the same."""


class Finished(NamedTuple):
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The one JSON value that standard output holds."""
        return json.loads(self.out)

    @property
    def answers(self) -> list[Any]:
        """The JSON values of standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Running:
    """A process under way. What it says goes to files, so that no full pipe ever holds it up."""

    def __init__(self, command: Sequence[str | Path], folder: Path, stdin: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=out,
                stderr=err,
                env=ENVIRONMENT,
                cwd=folder,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def err(self) -> str:
        """What standard error holds by now."""
        return self._err.read_text(encoding="utf-8")

    def until(self, happened: Callable[[], bool], seconds: float = 60.0) -> None:
        """Return once something `happened`; the process must not have ended before."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert self.process.poll() is None, self.finished()
            assert time.monotonic() < deadline, f"nothing happened in {seconds} s"
            self.ends_within(0.002)

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end, but no longer than this."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finished(self, seconds: float = 60.0) -> Finished:
        """Wait for the end and return what it was."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return Finished(code, self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8"))


class CommandLine:
    """`twofold` with one data folder and one configuration; other files of the processes lie beside the data.

    Leaving its block kills what still runs.
    """

    def __init__(self, data: Path, config: Path = REPOSITORY / "config.toml") -> None:
        self.data, self.config = data, config
        self._started: list[Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for running in self._started:
            running.process.kill()
            running.process.wait()

    def start(self, *arguments: str | Path, stdin: int | None = None) -> Running:
        """Start a command on the data folder and return at once."""
        return self.start_program(TWOFOLD, *arguments, "--data", self.data, "--config", self.config, stdin=stdin)

    def start_program(self, *command: str | Path, stdin: int | None = None) -> Running:
        """Start another program and return at once."""
        folder = self.data.with_name(f"{self.data.name}-process-{len(self._started) + 1}")
        self._started.append(Running(command, folder, stdin))
        return self._started[-1]

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> Finished:
        """Run a command on the data folder to its end."""
        return self.run_plain(*arguments, "--data", self.data, "--config", self.config, stdin=stdin)

    def run_plain(self, *arguments: str | Path, stdin: bytes = b"") -> Finished:
        """Run a command to its end, with no option that is not among the arguments, beside the data folder."""
        done = subprocess.run(
            [TWOFOLD, *arguments],
            input=stdin,
            capture_output=True,
            env=ENVIRONMENT,
            cwd=self.data.parent,
            check=False,
            timeout=120,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def log_bytes(self) -> int:
        """Return how large the command log has grown."""
        log = self.data / "log"
        return sum(file.stat().st_size for file in log.glob("*.log")) if log.is_dir() else 0
