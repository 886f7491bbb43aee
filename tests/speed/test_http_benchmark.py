"""The benchmark over HTTP: a tiny run works, its figures fit together, and no refused or lost order passes unseen."""

import json
import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from twofold import Config, Runtime
from twofold.runtime.config import DataSettings

from benchmarks import http
from benchmarks.http_client import AnswersDiffer, run_own_client
from benchmarks.http_floor import floor_server
from benchmarks.http_orders import ID_FORMAT, Way, orders_of, read_requests, write_requests
from benchmarks.http_rounds import require_sound
from benchmarks.http_server import bare_server, served
from benchmarks.http_wrk import has_wrk
from benchmarks.shop_without_effects import app as shop
from examples.shop.lines import Line
from examples.shop.orders import PlaceOrder

TINY = ("--seconds", "1", "--rounds", "1", "--connections", "3", "--stream-connections", "1")


def run_tiny(tmp_path: Path, *more: str) -> list[dict[str, Any]]:
    out = tmp_path / "figures.jsonl"
    assert http.main([*TINY, *more, "--data", str(tmp_path / "data"), "--json", str(out)]) == 0
    assert list((tmp_path / "data").iterdir()) == []
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.timeout(180)
def test_a_tiny_run_measures_all_servers_in_every_way_and_leaves_no_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, *pairs = run_tiny(tmp_path, "--client", "own")

    assert run["settings"]["client"] == "own"
    assert [(pair["way"], pair["connections"]) for pair in pairs] == [("accepted", 3), ("handled", 3), ("stream", 1)]
    for pair in pairs:
        assert (pair["floor"] is not None) == (pair["way"] == "accepted")
        for party in filter(None, (pair["bare"], pair["floor"], pair["twofold"])):
            client, server = party["client"], party["server"]
            assert 0 < client["orders"] == server["orders"]
            assert client["latencies"]["p50"] <= client["latencies"]["p99"]
            assert client["began"] + client["seconds"] * 1e9 < server["handled"] <= server["projected"]
            assert client["cpu_seconds"] > 0
            assert server["cpu_seconds"] > 0
    told = capsys.readouterr().out
    assert "from the benchmark's own client" in told
    assert "All 3 data folders of Twofold were verified" in told
    assert re.search(r"^the floor behind it .*\naccepted +3 ", told, re.MULTILINE)


@pytest.mark.timeout(120)
@pytest.mark.skipif(not has_wrk(), reason="wrk is not installed")
@pytest.mark.parametrize("way", ["accepted", "stream"])
def test_wrk_sends_new_orders_only(tmp_path: Path, way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    run, pair = run_tiny(tmp_path, "--client", "wrk", "--ways", way, "--no-bare")
    client, server = pair["twofold"]["client"], pair["twofold"]["server"]
    assert run["settings"]["client"] == "wrk"
    assert pair["bare"] is None
    assert client["orders"] % orders_of(way) == 0
    assert 0 < client["orders"] <= server["orders"]
    assert client["cpu_seconds"] > 0
    assert "from wrk" in capsys.readouterr().out


@pytest.mark.timeout(120)
def test_with_the_load_of_the_goal_the_goal_is_told(tmp_path: Path) -> None:
    _, pair, goal = run_tiny(tmp_path, "--client", "own", "--ways", "accepted", "--connections", "64")
    handled = (pair["twofold"]["server"]["handled"] - pair["twofold"]["client"]["began"]) / 1e9
    bare = pair["bare"]["client"]["orders"] / pair["bare"]["client"]["seconds"]
    assert goal["reached"] == pytest.approx(pair["twofold"]["server"]["orders"] / handled / bare)
    assert goal["wanted"] == 0.6


@pytest.mark.parametrize("way", ["accepted", "stream"])
def test_each_request_is_whole_and_its_orders_have_ten_lines(tmp_path: Path, way: Way) -> None:
    write_requests(tmp_path / "requests", way, 8080, seed=1)
    pieces = read_requests(tmp_path / "requests")[-1]
    head, body = (ID_FORMAT % 7).join(pieces).split(b"\r\n\r\n")
    assert len(pieces) == orders_of(way) + 1
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None
    assert int(length[1]) == len(body)
    last = body.splitlines()[-1]
    order = msgspec.json.decode(last if way == "accepted" else json.dumps(json.loads(last)["data"]), type=PlaceOrder)
    assert (order.order_id, len(order.lines)) == ("000000000007", 10)


@pytest.mark.timeout(120)
def test_a_refused_order_ends_the_measurement_with_its_answer(tmp_path: Path) -> None:
    with served(bare_server) as server:
        write_requests(tmp_path / "requests", "accepted", server.port, seed=1)
        lost = (tmp_path / "requests").read_bytes().replace(b"POST /commands", b"POST /nowhere")
        (tmp_path / "requests").write_bytes(lost)
        server.begin()
        with pytest.raises(AnswersDiffer, match="404 Not Found"):
            run_own_client(tmp_path / "requests", server.port, 1, 1, 1)
        assert server.settle().orders == 0


@pytest.mark.timeout(120)
def test_the_floor_keeps_each_order_that_it_answers(tmp_path: Path) -> None:
    with served(floor_server, tmp_path / "floor") as server:
        write_requests(tmp_path / "requests", "accepted", server.port, seed=1)
        server.begin()
        run = run_own_client(tmp_path / "requests", server.port, 3, 1, 1)
        assert server.settle().orders == run.orders
    for database, table in (("write.db", "events"), ("write.db", "outcomes"), ("read.db", "placed_order")):
        with closing(sqlite3.connect(tmp_path / "floor" / database)) as connection:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (run.orders,)
    assert (tmp_path / "floor" / "log").stat().st_size > 500 * run.orders


@pytest.mark.timeout(120)
def test_an_order_that_was_answered_and_is_not_in_the_data_is_noticed(tmp_path: Path) -> None:
    async def place(*numbers: str) -> None:
        async with Runtime(shop, Config(data=DataSettings(dir=tmp_path))) as runtime:
            for number in numbers:
                await runtime.submit(PlaceOrder(number, "Norway", (Line("1", 1, Decimal("2.55")),)))

    anyio.run(place, "1", "2", "3")
    require_sound(tmp_path, 3)
    with pytest.raises(AnswersDiffer, match="After 4 answered orders"):
        require_sound(tmp_path, 4)
    anyio.run(place, "3")
    with pytest.raises(AnswersDiffer, match="outcomes=4, events=3"):
        require_sound(tmp_path, 3)
