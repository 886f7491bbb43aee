"""The transport `directory`: each mail is a file, so that a fresh machine needs no mail server.

``outbox/<effect-id>.eml`` is whole or not there, whatever happens. A mail that is sent again takes the place of the
file that is there, so nothing is ever there twice. Mails that come while others are being written wait, and are then
written together: each file is synced, and the folder once for all of them.
"""

from collections.abc import Sequence
from pathlib import Path

from anyio import CancelScope, Lock, to_thread

from ..stores.errors import DiskFull, StorageFailed
from ..stores.files import Files, place_file
from .delivery import TryAgain
from .mail_message import Mail
from .mail_report import MailFailed, MailReport

__all__ = ["DirectoryTransport"]


class _Waiting:
    """A mail that is to be written, and then what became of it."""

    def __init__(self, mail: Mail) -> None:
        self.mail = mail
        self.is_over = False
        self.error: Exception | None = None


class DirectoryTransport:
    """Writes mails into the folder `outbox`, which is made where it is missing."""

    def __init__(self, outbox: Path, files: Files | None = None) -> None:
        self._outbox = outbox
        self._files = files or Files()
        self._turn = Lock()
        self._waiting: list[_Waiting] = []

    async def send(self, mail: Mail) -> MailReport:
        own = _Waiting(mail)
        self._waiting.append(own)
        async with self._turn:
            if not own.is_over:  # the first of those that wait writes for all of them
                batch, self._waiting = self._waiting, []
                with CancelScope(shield=True):  # others wait for it, and would take what was not begun for done
                    await to_thread.run_sync(self._write, batch)
        if not own.is_over:
            raise MailFailed(TryAgain(f"{self._outbox}: whoever wrote this mail along was cut off before it began"))
        if own.error is not None:
            raise MailFailed(TryAgain(f"{self._outbox}: {own.error}", slow_down=True)) from own.error
        return MailReport(accepted=dict.fromkeys(mail.recipients, f"written to {self._file_of(mail).name}"))

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _write(self, batch: Sequence[_Waiting]) -> None:
        """Write all of `batch`, and say of each whether it lasts: none does before its name is synced."""
        try:
            if not self._outbox.is_dir():
                self._files.make_folder(self._outbox)
                self._files.sync_folder(self._outbox.parent)
            for each in batch:
                try:
                    place_file(self._files, self._file_of(each.mail), each.mail.content)
                except (DiskFull, StorageFailed) as error:
                    each.error = error
            self._files.sync_folder(self._outbox)
        except Exception as error:  # noqa: BLE001 - whatever failed, every mail of the batch must be told
            for each in batch:
                each.error = each.error or error
        for each in batch:
            each.is_over = True

    def _file_of(self, mail: Mail) -> Path:
        return self._outbox / f"{mail.effect_id}.eml"
