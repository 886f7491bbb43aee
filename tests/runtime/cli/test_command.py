"""How a command of the command line ends, whatever it raises."""

import errno
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from twofold import Overloaded
from twofold.runtime.cli.command import configured
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.runtime.config import Config
from twofold.stores.errors import GIVE_RIGHTS, FolderRefused, StorageFailed

from tests.doubles.command_line import CommandLine

pytestmark = pytest.mark.timeout(60)


def ended_by(error: Exception) -> Result:
    @click.command()
    @configured
    def command(_config: Config) -> None:
        raise error

    return CliRunner().invoke(command)


def test_an_error_of_twofold_out_of_a_task_group_is_told_in_one_line() -> None:
    ended = ended_by(ExceptionGroup("tasks", [Overloaded("It", 3)]))
    assert (ended.exit_code, type(ended.exception)) == (ExitCode.NOT_DONE, SystemExit)


def test_a_file_of_another_user_is_told_in_one_line_with_what_to_do() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied", "data/write.db")
    ended = ended_by(denied)
    assert (ended.exit_code, type(ended.exception)) == (ExitCode.CONFIGURATION, SystemExit)
    told = f"Error: data/write.db: this user may not do that: Permission denied. {GIVE_RIGHTS}\n"
    assert ended.output == told


@pytest.mark.parametrize(
    "error",
    [
        FolderRefused("data", PermissionError(errno.EACCES, "Permission denied")),
        StorageFailed("write.db", "commit", "attempt to write a readonly database (SQLITE_READONLY)"),
        StorageFailed("log", "mkdir", PermissionError(errno.EACCES, "Permission denied")),
    ],
)
def test_rights_that_are_missing_are_no_fault_of_the_device(error: Exception) -> None:
    assert str(error).endswith(GIVE_RIGHTS)


@pytest.mark.parametrize("grouped", [True, False])
def test_a_bug_shows_its_traceback_though_it_is_a_value_error(grouped: bool) -> None:
    bug = ValueError("a bug of ours")
    assert ended_by(ExceptionGroup("tasks", [bug]) if grouped else bug).exception is bug


def test_a_domain_that_is_no_python_is_shown_at_its_line_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("rate = \nprice = 1 +\n", encoding="utf-8")
    (tmp_path / "config.toml").write_text('[app]\ndomain = "broken:app"\n', encoding="utf-8")
    checked = CommandLine(tmp_path / "data", tmp_path / "config.toml").run("check")
    assert (checked.code, checked.out) == (ExitCode.CONFIGURATION, "")
    assert checked.err.startswith(f'  File "{tmp_path / "broken.py"}", line 1')
    assert "SyntaxError: invalid syntax (broken.py, line 1). Mend it." in checked.err.splitlines()[-1]


def test_a_domain_that_raises_as_it_is_imported_is_a_wrong_configuration_and_shows_where(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("rate = 1 / 0\n", encoding="utf-8")
    (tmp_path / "config.toml").write_text('[app]\ndomain = "broken:app"\n', encoding="utf-8")
    checked = CommandLine(tmp_path / "data", tmp_path / "config.toml").run("check")
    assert (checked.code, checked.out) == (ExitCode.CONFIGURATION, "")
    assert checked.err.count("File ") == 1, "the way to the module is no help"
    assert 'broken.py", line 1' in checked.err
    assert 'Error: app.domain = "broken:app" cannot be imported' in checked.err.splitlines()[-1]
