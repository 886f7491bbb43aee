"""An event whose type is registered no more is not skipped in silence: whoever follows the history stops there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from twofold import App, Config, Context, EventMeta, Purge, ReadDb, Runtime, Statement, sql
from twofold.runtime.config import DataSettings

from tests.doubles.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


class Borrow(Struct, frozen=True):
    book: str


class Borrowed(Struct, frozen=True):
    book: str


class Book(Struct, frozen=True):
    borrowed: int = 0


def library(wire_name: str, projection_version: int) -> App:
    app = App("library")
    book = app.decider("book", Book, key="book", commands={"book.borrow": Borrow}, events={wire_name: Borrowed})

    @book.decide
    def decide(state: Book, command: Borrow, context: Context) -> list[Borrowed]:
        return [Borrowed(command.book)]

    @book.evolve
    def evolve(state: Book, event: Borrowed) -> Book:
        return Book(state.borrowed + 1)

    loans = app.projection("loans", version=projection_version, schema="CREATE TABLE loans(book TEXT) STRICT")

    @loans.on
    def borrowed(event: Borrowed, meta: EventMeta) -> Iterator[Statement]:
        yield sql("INSERT INTO loans VALUES (?)", event.book)

    @app.query("loans")
    async def all_loans(db: ReadDb) -> list[str]:
        return [row[0] for row in await db.rows("SELECT book FROM loans")]

    @app.purge("pages", from_start=True)
    def page(event: Borrowed, meta: EventMeta) -> Purge:
        return Purge(urls=(f"/books/{meta.key}",))

    return app


async def test_a_rebuild_stops_at_an_event_whose_type_was_renamed_and_goes_on_once_it_is_back(tmp_path: Path) -> None:
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    async with Runtime(library("book.borrowed", 1), config) as runtime:
        await runtime.submit(Borrow("1"), wait="projected")
    async with Runtime(library("book.lent", 2), config) as runtime:
        await until(lambda: runtime.statistics()[2].state == "halted")
        failure = runtime.statistics()[2].failure
        assert failure is not None
        assert "position 1 in book-1 is a 'book.borrowed', which no decider registers any more" in failure
    async with Runtime(library("book.borrowed", 3), config) as runtime:
        await runtime.settled()
        assert (await runtime.query("loans")).value == ["1"]


async def test_a_new_consumer_stops_at_an_event_whose_type_was_renamed(tmp_path: Path) -> None:
    config = Config(data=DataSettings(dir=tmp_path / "data"))
    app = library("book.borrowed", 1)
    app._effects.clear()
    async with Runtime(app, config) as runtime:
        await runtime.submit(Borrow("1"), wait="projected")
    async with Runtime(library("book.lent", 1), config) as runtime:
        await until(lambda: runtime.statistics()[3].state == "halted")
