"""An e-mail as domain code writes it, checked before it goes into the ledger.

A line break in a header field is how foreign headers get into a mail, and a second address in a field is how foreign
recipients do, so a field with either is refused here. (Python's ``EmailMessage`` takes "a@x, b@x" for a To.)
"""

import re
from collections.abc import Iterator
from email.utils import parseaddr

from msgspec import Struct

from ..stores.errors import TwofoldError

__all__ = ["Attachment", "Email", "InvalidEmail", "address_of", "check_email"]

LARGEST_EMAIL = 10 << 20
"""The most bytes of text, HTML and attachments together; SES takes 40 MB, and base64 adds a third."""

_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\u0085\u2028\u2029]")
_ADDRESS = re.compile(r"[^@\s,;:<>()\[\]\\\"]{1,64}@[^@\s,;:<>()\[\]\\\"]{1,255}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
_OWN_HEADERS = frozenset(
    "from to cc bcc reply-to subject date message-id mime-version content-type content-transfer-encoding sender "
    "return-path x-twofold-effect".split()
)


class InvalidEmail(TwofoldError):
    """An e-mail that can never be sent: it is parked, and nobody tries."""

    def __init__(self, field: str, what: str) -> None:
        self.field, self.what = field, what
        super().__init__(f"The e-mail's {field} {what}.")


class Attachment(Struct, frozen=True):
    """A file in an e-mail."""

    name: str
    content_type: str
    """Such as ``application/pdf``."""
    content: bytes


class Email(Struct, frozen=True, omit_defaults=True):
    """An e-mail. An address is ``anna@example.com`` or ``Anna <anna@example.com>``, one in each place."""

    to: str | tuple[str, ...]
    subject: str
    text: str
    html: str | None = None
    sender: str | None = None
    """The From; where there is none, the mailer's own."""
    cc: tuple[str, ...] = ()
    reply_to: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: dict[str, str] = {}
    """More header fields, such as SES's ``X-SES-CONFIGURATION-SET``."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """All who get it: the plain addresses of to and cc."""
        return tuple(address_of(field) for field in (*self.all_to, *self.cc))

    @property
    def all_to(self) -> tuple[str, ...]:
        """The addressees as they were written."""
        return (self.to,) if isinstance(self.to, str) else self.to


def address_of(field: str) -> str:
    """Return the plain address in a field such as ``Anna <anna@example.com>``."""
    return parseaddr(field)[1]


def check_email(email: Email) -> None:
    """Check everything about an e-mail that can be known before it is sent.

    Raises:
        InvalidEmail: at the first field that is wrong.
    """
    if not email.all_to:
        raise InvalidEmail("to", "names nobody")
    for name, field in _address_fields(email):
        _check_text(name, field)
        _check_address(name, field)
    _check_text("subject", email.subject)
    for header, value in email.headers.items():
        if not _HEADER_NAME.fullmatch(header):
            raise InvalidEmail(f"header {header!r}", "has a name that no header can have")
        if header.lower() in _OWN_HEADERS:
            raise InvalidEmail(f"header {header!r}", "is set by the fields of the e-mail, or by Twofold")
        _check_text(f"header {header}", value)
    for attachment in email.attachments:
        _check_text("attachment name", attachment.name)
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", attachment.content_type, re.ASCII):
            raise InvalidEmail("attachment", f"has no such content type as {attachment.content_type!r}")
    size = len(email.text) + len(email.html or "") + sum(len(each.content) for each in email.attachments)
    if size > LARGEST_EMAIL:
        raise InvalidEmail("content", f"has {size} bytes, and {LARGEST_EMAIL} are the most")


def _address_fields(email: Email) -> Iterator[tuple[str, str]]:
    yield from (("to", field) for field in email.all_to)
    yield from (("cc", field) for field in email.cc)
    if email.reply_to is not None:
        yield "reply_to", email.reply_to
    if email.sender is not None:
        yield "sender", email.sender


def _check_text(name: str, text: str) -> None:
    if _BREAKS.search(text):
        raise InvalidEmail(name, "holds a line break or another control character")


def _check_address(name: str, field: str) -> None:
    _, address = parseaddr(field)
    if not _ADDRESS.fullmatch(address):
        raise InvalidEmail(name, f"is not one address: {field!r}")
    plain = field.strip() == address
    named = re.fullmatch(r'(?:"[^"\\]*"|[^",;:<>@()\[\]\\]*)\s*<' + re.escape(address) + ">", field.strip())
    if not plain and not named:
        raise InvalidEmail(name, f"is not one address: {field!r}")
