"""What a mail server answers, and how the attempt at the mail ends."""

from collections.abc import Iterator

import msgspec
import pytest
from twofold.actors.delivery import Delivered, Delivery, Paused, Refused, TryAgain
from twofold.actors.email import Email

from tests.doubles.mailing import ANNA, BERT, CARA, SHOP, attempt, effect, mailing, result_of
from tests.doubles.smtp_server import DROP, HANG, ScriptedSmtp, smtp_server

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with smtp_server() as scripted:
        yield scripted


async def test_an_accepted_mail_has_its_envelope_its_id_and_the_servers_words(server: ScriptedSmtp) -> None:
    delivery = await attempt(server, Email(f"Anna <{ANNA}>", "Grüße", "Thank you.", cc=(BERT, ANNA)))

    words = "250 Ok 0100-42"
    assert result_of(delivery) == {"accepted": {ANNA: words, BERT: words}, "refused": {}, "waiting": {}}
    [mail] = server.received
    assert (mail.sender, mail.recipients) == (SHOP, [ANNA, BERT])
    assert mail.message["Message-ID"] == f"<{'e' * 32}@example.org>"
    assert mail.message["X-Twofold-Effect"] == "e" * 32
    assert mail.message["Subject"] == "Grüße"


@pytest.mark.parametrize(
    ("asked", "reply", "expected"),
    [
        ("greeting", "421 too many connections", TryAgain("421 too many connections", slow_down=True)),
        ("greeting", "451 busy", TryAgain("451 busy", slow_down=True)),
        ("greeting", "554 no service for you", Paused("554 no service for you")),
        ("greeting", "550 your network is blocked", Paused("550 your network is blocked")),
        ("EHLO", "421 later", TryAgain("421 later", slow_down=True)),
        ("MAIL", "421 closing", TryAgain("421 closing", slow_down=True)),
        ("MAIL", "450 busy", TryAgain("450 busy")),
        ("MAIL", "451 error", TryAgain("451 error")),
        ("MAIL", "452 no room", TryAgain("452 no room")),
        ("MAIL", "454 throttled", TryAgain("454 throttled", slow_down=True)),
        ("MAIL", "530 log in first", Paused("530 log in first")),
        ("MAIL", "534 stronger", Paused("534 stronger")),
        ("MAIL", "535 who", Paused("535 who")),
        ("MAIL", "538 encrypt", Paused("538 encrypt")),
        ("MAIL", "554 not from here", Paused("554 not from here")),
        ("MAIL", "552 too large", Refused("552 too large")),
        ("MAIL", "553 no such sender", Refused("553 no such sender")),
        (f"RCPT {ANNA}", "530 log in first", Paused("530 log in first")),
        (f"RCPT {ANNA}", "421 closing", TryAgain("421 closing", slow_down=True)),
        (f"RCPT {ANNA}", "550 no such user", Refused(f"{ANNA}: 550 no such user")),
        (f"RCPT {ANNA}", "554 relay denied", Refused(f"{ANNA}: 554 relay denied")),
        ("DATA", "451 error", TryAgain("451 error")),
        ("DATA", "554 no valid recipients", Refused("554 no valid recipients")),
        ("content", "421 closing", TryAgain("421 closing", slow_down=True)),
        ("content", "451 Temporary service failure", TryAgain("451 Temporary service failure")),
        ("content", "454 Throttling failure: rate", TryAgain("454 Throttling failure: rate", slow_down=True)),
        ("content", "550 spam", Refused("550 spam")),
        ("content", "554 Transaction failed", Refused("554 Transaction failed")),
        ("content", "554 Message rejected: no", Refused("554 Message rejected: no")),
        ("content", "554 Access denied: not for you", Paused("554 Access denied: not for you")),
        (
            "content",
            f"554 Message rejected: Email address is not verified: {SHOP}",
            Paused(f"554 Message rejected: Email address is not verified: {SHOP}"),
        ),
        (
            "content",
            f"554 Message rejected: Email address is not verified: {ANNA}",
            Refused(f"554 Message rejected: Email address is not verified: {ANNA}"),
        ),
    ],
)
async def test_each_reply_ends_the_attempt_as_the_table_says(
    server: ScriptedSmtp, asked: str, reply: str, expected: Delivery
) -> None:
    server.script[asked] = reply
    assert await attempt(server) == expected
    assert server.received == []


@pytest.mark.parametrize("code", [450, 451, 452, 454])
async def test_a_recipient_refused_for_now_waits(server: ScriptedSmtp, code: int) -> None:
    server.script[f"RCPT {ANNA}"] = f"{code} later"
    delivery = await attempt(server)
    assert isinstance(delivery, TryAgain)
    assert delivery.slow_down is (code == 454)
    assert result_of(delivery)["waiting"] == {ANNA: f"{code} later"}


@pytest.mark.parametrize("how", [DROP, HANG])
@pytest.mark.parametrize("asked", ["greeting", "EHLO", "MAIL", f"RCPT {ANNA}"])
async def test_a_connection_that_breaks_before_the_content_slows_the_consumer(
    server: ScriptedSmtp, asked: str, how: str
) -> None:
    server.script[asked] = how
    delivery = await attempt(server, timeout=0.3)
    assert isinstance(delivery, TryAgain)
    assert delivery.slow_down
    assert server.received == []


@pytest.mark.parametrize("how", [DROP, HANG])
@pytest.mark.parametrize("asked", ["DATA", "content"])
async def test_a_connection_that_breaks_in_the_content_counts_as_an_attempt_at_that_mail(
    server: ScriptedSmtp, asked: str, how: str
) -> None:
    server.script[asked] = how
    delivery = await attempt(server, timeout=0.3)
    assert isinstance(delivery, TryAgain)
    assert not delivery.slow_down
    assert "unknown" in delivery.error


async def test_a_mail_taken_before_the_connection_broke_is_sent_again_with_the_same_id(server: ScriptedSmtp) -> None:
    server.script["content"] = [DROP]
    async with mailing(server) as mailer:
        [first] = await mailer.deliver([effect()])
        [second] = await mailer.deliver([effect(attempts=2)])
    assert isinstance(first, TryAgain)
    assert isinstance(second, Delivered)
    assert [mail.message["X-Twofold-Effect"] for mail in server.received] == ["e" * 32] * 2


async def test_a_server_that_is_not_there_slows_the_consumer() -> None:
    with smtp_server() as gone:
        pass
    delivery = await attempt(gone)
    assert isinstance(delivery, TryAgain)
    assert delivery.slow_down


async def test_a_name_that_does_not_resolve_slows_the_consumer(server: ScriptedSmtp) -> None:
    delivery = await attempt(server, host="mail.invalid", security="starttls")
    assert isinstance(delivery, TryAgain)
    assert delivery.slow_down


async def test_words_that_cannot_be_stored_are_replaced(server: ScriptedSmtp) -> None:
    server.script["greeting"] = "450-first\r\n450 \udcff\0second".encode("utf-8", "surrogateescape")  # type: ignore[assignment]
    delivery = await attempt(server)
    assert delivery == TryAgain("450 first ??second", slow_down=True)


async def test_those_refused_for_ever_are_named_and_the_others_get_the_mail(server: ScriptedSmtp) -> None:
    server.script[f"RCPT {BERT}"] = "550 no such user"
    delivery = await attempt(server, Email((ANNA, BERT), "s", "t"))
    assert isinstance(delivery, Delivered)
    assert result_of(delivery)["refused"] == {BERT: "550 no such user"}
    assert [mail.recipients for mail in server.received] == [[ANNA]]


async def test_only_those_refused_for_now_are_tried_again(server: ScriptedSmtp) -> None:
    email = Email((ANNA, BERT, CARA), "s", "t")
    server.script = {f"RCPT {BERT}": ["451 later"], f"RCPT {CARA}": ["550 no such user"]}
    async with mailing(server) as mailer:
        [first] = await mailer.deliver([effect(email)])
        assert isinstance(first, TryAgain)
        assert result_of(first)["waiting"] == {BERT: "451 later"}
        [second] = await mailer.deliver([effect(email, result=first.result, attempts=2)])

    assert isinstance(second, Delivered)
    assert [mail.recipients for mail in server.received] == [[ANNA], [BERT]]
    assert list(result_of(second)["accepted"]) == [ANNA, BERT]
    assert result_of(second)["refused"] == {CARA: "550 no such user"}
    assert server.received[1].message["To"] == f"{ANNA}, {BERT}, {CARA}"


async def test_a_failure_of_the_second_attempt_keeps_what_the_first_did(server: ScriptedSmtp) -> None:
    email = Email((ANNA, BERT), "s", "t")
    server.script = {f"RCPT {BERT}": ["451 later"], "content": [None, "550 spam"]}
    async with mailing(server) as mailer:
        [first] = await mailer.deliver([effect(email)])
        assert isinstance(first, TryAgain)
        [second] = await mailer.deliver([effect(email, result=first.result, attempts=2)])
    assert isinstance(second, Delivered)
    assert result_of(second)["refused"] == {BERT: "550 spam"}


async def test_an_operators_retry_asks_the_refused_again_and_not_those_who_have_it(server: ScriptedSmtp) -> None:
    email = Email((ANNA, BERT, CARA), "s", "t")
    kept = msgspec.json.encode({"accepted": {ANNA: "250 ok"}, "refused": {BERT: "550 no"}, "waiting": {CARA: "451"}})
    async with mailing(server) as mailer:
        await mailer.deliver([effect(email, result=kept.decode(), attempts=1)])
    assert [mail.recipients for mail in server.received] == [[BERT, CARA]]
