"""Any page of any database may be damaged: each command says so in a line, or gives the answer that is right."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from twofold.runtime.cli import main
from twofold.runtime.cli.exit_codes import ExitCode

from tests.acceptance.shop_commands import write_shop_commands

pytestmark = pytest.mark.timeout(120)

PAGE = 4096
COMMANDS = (
    ("verify",),
    ("status", "--json"),
    ("effects", "list"),
    ("query", "shop.totals"),
    ("history", "order-1"),
    ("state", "order-1"),
    ("log", "dump"),
)
VALUES_ARE_EDITED = {"effects", "query", "status"}
"""What shows a value that was damaged to another value, which only `verify` can tell."""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder of a shop, closed, with e-mails and purges done."""
    folder = tmp_path_factory.mktemp("shop")
    data = folder / "data"
    sent = run("send", write_shop_commands(folder / "commands.ndjson", 100), "--settle", "--data", data)
    assert sent.exit_code in {ExitCode.DONE, ExitCode.NOT_DONE}, sent.output
    return data


def damaged(sound: Path, folder: Path, file: Path, random_: random.Random) -> Iterator[str]:
    """Damage each page of `file` in a copy of its own of the data folder, which is `folder`, and say how."""
    original = (sound / file).read_bytes()
    for number in range(len(original) // PAGE):
        kind, noise = random_.choice([("zeros", bytes(PAGE)), ("ones", b"\xff" * PAGE), ("noise", None)])
        size = random_.choice([PAGE, 8])
        start = number * PAGE + random_.randrange(PAGE - size + 1)
        content = bytearray(original)
        content[start : start + size] = (noise or random_.randbytes(PAGE))[:size]
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        (folder / file).write_bytes(content)
        yield f"{size} bytes of {kind} at byte {start} of {file}"


@pytest.mark.parametrize("name", ["write.db", "effects.db", "read/*.db"])
def test_a_damaged_page_is_named_by_each_command_or_harms_it_not(sound: Path, tmp_path: Path, name: str) -> None:
    (file,) = (path.relative_to(sound) for path in sound.glob(name))
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    answers = {command: run(*command, "--data", folder).stdout for command in COMMANDS}
    named = {ExitCode.CORRUPTION} if file.parent == Path() else {ExitCode.CORRUPTION, ExitCode.STORAGE_FAILED}
    found = set[ExitCode]()
    for how in damaged(sound, folder, file, random.Random(7)):
        for command in COMMANDS:
            ended = run(*command, "--data", folder)
            where = f"{' '.join(command)} after {how}: {ended.output[-500:]}"
            assert ended.exception is None or isinstance(ended.exception, SystemExit), where
            code = next(code for code in ExitCode if code == ended.exit_code)
            if command == ("verify",) and code == ExitCode.NOT_DONE:
                found.add(code)
            elif code != ExitCode.DONE:
                assert code in named, where
                assert str(file) in ended.stderr, where
                found.add(code)
            elif command[0] not in VALUES_ARE_EDITED | {"verify"}:
                assert ended.stdout == answers[command], where
    assert ExitCode.NOT_DONE in found, "verify found nothing"
    assert found & named, "no command met the damage"


@pytest.mark.parametrize("name", ["write.db", "effects.db"])
def test_a_damaged_database_is_told_to_be_copied_before_anything_else(sound: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    shutil.copytree(sound, folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: 2 * PAGE] + bytes(len(content) - 2 * PAGE))
    command = tmp_path / "one.ndjson"
    command.write_text(json.dumps({"type": "product.reprice", "id": "n", "data": {"sku": "s1", "price": "9.5"}}))
    ended = run("send", command, "--settle", "--data", folder)
    assert (ended.exit_code, type(ended.exception)) == (ExitCode.CORRUPTION, SystemExit), ended.output
    assert f"{folder / name}: it is damaged" in ended.stderr
    assert (
        "Copy the data folder before anything else; `twofold verify` shows the extent. Restore a backup" in ended.stderr
    )
