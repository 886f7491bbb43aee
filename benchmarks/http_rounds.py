"""The order of measurement over HTTP: in each round bare endpoint, floor and Twofold take turns, load by load.

So what the machine does meanwhile falls on all of them, and ratios are formed within a turn. Each server has a process
and each of Twofold's an empty data folder, which is verified afterwards: every order that was answered must be in it,
handled once, with its event, and projected.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Literal, TypeAlias

import anyio
from msgspec import Struct
from twofold.runtime.stores import DataFolder
from twofold.runtime.verification.verification import verify

from .goals import Goal
from .http_client import AnswersDiffer, ClientRun, run_own_client
from .http_floor import floor_server
from .http_orders import Way, orders_of, write_requests
from .http_server import Served, ServerRun, bare_server, served, twofold_server
from .http_wrk import run_wrk
from .measuring import Machine, in_own_process, machine
from .run_folder import run_folder
from .shop_without_effects import app as shop

__all__ = ["Client", "HttpPair", "HttpResults", "HttpSettings", "PartyRun", "measure", "reached", "require_sound"]

GOAL = ("accepted", 64)

Client: TypeAlias = Literal["wrk", "own"]
Party: TypeAlias = Literal["bare", "floor", "Twofold"]


class HttpSettings(Struct, frozen=True):
    """What is measured."""

    connections: tuple[int, ...]
    stream_connections: tuple[int, ...]
    ways: tuple[Way, ...]
    seconds: int
    """How long each load lasts."""
    rounds: int
    seed: int
    client: Client
    bare: bool
    data: Path

    def parties(self, way: Way) -> Sequence[Party]:
        """Return who is measured, in turn."""
        if not self.bare:
            return ["Twofold"]
        return ["bare", "floor", "Twofold"] if way == "accepted" else ["bare", "Twofold"]

    def cells(self) -> Iterator[tuple[Way, int]]:
        """Yield the loads."""
        for way in self.ways:
            for connections in self.stream_connections if way == "stream" else self.connections:
                yield way, connections


class PartyRun(Struct, frozen=True):
    """What client and server saw of one load."""

    client: ClientRun
    server: ServerRun

    @property
    def answered_rate(self) -> float:
        """Orders a second until all were answered."""
        return self.client.orders / self.client.seconds

    @property
    def handled_rate(self) -> float:
        """Orders a second until all were handled too."""
        return self.server.orders / (self.server.handled - self.client.began) * 1e9

    @property
    def projected_rate(self) -> float:
        """Orders a second until all were projected too."""
        return self.server.orders / (self.server.projected - self.client.began) * 1e9


class HttpPair(Struct, frozen=True):
    """The parties under the same load."""

    way: Way
    connections: int
    load_average: float
    """Of the machine, before it."""
    twofold: PartyRun
    bare: PartyRun | None = None
    floor: PartyRun | None = None
    """Where an order is answered once it is accepted; the floor has no other way."""

    @property
    def floor_ratio(self) -> float | None:
        """The floor's rate until all were handled over that of the bare endpoint."""
        return None if self.bare is None or self.floor is None else self.floor.handled_rate / self.bare.answered_rate

    @property
    def over_floor(self) -> float | None:
        """The rate until all were handled over that of the floor."""
        return None if self.floor is None else self.twofold.handled_rate / self.floor.handled_rate

    @property
    def answered_ratio(self) -> float | None:
        """The rate until all were answered over that of the bare endpoint."""
        return None if self.bare is None else self.twofold.answered_rate / self.bare.answered_rate

    @property
    def handled_ratio(self) -> float | None:
        """The rate until all were handled over that of the bare endpoint, which handles nothing."""
        return None if self.bare is None else self.twofold.handled_rate / self.bare.answered_rate


class HttpResults(Struct):
    """All pairs, each with the number of its round."""

    machine: Machine
    pairs: list[tuple[int, HttpPair]] = []

    def by_cell(self) -> dict[tuple[Way, int], list[HttpPair]]:
        """Return the pairs of each load."""
        cells: dict[tuple[Way, int], list[HttpPair]] = {}
        for _, pair in self.pairs:
            cells.setdefault((pair.way, pair.connections), []).append(pair)
        return cells


def measure(settings: HttpSettings, tell: Callable[[str], None]) -> HttpResults:
    """Measure all of `settings`, round by round, and `tell` what is under way."""
    settings.data.mkdir(parents=True, exist_ok=True)
    results = HttpResults(machine(settings.data, "starlette", "uvicorn", "httptools"))
    for number in range(1, settings.rounds + 1):
        for way, connections in settings.cells():
            load_average = os.getloadavg()[0]
            runs: dict[Party, PartyRun] = {}
            for party in settings.parties(way):
                tell(f"round {number}: {way}, {connections} connections, {party}")
                runs[party] = _run(party, settings, way, connections)
            pair = HttpPair(way, connections, load_average, runs["Twofold"], runs.get("bare"), runs.get("floor"))
            results.pairs.append((number, pair))
    return results


def reached(results: HttpResults) -> list[Goal]:
    """Return the goal, if this run says something about it."""
    ratios = [pair.handled_ratio for _, pair in results.pairs if (pair.way, pair.connections) == GOAL]
    if known := [ratio for ratio in ratios if ratio is not None]:
        return [Goal("HTTP, 64 connections, handled, over a bare endpoint", median(known), 0.25, 0.6, at_least=True)]
    return []


def _served(party: Party, data: Path) -> AbstractContextManager[Served]:
    match party:
        case "bare":
            return served(bare_server)
        case "floor":
            return served(floor_server, data)
        case "Twofold":
            return served(twofold_server, data)


def _run(party: Party, settings: HttpSettings, way: Way, connections: int) -> PartyRun:
    with run_folder(settings.data) as folder:
        requests, data = folder / "requests", folder / "data"
        with _served(party, data) as server, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            write_requests(requests, way, server.port, settings.seed)
            send = run_wrk if settings.client == "wrk" else run_own_client
            process.submit(os.getpid).result()  # so that it has started, and imported nothing while the clock runs
            server.begin()
            load = process.submit(send, requests, server.port, connections, settings.seconds, orders_of(way))
            run = PartyRun(load.result(), server.settle())
        if run.server.orders < run.client.orders:
            raise AnswersDiffer(f"{run.client.orders} orders were answered, and the server has {run.server.orders}.")
        if party == "Twofold":
            in_own_process(require_sound, data, run.client.orders)
        return run


def require_sound(folder: Path, answered: int) -> None:
    """Verify `folder`, and that it holds what was `answered`; a client that left early may have sent more.

    Raises:
        AnswersDiffer: it is not sound, or orders are missing in it.
    """
    report = anyio.run(verify, DataFolder(folder), shop.domain())
    checked = report.checked
    counts = {checked.commands, checked.outcomes, checked.events, checked.streams}
    if not report.is_sound or checked.unhandled or len(counts) > 1 or checked.events < answered:
        raise AnswersDiffer(f"After {answered} answered orders {folder} holds {checked}; faults: {report.faults}.")
