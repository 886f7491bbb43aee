"""The other scenarios: a tiny run of each works, its figures fit together, and it leaves no folders."""

import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from twofold.runtime.stores import DataFolder

from benchmarks import growth, http_queries, neighbours, overload, queries, query_parties, rebuild, start, written
from benchmarks.bare_rebuild import rebuild_straight
from benchmarks.filled import FilledWrongly, chunks_of, fill, filled, require_filled
from benchmarks.http_client import AnswersDiffer
from benchmarks.http_query_server import check_answer
from benchmarks.killed import leave_tail
from benchmarks.query_parties import NoAnswer, run_queries
from benchmarks.rebuild_beside import run_beside
from benchmarks.shop_mix import endless_commands

pytestmark = pytest.mark.timeout(180)


def run_tiny(scenario: Callable[[Sequence[str]], int], tmp_path: Path, *arguments: str) -> list[dict[str, Any]]:
    out = tmp_path / "figures.jsonl"
    assert scenario(["--quick", *arguments, "--data", str(tmp_path / "data"), "--json", str(out)]) == 0
    assert list((tmp_path / "data").iterdir()) == []
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0]["record"] == "run"
    assert {"settings", "machine", "durability"} < lines[0].keys()
    return lines


def of_kind(lines: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["record"] == kind]


def test_queries_are_asked_in_three_ways_while_idle_and_while_commands_come_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run_tiny(queries.main, tmp_path, "--commands", "300", "--seconds", "0.1")
    asked = of_kind(lines, "queries")
    assert {(each["kind"], each["tasks"], each["rate"]) for each in asked} == {
        (kind, tasks, rate) for kind in ("point", "range") for tasks in (1, 64) for rate in (0, 500)
    }
    for each in asked:
        assert each["runs"].keys() == {"one hop", "Twofold", "cursor"}
        for run in each["runs"].values():
            assert run["queries"] > 0
            assert run["commands"] == each["rate"] * 0.1
    assert len(of_kind(lines, "goal")) == 2
    assert "bare aiosqlite" in capsys.readouterr().out


def test_a_key_that_is_not_found_ends_the_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 50, 1)
    monkeypatch.setitem(query_parties.KEYS, "point", "SELECT 'no ' || sku FROM product")
    with pytest.raises(ExceptionGroup) as raised:
        run_queries(tmp_path, "Twofold", "point", 1, 0.1, 1, 0, 50)
    assert raised.group_contains(NoAnswer)


def test_queries_over_http_are_asked_of_both_parties_and_what_comes_in_meanwhile_is_kept(tmp_path: Path) -> None:
    lines = run_tiny(http_queries.main, tmp_path, "--commands", "300", "--seconds", "0.2", "--connections", "3")
    asked = of_kind(lines, "queries")
    assert [(each["kind"], each["connections"], each["rate"]) for each in asked] == [("point", 3, 0), ("point", 3, 500)]
    for each in asked:
        assert each["runs"].keys() == {"bare aiosqlite", "Twofold"}
        for run in each["runs"].values():
            assert run["client"]["orders"] == run["client"]["requests"] > 0
            assert (run["server"]["orders"] > 0) == (each["rate"] > 0)


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 500 Internal Server Error\r\n\r\n{"value":[1]}',
        b'HTTP/1.1 200 OK\r\n\r\n{"value":null,"position":1}',
        b"HTTP/1.1 200 OK\r\n\r\n{}",
    ],
)
def test_a_query_over_http_that_brings_nothing_ends_the_measurement(answer: bytes) -> None:
    assert check_answer(b'HTTP/1.1 200 OK\r\n\r\n{"value":{"sku":"1"},"position":1}') == 1
    with pytest.raises(AnswersDiffer):
        check_answer(answer)


def test_commands_are_measured_with_and_without_each_slow_neighbour(tmp_path: Path) -> None:
    lines = run_tiny(neighbours.main, tmp_path, "--seconds", "0.3")
    found = of_kind(lines, "neighbour")
    assert [each["neighbour"] for each in found] == ["consumer", "query", "reader", "process"]
    for each in found:
        (pair,) = each["pairs"]
        for turn in (pair["alone"], pair["beside"]):
            assert turn["commands"] > 0
            assert turn["queries"]["p50"] > 0
            assert each["neighbour"] == "consumer" or turn["prompt_calls"] == 0
    assert len(of_kind(lines, "goal")) == 3


def test_ten_times_the_load_is_refused_in_part_and_what_was_answered_as_handled_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run_tiny(overload.main, tmp_path, "--seconds", "0.4")
    (found,) = of_kind(lines, "overload")
    assert [found[name]["connections"] for name in ("before", "flood", "after")] == [64, 640, 64]
    for name in ("before", "after"):
        assert found[name]["client"]["orders"] == found[name]["client"]["requests"] > 0
    assert 0 < found["flood"]["client"]["orders"] < found["flood"]["client"]["requests"]
    assert "refused/s" in capsys.readouterr().out


def test_a_refusal_without_a_time_to_come_back_ends_the_measurement() -> None:
    refused = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n%b\r\n{}"
    assert overload.handled_or_refused(refused % b"Retry-After: 1\r\n") == 0
    handled = b"HTTP/1.1 200 OK\r\n\r\n{}"
    assert overload.handled_or_refused(handled) == overload.all_handled(handled) == 1
    for answer in (refused % b"", b"HTTP/1.1 500 Internal Server Error\r\nretry-after: 1\r\n\r\n"):
        with pytest.raises(AnswersDiffer):
            overload.handled_or_refused(answer)
    with pytest.raises(AnswersDiffer, match="sustained"):
        overload.all_handled(refused % b"retry-after: 1\r\n")


def test_both_parties_rebuild_the_same_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run_tiny(rebuild.main, tmp_path, "--commands", "3000", "--seconds", "0.1")
    (idle,) = of_kind(lines, "idle")
    (beside,) = of_kind(lines, "beside")
    assert idle["straight"]["events"] == idle["twofold"]["events"] == 3_000
    assert beside["alone"]["rebuilt"] == 0
    assert beside["alone"]["commands"] > 0 < beside["beside"]["commands"]
    assert [goal["wanted"] for goal in of_kind(lines, "goal")] == [0.6, 0.667]
    assert f"Both parties left the same {idle['same_rows']:,} rows" in capsys.readouterr().out


def test_all_commands_that_came_beside_rebuilds_are_handled_in_the_end(tmp_path: Path) -> None:
    fill(tmp_path, 20, 1)
    runs = run_beside(tmp_path, 20, 1, 0.5, 1)
    ((alone, beside),) = [(pair.alone, pair.beside) for pair in runs.pairs]
    assert alone.rebuilt == 0
    assert beside.commands > 0
    require_filled(tmp_path, 20 + runs.commands)


def test_the_straight_loop_goes_through_all_pages(tmp_path: Path) -> None:
    fill(tmp_path / "data", 2_500, 1)
    assert rebuild_straight(DataFolder(tmp_path / "data").write_db, tmp_path / "read.db").events == 2_500


def test_starts_are_timed_on_every_folder_and_after_a_kill(tmp_path: Path) -> None:
    lines = run_tiny(start.main, tmp_path, "--commands", "200", "--tail", "100", "--rounds", "1")
    starts = of_kind(lines, "start")
    assert [each["on"] for each in starts] == ["new", "none", "200", "tail"]
    assert all(0 < each["imported"] < each["opened"] < each["answered"] <= each["settled"] for each in starts)
    assert starts[-1]["commands"] >= 300
    assert len(of_kind(lines, "import")) == 2 * lines[0]["settings"]["imports"]
    assert len(of_kind(lines, "goal")) == 4


def test_a_filled_folder_is_kept_for_the_next_scenario(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with filled(kept, tmp_path, 2_000, 1) as folder:
        before = folder.filling
    lines = run_tiny(rebuild.main, tmp_path, "--commands", "2000", "--seconds", "0.1", "--filled", str(kept))
    assert of_kind(lines, "idle")
    with filled(kept, tmp_path, 2_000, 1) as folder:
        assert folder.filling == before
        require_filled(folder.data, 2_000)


def test_a_kill_leaves_a_tail_that_the_next_start_handles(tmp_path: Path) -> None:
    fill(tmp_path, 100, 1)
    accepted = leave_tail(tmp_path, 100, 1, 200)
    assert accepted >= 200
    with pytest.raises(FilledWrongly, match="unhandled"):
        require_filled(tmp_path, 100 + accepted)
    start.start_on(tmp_path)
    require_filled(tmp_path, 100 + accepted)


def test_the_grown_folder_takes_turns_with_the_young_one(tmp_path: Path) -> None:
    lines = run_tiny(growth.main, tmp_path, "--sizes", "600", "200", "--turn", "50", "--ids", "made", "random")
    sizes = of_kind(lines, "size")
    assert [(size["ids"], size["commands"]) for size in sizes] == [
        ("made", 200), ("made", 600), ("random", 200), ("random", 600)
    ]  # fmt: skip
    for size in sizes:
        (turn,) = size["turns"]
        assert turn["young"]["commands"] == turn["grown"]["commands"] == 50
        assert turn["young"]["after"] <= turn["grown"]["after"]
        assert all(size["files"].values())
    assert sizes[0]["files"]["write_db"] < sizes[1]["files"]["write_db"]
    assert [goal["wanted"] for goal in of_kind(lines, "goal")] == [0.8, 0.8]


def test_sizes_that_the_turns_go_past_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        growth.main(["--sizes", "100", "200", "--turn", "50", "--rounds", "2", "--data", str(tmp_path)])
    assert "further apart" in capsys.readouterr().err


def test_a_history_for_which_there_is_no_room_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        growth.main(["--sizes", "100", "1000000000000", "--data", str(tmp_path)])
    assert "1,000,000,000,000 events need" in capsys.readouterr().err


def test_bytes_are_counted_for_each_stage_with_effects_off_and_on(tmp_path: Path) -> None:
    lines = run_tiny(written.main, tmp_path, "--commands", "90", "--tasks", "1", "8")
    counted = of_kind(lines, "written")
    assert [(each["party"], each["tasks"], each["wait"], each["effects"]) for each in counted] == [
        ("floor", 8, None, False),
        *(("Twofold", 8, wait, False) for wait in ("accepted", "handled", "projected")),
        ("bare hops", 1, None, False),
        *(("Twofold", 1, wait, False) for wait in ("accepted", "handled", "projected")),
        ("floor", 8, None, True),
        ("Twofold", 8, "projected", True),
    ]
    assert all(each["bytes"] > each["commands"] * 100 for each in counted)


def test_random_ids_are_no_two_the_same_and_commands_go_on_where_others_ended() -> None:
    chunks = list(chunks_of(250, 1, 0, 100, random_ids=True))
    ids = [command_id for chunk in chunks for _, command_id in chunk]
    assert [len(chunk) for chunk in chunks] == [100, 100, 50]
    assert len(set(ids)) == 250
    assert sorted(str(each) for each in ids) != ids

    def documents(already: int) -> set[str]:
        drawn = islice(endless_commands(1, already=already), 200)
        return {name for command, _ in drawn for name in [getattr(command, "order_id", None)] if name is not None}

    assert documents(0).isdisjoint(documents(200))


def test_a_folder_that_holds_another_number_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, 30, 1)
    require_filled(tmp_path, 30)
    with pytest.raises(FilledWrongly, match="After 31 commands"):
        require_filled(tmp_path, 31)
