"""What was missed says what bounds it, in the figures that the scenarios left; what was met says nothing."""

from typing import Any

from benchmarks.bounds import bounds
from benchmarks.goals import Goal

STAGES: list[dict[str, Any]] = [
    {"record": "run", "batch": 1_000},
    {"record": "stage", "name": "decide", "cpu": 30.0},
    {"record": "stage", "name": "commit", "cpu": 10.0},
    {"record": "stage of an order", "name": "decide", "cpu": 60.0},
    {"record": "stage of an order", "name": "apply", "cpu": 90.0},
    {"record": "whole", "cpu": 55.0},
    {"record": "interpreter", "looks": {"actors": 3, "stores": 1}},
]


def missed(what: str) -> list[Goal]:
    """Return one goal that was missed, and one that was not."""
    return [Goal(what, 0.4, 0.5, 0.5, True), Goal("rebuild, over a straight loop", 0.7, 0.6, 0.6, True)]


def party(microseconds: float, nanoseconds: int) -> dict[str, Any]:
    """Return what a server took of a processor for each of a thousand orders, and of the clock until they were done."""
    return {
        "server": {"orders": 1_000, "cpu_seconds": microseconds / 1e3, "handled": 7 + 1_000 * nanoseconds},
        "client": {"orders": 1_000, "seconds": nanoseconds / 1e6, "began": 7},
    }


def test_what_was_met_has_no_bound_and_what_nobody_measured_neither() -> None:
    assert bounds(missed("1,024 tasks, projected, over the floor")[1:], {"stages": STAGES}) == []
    assert bounds(missed("1,024 tasks, projected, over the floor"), {}) == []
    assert bounds(missed("HTTP, 64 connections"), {"stages": STAGES}) == []


def test_a_rate_is_bounded_by_the_stages_of_a_command() -> None:
    (told,) = bounds(missed("1,024 tasks, projected, over the floor"), {"stages": STAGES})
    assert "the stages of a command take 40 us of a processor, most of them decide 75%, commit 25%" in told
    assert "the whole pipeline takes 55" in told
    assert "actors have 75%" in told


def test_http_is_bounded_by_what_the_work_itself_leaves_of_the_bare_endpoints_rate() -> None:
    goal = {
        "record": "pair",
        "way": "accepted",
        "connections": 64,
        "bare": party(50.0, 50),
        "floor": party(90.0, 100),
        "twofold": party(160.0, 125),
    }
    pairs: list[dict[str, Any]] = [
        goal,
        goal | {"connections": 16, "twofold": party(999.0, 999)},
        goal | {"bare": None, "floor": None},
    ]
    (told,) = bounds(missed("HTTP, 64 connections"), {"stages": STAGES, "http": pairs})
    assert "costs the bare endpoint 50 us of a processor" in told
    assert "it costs 90, and 0.50 of the rate is left. Twofold costs 160 and reaches 0.80 of that" in told
    assert "1,000 orders at a time, take 150, most of them apply 60%, decide 40%" in told


def test_random_ids_are_bounded_by_the_pages_of_their_index() -> None:
    young, grown = {"seconds": 1.0, "cpu_seconds": 1.0}, {"seconds": 2.0, "cpu_seconds": 1.25}
    sizes = [
        {"record": "size", "ids": ids, "commands": commands, "turns": [{"young": young, "grown": slow}]}
        for ids, commands, slow in (("random", 5_000_000, grown), ("random", 100, young), ("made", 9_000_000, young))
    ]
    (told,) = bounds(missed("throughput at 5,000,000 events over that at 100,000, ids random"), {"growth": sizes})
    assert "At 5,000,000 commands the rate is 0.50 of that on a young history, and 0.80 by the processor's time" in told


def test_one_task_and_the_peers_point_to_what_stands_beside_them() -> None:
    goals = [*missed("1 task, accepted"), *missed("handled, over PostgreSQL"), *missed("accepted, over Redis")]
    one_task, peers = bounds(goals, {"pipeline": [{"record": "pair"}], "peers": [{"record": "run"}]})
    assert "the bare hops beside it" in one_task
    assert peers.startswith("The peers")
