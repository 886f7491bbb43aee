"""`twofold send --settle` waits for consumers as long as somebody lets it, and says meanwhile what for."""

import signal
from pathlib import Path

import anyio
import pytest
from twofold import App, Config, EventMeta, Undeliverable
from twofold.runtime.cli import settling
from twofold.runtime.cli.send import run_send
from twofold.runtime.config import DataSettings

from tests.doubles.accounts import AccountOpened, accounts_app
from tests.doubles.command_line import CommandLine
from tests.doubles.waiting import until

pytestmark = pytest.mark.timeout(60)

DOMAIN = """
from pathlib import Path

from tests.doubles.accounts import AccountOpened, accounts_app
from twofold import EventMeta

app = accounts_app()


@app.consumer("calls")
async def call(event: AccountOpened, meta: EventMeta) -> None:
    Path("called").touch()
    raise ConnectionError("down")
"""
OPEN = '{"type": "account.open", "id": "o1", "data": {"account": "1", "owner": "Ada"}}\n'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_for_a_consumer_that_fails(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "failing.py").write_text(DOMAIN, encoding="utf-8")
    (tmp_path / "config.toml").write_text('app.domain = "failing:app"', encoding="utf-8")
    (tmp_path / "one.ndjson").write_text(OPEN, encoding="utf-8")
    with CommandLine(tmp_path / "data", tmp_path / "config.toml") as twofold:
        sending = twofold.start("send", tmp_path / "one.ndjson", "--settle", "--json")
        called = tmp_path / "data-process-1" / "called"
        sending.until(called.exists)
        sending.signal(number)
        ended = sending.finished(30)
    assert (ended.code, ended.answer["outcomes"]) == (0, {"handled": 1}), ended
    assert "they go on at the next start" in ended.err


class Printer:
    """A consumer that is called and does not return before a test lets it, beside one that has parked its effect."""

    def __init__(self) -> None:
        self.called, self.goes_on = anyio.Event(), anyio.Event()
        self.app: App = accounts_app()

        @self.app.consumer("printer")
        async def print_it(event: AccountOpened, meta: EventMeta) -> None:
            self.called.set()
            await self.goes_on.wait()

        @self.app.consumer("refuses")
        async def refuse(event: AccountOpened, meta: EventMeta) -> None:
            raise Undeliverable("for good")


@pytest.mark.anyio
async def test_what_became_of_the_lines_is_told_before_the_wait_and_then_whom_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settling, "BETWEEN_LINES", 0.01)
    printer, commands = Printer(), tmp_path / "one.ndjson"
    commands.write_text(OPEN, encoding="utf-8")
    out, err = list[str](), list[str]()

    def has_been_told() -> bool:
        said = capsys.readouterr()
        out.append(said.out)
        err.append(said.err)
        return "Waiting for printer (1 effect left). Ctrl-C ends the waiting only.\n" in "".join(err)

    with commands.open("rb") as source:
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                config = Config(data=DataSettings(dir=tmp_path / "data"))
                await run_send(printer.app, config, source, wait="handled", timeout=30, waits=True, quiet=False)

            tasks.start_soon(send)
            await printer.called.wait()
            await until(has_been_told)
            assert "1 accepted, 0 refused" in "".join(out), "it is told while the wait goes on"
            printer.goes_on.set()
