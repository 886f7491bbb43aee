"""The client wrk, where it is installed: compiled, so that it takes little from the server beside it.

It sends for a number of seconds and then leaves, without the last answers; what those requests asked for is done all
the same. It looks at statuses only, so what a stream of orders was answered is known from the data folder alone.
"""

import resource
import shutil
import subprocess
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from .http_client import AnswersDiffer, ClientRun
from .measuring import Latencies

__all__ = ["has_wrk", "run_wrk"]

SCRIPT = Path(__file__).with_suffix(".lua")
PATIENCE = "60s"


class _Told(Struct):
    """What the script tells at its end."""

    requests: int
    microseconds: int
    p50: float
    p99: float
    errors: int


def has_wrk() -> bool:
    """Whether wrk is at hand."""
    return shutil.which("wrk") is not None


def run_wrk(file: Path, port: int, connections: int, seconds: int, orders: int) -> ClientRun:
    """Send the requests in `file`, of so many `orders` each, for so many seconds.

    Raises:
        AnswersDiffer: a request was refused, or not answered.
    """
    load = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", PATIENCE]
    cpu_before = _cpu_of_children()
    done = subprocess.run(
        ["wrk", *load, "-s", SCRIPT, f"http://127.0.0.1:{port}", "--", file],
        check=True,
        capture_output=True,
    )
    ended = time.perf_counter_ns()
    told = msgspec.json.decode(done.stdout.splitlines()[-1], type=_Told)
    if told.errors or not told.requests:
        raise AnswersDiffer(f"Of {told.requests} requests of wrk {told.errors} failed.\n{done.stdout.decode()}")
    return ClientRun(
        told.requests * orders,
        told.requests,
        ended - told.microseconds * 1000,
        told.microseconds / 1e6,
        _cpu_of_children() - cpu_before,
        Latencies(told.p50, told.p99),
    )


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
