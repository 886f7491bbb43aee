"""The benchmark of the pipeline: a tiny run works, compares equal work, and its figures fit together."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import mean

import pytest
from twofold.actors.cdn_directory import PURGES
from twofold.actors.mail_message import EFFECT_HEADER
from twofold.runtime.stores import DataFolder

from benchmarks import pipeline
from benchmarks.bare_stores import BareLog
from benchmarks.columns import aligned
from benchmarks.floor import FloorFiles, run_floor
from benchmarks.floor_effects import run_floor_with_effects
from benchmarks.load import has_uvloop
from benchmarks.measuring import latencies
from benchmarks.same_rows import ResultsDiffer, require_same_effects, require_same_rows
from benchmarks.shop_mix import draw_commands
from examples.shop.orders import PlaceOrder

TINY = ("--commands", "300", "--rounds", "1", "--tasks", "1", "8")


def run_tiny(tmp_path: Path, *more: str) -> list[dict[str, object]]:
    out = tmp_path / "figures.jsonl"
    assert pipeline.main([*TINY, *more, "--data", str(tmp_path / "data"), "--json", str(out)]) == 0
    return [json.loads(line) for line in out.read_text().splitlines()]


def of_kind(lines: Sequence[dict[str, object]], kind: str) -> list[dict[str, object]]:
    return [line for line in lines if line["record"] == kind]


@pytest.mark.timeout(120)
def test_a_tiny_run_measures_all_parties_and_leaves_no_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run_tiny(tmp_path, "--waits", "accepted", "projected", "--sender-ids")

    (run,) = of_kind(lines, "run")
    (floor,) = of_kind(lines, "floor")
    assert floor["commands"] == 300
    assert float(str(floor["seconds"])) > sum(float(str(floor[part])) for part in ("log_seconds", "write_seconds"))
    loads = of_kind(lines, "load")
    assert len(of_kind(lines, "uvloop")) == has_uvloop()
    assert {(load["tasks"], load["wait"], load["commands"]) for load in loads} == {
        (tasks, wait, 300) for tasks in (1, 8) for wait in ("accepted", "projected")
    }
    assert all(float(str(load["settled_seconds"])) >= float(str(load["seconds"])) for load in loads)
    assert len(of_kind(lines, "bare hops")) == 1
    (pair,) = of_kind(lines, "effects")
    assert pair["same_rows"]
    assert run["machine"]
    assert list((tmp_path / "data").iterdir()) == []
    told = capsys.readouterr().out
    assert "The floor and Twofold left the same" in told
    assert "With effects, they left the same" in told


@pytest.mark.timeout(120)
def test_a_quick_run_measures_the_floor_and_its_load_thrice_and_all_else_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.jsonl"
    arguments = ("--quick", "--commands", "300", "--tasks", "8", "--waits", "accepted", "projected")
    assert pipeline.main([*arguments, "--data", str(tmp_path / "data"), "--json", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    loads = Counter(load["wait"] for load in of_kind(lines, "load"))
    assert loads == {"projected": 3, "accepted": 1}
    assert len(of_kind(lines, "floor")) == 3
    assert len(of_kind(lines, "effects")) == 1
    assert not of_kind(lines, "uvloop")
    assert "3 rounds beside the floor, 1 of all else" in capsys.readouterr().out


@pytest.mark.timeout(120)
def test_with_effects_both_parties_do_every_effect_and_write_every_mail(tmp_path: Path) -> None:
    lines = run_tiny(tmp_path, "--effects", "on")

    (pair,) = of_kind(lines, "effects")
    assert not of_kind(lines, "load")
    load, floor = pair["load"], pair["floor"]
    assert isinstance(load, dict)
    assert isinstance(floor, dict)
    assert (load["commands"], floor["whole"]["commands"]) == (300, 300)
    assert (pair["effects"], pair["mails"]) == (floor["effects"], floor["mails"])
    assert floor["calls"] > 1
    assert load["settled_seconds"] > load["seconds"]
    assert floor["whole"]["seconds"] > sum(floor[part] for part in ("ledger_seconds", "mail_seconds", "purge_seconds"))
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.timeout(120)
def test_twofold_alone_is_measured_without_a_ratio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run_tiny(tmp_path, "--waits", "handled", "--no-floor", "--no-uvloop")
    assert not of_kind(lines, "uvloop")
    assert "skipped: the fullest load on uvloop" in capsys.readouterr().out
    assert not of_kind(lines, "floor")
    (pair,) = of_kind(lines, "effects")
    assert pair["floor"] is None
    assert pair["effects"]
    assert [goal["what"] for goal in of_kind(lines, "goal")] == ["peak resident memory, MB"]


@pytest.mark.timeout(120)
def test_effects_can_be_left_out(tmp_path: Path) -> None:
    lines = run_tiny(tmp_path, "--waits", "projected", "--no-floor", "--effects", "off")
    assert of_kind(lines, "load")
    assert not of_kind(lines, "effects")


def test_a_row_that_differs_is_named(tmp_path: Path) -> None:
    one, other = FloorFiles(tmp_path / "one"), FloorFiles(tmp_path / "other")
    for files in (one, other):
        files.folder.mkdir()
        run_floor(50, 1, files.folder, sender_ids=False)
    parties = (one.write_db, one.read_db), (other.write_db, other.read_db)
    assert require_same_rows(*parties) > 100
    with closing(sqlite3.connect(other.read_db)) as read_db, read_db:
        read_db.execute("UPDATE product SET price = price + 1 WHERE sku = (SELECT min(sku) FROM product)")
    with pytest.raises(ResultsDiffer, match="FROM product"):
        require_same_rows(*parties)


def test_the_floor_leaves_each_effect_done_after_one_attempt_and_each_mail_whole(tmp_path: Path) -> None:
    done = run_floor_with_effects(100, 1, tmp_path, sender_ids=False)
    folder = DataFolder(tmp_path)
    with closing(sqlite3.connect(folder.effects_db)) as ledger:
        states = ledger.execute("SELECT state, attempts, count(*) FROM effects GROUP BY state, attempts").fetchall()
        mails = [name for (name,) in ledger.execute("SELECT effect_id FROM effects WHERE payload LIKE '%subject%'")]
        results = [json.loads(result) for (result,) in ledger.execute("SELECT result FROM effects")]
    assert states == [("done", 1, done.effects)]
    assert {file.name for file in folder.outbox.iterdir()} == {PURGES, *(f"{name}.eml" for name in mails)}
    assert all(f"{EFFECT_HEADER}: {name}".encode() in (folder.outbox / f"{name}.eml").read_bytes() for name in mails)
    assert len(mails) == done.mails
    lines = (folder.outbox / PURGES).read_bytes()
    assert lines.count(b"\n") == done.calls
    starts = {answer["byte"] for result in results if isinstance(result, list) for answer in result}
    assert len(starts) == done.calls
    assert all(start == 0 or lines[start - 1 : start] == b"\n" for start in starts)


def test_an_effect_or_a_mail_that_differs_is_named(tmp_path: Path) -> None:
    one, other = DataFolder(tmp_path / "one"), DataFolder(tmp_path / "other")
    for folder in (one, other):
        folder.root.mkdir()
        run_floor_with_effects(50, 1, folder.root, sender_ids=False)
    assert require_same_effects(one, other) > 50
    mail = next(other.outbox.glob("*.eml"))
    stranger = mail.rename(mail.with_stem("stranger"))
    with pytest.raises(ResultsDiffer, match=r"only one party wrote (order|refund)-\w+ \d+/0, stranger.eml"):
        require_same_effects(one, other)
    stranger.unlink()
    with pytest.raises(ResultsDiffer, match=r"only one party wrote (order|refund)-\w+ \d+/0$"):
        require_same_effects(one, other)
    with closing(sqlite3.connect(other.effects_db)) as ledger, ledger:
        ledger.execute("UPDATE effects SET state = 'sending' WHERE effect_id = ?", (mail.stem,))
    with pytest.raises(ResultsDiffer, match="FROM effects"):
        require_same_effects(one, other)


def test_the_same_seed_draws_the_same_commands_and_another_one_others() -> None:
    assert draw_commands(200, 1) == draw_commands(200, 1)
    assert draw_commands(200, 1) != draw_commands(200, 2)


def test_the_mix_has_the_proportions_of_real_invoices() -> None:
    sent = draw_commands(10_000, 1, sender_ids=True)
    kinds = Counter(type(command).__name__ for command, _ in sent)
    assert 7_800 < kinds["RepriceProduct"] < 8_200
    assert 1_550 < kinds["PlaceOrder"] < 1_850
    assert 18 < mean(len(command.lines) for command, _ in sent if isinstance(command, PlaceOrder)) < 27
    assert len({command_id for _, command_id in sent}) == len(sent)


def test_a_percentile_is_one_of_the_values() -> None:
    found = latencies([value * 1_000 for value in range(1, 101)])
    assert (found.p50, found.p99) == (51, 100)


def test_a_log_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    BareLog(tmp_path / "log").close()
    with pytest.raises(FileExistsError):
        BareLog(tmp_path / "log")


def test_numbers_stand_under_each_other() -> None:
    assert aligned([("what", "figure"), ("one", "1"), ("longer", "22")]) == (
        "what    figure\none          1\nlonger      22"
    )
