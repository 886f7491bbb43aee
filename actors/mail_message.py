"""How an e-mail becomes the message that is sent: its headers, its parts, and the bytes of it.

The same e-mail and effect make the same bytes: nothing in them is random. What the header fields may hold was checked
by `check_email`; here they are written so that a receiver reads what was meant.
"""

from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address, AddressHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from msgspec import Struct

from ..stores.effect_records import EffectRecord
from .email import Attachment, Email, name_and_address

__all__ = ["EFFECT_HEADER", "Mail", "compose", "message_bytes"]

EFFECT_HEADER = "X-Twofold-Effect"
LONGEST_LINE = 990
"""Bytes of a line of the header; RFC 5322 allows 998."""
FIELDS_KEPT = 256
"""Parsed fields that are kept for the next mail: most say the same in every one, such as ``MIME-Version: 1.0``."""


class Mail(Struct, frozen=True):
    """A message and its envelope, as a transport takes it."""

    effect_id: str
    sender: str
    """A plain address, as are the recipients."""
    recipients: tuple[str, ...]
    content: bytes
    """The message, with CRLF line ends, in 7-bit bytes."""


class _WholeLines(EmailPolicy):
    """Folds a field only between its addresses, or where it is long or not ASCII.

    Python's folding makes an encoded word of a long word, which nobody decodes in a ``List-Unsubscribe``, and loses
    the quotes of a long name, whose comma then begins another address.
    """

    def fold(self, name: str, value: str) -> str:
        if isinstance(value, AddressHeader):
            addresses = f",{self.linesep} ".join(_written(address, self.linesep) for address in value.addresses)
            return f"{name}: {addresses}{self.linesep}"
        line = f"{name}: {value}"
        is_plain = line.isascii() and line.isprintable() and len(line) <= LONGEST_LINE
        return f"{line}{self.linesep}" if is_plain else super().fold(name, value)

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii")


def _written(address: Address, linesep: str) -> str:
    """Return an address with its name in quotes, or in encoded words where it is not ASCII."""
    name = address.display_name
    if not name:
        return address.addr_spec
    if name.isascii():  # check_email lets neither a quote nor a backslash through
        return f'"{name}" <{address.addr_spec}>'
    return f"{Header(name, 'utf-8').encode(linesep=linesep)} <{address.addr_spec}>"


class _KeptFields(HeaderRegistry):
    """Parses what comes again and again once.

    Python's own makes a new class for each field and parses ``Content-Type`` anew at each change of it: more than half
    of the time that a mail takes. A parsed field is never changed, so that mails may share it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._classes: dict[Any, Any] = {}
        self._parsed = lru_cache(FIELDS_KEPT)(super().__call__)

    def __getitem__(self, name: str) -> Any:
        kind = self.registry.get(name.lower(), self.default_class)
        if kind not in self._classes:
            self._classes[kind] = super().__getitem__(name)
        return self._classes[kind]

    def __call__(self, name: str, value: Any) -> Any:
        return self._parsed(name, value) if isinstance(value, str) else super().__call__(name, value)


_POLICY = _WholeLines(linesep=SMTP.linesep, cte_type="7bit", utf8=False, header_factory=_KeptFields())


def compose(email: Email, effect: EffectRecord, default_sender: str) -> EmailMessage:
    """Return the message of a checked `email`; its From is the e-mail's own sender, or else `default_sender`."""
    message = EmailMessage(policy=_POLICY)
    sender = _address(email.sender or default_sender)
    message["From"] = sender
    message["To"] = [_address(field) for field in email.all_to]
    if email.cc:
        message["Cc"] = [_address(field) for field in email.cc]
    if email.reply_to is not None:
        message["Reply-To"] = _address(email.reply_to)
    message["Subject"] = email.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(effect.changed // 1_000_000, UTC))
    message["Message-ID"] = f"<{effect.effect_id}@{sender.domain}>"
    message[EFFECT_HEADER] = effect.effect_id
    for name, value in email.headers.items():
        message[name] = value
    message.set_content(email.text, cte=_text_encoding(email.text))
    if email.html is not None:
        message.add_alternative(email.html, subtype="html", cte=_text_encoding(email.html))
    for attachment in email.attachments:
        _attach(message, attachment)
    _name_boundaries(message, effect.effect_id)
    return message


def message_bytes(message: EmailMessage) -> bytes:
    """Return `message` as it goes over the wire."""
    return message.as_bytes(policy=_POLICY)


def _address(field: str) -> Address:
    name, address = name_and_address(field)
    return Address(name, addr_spec=address)


def _text_encoding(text: str) -> str:
    """Encode every text, so that no line of it is too long or reads as the boundary between two parts."""
    return "quoted-printable" if text.isascii() else "base64"


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    kind, _, subtype = attachment.content_type.partition("/")
    message.add_attachment(attachment.content, maintype=kind, subtype=subtype, filename=attachment.name)


def _name_boundaries(message: EmailMessage, effect_id: str) -> None:
    """Give each boundary a name of its own. With ``=_`` in it, no encoded content can hold it (RFC 2045, 6.7)."""
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{effect_id}_{number}")
