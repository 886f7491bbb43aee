"""`twofold send --url` and `twofold query --url`, in processes of their own, with `twofold run` on the other side."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from twofold.runtime.cli.exit_codes import ExitCode

from tests.doubles.command_line import ENVIRONMENT, TWOFOLD, CommandLine, Running
from tests.doubles.pipe import Pipe
from tests.doubles.ports import answers, free_port

pytestmark = pytest.mark.timeout(120)


class Served:
    """A data folder that `twofold run` serves on one port, as often as it is started."""

    def __init__(self, shop: CommandLine, port: int) -> None:
        self.shop = shop
        self.url = f"http://127.0.0.1:{port}"

    def start(self) -> Running:
        server = self.shop.start("run")
        server.until(lambda: answers(f"{self.url}/readyz"))
        return server


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    port = free_port()
    monkeypatch.setitem(ENVIRONMENT, "TWOFOLD_HTTP__PORT", str(port))
    with CommandLine(tmp_path / "data") as shop:
        yield Served(shop, port)


def reprice(number: int, **more: Any) -> bytes:
    command = {"type": "product.reprice", "id": f"good-{number}", "data": {"sku": f"s{number}", "price": "1.5"}}
    return json.dumps(command | more).encode() + b"\n"


def same(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name != "seconds"}


def test_the_same_is_said_with_a_url_as_without_one(served: Served, tmp_path: Path) -> None:
    cancel = b'{"type":"order.cancel","id":"x","data":{"order_id":"9"}}\n'
    text = reprice(1) + b"bad\n" + cancel + reprice(2, data={"sku": "s", "price": "-1"}) + reprice(3, id=None)
    served.start()
    with_url = ["--url", served.url]
    plain = CommandLine(tmp_path / "plain")
    (tmp_path / "config.toml").write_text('app.domain = "nowhere:app"', encoding="utf-8")
    for wait in ("projected", "accepted", "handled"):
        over_http = served.shop.run_plain("send", "-", *with_url, "--wait", wait, "--json", stdin=text)
        alone = plain.run("send", "-", "--wait", wait, "--json", stdin=text)
        assert (over_http.code, over_http.err) == (alone.code, alone.err) == (0, "")
        assert same(over_http.answer) == same(alone.answer)
    for_people = [
        run("send", "-", *more, stdin=text) for run, more in ((served.shop.run_plain, with_url), (plain.run, []))
    ]
    assert for_people[0].out.replace(said_in(for_people[0].out), "") == for_people[1].out.replace(
        said_in(for_people[1].out), ""
    )
    for question in (
        ["shop.totals"],
        ["shop.totals", "--json"],
        ["shop.product", "sku=s1"],
        ["shop.product"],
        ["none"],
    ):
        assert served.shop.run_plain("query", *question, *with_url) == served.shop.run("query", *question)


def said_in(out: str) -> str:
    """Return the words about the time that it took."""
    return next(word for word in out.split("lines ")[1].split(":") if word.startswith("in "))


def test_a_query_waits_for_a_position_or_says_how_far_it_is(served: Served) -> None:
    served.start()
    sent = served.shop.run_plain("send", "-", "--url", served.url, "--json", stdin=reprice(1))
    asked = ["query", "shop.product", "sku=s1", "--json"]
    found = served.shop.run_plain(*asked, "--url", served.url, "--min-position", str(sent.answer["position"]))
    assert (found.code, found.answer["value"]["price"]) == (0, "1.50")
    without_url = served.shop.run(*asked, "--min-position", "1")
    assert (without_url.code, "--min-position waits for a running process" in without_url.err) == (ExitCode.USAGE, True)


def test_a_server_that_is_killed_and_comes_back_gets_what_has_no_answer(served: Served) -> None:
    server = served.start()
    with Pipe() as pipe:
        client = served.shop.start_program(TWOFOLD, "send", "-", "--url", served.url, "--json", stdin=pipe.reading)
        pipe.write(reprice(1))
        client.until(lambda: logged(served) == 1)
        server.signal(signal.SIGKILL)
        server.finished()
        pipe.write(reprice(2) + reprice(3, id=None))
        client.until(lambda: "It is tried again for 60 s" in client.err)
        served.start()
        client.until(lambda: "It goes on." in client.err)
        pipe.close()
        ended = client.finished()
    assert (ended.code, ended.answer["outcomes"], ended.answer["repeated"]) == (0, {"handled": 3}, 0)
    assert logged(served) == 3


def logged(served: Served) -> int:
    return int(httpx.get(f"{served.url}/readyz", trust_env=False).json()["log_end"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_what_was_answered(served: Served, number: signal.Signals) -> None:
    served.start()
    with Pipe() as pipe:
        client = served.shop.start_program(TWOFOLD, "send", "-", "--url", served.url, "--json", stdin=pipe.reading)
        pipe.write(reprice(1))
        client.until(lambda: logged(served) == 1)
        client.signal(number)
        ended = client.finished()
    assert (ended.code, ended.answer["interrupted"]) == (ExitCode.INTERRUPTED, True)
    assert ended.answer["accepted"] + len(ended.answer["unanswered"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--settle"], "--settle cannot wait for them over --url"),
        (["--timeout", "3601"], "A server waits for 3600 s at most"),
        (["--data", "elsewhere"], "a server, which has data and settings of its own"),
        (["--config", "config.toml"], "a server, which has data and settings of its own"),
        (["--url", "shop.example"], "'shop.example' is no URL of a server"),
        (["--url", "http://shop.example:port"], "Port could not be cast"),
        (["--url", "http:///commands"], "is no URL of a server"),
    ],
)
def test_what_cannot_be_asked_of_a_server_is_refused_with_the_reason(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    sent = CommandLine(tmp_path / "data").run_plain("send", "/dev/null", "--url", "http://127.0.0.1:1", *arguments)
    assert (sent.code, sent.out) == (ExitCode.USAGE, "")
    assert said in " ".join(sent.err.split())


def test_where_nothing_listens_it_says_so_and_what_to_do(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    line = CommandLine(tmp_path / "data")
    sent = line.run_plain("send", "-", "--url", url, "--retry-for", "0.2", "--json", stdin=reprice(1))
    asked = line.run_plain("query", "shop.totals", "--url", url)
    for ended in (sent, asked):
        assert (ended.code, ended.out) == (ExitCode.NOT_DONE, "")
        assert f"Error: Nothing listens at {url}" in ended.err
        assert "Start `twofold run` there, or correct the URL." in ended.err
