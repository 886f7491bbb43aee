"""Stopping in order, under load: who waits is answered, what was acknowledged is done, and the log is sealed."""

import signal
from pathlib import Path

import anyio
import pytest
from twofold import Config, JsonCommand, NotAccepted, Receipt, Runtime
from twofold.runtime.cli.exit_codes import ExitCode
from twofold.runtime.config import DataSettings
from twofold.stores.files import Files
from twofold.stores.segments.manifest import read_manifest

from examples.shop.domain import app
from tests.acceptance.drivers import check_settled
from tests.acceptance.invariants import Answers, check_invariants, logged_ids
from tests.doubles.command_line import CommandLine
from tests.doubles.pipe import Pipe

pytestmark = pytest.mark.timeout(120)

NOBODY = Answers({}, set())


def is_sealed(data: Path) -> bool:
    manifest = read_manifest(Files(), data / "log")
    return manifest is not None and manifest.seal is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_a_file_ends_it_in_order(
    shop: CommandLine, folder: Path, made_up_commands: Path, number: signal.Signals
) -> None:
    process = shop.start("send", made_up_commands, "--wait", "projected", "--json")
    process.until(lambda: shop.log_bytes() > 100_000)
    assert not is_sealed(shop.data)
    process.signal(number)
    ended = process.finished()
    assert ended.code == ExitCode.INTERRUPTED, ended
    summary = ended.answer
    assert summary["interrupted"]
    assert 0 < summary["lines"] < 10_000
    assert summary["lines"] == summary["accepted"] + len(summary["refused"])
    assert (summary["unanswered"], summary["timed_out"]) == ([], 0)
    assert len(logged_ids(shop.data / "log")) == summary["accepted"] == sum(summary["outcomes"].values())
    assert is_sealed(shop.data)

    rest = shop.run("send", made_up_commands, "--wait", "projected", "--json")
    assert (rest.code, rest.err) == (0, ""), "a start after a clean stop has nothing to tell"
    assert rest.answer["repeated"] == summary["accepted"]
    check_settled(shop, NOBODY, folder / "copy")


def test_a_signal_ends_a_send_whose_input_is_silent(shop: CommandLine, made_up_commands: Path) -> None:
    with Pipe() as pipe:
        process = shop.start("send", "-", "--json", stdin=pipe.reading)
        pipe.write(b"".join(made_up_commands.read_bytes().splitlines(keepends=True)[:1_500]))
        process.until(lambda: shop.log_bytes() > 50_000)
        process.signal(signal.SIGTERM)
        ended = process.finished(20)
    assert ended.code == ExitCode.INTERRUPTED, ended
    assert ended.answer["interrupted"]
    assert len(logged_ids(shop.data / "log")) == ended.answer["accepted"]
    assert is_sealed(shop.data)


@pytest.mark.anyio
async def test_leaving_the_runtime_under_load_answers_everyone_and_finishes_what_was_accepted(folder: Path) -> None:
    data = folder / "data"
    answers: dict[str, Receipt | NotAccepted] = {}
    enough = anyio.Event()

    async def submit_on_and_on(task: int) -> None:
        for number in range(1_000):
            command = JsonCommand("product.reprice", b'{"sku": "s%d", "price": "%d.5"}' % (task, number + 1))
            id_ = f"{task}-{number}"
            try:
                answers[id_] = await runtime.submit(command, command_id=id_, wait="projected", timeout=None)
            except NotAccepted as error:
                answers[id_] = error
                return
            if len(answers) > 500:
                enough.set()

    async with anyio.create_task_group() as tasks, Runtime(app, Config(data=DataSettings(dir=data))) as runtime:
        for task in range(200):
            tasks.start_soon(submit_on_and_on, task)
        await enough.wait()
    accepted = {command_id for command_id, answer in answers.items() if isinstance(answer, Receipt)}
    assert accepted == set(logged_ids(data / "log"))
    assert {answer.stage for answer in answers.values() if isinstance(answer, Receipt)} == {"projected"}
    assert len(answers) - len(accepted) == 200, "each task was told in the end that commands are not taken any more"
    assert is_sealed(data)
    check_invariants(data, NOBODY)
