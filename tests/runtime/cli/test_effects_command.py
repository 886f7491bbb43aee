"""`twofold effects`: what an operator sees of effects, and what is told to one who misspells or asks for too much."""

import json
from pathlib import Path

import pytest
from twofold.runtime.cli.exit_codes import ExitCode

from tests.doubles.command_line import CommandLine
from tests.doubles.ledger import edit

pytestmark = pytest.mark.timeout(120)

DOMAIN = """
from pathlib import Path

from tests.doubles.accounts import AccountOpened, accounts_app
from twofold import EventMeta, Retry, Undeliverable

app = accounts_app()


@app.consumer("calls", retry=Retry("1ms"))
async def call(event: AccountOpened, meta: EventMeta) -> None:
    if meta.key == "never":
        raise Undeliverable("no such number")
    asked = Path(__file__).with_name(f"{meta.key}.asked")
    if not asked.exists():
        asked.touch()
        raise ConnectionError("the line is busy")
"""


@pytest.fixture
def bank(tmp_path: Path) -> CommandLine:
    """Return the command line on a folder with two effects: one done at the second attempt, and one that is parked."""
    (tmp_path / "bank.py").write_text(DOMAIN, encoding="utf-8")
    (tmp_path / "config.toml").write_text('[app]\ndomain = "bank:app"\n', encoding="utf-8")
    bank = CommandLine(tmp_path / "data", tmp_path / "config.toml")
    opened = ({"type": "account.open", "data": {"account": key, "owner": "Ada"}} for key in ("late", "never"))
    sent = bank.run("send", "-", "--settle", stdin="\n".join(map(json.dumps, opened)).encode())
    assert sent.code == ExitCode.DONE, sent
    return bank


@pytest.mark.parametrize(
    "command", [("list", "--consumer"), ("retry", "--consumer"), ("discard", "--consumer"), ("resume",)]
)
def test_a_consumer_that_is_misspelt_is_told_with_those_that_there_are(
    bank: CommandLine, command: tuple[str, ...]
) -> None:
    ended = bank.run("effects", *command, "cals")
    assert (ended.code, ended.out) == (ExitCode.USAGE, ""), ended
    assert "No consumer is called 'cals'. There are: calls." in ended.err


@pytest.mark.parametrize("command", ["show", "retry", "discard"])
def test_an_id_that_is_misspelt_is_told(bank: CommandLine, command: str) -> None:
    ended = bank.run("effects", command, "0123")
    assert (ended.code, ended.out) == (ExitCode.NOT_DONE, ""), ended
    assert "No effect in the ledger has the id 0123. Nothing was changed" in ended.err


@pytest.mark.parametrize("command", ["retry", "discard"])
@pytest.mark.parametrize("chosen", [(), ("0123", "--consumer", "calls")], ids=["nothing", "both"])
def test_ids_and_a_consumer_are_not_mixed(bank: CommandLine, command: str, chosen: tuple[str, ...]) -> None:
    ended = bank.run("effects", command, *chosen)
    assert ended.code == ExitCode.USAGE
    assert "Give either the ids of effects, or --consumer NAME" in ended.err


def test_a_folder_without_data_has_no_ledger_to_look_at(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path / "data").run("effects", "list")
    assert (ended.code, "There is no data in" in ended.err) == (ExitCode.NOT_DONE, True), ended


def test_what_an_earlier_attempt_said_does_not_read_as_if_a_done_effect_had_failed(bank: CommandLine) -> None:
    done, parked = bank.run("effects", "list", "--json").answer
    listed = bank.run("effects", "list").out.splitlines()
    assert listed[0].endswith("calls  done  account-late  2 attempts")
    assert listed[1] == "    before that: ConnectionError('the line is busy')"
    assert listed[3] == "    no such number"
    shown = bank.run("effects", "show", done["effect_id"]).out
    assert "before    it failed: ConnectionError('the line is busy')" in shown
    assert "error" not in shown.casefold().replace("connectionerror", "")
    assert "error     no such number" in bank.run("effects", "show", parked["effect_id"]).out
    assert (done["state"], done["error"]) == ("done", "ConnectionError('the line is busy')"), "the ledger keeps it"


def test_an_effect_that_is_not_parked_is_told_with_what_is_to_be_done(bank: CommandLine) -> None:
    done, _ = bank.run("effects", "list", "--json").answer
    ended = bank.run("effects", "retry", done["effect_id"])
    assert ended.code == ExitCode.NOT_DONE
    said = f"Effect {done['effect_id']} is in state done, and only one in state parked can be retried or discarded."
    assert f"{said} Nothing is left to do for it. Nothing was changed" in ended.err


def test_a_consumer_that_is_resumed_says_what_it_had_to_send_and_what_is_left(bank: CommandLine) -> None:
    edit(bank.data / "effects.db", "UPDATE consumers SET paused = 'access denied'")
    opened = {"type": "account.open", "data": {"account": "held", "owner": "Ada"}}
    assert bank.run("send", "-", "--settle", stdin=json.dumps(opened).encode()).code == ExitCode.DONE
    resumed = bank.run("effects", "resume", "calls")
    assert (resumed.code, resumed.out) == (ExitCode.DONE, "calls goes on; it had 1 effect to send, and now has none\n")
    again = bank.run("effects", "resume", "calls", "--json")
    told = {"resumed": "calls", "was_paused": False, "to_send": 0, "left": 0, "paused": None}
    assert (again.code, again.answer) == (ExitCode.DONE, told)
