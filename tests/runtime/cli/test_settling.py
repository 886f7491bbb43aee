"""`twofold send --settle` waits for consumers as long as somebody lets it."""

import signal
from pathlib import Path

import pytest

from tests.doubles.command_line import CommandLine

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
