"""An e-mail as domain code writes it, checked before it goes into the ledger.

A line break in a header field is how foreign headers get into a mail, and a second address in a field is how foreign
recipients do, so a field with either is refused here. (Python's ``EmailMessage`` takes "a@x, b@x" for a To.)
"""

import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from ..stores.errors import TwofoldError

__all__ = ["Attachment", "Email", "InvalidEmail", "address_of", "check_address", "check_email", "name_and_address"]

LARGEST_EMAIL = 10 << 20
"""The most bytes of text, HTML and attachments together; SES takes 40 MB, and base64 adds a third."""
LONGEST_FIELD = 2000
"""The most characters in a subject, a header's value or a file's name."""
LONGEST_ADDRESS = 500
"""The most characters in an address with its name: both stay on one line of the header."""

_NOT_IN_A_FIELD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")

# What needs no quotes before the @ (RFC 5321's dot-string), and a name of a host behind it. All of it is ASCII: few
# servers take more, SES's among those that do not.
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = rf"(?=[^@]{{1,64}}@.{{1,253}}\Z){_WORD}(?:\.{_WORD})*@{_LABEL}(?:\.{_LABEL})*"
_PLAIN = re.compile(_ADDRESS)
_QUOTED_NAME = r'"(?P<quoted>[^"\\]*)"'
_BARE_NAME = r'(?P<bare>[^",;:<>@()\[\]\\]*)'
_NAMED = re.compile(rf"(?:{_QUOTED_NAME}|{_BARE_NAME})\s*<(?P<address>[^<>]*)>")

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
_OWN_HEADERS = frozenset(
    {"from", "sender", "to", "cc", "bcc", "apparently-to", "reply-to", "subject", "date", "message-id", "received"}
    | {"return-path", "x-twofold-effect"}
)
_OWN_PREFIXES = ("content-", "mime-", "resent-")

_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*", re.IGNORECASE)
_COMPOSITE = ("multipart/", "message/")


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
    """An e-mail. An address is ``anna@example.com`` or ``Anna <anna@example.com>``, one in each place.

    A name with a comma or another sign of the header's own grammar is written in quotes: ``"Karlsson, Anna" <a@x.se>``.
    """

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
        """All who get it, each once: the plain addresses of to and cc."""
        return tuple(dict.fromkeys(address_of(field) for field in (*self.all_to, *self.cc)))

    @property
    def all_to(self) -> tuple[str, ...]:
        """The addressees as they were written."""
        return (self.to,) if isinstance(self.to, str) else self.to


def name_and_address(field: str) -> tuple[str, str]:
    """Return the two parts of a field such as ``Anna <anna@example.com>``; the name may be empty.

    Raises:
        ValueError: the field holds no address, or anything besides one.
    """
    field = field.strip(" \t")
    if _PLAIN.fullmatch(field):
        return "", field
    named = _NAMED.fullmatch(field)
    if named is None or not _PLAIN.fullmatch(named["address"]):
        raise ValueError(f"is not one address: {field!r}. Write anna@example.com or Anna <anna@example.com>, in ASCII")
    return (named["quoted"] or named["bare"] or "").strip(" \t"), named["address"]


def address_of(field: str) -> str:
    """Return the plain address in a field such as ``Anna <anna@example.com>``."""
    return name_and_address(field)[1]


def check_email(email: Email) -> None:
    """Check everything about an e-mail that can be known before it is sent.

    Raises:
        InvalidEmail: at the first field that is wrong.
    """
    _check_types(email)
    if not email.all_to:
        raise InvalidEmail("to", "names nobody")
    for name, field in _address_fields(email):
        check_address(name, field)
    _check_field("subject", email.subject)
    _check_headers(email.headers)
    for attachment in email.attachments:
        _check_attachment(attachment)
    _check_content(email)


def check_address(name: str, field: str) -> None:
    """Check that the field `name` holds one address and nothing else.

    Raises:
        InvalidEmail: it does not.
    """
    _check_field(name, field, LONGEST_ADDRESS)
    try:
        name_and_address(field)
    except ValueError as error:
        raise InvalidEmail(name, str(error)) from None


def _check_types(email: Email) -> None:
    """Refuse what the annotations do: a struct that is made in Python takes anything."""
    try:
        msgspec.convert(msgspec.to_builtins(email, builtin_types=(bytes,)), Email, builtin_types=(bytes,))
    except (msgspec.ValidationError, TypeError) as error:
        raise InvalidEmail("content", f"is of another type than it should be: {error}") from None


def _address_fields(email: Email) -> Iterator[tuple[str, str]]:
    yield from (("to", field) for field in email.all_to)
    yield from (("cc", field) for field in email.cc)
    if email.reply_to is not None:
        yield "reply_to", email.reply_to
    if email.sender is not None:
        yield "sender", email.sender


def _check_field(name: str, text: str, longest: int = LONGEST_FIELD) -> None:
    if _NOT_IN_A_FIELD.search(text):
        raise InvalidEmail(name, "holds a line break or another control character")
    if _ENCODED_WORD.search(text):  # Python would decode it as it writes the header, line breaks and all
        raise InvalidEmail(name, "holds an encoded word. Write the characters themselves")
    if len(text) > longest:
        raise InvalidEmail(name, f"has {len(text)} characters, and {longest} are the most")


def _check_headers(headers: dict[str, str]) -> None:
    seen: set[str] = set()
    for header, value in headers.items():
        folded = header.lower()
        if not _HEADER_NAME.fullmatch(header):
            raise InvalidEmail(f"header {header!r}", "has a name that no header can have")
        if folded in _OWN_HEADERS or folded.startswith(_OWN_PREFIXES):
            raise InvalidEmail(f"header {header!r}", "is set by the fields of the e-mail, or by Twofold")
        if folded in seen:
            raise InvalidEmail(f"header {header!r}", "is there twice")
        seen.add(folded)
        _check_field(f"header {header}", value)


def _check_attachment(attachment: Attachment) -> None:
    _check_field("attachment name", attachment.name)
    if not attachment.name:
        raise InvalidEmail("attachment", "has no name")
    kind = attachment.content_type
    if not _CONTENT_TYPE.fullmatch(kind) or kind.lower().startswith(_COMPOSITE):
        raise InvalidEmail("attachment", f"cannot have the content type {kind!r}: name one such as application/pdf")


def _check_content(email: Email) -> None:
    texts = (email.text, email.html or "")
    if any(_LONE_SURROGATE.search(text) for text in texts):
        raise InvalidEmail("text", "holds half of a character (a lone surrogate)")
    size = sum(len(text.encode()) for text in texts) + sum(len(each.content) for each in email.attachments)
    if size > LARGEST_EMAIL:
        raise InvalidEmail("content", f"has {size} bytes, and {LARGEST_EMAIL} are the most")
