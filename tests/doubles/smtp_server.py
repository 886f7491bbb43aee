"""A real SMTP server on the loopback that answers as a test tells it to, and keeps what it was sent."""

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

DROP = "<drop>"
HANG = "<hang>"

PASSWORD = "correct horse"


class Received(NamedTuple):
    """A mail that the server took: its envelope and its content."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = BytesParser(policy=default).parsebytes(self.content)
        assert isinstance(parsed, EmailMessage)
        return parsed


class ScriptedSmtp:
    """What the server answers and what it saw. A test changes `script` at any time.

    `script` maps what is asked to what is answered: ``greeting``, ``EHLO``, ``STARTTLS``, ``AUTH``, ``MAIL``,
    ``RCPT anna@example.com``, ``DATA`` (the command) and ``content`` (behind the final dot), to a reply, DROP or HANG.
    A list is used up from its front, one answer each time, and ``None`` in it stands for the usual answer.
    """

    def __init__(self) -> None:
        self.script: dict[str, str | list[str | None]] = {}
        self.received: list[Received] = []
        self.asked: list[str] = []
        self.connections = 0
        self.open: set[Any] = set()
        self.host = "127.0.0.1"
        self.port = 0

    def answer(self, asked: str) -> str | None:
        answer = self.script.get(asked)
        if isinstance(answer, list):
            return answer.pop(0) if answer else None
        return answer

    def drop_open_connections(self) -> None:
        """Close every connection from the server's side, as a server does with those that are idle."""
        for session in tuple(self.open):
            session.loop.call_soon_threadsafe(session.transport.close)

    async def handle_DATA(self, session: "_Session", _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        answer = self.answer("content")
        if answer is None or answer == DROP:  # one that drops the connection here has taken the mail
            self.received.append(Received(envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        if answer is None:
            return "250 Ok 0100-42"
        return await session.act(answer)


class _Session(SMTP):
    """One connection."""

    def __init__(self, scripted: ScriptedSmtp, **settings: Any) -> None:
        super().__init__(scripted, **settings)
        self.scripted = scripted
        self.greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self.scripted.open.issuperset({self}):
            self.scripted.connections += 1
            self.scripted.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.scripted.open.discard(self)
        super().connection_lost(error)

    async def act(self, answer: str) -> str:
        """Return the reply, or do what stands in its place."""
        if answer == HANG:
            await asyncio.Event().wait()
        if answer == DROP:
            assert isinstance(self.transport, asyncio.WriteTransport)
            self.transport.abort()
            raise asyncio.CancelledError
        return answer

    async def push(self, status: Any) -> None:
        if not self.greeted:
            self.greeted = True
            answer = self.scripted.answer("greeting")
            status = status if answer is None else await self.act(answer)
        await super().push(status)

    async def _scripted(self, asked: str) -> bool:
        self.scripted.asked.append(asked)
        answer = self.scripted.answer(asked)
        if answer is not None:
            await self.push(await self.act(answer))
        return answer is not None

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's names, here and below
        if not await self._scripted("EHLO"):
            await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        if not await self._scripted("STARTTLS"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        if not await self._scripted("AUTH"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if not await self._scripted("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if not await self._scripted(f"RCPT {(arg or '').removeprefix('TO:').strip('<>')}"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if not await self._scripted("DATA"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        self.scripted.asked.append("QUIT")
        await super().smtp_QUIT(arg)


class _Controller(Controller):
    def __init__(self, scripted: ScriptedSmtp, **settings: Any) -> None:
        super().__init__(scripted, hostname=scripted.host, port=0, **settings)
        self.scripted = scripted

    def factory(self) -> SMTP:
        return _Session(self.scripted, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        """Learn the port that the system chose, before the controller connects to it once."""
        assert self.server is not None
        self.port = self.scripted.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    """Let in who knows the password."""
    known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False)


@contextmanager
def smtp_server(**settings: Any) -> Iterator[ScriptedSmtp]:
    """Run a server in a thread of its own; `settings` are aiosmtpd's."""
    scripted = ScriptedSmtp()
    controller = _Controller(scripted, authenticator=authenticate, **settings)
    controller.start()
    asyncio.run_coroutine_threadsafe(_leave(scripted), controller.loop).result(5)  # the controller's own connection
    scripted.connections = 0
    try:
        yield scripted
    finally:
        asyncio.run_coroutine_threadsafe(_leave(scripted), controller.loop).result(5)
        controller.stop()


async def _leave(scripted: ScriptedSmtp) -> None:
    """Break off what is still open; the controller would leave it to the garbage collector."""
    for session in tuple(scripted.open):
        session.transport.abort()
    while scripted.open:  # noqa: ASYNC110 - a few turns of the loop, and the server runs on no other
        await asyncio.sleep(0)


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for 127.0.0.1 and return a server's context with it and the file that vouches for it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
