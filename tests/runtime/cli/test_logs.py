"""What is logged: a form for people and one for programs, of Twofold's own lines and of those of libraries."""

import base64
import errno
import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs
from twofold import App, Config, Email, EventMeta, Runtime
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.runtime.cli.logs import configure_logs
from twofold.runtime.config import DataSettings

from tests.doubles.accounts import AccountOpened, OpenAccount, accounts_app
from tests.doubles.command_line import ENVIRONMENT
from tests.doubles.smtp_server import smtp_server
from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

log = structlog.get_logger("twofold")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FullDevice(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "made to fail")


@pytest.fixture(autouse=True)
def nothing_is_configured() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.getLogger("twofold").setLevel(logging.NOTSET)


def logged_to(stream: io.StringIO, least: int = logging.WARNING) -> None:
    logging.root.handlers.clear()  # pytest's own
    configure_logs(stream, least)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data=DataSettings(dir=tmp_path / "data"))


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_program_gets_one_json_object_a_line_with_the_time_in_utc() -> None:
    stream = io.StringIO()
    logged_to(stream)
    log.warning("torn tail cut", file=Path("a b.log"), bytes=7, what="line\nbreak \x1b[2J")
    [line] = lines(stream)
    assert list(line) == ["time", "level", "event", "file", "bytes", "what"]
    assert abs((datetime.now(UTC) - datetime.fromisoformat(line.pop("time"))).total_seconds()) < 60
    assert line == {
        "level": "warning",
        "event": "torn tail cut",
        "file": "a b.log",
        "bytes": 7,
        "what": "line\nbreak \x1b[2J",
    }


def test_a_person_gets_the_time_of_day_the_level_the_event_and_its_facts() -> None:
    stream = Terminal()
    logged_to(stream)
    log.error("role halted", role="projector", cause="two words", bell="\x1b[2J\n")
    [line] = stream.getvalue().splitlines()
    coloured = r"\d\d:\d\d:\d\d \x1b\[31merror   \x1b\[0m \x1b\[1mrole halted\x1b\[0m "
    assert re.match(coloured, line)
    assert re.sub(coloured, "", line) == r"role=projector cause='two words' bell='\x1b[2J\n'"


def test_an_exception_speaks_to_no_terminal_either() -> None:
    stream = Terminal()
    logged_to(stream)
    try:
        raise ValueError("\x1b[2J\nsecond\rline")
    except ValueError:
        log.exception("it failed")
    _, first, *_, cleared, second, line = stream.getvalue().split("\n")[:-1]
    assert first == "Traceback (most recent call last):"
    assert (cleared, second, line) == (r"'ValueError: \x1b[2J'", "second", "line")


def test_what_libraries_log_comes_out_in_the_same_form_from_warnings_on() -> None:
    stream = io.StringIO()
    logged_to(stream, logging.INFO)
    library = logging.getLogger("httpx")
    library.info("every request")
    library.warning("a %s thing", "strange")
    try:
        raise ValueError("inside")
    except ValueError:
        library.exception("it failed")
    strange, failed = lines(stream)
    assert (strange["level"], strange["event"], strange["logger"]) == ("warning", "a strange thing", "httpx")
    assert failed["exception"].endswith("ValueError: inside")


def test_what_is_in_order_is_logged_by_a_process_that_goes_on_alone() -> None:
    stream = io.StringIO()
    logged_to(stream)
    log.info("started")
    configure_logs(stream, logging.INFO)
    log.info("started")
    assert [line["event"] for line in lines(stream)] == ["started"]


def test_a_line_that_cannot_be_written_fails_nobody() -> None:
    logged_to(FullDevice())
    log.error("waiting for space")


async def test_a_runtime_says_when_it_has_started_begins_to_stop_and_has_stopped(config: Config) -> None:
    async with Runtime(accounts_app(), config) as runtime:
        await runtime.submit(OpenAccount("1", "Ada"), wait="projected")
    with capture_logs() as logged:
        async with Runtime(accounts_app(), config) as runtime:
            pass
    started, stopping, stopped = logged
    assert started.pop("seconds") < 60 > stopped.pop("seconds")
    told = {"folder": str(config.data.dir), "log_end": 1, "handled": 1, "head": 1, "projected": 1}
    assert started == {"event": "started", "log_level": "info"} | told
    nothing_left = {"log_level": "info", "unhandled": 0, "unprojected": 0}
    assert stopping == {"event": "stopping"} | nothing_left
    assert stopped == {"event": "stopped"} | nothing_left


async def test_what_a_stop_has_left_is_a_warning(config: Config) -> None:
    with capture_logs() as logged:
        async with Runtime(accounts_app(), config, stop_limit=0.0) as runtime:
            await runtime.submit_many([OpenAccount(str(n), "Ada") for n in range(2000)])
    assert (logged[-1]["event"], logged[-1]["log_level"]) == ("stopped", "warning")
    assert logged[-1]["unhandled"] > 0
    assert "nothing is lost" in logged[-1]["next"]


async def test_an_application_that_configures_no_logging_is_told_of_nothing_that_is_in_order(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Runtime(accounts_app(), config):
        pass
    assert capsys.readouterr() == ("", "")


SERVICE = """
import click
from twofold import Runtime
from twofold.runtime.cli.command import service

@click.command()
@service
def serve(config):
    {body}

serve()
"""


def serve(folder: Path, body: str, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-c", SERVICE.format(body=body), "--data", str(folder / "data"), *arguments]
    ran = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode, [json.loads(line) for line in ran.stderr.splitlines()]


def test_a_service_that_does_not_start_says_why_in_one_line_of_its_log(tmp_path: Path) -> None:
    code, [line] = serve(tmp_path, "pass", "--config", "absent.toml")
    assert (code, line["exit_code"]) == (ExitCode.CONFIGURATION, ExitCode.CONFIGURATION)
    assert (line["level"], line["event"]) == ("critical", "failed")
    assert "absent.toml cannot be read" in line["cause"]
    assert "exception" not in line


def test_a_bug_that_ends_a_service_is_one_line_with_its_place(tmp_path: Path) -> None:
    code, [line] = serve(tmp_path, "1 / 0")
    assert (code, line["event"]) == (ExitCode.NOT_DONE, "failed")
    assert "ZeroDivisionError" in line["exception"]


def test_a_wrong_command_line_of_a_service_is_told_as_everywhere() -> None:
    command = [sys.executable, "-c", SERVICE.format(body="pass"), "--nonsense"]
    ran = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == ExitCode.USAGE
    assert ran.stderr.startswith("Usage: ")


CANARY = "hunter2-canary"


def account_mails() -> App:
    app = accounts_app()

    @app.email("welcome")
    def welcome(event: AccountOpened, meta: EventMeta) -> Email:
        return Email(to=f"{event.owner}@example.com", subject="Welcome", text=f"Account {meta.key}")

    return app


async def test_no_line_holds_a_secret_also_where_the_access_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(CANARY)
    secret.chmod(0o600)
    stream = io.StringIO()
    logged_to(stream, logging.DEBUG)
    with smtp_server(auth_require_tls=False) as server:
        (tmp_path / "config.toml").write_text(
            f'[mail]\ntransport = "smtp"\nsender = "bank@example.com"\nhost = "{server.host}"\nport = {server.port}\n'
            'security = "none"\nusername = "bank"\npassword = { file = "password" }\n'
        )
        config = Config.load(tmp_path / "config.toml", {})
        log.info("settings", config=config, mail=config.mail, shown=repr(config))
        async with Runtime(account_mails(), config) as runtime:
            await runtime.submit(OpenAccount("1", "Ada"), wait="handled")
            await until(lambda: "consumer paused" in stream.getvalue())
    [paused] = [line for line in lines(stream) if line["event"] == "consumer paused"]
    assert (paused["level"], paused["consumer"]) == ("error", "welcome")
    assert "twofold effects resume welcome" in paused["next"]
    shown = stream.getvalue()
    for form in (CANARY.encode(), b"\0bank\0" + CANARY.encode()):
        assert form.decode() not in shown
        assert base64.b64encode(form).decode() not in shown


def test_a_secret_that_stands_in_the_settings_itself_is_refused_and_not_logged(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'[mail]\npassword = "{CANARY}"\n[cdn]\ntoken = "{CANARY}"\n')
    code, [line] = serve(tmp_path, "pass")
    assert code == ExitCode.CONFIGURATION
    assert "mail.password" in line["cause"]
    assert CANARY not in str(line)
