"""The transport `smtp`: mails go to a server over a few connections that are kept open, at a steady rate."""

import ssl

from anyio import Semaphore, move_on_after, to_thread

from .kernel.clock import Clock
from .mail_connection import PATIENCE, SmtpConnection, tls_context
from .mail_message import Mail
from .mail_pace import Pace
from .mail_report import MailFailed, MailReport
from .mail_settings import MailSettings

__all__ = ["SmtpTransport"]


class SmtpTransport:
    """Sends mails over at most `connections` connections at once; it connects when there is a mail to send.

    A kept connection is asked whether it is still there before a mail goes over it, and if not a fresh one is opened:
    a mail that was begun is never begun again on another connection.
    """

    def __init__(self, settings: MailSettings, clock: Clock) -> None:
        self._settings = settings
        self._pace = Pace(settings.rate, clock)
        self._turns = Semaphore(settings.connections)
        self._kept: list[SmtpConnection] = []
        self._tls: ssl.SSLContext | None = None
        self._closing = False

    async def send(self, mail: Mail) -> MailReport:
        await self._pace.take(len(mail.recipients))
        async with self._turns:
            connection = await self._connection()
            try:
                report = await connection.send(mail)
            except MailFailed:
                self._keep(connection)
                raise
            except BaseException:
                connection.abort()
                raise
            self._keep(connection)
            return report

    async def close(self) -> None:
        """Take leave of the server on every kept connection, for a few seconds at most."""
        self._closing = True
        kept, self._kept = self._kept, []
        try:
            with move_on_after(PATIENCE):
                for connection in kept:
                    await connection.quit()
        finally:
            for connection in kept:
                connection.abort()

    async def _connection(self) -> SmtpConnection:
        while self._kept:
            connection = self._kept.pop()
            try:
                if await connection.is_alive():
                    return connection
            except BaseException:
                connection.abort()
                raise
        if self._tls is None:
            self._tls = await to_thread.run_sync(tls_context, self._settings)
        return await SmtpConnection.open(self._settings, self._tls)

    def _keep(self, connection: SmtpConnection) -> None:
        if self._closing:
            connection.abort()
        elif connection.is_open:
            self._kept.append(connection)
