"""The message that an e-mail becomes, as a receiver reads it."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twofold.actors.email import Attachment, Email, check_email
from twofold.actors.mail_message import compose, message_bytes
from twofold.stores.effect_records import EffectRecord

from tests.doubles.mailing import ANNA, BERT, SHOP, effect, mailing
from tests.doubles.smtp_server import smtp_server

EFFECT: EffectRecord = effect()


def rendered(email: Email) -> bytes:
    check_email(email)
    return message_bytes(compose(email, EFFECT, f"The Shop <{SHOP}>"))


def read(email: Email) -> EmailMessage:
    message = message_from_bytes(rendered(email), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def header_names(content: bytes) -> list[str]:
    """Return the names of the header fields, without the help of Python's parser."""
    head = content.split(b"\r\n\r\n", 1)[0]
    return [line.split(b":")[0].decode().lower() for line in head.split(b"\r\n") if line[:1] not in {b" ", b"\t"}]


def test_the_headers_say_who_to_whom_when_and_for_which_effect() -> None:
    message = read(Email((f"Änna <{ANNA}>", BERT), "Grüße ✓", "t", cc=("c@example.com",), reply_to=f"B <{BERT}>"))
    assert message["From"] == f"The Shop <{SHOP}>"
    assert message["To"] == f"Änna <{ANNA}>, {BERT}"
    assert message["Cc"] == "c@example.com"
    assert message["Reply-To"] == f"B <{BERT}>"
    assert message["Subject"] == "Grüße ✓"
    assert message["Date"].datetime.isoformat() == "2010-12-01T08:00:00+00:00"
    assert message["Message-ID"] == f"<{'e' * 32}@example.org>"
    assert message["X-Twofold-Effect"] == "e" * 32


def test_the_emails_own_sender_goes_before_the_mailers() -> None:
    message = read(Email(ANNA, "s", "t", sender="Refunds <refunds@example.net>"))
    assert message["From"] == "Refunds <refunds@example.net>"
    assert message["Message-ID"].endswith("@example.net>")


def test_text_html_and_files_come_out_as_they_went_in() -> None:
    text = "From the shop:\n.\n..\nGrüße\n" + "x" * 3000 + "\n"
    html = "<p>Grüße" + "y" * 3000 + "</p>\n"
    files = (
        Attachment("Rechnung März.pdf", "application/pdf", bytes(range(256)) * 50),
        Attachment('a "b"; c.txt', "text/plain", b"From me\r\n.\r\n"),
    )
    message = read(Email(ANNA, "s", text, html=html, attachments=files))

    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert [part.get_content().replace("\r\n", "\n") for part in (plain, rich)] == [text, html]
    assert message.get_content_type() == "multipart/mixed"
    assert [part.get_filename() for part in message.iter_attachments()] == [each.name for each in files]
    assert [part.get_payload(decode=True) for part in message.iter_attachments()] == [each.content for each in files]


def test_a_long_name_keeps_its_quotes_and_a_long_list_its_addresses() -> None:
    name = "x" * 80 + "\t, eve@example.net, " + "y" * 80
    others = tuple(f'"{number}, ä" <someone{number}@example.com>' for number in range(100))
    message = read(Email((f'"{name}" <{ANNA}>', *others), "s", "t"))
    assert [each.addr_spec for each in message["To"].addresses][:2] == [ANNA, "someone0@example.com"]
    assert len(message["To"].addresses) == 101
    assert message["To"].addresses[100].display_name == "99, ä"


def test_html_is_an_alternative_to_the_text() -> None:
    message = read(Email(ANNA, "s", "t", html="<p>t</p>"))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_same_effect_makes_the_same_bytes() -> None:
    email = Email(ANNA, "s", "t", html="<p>t</p>", attachments=(Attachment("a", "text/plain", b"a"),))
    assert rendered(email) == rendered(email)


def test_a_text_that_holds_the_boundary_adds_no_part() -> None:
    forged = f"--=_{'e' * 32}_0\r\nContent-Type: text/html\r\n\r\n<p>forged</p>\r\n--=_{'e' * 32}_0--\r\n"
    message = read(Email(ANNA, "s", forged, html=forged))
    assert [part.get_content() for part in message.iter_parts()] == [forged, forged]


@pytest.mark.parametrize("name", ["List-Unsubscribe", "X-SES-MESSAGE-TAGS", "In-Reply-To"])
def test_a_long_header_of_one_word_stays_as_it_is(name: str) -> None:
    value = f"<https://shop.example.org/{'x' * 300}>"
    assert f"\r\n{name}: {value}\r\n".encode() in rendered(Email(ANNA, "s", "t", headers={name: value}))


# Letters, what the grammar of a header is made of, and what folding and encoding trip over.
PIECES = [*"aZä✓中,;:@<>()[]'.=?_% \t", "  ", "=?", "?=", "x" * 80, "ä" * 40, "eve@example.net", "Bcc: eve@example.net"]
texts = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@st.composite
def emails(draw: st.DrawFn) -> Email:
    def named(address: str) -> str:
        return f'"{name}" <{address}>' if (name := draw(texts)) else address

    return Email(
        to=named(ANNA),
        subject=draw(texts),
        text=draw(texts),
        sender=named(SHOP),
        cc=(named(BERT),),
        reply_to=named("reply@example.org"),
        headers={"X-Tag": draw(texts)},
        attachments=(Attachment(draw(texts) or "a", "text/plain", b"a"),),
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(emails())
def test_whatever_the_fields_hold_no_header_and_no_address_is_added(email: Email) -> None:
    content = rendered(email)
    fields = ["from", "to", "cc", "reply-to", "subject", "date", "message-id", "x-twofold-effect", "x-tag"]
    assert sorted(header_names(content)) == sorted([*fields, "mime-version", "content-type"])
    assert not re.search(rb"[^\r]\n|\r[^\n]|\0|[\x80-\xff]", content)
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    message = message_from_bytes(content, policy=default)
    expected = {"From": SHOP, "To": ANNA, "Cc": BERT, "Reply-To": "reply@example.org"}
    for name, address in expected.items():
        assert [each.addr_spec for each in message[name].addresses] == [address]


@pytest.mark.anyio
async def test_the_server_sees_only_the_recipients_and_headers_that_were_meant() -> None:
    hostile = "eve@example.net, Bcc: x; <y@example.net> (z)"
    email = Email(
        to=f'"{hostile}" <{ANNA}>',
        subject=hostile,
        text=f"\r\n.\r\nMAIL FROM:<eve@example.net>\r\nRCPT TO:<{BERT}>\r\nDATA\r\n",
        sender=f'"{hostile}" <{SHOP}>',
        reply_to=f'"{hostile} ä" <{BERT}>',
        headers={"X-Tag": hostile},
        attachments=(Attachment(hostile, "text/plain", b"\r\n.\r\nQUIT\r\n"),),
    )
    with smtp_server() as server:
        async with mailing(server) as mailer:
            await mailer.deliver([effect(email)])
        [mail] = server.received
        assert (mail.sender, mail.recipients) == (SHOP, [ANNA])
        assert "bcc" not in header_names(mail.content)
        assert [each.addr_spec for each in mail.message["To"].addresses] == [ANNA]
        assert mail.message["Subject"] == hostile
        assert server.asked == ["EHLO", "MAIL", f"RCPT {ANNA}", "DATA", "QUIT"]
