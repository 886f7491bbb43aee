"""The transport `directory`: each mail is a file, so that a fresh machine needs no mail server.

``outbox/<effect-id>.eml`` is whole or not there, whatever happens. A mail that is sent again takes the place of the
file that is there, so nothing is ever there twice.
"""

from pathlib import Path

from anyio import CapacityLimiter, to_thread

from ..stores.errors import DiskFull, StorageFailed
from ..stores.files import Files, write_durably
from .delivery import TryAgain
from .mail_message import Mail
from .mail_report import MailFailed, MailReport

__all__ = ["DirectoryTransport"]


class DirectoryTransport:
    """Writes mails into the folder `outbox`, which is made where it is missing."""

    def __init__(self, outbox: Path, files: Files | None = None) -> None:
        self._outbox = outbox
        self._files = files or Files()
        self._threads = CapacityLimiter(1)

    async def send(self, mail: Mail) -> MailReport:
        file = self._outbox / f"{mail.effect_id}.eml"
        try:
            await to_thread.run_sync(self._write, file, mail.content, limiter=self._threads)
        except DiskFull as error:
            raise MailFailed(TryAgain(str(error), slow_down=True)) from error
        except (StorageFailed, OSError) as error:
            raise MailFailed(TryAgain(f"{self._outbox}: {error}", slow_down=True)) from error
        return MailReport(accepted=dict.fromkeys(mail.recipients, f"written to {file.name}"))

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _write(self, file: Path, content: bytes) -> None:
        if not self._outbox.is_dir():
            self._files.make_folder(self._outbox)
            self._files.sync_folder(self._outbox.parent)
        write_durably(self._files, file, content)
