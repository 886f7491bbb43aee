"""Mails as files: whole, once, and under the effect's name."""

import errno
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import pytest
from twofold.actors.delivery import Delivered, Refused, TryAgain
from twofold.actors.email import Email
from twofold.actors.mail_directory import DirectoryTransport
from twofold.actors.mail_message import Mail
from twofold.actors.mail_settings import MailSettings
from twofold.actors.mailer import Mailer, open_mailer

from tests.doubles.faulty_files import FaultyFiles, fail_once
from tests.doubles.mailing import ANNA, BERT, effect, result_of

pytestmark = pytest.mark.anyio

NAME = "e" * 32


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "data" / "outbox"


@pytest.fixture(autouse=True)
def data(outbox: Path) -> None:
    outbox.parent.mkdir()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_each_mail_is_a_file_named_by_its_effect(outbox: Path) -> None:
    mailer = open_mailer(MailSettings(), outbox)
    [delivery] = await mailer.deliver([effect(Email((ANNA, BERT), "s", "t"))])
    await mailer.close()

    assert isinstance(delivery, Delivered)
    assert result_of(delivery)["accepted"] == dict.fromkeys([ANNA, BERT], f"written to {NAME}.eml")
    assert names_in(outbox) == [f"{NAME}.eml"]
    assert b"From: twofold@localhost\r\n" in (outbox / f"{NAME}.eml").read_bytes()


async def test_a_mail_that_is_sent_again_takes_its_own_place(outbox: Path) -> None:
    mailer = open_mailer(MailSettings(), outbox)
    await mailer.deliver([effect()])
    once = (outbox / f"{NAME}.eml").read_bytes()
    await mailer.deliver([effect()])
    assert names_in(outbox) == [f"{NAME}.eml"]
    assert (outbox / f"{NAME}.eml").read_bytes() == once


@pytest.mark.parametrize("operation", ["write", "sync", "rename"])
async def test_a_failed_write_leaves_no_mail_and_is_tried_again(outbox: Path, operation: str) -> None:
    files = FaultyFiles()
    files.faults[operation] = fail_once(errno.EIO)
    mailer = Mailer(DirectoryTransport(outbox, files), "shop@example.org", 1)
    [first] = await mailer.deliver([effect()])
    assert isinstance(first, TryAgain)
    assert not (outbox / f"{NAME}.eml").exists()

    [second] = await mailer.deliver([effect(attempts=2)])
    assert isinstance(second, Delivered)
    assert names_in(outbox) == [f"{NAME}.eml"]


async def test_a_full_disk_slows_the_consumer(outbox: Path) -> None:
    files = FaultyFiles()
    files.faults["write"] = fail_once(errno.ENOSPC)
    [delivery] = await Mailer(DirectoryTransport(outbox, files), "shop@example.org", 1).deliver([effect()])
    assert isinstance(delivery, TryAgain)
    assert delivery.slow_down


async def test_a_mail_is_delivered_only_once_its_name_is_synced(outbox: Path) -> None:
    files = FaultyFiles()
    seen: list[bool] = []
    files.faults["sync_folder"] = lambda: seen.append((outbox / f"{NAME}.eml").exists())
    [delivery] = await Mailer(DirectoryTransport(outbox, files), "shop@example.org", 1).deliver([effect()])
    assert isinstance(delivery, Delivered)
    assert seen == [False, True]  # the folder's own name, then the mail's


async def test_mails_of_a_call_are_written_together_and_the_folder_is_synced_once_for_all(outbox: Path) -> None:
    outbox.mkdir()
    files, synced = FaultyFiles(), list[int]()
    files.faults["sync_folder"] = lambda: synced.append(len(names_in(outbox)))
    mailer = Mailer(DirectoryTransport(outbox, files), "shop@example.org", 16)
    deliveries = await mailer.deliver([effect(name=f"{number}") for number in range(16)])
    assert [type(each) for each in deliveries] == [Delivered] * 16
    assert synced[-1] == 16
    assert len(synced) <= 2  # the first mail may find nobody waiting behind it


async def test_one_mail_that_cannot_be_written_is_tried_again_and_its_neighbours_lie_there(outbox: Path) -> None:
    files = FaultyFiles()
    files.faults["write"] = fail_once(errno.EIO)
    mailer = Mailer(DirectoryTransport(outbox, files), "shop@example.org", 16)
    deliveries = await mailer.deliver([effect(name=f"{number}") for number in range(5)])
    assert sorted(type(each).__name__ for each in deliveries) == ["Delivered"] * 4 + ["TryAgain"]
    left = [each for each in range(5) if isinstance(deliveries[each], Delivered)]
    assert [name for name in names_in(outbox) if name.endswith(".eml")] == [f"{each}.eml" for each in left]


async def test_no_mail_is_delivered_whose_name_was_not_synced(outbox: Path) -> None:
    outbox.mkdir()
    files = FaultyFiles()
    files.faults["sync_folder"] = fail_once(errno.EIO)
    [delivery] = await Mailer(DirectoryTransport(outbox, files), "shop@example.org", 1).deliver([effect()])
    assert isinstance(delivery, TryAgain)


async def test_a_folder_that_cannot_be_made_is_tried_again(outbox: Path) -> None:
    outbox.write_text("a file in its place")
    [delivery] = await open_mailer(MailSettings(), outbox).deliver([effect()])
    assert isinstance(delivery, TryAgain)
    assert delivery.slow_down


async def test_a_mail_that_cannot_be_read_parks_and_its_neighbours_go(outbox: Path) -> None:
    broken = msgspec.structs.replace(effect(name="b"), payload='{"to": 5}')
    deliveries = await open_mailer(MailSettings(), outbox).deliver([broken, effect(name="a")])
    assert [type(each) for each in deliveries] == [Refused, Delivered]
    assert names_in(outbox) == ["a.eml"]


@pytest.mark.parametrize("turns", range(6))
async def test_a_mail_that_counts_as_written_is_there_whoever_else_was_cut_off(outbox: Path, turns: int) -> None:
    transport = DirectoryTransport(outbox)
    written: list[str] = []

    async def send(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            await transport.send(Mail(name, "a@example.com", ("b@example.com",), b"hello"))
            written.append(f"{name}.eml")

    async with anyio.create_task_group() as tasks:
        first = anyio.CancelScope()
        tasks.start_soon(send, "first", first)
        for name in ("second", "third"):
            tasks.start_soon(send, name, anyio.CancelScope())
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        first.cancel()
    assert {"second.eml", "third.eml"} <= set(written) <= set(names_in(outbox))
