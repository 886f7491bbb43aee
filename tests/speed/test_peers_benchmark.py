"""The benchmark of peers: Twofold's own party runs, what is missing is skipped by name, and no lost command passes."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from twofold.actors.submission import Stage

from benchmarks.load import LoadRun
from benchmarks.measuring import Latencies, machine
from benchmarks.peers import __main__ as peers
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.driving import drive, drive_threads
from benchmarks.peers.groups import Groups
from benchmarks.peers.peer import Does, Need, Peer, PeerRun
from benchmarks.peers.rounds import LostCommands, Measured, PeerSettings, Results, measure
from benchmarks.peers.rules import address, decide, decide_many
from benchmarks.peers.servers import ServerFailed, free_port, is_open, started
from benchmarks.peers.table import report
from benchmarks.shop_mix import Sent, draw_commands

TINY = PeerSettings(commands=200, commands_alone=20, seconds=5, rounds=1, seed=1, data=Path())


def a_peer(name: str, **facts: Any) -> Peer:
    given: dict[str, Any] = {
        "stage": "handled",
        "tasks": (1, 8),
        "does": Does(decides=True),
        "durability": "none",
        "tuning": "none",
    }
    return Peer(name=name, **{"module": "none", **given, **facts})


@pytest.mark.timeout(180)
def test_with_no_peer_installed_twofold_is_measured_alone_and_each_peer_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = a_peer(
        "Absent", needs=(Need("no_such_package", "pip install it"), Need("no-such-program", "x", "program"))
    )
    out = tmp_path / "figures.jsonl"
    sizes = ["--commands", "200", "--rounds", "1", "--data", str(tmp_path / "data")]
    assert peers.main([*sizes, "--json", str(out)], peers=[absent]) == 0

    run, skipped, *loads = (json.loads(line) for line in out.read_text().splitlines())
    assert run["settings"]["commands"] == 200
    assert skipped["peer"] == "Absent"
    assert skipped["get"] == "no_such_package is missing: pip install it; no-such-program is missing: x"
    assert [(load["tasks"], load["wait"]) for load in loads] == [
        (tasks, wait) for wait in ("accepted", "handled", "projected") for tasks in (1, 1_024)
    ]
    assert all(load["settled_seconds"] >= load["seconds"] > 0 for load in loads)
    assert list((tmp_path / "data").iterdir()) == []
    told = capsys.readouterr()
    assert told.out.count("\nTwofold  ") == 8  # six loads, what it does of the work, and how it is tuned
    assert "skipped: Absent; no_such_package is missing" in told.out
    assert "skipped: Absent; no_such_package is missing" in told.err


def test_a_peer_whose_needs_are_met_is_not_skipped() -> None:
    met = Need("json", ""), Need("sh", "", "program"), Need(str(Path(__file__)), "", "file")
    assert a_peer("Present", needs=met).missing() is None


@pytest.mark.timeout(120)
def test_peers_run_in_turn_one_that_fails_is_named_and_one_that_lost_a_command_ends_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "straight_peer.py").write_text(
        "from benchmarks.measuring import Latencies\n"
        "from benchmarks.peers.peer import PeerRun\n"
        "def run(way, commands, tasks, seconds, folder):\n"
        "    assert folder.is_absolute() and not list(folder.iterdir())\n"
        "    if way == 'fail': raise OSError('its disk is full')\n"
        "    return PeerRun(len(commands), len(commands), 2.0, Latencies(1.0, 2.0), len(commands) - len(way))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    sound = a_peer("Sound", module="straight_peer")
    settings = msgspec.structs.replace(TINY, data=tmp_path / "data")

    told: list[str] = []
    failing = a_peer("Failing", module="straight_peer", way="fail", tasks=(8,))
    results = measure(settings, [sound, failing], told.append)
    assert [(each.tasks, each.run.commands) for _, each in results.measured] == [(1, 20), (8, 200)]
    assert told[told.index("round 1: Sound, 8 clients") - 1] == "round 1: Twofold, 1,024 tasks, handled"

    assert results.failed == [(1, "Failing, 8 clients", "OSError: its disk is full")]
    assert "failed in round 1: Failing, 8 clients; OSError: its disk is full" in report(settings, results)

    lossy = a_peer("Lossy", module="straight_peer", way="x", tasks=(1,), stage="accepted")
    with pytest.raises(LostCommands, match="Lossy answered 20 changes, and its store holds 19"):
        measure(settings, [lossy], told.append)
    assert list((tmp_path / "data").iterdir()) == []


def test_the_table_says_who_does_what_and_forms_ratios_within_a_round() -> None:
    peer = a_peer("Straight", family="library")
    pale = a_peer("Pale", tasks=(8,), is_durable=False)
    results = Results(machine(Path()), (peer, pale), [], load_averages=[1.0])
    results.twofold = [(number, twofold_run(1_024, "handled", seconds)) for number, seconds in ((1, 1.0), (2, 2.0))]
    results.twofold += [(1, twofold_run(1, "handled", 10.0))]
    for number, seconds in ((1, 4.0), (2, 12.0)):
        run = PeerRun(100, 100, seconds, Latencies(1_000, 2_000), 100)
        results.measured += [(number, Measured(name, 8, run)) for name in ("Straight", "Pale")]
    results.measured += [(1, Measured("Straight", 1, PeerRun(100, 100, 10.0, Latencies(1_000, 2_000), 100)))]

    told = [" ".join(line.split()) for line in report(TINY, results).splitlines()]
    assert "Straight handled 8 17 1.00 2.00 3.750 (3.00 to 4.50)" in told
    assert "Straight handled 1 10 1.00 2.00 0.750" in told
    assert "Pale handled 8 17 1.00 2.00 not as durable" in told
    assert "Straight no no yes no no no none" in told
    assert "handled, over Straight 3.75 >= 20 >= 20 missed" in told


def test_every_module_of_the_catalogue_is_there_and_names_are_not_taken_twice() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert all(importlib.util.find_spec(peer.module) for peer in PEERS)


def test_a_group_is_what_waits_while_the_one_before_is_written() -> None:
    written: list[list[int]] = []

    async def write(group: list[int]) -> None:
        written.append(group)
        await anyio.lowlevel.checkpoint()

    async def submit_all() -> PeerRun:
        numbers = draw_commands(10, 1)
        order = {id(sent): number for number, sent in enumerate(numbers)}
        async with Groups(write, most=3).running() as groups:
            return await drive(numbers, 4, 60, lambda sent: groups.submit(order[id(sent)]), stored)

    async def stored() -> int:
        return sum(map(len, written))

    run = anyio.run(submit_all)
    assert (run.commands, run.changes, run.stored) == (10, 10, 10)
    assert [number for group in written for number in group] == list(range(10))
    assert max(map(len, written)) == 3


@pytest.mark.timeout(30)
def test_clients_stop_when_the_time_is_up() -> None:
    endless = draw_commands(1, 1) * 10_000_000
    run = drive_threads(endless, 2, 0.05, lambda sent: True, lambda: 0)
    assert 0 < run.commands < len(endless)
    run = drive_threads(draw_commands(5, 1), 2, 60, lambda sent: isinstance(sent, Sent), lambda: 5)
    assert (run.commands, run.changes) == (5, 5)


def test_the_rules_lead_to_the_same_events_one_by_one_and_in_groups() -> None:
    sent = draw_commands(3_000, 1, sender_ids=True)
    group = [address(command, str(command_id)) for command, command_id in sent]
    stored: dict[str, tuple[int, str]] = {}
    one_by_one = []
    for to in group:
        decided = decide(to, *stored.get(to.stream, (0, None)))
        assert decided is not None
        stored[to.stream] = decided.version, decided.state
        one_by_one.append(decided)
    assert decide_many(group, {}) == one_by_one
    assert max(decided.version for decided in one_by_one) > 1


def test_a_server_that_ends_says_why_and_one_that_runs_is_stopped(tmp_path: Path) -> None:
    program = "import sys; sys.exit('no such setting')"
    with (
        pytest.raises(ServerFailed, match="no such setting"),
        started([sys.executable, "-c", program], tmp_path / "log", lambda: False),
    ):
        pytest.fail("It never started.")
    port = free_port()
    server = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with started(server, tmp_path / "log", lambda: is_open(port)):
        assert is_open(port)
    assert not is_open(port)


def twofold_run(tasks: int, stage: Stage, seconds: float) -> LoadRun:
    return LoadRun(tasks, stage, 75, seconds, seconds, seconds, Latencies(1_000, 2_000), 1)
