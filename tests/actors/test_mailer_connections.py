"""The connections over which mail goes: kept, replaced, encrypted, logged in, and at what rate."""

import shutil
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import anyio
import pytest
from twofold.actors.delivery import Delivered, Delivery, Paused, TryAgain
from twofold.actors.email import Email
from twofold.actors.mail_settings import InvalidMailSettings
from twofold.runtime.testing import VirtualClock

from tests.doubles.mailing import ANNA, BERT, CARA, attempt, effect, mailing, settings
from tests.doubles.smtp_server import HANG, PASSWORD, ScriptedSmtp, make_certificate, smtp_server
from tests.doubles.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with smtp_server() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not on this machine")
    return make_certificate(tmp_path_factory.mktemp("certificate"))


async def test_mails_go_over_connections_that_are_kept_and_closed_politely(server: ScriptedSmtp) -> None:
    async with mailing(server, connections=2) as mailer:
        for turn in range(5):
            await mailer.deliver([effect(name=f"{turn}a"), effect(name=f"{turn}b")])
    assert len(server.received) == 10
    assert server.connections <= 2
    assert server.asked.count("QUIT") == server.connections
    await until(lambda: not server.open)


async def test_no_more_connections_than_allowed_are_open(server: ScriptedSmtp) -> None:
    async with mailing(server, connections=2) as mailer:
        assert mailer.largest_call == 2
        await mailer.deliver([effect(name=str(number)) for number in range(12)])
    assert len(server.received) == 12
    assert server.connections <= 2


async def test_a_kept_connection_that_the_server_closed_is_replaced(server: ScriptedSmtp) -> None:
    async with mailing(server, connections=1) as mailer:
        await mailer.deliver([effect(name="first")])
        server.drop_open_connections()
        [delivery] = await mailer.deliver([effect(name="second")])
    assert isinstance(delivery, Delivered)
    assert (len(server.received), server.connections) == (2, 2)


async def test_a_refused_mail_leaves_nothing_behind_for_the_next_one(server: ScriptedSmtp) -> None:
    server.script["content"] = ["550 spam"]
    server.script[f"RCPT {BERT}"] = "550 no such user"
    async with mailing(server, connections=1) as mailer:
        await mailer.deliver([effect(Email((CARA,), "s", "t"), name="first")])
        await mailer.deliver([effect(Email((BERT,), "s", "t"), name="second")])
        [delivery] = await mailer.deliver([effect(name="third")])
    assert isinstance(delivery, Delivered)
    assert [mail.recipients for mail in server.received] == [[ANNA]]
    assert server.connections == 1


async def test_a_cancelled_attempt_leaves_no_connection(server: ScriptedSmtp) -> None:
    server.script["content"] = HANG
    async with mailing(server) as mailer, anyio.create_task_group() as tasks:
        tasks.start_soon(mailer.deliver, [effect()])
        await until(lambda: "DATA" in server.asked)
        tasks.cancel_scope.cancel()
    await until(lambda: not server.open)


async def test_mails_leave_at_the_rate_and_each_recipient_counts(server: ScriptedSmtp) -> None:
    clock = VirtualClock()
    async with mailing(server, clock, rate=2.0) as mailer, anyio.create_task_group() as tasks:
        await mailer.deliver([effect(Email((ANNA, BERT, CARA), "s", "t"))])
        tasks.start_soon(mailer.deliver, [effect(name="second")])
        await anyio.wait_all_tasks_blocked()
        clock.advance(1.4)
        await anyio.wait_all_tasks_blocked()
        assert len(server.received) == 1
        clock.advance(0.2)
        await until(lambda: len(server.received) == 2)


async def test_the_login_is_used_over_starttls_that_is_verified(certificate: tuple[ssl.SSLContext, Path]) -> None:
    context, vouches = certificate
    with smtp_server(tls_context=context, require_starttls=True, auth_required=True) as server:
        delivery = await attempt(server, security="starttls", ca_file=vouches, username="key", password=PASSWORD)
    assert isinstance(delivery, Delivered)
    assert len(server.received) == 1


async def test_mail_goes_over_tls_from_the_first_byte(certificate: tuple[ssl.SSLContext, Path]) -> None:
    context, vouches = certificate
    with smtp_server(ssl_context=context) as server:
        delivery = await attempt(server, security="tls", ca_file=vouches)
    assert isinstance(delivery, Delivered)
    assert len(server.received) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_pauses(
    certificate: tuple[ssl.SSLContext, Path], security: str
) -> None:
    context, _ = certificate
    with smtp_server(**{"tls_context" if security == "starttls" else "ssl_context": context}) as server:
        delivery = await attempt(server, security=security)
    assert isinstance(delivery, Paused)
    assert "certificate" in delivery.error.lower()
    assert "MAIL" not in server.asked


async def test_a_port_that_speaks_no_tls_pauses(server: ScriptedSmtp) -> None:
    assert isinstance(await attempt(server, security="tls"), Paused)


async def test_a_server_without_starttls_is_sent_nothing(server: ScriptedSmtp) -> None:
    delivery = await attempt(server, security="starttls", username="key", password=PASSWORD)
    assert isinstance(delivery, Paused)
    assert "offers no STARTTLS" in delivery.error
    assert server.asked == ["EHLO"]


@pytest.mark.parametrize(("reply", "kind"), [("454 TLS not available", TryAgain), ("502 no", Paused)])
async def test_a_refused_starttls_sends_nothing_either(
    certificate: tuple[ssl.SSLContext, Path], reply: str, kind: type[Delivery]
) -> None:
    context, vouches = certificate
    with smtp_server(tls_context=context) as server:
        server.script["STARTTLS"] = reply
        delivery = await attempt(server, security="starttls", ca_file=vouches)
    assert isinstance(delivery, kind)
    assert "MAIL" not in server.asked


async def test_a_wrong_password_pauses_and_is_not_shown() -> None:
    with smtp_server(auth_require_tls=False) as server:
        delivery = await attempt(server, username="key", password="a wrong one")
    assert isinstance(delivery, Paused)
    assert delivery.error.startswith("535")
    assert "a wrong one" not in repr(settings(server, username="key", password="a wrong one"))


async def test_a_login_that_fails_for_now_is_tried_again() -> None:
    with smtp_server(auth_require_tls=False) as server:
        server.script["AUTH"] = "454 4.7.0 Temporary authentication failure"
        delivery = await attempt(server, username="key", password=PASSWORD)
    assert isinstance(delivery, TryAgain)
    assert delivery.slow_down


async def test_a_server_without_login_pauses_where_there_is_one_to_use(server: ScriptedSmtp) -> None:
    assert isinstance(await attempt(server, username="key", password=PASSWORD), Paused)


async def test_a_missing_file_of_certificates_pauses(server: ScriptedSmtp, tmp_path: Path) -> None:
    delivery = await attempt(server, security="starttls", ca_file=tmp_path / "missing.pem")
    assert isinstance(delivery, Paused)
    assert "missing.pem" in delivery.error


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"host": "mail.example.com"}, "in the clear"),
        ({"host": None}, "needs mail.host"),
        ({"username": "key"}, "go together"),
    ],
)
async def test_settings_that_do_not_fit_together_are_refused(
    server: ScriptedSmtp, changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidMailSettings, match=named):
        settings(server, **changes)


def test_importing_the_mailer_does_not_load_what_sends() -> None:
    check = "import sys, twofold, twofold.actors.mailer; raise SystemExit('aiosmtplib' in sys.modules)"
    assert (
        run([sys.executable, "-c", check], check=False, timeout=30, env={"PYTHONPATH": ":".join(sys.path)}).returncode
        == 0
    )
