"""The suite: it runs each scenario, keeps its tables and figures, and shows all goals on one page."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import suite
from benchmarks.goals import Goal
from benchmarks.page import TITLES, goals_of, read_measured, write_page
from benchmarks.summary import goal_rows, summary

pytestmark = pytest.mark.timeout(180)

LEAST = [
    Goal("a rate", 0.4, 0.25, 0.5, at_least=True),
    Goal("a time", 0.2, 0.25, 0.25, at_least=False),
]


def leave(folder: Path, name: str, goals: list[Goal]) -> None:
    machine = {
        "date": "2026-01-02T03:04:05+00:00",
        "python": "3.11.2",
        "sqlite": "3.40.1",
        "packages": {},
        "system": "Linux",
        "processors": 2,
        "load_average": [0.25, 0.2, 0.1],
        "filesystem": "ext4 on /dev/vda",
    }
    lines = [
        {"record": "run", "settings": {}, "machine": machine, "durability": {"Twofold": "synced"}},
        {"record": "measured", "turns": [{"load_average": 1.75}, {"load_average": 0.5}]},
        *({"record": "goal", **{field: getattr(goal, field) for field in goal.__struct_fields__}} for goal in goals),
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / f"{name}.txt").write_text("its tables\n")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the suite with one scenario, a tiny one, and return the folder with its results beside that of its data."""
    folder = tmp_path_factory.mktemp("suite")
    data, out = folder / "data", folder / "out"
    arguments = ["--quick", "--only", "growth", "--sizes", "100", "200", "--data", str(data), "--out", str(out)]
    assert suite.main([*arguments, "--no-page"]) == 0
    return folder


def test_a_run_of_one_scenario_keeps_its_tables_and_figures_and_no_data(grown: Path) -> None:
    assert {file.name for file in (grown / "out").iterdir()} == {"growth.jsonl", "growth.txt"}
    assert list((grown / "data").iterdir()) == []


def test_the_goals_can_be_told_again_without_measuring(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert suite.main(["--page-only", "--no-page", "--out", str(grown / "out")]) == 0
    assert "throughput at 200 events over that at 100, ids made" in capsys.readouterr().out


def test_a_scenario_that_fails_ends_the_suite(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("not a folder")
    with pytest.raises(suite.ScenarioFailed, match="growth"):
        suite.main(["--quick", "--only", "growth", "--data", str(data), "--out", str(tmp_path / "out"), "--no-page"])


def test_every_scenario_has_a_title_on_the_page() -> None:
    assert TITLES.keys() == set(suite.SCENARIOS)


def test_a_goal_that_is_met_has_a_ratio_of_one_or_more_whichever_way_it_is_held() -> None:
    _, rate, time = goal_rows(LEAST)
    assert rate == ("a rate", "≥ 0.5", "0.4", "0.80", "missed")
    assert time == ("a time", "≤ 0.25", "0.2", "1.25", "met")
    assert summary([]) == "No scenario was measured that has a goal."


def test_a_quick_run_leaves_the_peers_out_unless_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(suite, "run", lambda name, *_: ran.append(name))
    common = ["--no-page", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert suite.main(["--quick", *common]) == 0
    assert ran == [name for name in suite.SCENARIOS if name != "peers"]
    ran.clear()
    assert suite.main(common) == 0
    assert suite.main(["--quick", "--only", "peers", *common]) == 0
    assert ran == [*suite.SCENARIOS, "peers"]


def test_the_page_has_goals_pictures_tables_machine_and_load(tmp_path: Path) -> None:
    leave(tmp_path, "queries", LEAST)
    measured = read_measured(tmp_path, "queries")
    assert goals_of([measured]) == LEAST
    write_page(tmp_path, [measured])
    page = (tmp_path / "README.md").read_text()
    assert "| a rate | ≥ 0.5 | 0.4 | 0.80 | missed |" in page
    assert f"![{TITLES['queries']}](queries.svg)" in page
    assert "its tables" in page
    assert "2026-01-02, 2 processors, ext4, Python 3.11.2, SQLite 3.40.1; load average 0.2 to 1.8" in page
    assert "- Twofold: synced" in page


def test_the_picture_of_the_peers_shows_every_party(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    from benchmarks.pictures import draw  # noqa: PLC0415 - it is an extra

    leave(tmp_path, "peers", [])
    lines = [
        {"record": "peer", "name": "A log", "stage": "accepted", "is_durable": False},
        {"record": "Twofold", "round": 1, "wait": "accepted", "tasks": 1024, "commands": 10, "seconds": 1.0},
        {"record": "Twofold", "round": 1, "wait": "handled", "tasks": 1, "commands": 10, "seconds": 2.0},
        {"record": "measured", "peer": "A log", "tasks": 1, "run": {"commands": 10, "seconds": 5.0}},
    ]
    run, *_ = (tmp_path / "peers.jsonl").read_text().splitlines()
    (tmp_path / "peers.jsonl").write_text("\n".join([run, *map(json.dumps, lines)]))
    draw(tmp_path, read_measured(tmp_path, "peers"))
    texts = [text.text for text in ET.parse(tmp_path / "peers.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"A log, 1 client", "Twofold, 1,024 tasks", "Twofold, 1 task", "accepted", "handled"} < set(texts)


def test_a_picture_names_its_axes(grown: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    from benchmarks.pictures import draw  # noqa: PLC0415 - it is an extra

    draw(tmp_path, read_measured(grown / "out", "growth"))
    texts = [text.text for text in ET.parse(tmp_path / "growth.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert "commands a second of processor time" in texts
    assert "MB on the disk" in texts
