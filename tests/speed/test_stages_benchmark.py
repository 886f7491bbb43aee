"""The benchmark of the stages: a tiny run goes the whole way, and its parts are told from one another."""

import json
from pathlib import Path

import pytest

from benchmarks import stages
from benchmarks.interpreter import Holders, holders_of
from benchmarks.measuring import machine
from benchmarks.stage_table import StageResults, WholeTime, records, report
from benchmarks.stage_walk import PARTS, STAGES, StageTime

TINY = ("--batch", "60", "--walks", "2")


@pytest.mark.timeout(120)
def test_a_tiny_run_times_every_stage_and_every_part_and_leaves_no_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.jsonl"
    assert stages.main([*TINY, "--no-whole", "--data", str(tmp_path / "data"), "--json", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    timed = {line["name"]: line for line in lines if line["record"] in {"stage", "part"}}
    assert set(timed) == {*STAGES, *(part for parts in PARTS.values() for part in parts)}
    assert all(line["wall"] > 0 and line["cpu"] > 0 for line in timed.values())
    assert timed["digest"]["of"] == "admit: form"
    of_orders = [line["cpu"] for line in lines if line["record"] == "stage of an order"]
    assert len(of_orders) == len(STAGES)
    assert sum(of_orders) > sum(timed[name]["cpu"] for name in STAGES)
    assert list((tmp_path / "data").iterdir()) == []
    assert "all stages" in capsys.readouterr().out


@pytest.mark.timeout(120)
def test_the_whole_pipeline_stands_beside_the_stages_and_a_missing_py_spy_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "py_spy", lambda: None)
    more = ("--quick", "--commands", "300", "--tasks", "8", "--data", str(tmp_path / "data"))
    assert stages.main([*TINY, *more]) == 0
    told = capsys.readouterr().out
    assert "the whole pipeline under 8 tasks" in told
    assert "py-spy is not installed" in told


def test_what_no_stage_explains_is_the_whole_less_all_stages(tmp_path: Path) -> None:
    times = dict.fromkeys([*STAGES, *(part for parts in PARTS.values() for part in parts)], StageTime(2.0, 1.0))
    held = Holders({"actors": 30, "stores": 10})
    whole = [WholeTime(90.0, 50.0), WholeTime(80.0, 60.0)]
    results = StageResults(machine(tmp_path), 100, 2, 8, times, times, whole, held)
    assert results.all_stages() == StageTime(2.0 * len(STAGES), 1.0 * len(STAGES))
    told = report(results)
    assert f"{50.0 - len(STAGES):.1f}" in told
    assert "actors 30 75%" in " ".join(told.split())
    assert records(results)[-1]["looks"] == {"actors": 30, "stores": 10}


def test_a_look_counts_for_the_innermost_function_of_ours_and_else_for_the_event_loop() -> None:
    ours = "run_load (/clone/benchmarks/load.py);BaseEventLoop._run_once (/usr/lib/asyncio/base_events.py)"
    beside = "Thread._bootstrap (/usr/lib/threading.py)"
    stacks = [
        f"{ours};handle (/clone/actors/projector.py);decode (/venv/msgspec/json.py) 3",
        f"{ours};handle (/clone/actors/projector.py);handler (/clone/examples/shop/totals.py) 2",
        f"{ours};select (/usr/lib/selectors.py) 4",
        f"{beside};run (/venv/aiosqlite/core.py);_drain (/clone/stores/sqlite/workers.py) 5",
        f"{beside};run (/usr/lib/queue.py) 1",
        "BaseProcess._bootstrap (/usr/lib/multiprocessing/process.py);<module> (/clone/actors/codec.py) 9",
    ]
    assert holders_of(stacks, Path("/clone")) == {
        "actors": 3,
        "the domain's functions": 2,
        "event loop": 4,
        "stores": 5,
        "threads' hand-over": 1,
    }
