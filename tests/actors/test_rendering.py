"""What a consumer makes of events: each rendered once, and a bug parks its own event's effect and nothing else."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from twofold import App, Email, EventMeta, Purge
from twofold.actors.rendering import render
from twofold.stores.effect_records import Effect, effect_id
from twofold.stores.errors import TwofoldError
from twofold.stores.records import GENESIS, EventRecord

from tests.doubles.accounts import AccountOpened, accounts_app
from tests.doubles.consuming import sealed


class Unspeakable(Exception):
    """An error that fails in the telling."""

    def __repr__(self) -> str:
        raise RuntimeError


class Halved(TwofoldError):
    """An error whose text no file can hold."""

    def __str__(self) -> str:
        return "half \udc80"


def mail(to: str = "ada@example.com") -> Email:
    return Email(to=to, subject="Hello", text="Hello")


def mails_of(make: Callable[[str], Any]) -> App:
    app = accounts_app()

    @app.email("mails")
    def mails(event: AccountOpened, meta: EventMeta) -> Any:
        return make(meta.key)

    return app


def rendered(app: App, events: list[EventRecord], name: str = "mails") -> list[Effect]:
    return render(app.domain(), app.domain().effects[name], events)


def test_an_event_makes_no_effect_one_or_several_each_with_its_own_stable_id() -> None:
    made = {"none": None, "one": mail(), "two": [mail(), mail("bo@example.com")], "empty": ()}
    events = sealed(GENESIS, *made)
    effects = rendered(mails_of(made.get), events)
    assert [(each.position, each.ordinal, each.parked) for each in effects] == [
        (2, 0, None),
        (3, 0, None),
        (3, 1, None),
    ]
    ids = [each.effect_id for each in effects]
    assert ids == [effect_id("mails", each.position, events[each.position - 1].hash, each.ordinal) for each in effects]
    assert ids == sorted(set(ids))
    assert msgspec.json.decode(effects[2].payload, type=Email).to == "bo@example.com"
    assert effects[2].stream == "account-two"


def generator_that_raises() -> Any:
    yield mail()
    raise ValueError("too late")


def raises(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: raises(ValueError("a bug")), "a bug"),
        (lambda: raises(Unspeakable()), "Unspeakable"),
        (lambda: raises(Halved()), "half \\udc80"),
        (lambda: raises(ValueError("x" * 1_000_000)), "xxx"),
        (generator_that_raises, "too late"),
        (lambda: "a text", "returned 'a'"),
        (lambda: 5, "not iterable"),
        (lambda: [mail(), None], "returned None"),
        (lambda: Purge(urls=("/",)), "mails makes emails"),
        (lambda: mail("nobody"), "to"),
        (lambda: mail("a@example.com, b@example.com"), "to"),
        (lambda: [mail(), mail("a@example.com\nBcc: b@example.com")], "to"),
        (lambda: Email(to="a@example.com", subject=None, text=""), "type"),  # type: ignore[arg-type]
    ],
)
def test_what_can_never_be_sent_parks_its_own_event_and_nothing_else(make: Callable[[], Any], reason: str) -> None:
    effects = rendered(mails_of(lambda key: make() if key == "bad" else mail()), sealed(GENESIS, "1", "bad", "3"))
    assert [(each.position, each.ordinal, each.parked is None) for each in effects] == [
        (1, 0, True),
        (2, 0, False),
        (3, 0, True),
    ]
    assert reason in (effects[1].parked or "")
    assert len((effects[1].parked or "").encode()) <= 4000, "it goes into the ledger as it is"


def test_an_event_that_does_not_decode_is_parked() -> None:
    (event,) = sealed(GENESIS, "1")
    (effect,) = rendered(mails_of(lambda _: mail()), [msgspec.structs.replace(event, data='{"owner":5}')])
    assert effect.parked is not None


def test_an_erased_event_makes_no_effect_for_anybody() -> None:
    app = mails_of(lambda _: mail())

    @app.consumer("calls")
    async def calls(event: AccountOpened, meta: EventMeta) -> None: ...

    (event,) = sealed(GENESIS, "1")
    erased = msgspec.structs.replace(event, data=None)
    assert rendered(app, [erased]) == []
    assert rendered(app, [erased], "calls") == []


def test_an_event_that_the_consumer_did_not_name_makes_nothing() -> None:
    (event,) = sealed(GENESIS, "1")
    other = msgspec.structs.replace(event, type="account.closed", data="{}")
    assert rendered(mails_of(lambda _: mail()), [other]) == []


def test_a_purge_is_checked_as_an_email_is() -> None:
    app = accounts_app()

    @app.purge("pages")
    def pages(event: AccountOpened, meta: EventMeta) -> Purge:
        return Purge(urls=(f"/{meta.key}",))

    good, bad = rendered(app, sealed(GENESIS, "1", "a space"), "pages")
    assert (good.parked, msgspec.json.decode(good.payload)) == (None, {"urls": ["/1"]})
    assert "space" in (bad.parked or "")
