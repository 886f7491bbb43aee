"""Registering consumers of effects: every mistake is told at once, and a consumer that fits is kept as it was said."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from twofold import App, Email, EventMeta, Purge, RegistrationError, Retry

from tests.doubles.accounts import AccountClosed, AccountOpened, Deposited, OpenAccount, accounts_app


def mail(event: AccountOpened | Deposited, meta: EventMeta) -> Email | None:
    raise AssertionError("a registration calls nothing")


def page(event: AccountOpened, meta: EventMeta) -> Purge:
    raise AssertionError("a registration calls nothing")


async def call(event: AccountClosed, meta: EventMeta) -> None: ...


async def mails_later(event: AccountOpened, meta: EventMeta) -> Email:
    raise AssertionError("a registration calls nothing")


async def streams_mails(event: AccountOpened, meta: EventMeta) -> AsyncIterator[Email]:
    yield Email(to="a@example.com", subject="", text="")


def without_meta(event: AccountOpened) -> Email:
    raise AssertionError("a registration calls nothing")


def with_more(event: AccountOpened, meta: EventMeta, more: int) -> Email:
    raise AssertionError("a registration calls nothing")


def of_a_command(event: OpenAccount, meta: EventMeta) -> Email:
    raise AssertionError("a registration calls nothing")


def without_annotations(event, meta):  # type: ignore[no-untyped-def]
    raise AssertionError("a registration calls nothing")


def meta_is_no_meta(event: AccountOpened, meta: str) -> Email:
    raise AssertionError("a registration calls nothing")


Register = Callable[[App], Callable[[Any], Any]]

MISTAKES: dict[str, tuple[Register, Any, str]] = {
    "an email that is async": (lambda app: app.email("x"), mails_later, "mails_later.*plain `def`"),
    "an email that is an async generator": (lambda app: app.email("x"), streams_mails, "streams_mails.*plain `def`"),
    "a consumer that is no async def": (lambda app: app.consumer("x"), mail, "`async def`"),
    "no meta": (lambda app: app.email("x"), without_meta, "without_meta"),
    "a third parameter": (lambda app: app.email("x"), with_more, "with_more"),
    "a command": (lambda app: app.email("x"), of_a_command, "OpenAccount"),
    "no annotations": (lambda app: app.email("x"), without_annotations, "without_annotations"),
    "a meta of another type": (lambda app: app.email("x"), meta_is_no_meta, "meta: EventMeta"),
    "a name that is none": (lambda app: app.email("not a name\n"), mail, "name"),
    "no concurrency": (lambda app: app.email("x", concurrency=0), mail, "never sends"),
    "no rate": (lambda app: app.consumer("x", rate=0.0), call, "never sends"),
    "a rate that is no number": (lambda app: app.consumer("x", rate=float("nan")), call, "never sends"),
    "a retry that is none": (
        lambda app: app.email("x", retry="5s"),  # type: ignore[arg-type]
        mail,
        r'retry is a `Retry`, such as Retry\("5s"\)',
    ),
    "no time": (lambda app: app.consumer("x", timeout="0s"), call, "never sends"),
}


@pytest.mark.parametrize(("register", "function", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_function(register: Register, function: Any, words: str) -> None:
    with pytest.raises(RegistrationError, match=words):
        register(accounts_app())(function)


def test_a_name_is_taken_once_by_whatever_kind_of_consumer() -> None:
    app = accounts_app()
    app.email("news")(mail)
    with pytest.raises(RegistrationError, match="'news' already"):
        app.purge("news")
    with pytest.raises(RegistrationError, match="'news' already"):
        app.consumer("news")


@pytest.mark.parametrize("duration", ["soon", "1", "-1s"])
def test_a_duration_that_is_none_is_refused(duration: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        accounts_app().purge("pages", window=duration)
    with pytest.raises(ValueError, match="duration"):
        accounts_app().consumer("calls", timeout=duration)


def test_an_email_keeps_the_order_of_its_stream_and_the_function_stays_as_it_is() -> None:
    app, retry = accounts_app(), Retry("2s", "1m", attempts=3)
    assert app.email("mails", retry=retry, at_most_once=True, concurrency=4, from_start=True)(mail) is mail
    made = app.domain().effects["mails"]
    assert made.events == {"account.opened", "account.deposited"}
    assert (made.kind, made.retry, made.at_most_once, made.concurrency) == ("email", retry, True, 4)
    assert (made.by_stream, made.after_projection, made.from_start) == (True, False, True)


def test_a_purge_follows_the_projection_and_needs_no_order() -> None:
    app = accounts_app()
    app.purge("pages", window="250ms")(page)
    made = app.domain().effects["pages"]
    assert (made.kind, made.by_stream, made.after_projection, made.window) == ("purge", False, True, 0.25)
    assert made.from_start is False


def test_a_consumer_of_ones_own_is_what_it_was_said_to_be() -> None:
    app = accounts_app()
    app.consumer("calls", ordered=False, after_projection=True, rate=2.5, timeout="5s")(call)
    made = app.domain().effects["calls"]
    assert (made.kind, set(made.events), made.by_stream) == ("call", {"account.closed"}, False)
    assert (made.after_projection, made.rate, made.timeout, made.window) == (True, 2.5, 5.0, 0.0)


def test_a_decorator_without_its_name_is_told_with_its_function() -> None:
    app = accounts_app()
    decorators: list[Any] = [app.email, app.purge, app.consumer, app.query]
    for decorator in decorators:
        with pytest.raises(RegistrationError, match=r"mail \(.*: a (consumer|query) has a name, in parentheses"):
            decorator(mail)
