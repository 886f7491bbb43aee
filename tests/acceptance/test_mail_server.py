"""A mail server that refuses, locks out or is gone, met through the command line: what waits, and how it is mended."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twofold.runtime.cli.exit_codes import ExitCode

from tests.acceptance.drivers import check_verified
from tests.acceptance.invariants import has_tables
from tests.acceptance.mailed import effects_of, mail_config, received
from tests.doubles.command_line import CommandLine
from tests.doubles.pipe import Pipe
from tests.doubles.smtp_server import PASSWORD, ScriptedSmtp, smtp_server

pytestmark = pytest.mark.timeout(120)

NO_SUCH_USER = "550 5.1.1 No such user here"
LOCKED_OUT = "535 5.7.8 Credentials are not accepted"
GONE = "RCPT customer-3@example.com"


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with smtp_server(auth_require_tls=False) as server:
        yield server


@pytest.fixture
def shop(folder: Path, server: ScriptedSmtp) -> Iterator[CommandLine]:
    with CommandLine(folder / "data", mail_config(folder / "config.toml", server.port)) as shop:
        yield shop


def lines(*commands: dict[str, Any]) -> bytes:
    return "".join(json.dumps(command) + "\n" for command in commands).encode()


def order(number: int) -> dict[str, Any]:
    """Return an order of the customer of this number."""
    line = {"sku": "s1", "quantity": number, "unit_price": "2.5"}
    data = {"order_id": str(number), "country": "France", "customer": str(number), "lines": [line]}
    return {"type": "order.place", "id": f"order-{number}", "data": data}


def sent(shop: CommandLine, *commands: dict[str, Any]) -> None:
    """Send `commands`, and return once all that can be delivered is."""
    done = shop.run("send", "-", "--wait", "projected", "--settle", "--json", stdin=lines(*commands))
    assert done.code == ExitCode.DONE, done
    assert done.answer["outcomes"].get("handled", 0) == done.answer["lines"] == len(commands)


def consumer(shop: CommandLine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in shop.run("status", "--json").answer["consumers"] if each["name"] == name
    )
    return found


def test_a_refused_address_parks_its_own_mail_until_an_operator_has_it_sent_again(
    shop: CommandLine, server: ScriptedSmtp
) -> None:
    server.script[GONE] = NO_SUCH_USER
    sent(shop, *map(order, range(1, 8)))
    assert sorted(mail.recipients[0] for mail in server.received) == [
        f"customer-{number}@example.com" for number in (1, 2, 4, 5, 6, 7)
    ]
    (parked,) = effects_of(shop, "parked")
    assert (parked["stream"], parked["attempts"]) == ("order-3", 1)
    assert NO_SUCH_USER in parked["error"]
    shown = shop.run("effects", "list", "--state", "parked").out
    assert parked["effect_id"] in shown
    assert NO_SUCH_USER in shown

    still = shop.run("effects", "retry", parked["effect_id"])
    assert still.code == ExitCode.NOT_DONE
    assert "1 parked once more" in still.out

    server.script.clear()
    retried = shop.run("effects", "retry", parked["effect_id"])
    assert retried.code == ExitCode.DONE, retried
    assert received(server)[6:] == [parked["effect_id"]]
    done = next(effect for effect in effects_of(shop, "done") if effect["stream"] == "order-3")
    assert (done["effect_id"], done["state"]) == (parked["effect_id"], "done")
    assert effects_of(shop, "pending", "sending", "retry", "parked", "discarded") == []
    sent(shop)
    assert len(server.received) == 7, "nothing is sent again by a later start"
    check_verified(shop)


def test_a_parked_mail_is_given_up_for_good(shop: CommandLine, server: ScriptedSmtp) -> None:
    server.script[GONE] = NO_SUCH_USER
    sent(shop, order(2), order(3))
    (parked,) = effects_of(shop, "parked")
    server.script.clear()
    given_up = shop.run("effects", "discard", parked["effect_id"])
    assert given_up.code == ExitCode.DONE, given_up
    (discarded,) = effects_of(shop, "discarded")
    assert discarded["effect_id"] == parked["effect_id"]
    sent(shop, order(4))
    assert [mail.recipients for mail in server.received] == [["customer-2@example.com"], ["customer-4@example.com"]]
    check_verified(shop)


def test_behind_a_parked_mail_later_ones_of_its_own_stream_wait_in_their_order(
    folder: Path, server: ScriptedSmtp
) -> None:
    config = mail_config(folder / "config.toml", server.port, "tests.acceptance.letters:app")
    bank = CommandLine(folder / "data", config)

    def opened(account: str) -> dict[str, Any]:
        return {"type": "account.open", "data": {"account": account, "owner": account}}

    def deposit(account: str) -> dict[str, Any]:
        return {"type": "account.deposit", "data": {"account": account, "amount": "1"}}

    server.script["RCPT ada@example.com"] = NO_SUCH_USER
    sent(bank, opened("ada"), opened("bo"), deposit("ada"), deposit("bo"))
    sent(bank, deposit("ada"), deposit("bo"))
    assert [mail.message["Subject"] for mail in server.received] == ["bo 1", "bo 2", "bo 3"]
    (parked,) = effects_of(bank, "parked")
    assert [effect["stream"] for effect in effects_of(bank, "pending")] == ["account-ada"] * 2
    assert server.asked.count("RCPT ada@example.com") == 1, "those behind it were not even tried"

    server.script.clear()
    assert bank.run("effects", "retry", parked["effect_id"]).code == ExitCode.DONE
    assert [mail.message["Subject"] for mail in server.received[3:]] == ["ada 1", "ada 2", "ada 3"]
    check_verified(bank)


def test_a_login_that_is_refused_pauses_the_consumer_until_it_is_resumed(folder: Path, server: ScriptedSmtp) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    secret.chmod(0o600)
    login = 'username = "shop"\npassword = { file = "password" }\n'
    shop = CommandLine(folder / "data", mail_config(folder / "config.toml", server.port, login=login))
    server.script["AUTH"] = LOCKED_OUT
    reprice = {"type": "product.reprice", "data": {"sku": "s1", "price": "2.5"}}
    sent(shop, *map(order, range(1, 8)), reprice)
    assert server.received == []
    paused = consumer(shop, "order-confirmation")
    assert LOCKED_OUT in paused["paused"]
    assert paused["effects"]["done"] == paused["effects"]["parked"] == 0
    said = shop.run("status").out
    assert f"paused: {paused['paused']}; mend it, then: twofold effects resume order-confirmation" in said
    assert (consumer(shop, "product-pages")["paused"], consumer(shop, "product-pages")["effects"]["done"]) == (None, 1)

    tries = server.asked.count("AUTH")
    sent(shop, order(8))
    assert server.asked.count("AUTH") == tries, "it stays paused over a start, and locks no account by trying"

    too_early = shop.run("effects", "resume", "order-confirmation")
    assert (too_early.code, "It is paused again: " in too_early.out) == (ExitCode.NOT_DONE, True), too_early

    server.script.clear()
    resumed = shop.run("effects", "resume", "order-confirmation")
    assert resumed.code == ExitCode.DONE, resumed
    assert resumed.out == "order-confirmation goes on; it had 8 effects to send, and now has none\n"
    assert sorted(mail.recipients[0] for mail in server.received) == [
        f"customer-{number}@example.com" for number in range(1, 9)
    ]
    assert consumer(shop, "order-confirmation")["paused"] is None
    assert {effect["state"] for effect in effects_of(shop)} == {"done"}
    assert PASSWORD not in said + resumed.out + resumed.err
    check_verified(shop)


def test_while_no_server_listens_commands_go_on_and_mails_wait_for_one_that_does(folder: Path) -> None:
    with socket.socket() as nobody, Pipe() as pipe:
        nobody.bind(("127.0.0.1", 0))  # a port that is taken, and at which nothing listens
        config = mail_config(folder / "down.toml", nobody.getsockname()[1])
        with CommandLine(folder / "data", config) as shop:
            process = shop.start("send", "-", "--wait", "projected", "--json", stdin=pipe.reading)
            pipe.write(lines(*map(order, range(1, 101))))
            process.until(lambda: has_tables(shop.data / "effects.db") and effects_of(shop, "retry") != [])
            pipe.write(lines(*map(order, range(101, 201))))
            pipe.close()
            summary = process.finished().answer
    assert (summary["outcomes"], summary["timed_out"], summary["unanswered"]) == ({"handled": 200}, 0, [])
    status = shop.run("status", "--json").answer
    assert (status["handled"], status["head"], status["projected"]) == (200, 200, 200)
    waiting = effects_of(shop)
    assert len(waiting) == 200
    assert {effect["state"] for effect in waiting} == {"pending", "retry"}
    check_verified(shop)

    with smtp_server() as server:
        shop = CommandLine(folder / "data", mail_config(folder / "up.toml", server.port))
        sent(shop)
        assert Counter(received(server)) == dict.fromkeys((effect["effect_id"] for effect in waiting), 1)
        assert {effect["state"] for effect in effects_of(shop)} == {"done"}
        check_verified(shop)
