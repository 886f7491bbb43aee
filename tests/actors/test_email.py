"""What an e-mail may hold, and that nothing else comes as far as a server."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from twofold.actors.delivery import Refused
from twofold.actors.email import LARGEST_EMAIL, Attachment, Email, InvalidEmail, address_of, check_email

from tests.doubles.mailing import ANNA, BERT, SHOP, effect, mailing
from tests.doubles.smtp_server import smtp_server

PLAIN = Email(ANNA, "s", "t")
FILE = Attachment("file.pdf", "application/pdf", b"%PDF")

BREAKS = [
    "\r\nBcc: eve@example.net",
    "\nBcc: eve@example.net",
    "\rBcc: eve@example.net",
    "\0",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028Bcc: eve@example.net",
    "=?utf-8?q?=0D=0ABcc:_eve@example.net?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLm5ldA==?=",
    "\ud800",
]
SECOND = [
    "anna@example.com, eve@example.net",
    "anna@example.com; eve@example.net",
    "anna@example.com eve@example.net",
    "anna@example.com <eve@example.net>",
    "Anna <anna@example.com>, Eve <eve@example.net>",
    "<anna@example.com> <eve@example.net>",
    "Friends: anna@example.com, eve@example.net;",
    "anna@example.com> RCPT TO:<eve@example.net",
    "anna@example.com>\r\nRCPT TO:<eve@example.net",
    '"Anna" <anna@example.com>, eve@example.net',
    '"Anna\\" <anna@example.com>, "Eve" <eve@example.net>',
    "(eve@example.net) anna@example.com",
    "<@example.net:anna@example.com>",
    "anna@example.com@example.net",
    '"anna@example.com, eve"@example.net',
]
NO_ADDRESS = ["", "anna", "@example.com", "anna@", "a..b@example.com", "änna@example.com", "anna@exämple.com", "<>"]


def everywhere(text: str) -> Iterator[tuple[str, Email]]:
    """Put `text` into every field of a header in turn."""
    yield "to", replace(PLAIN, to=f"anna{text}@example.com")
    yield "to, behind", replace(PLAIN, to=(ANNA, BERT + text))
    yield "name", replace(PLAIN, to=f"Anna{text} <{ANNA}>")
    yield "quoted name", replace(PLAIN, to=f'"Anna{text}" <{ANNA}>')
    yield "cc", replace(PLAIN, cc=(f"Bert{text} <{BERT}>",))
    yield "reply_to", replace(PLAIN, reply_to=f"Bert{text} <{BERT}>")
    yield "sender", replace(PLAIN, sender=f"The Shop{text} <{SHOP}>")
    yield "subject", replace(PLAIN, subject=f"Your order{text}")
    yield "header", replace(PLAIN, headers={"X-Tag": f"a{text}"})
    yield "header name", replace(PLAIN, headers={f"X-Tag{text}": "a"})
    yield "attachment", replace(PLAIN, attachments=(replace(FILE, name=f"file{text}.pdf"),))
    yield "content type", replace(PLAIN, attachments=(replace(FILE, content_type=f"application/pdf{text}"),))


def addressed(field: str) -> Iterator[tuple[str, Email]]:
    """Put `field` into every place that takes an address."""
    yield "to", replace(PLAIN, to=field)
    yield "to, among others", replace(PLAIN, to=(BERT, field))
    yield "cc", replace(PLAIN, cc=(field,))
    yield "reply_to", replace(PLAIN, reply_to=field)
    yield "sender", replace(PLAIN, sender=field)


HOSTILE = [
    *((f"{place} {text!r}", email) for text in BREAKS for place, email in everywhere(text)),
    *((f"{place} {field!r}", email) for field in SECOND for place, email in addressed(field)),
]


@pytest.mark.parametrize("email", [email for _, email in HOSTILE], ids=[ascii(name) for name, _ in HOSTILE])
def test_a_line_break_or_a_second_address_is_refused_in_every_field(email: Email) -> None:
    with pytest.raises(InvalidEmail):
        check_email(email)


@pytest.mark.anyio
async def test_nothing_of_what_is_refused_reaches_the_server() -> None:
    sendable = [email for _, email in HOSTILE if "\ud800" not in repr(email) and r"\ud800" not in repr(email)]
    with smtp_server() as server:
        async with mailing(server) as mailer:
            deliveries = [(await mailer.deliver([effect(email)]))[0] for email in sendable]
            assert {type(each) for each in deliveries} == {Refused}
            assert (server.connections, server.received) == (0, [])


@pytest.mark.parametrize("field", NO_ADDRESS)
def test_what_is_no_address_is_refused(field: str) -> None:
    for _, email in addressed(field):
        with pytest.raises(InvalidEmail, match="not one address"):
            check_email(email)


@pytest.mark.parametrize(
    ("field", "address"),
    [
        (ANNA, ANNA),
        (f"  Anna <{ANNA}> ", ANNA),
        (f'"Karlsson, Anna" <{ANNA}>', ANNA),
        (f'"eve@example.net" <{ANNA}>', ANNA),
        (f"Änna Ø'Brien <{ANNA}>", ANNA),
        (f"<{ANNA}>", ANNA),
        ("anna+shop.se@mail.example.co.uk", "anna+shop.se@mail.example.co.uk"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_one_address_is_taken_with_or_without_a_name(field: str, address: str) -> None:
    for _, email in addressed(field):
        check_email(email)
    assert address_of(field) == address


def test_each_recipient_is_one_however_often_it_is_named() -> None:
    assert Email((ANNA, f"Anna <{ANNA}>"), "s", "t", cc=(BERT, ANNA)).recipients == (ANNA, BERT)


@pytest.mark.parametrize(
    "headers",
    [
        *({name: "x"} for name in ("Bcc", "TO", "sender", "Return-Path", "Resent-To", "Content-Type", "Message-ID")),
        {"X-Twofold-Effect": "x"},
        {"X-A": "1", "x-a": "2"},
        {"X A": "1"},
        {"X-A:": "1"},
        {"": "1"},
    ],
)
def test_a_header_that_is_not_the_domains_to_set_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidEmail):
        check_email(replace(PLAIN, headers=headers))


@pytest.mark.parametrize("kind", ["pdf", "application/", "multipart/mixed", "message/rfc822", "a/b; name=c"])
def test_an_attachment_of_no_simple_type_is_refused(kind: str) -> None:
    with pytest.raises(InvalidEmail, match="content type"):
        check_email(replace(PLAIN, attachments=(replace(FILE, content_type=kind),)))


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ()},
        {"to": None},
        {"to": 5},
        {"subject": None},
        {"text": b"bytes"},
        {"headers": {"X-A": 5}},
        {"attachments": (5,)},
        {"text": "\ud800"},
        {"subject": "x" * 2001},
        {"to": f"{'x' * 500} <{ANNA}>"},
        {"text": "ä" * (LARGEST_EMAIL // 2 + 1)},
        {"attachments": (Attachment("", "text/plain", b""),)},
    ],
)
def test_what_can_never_be_sent_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidEmail):
        check_email(replace(PLAIN, **changes))
