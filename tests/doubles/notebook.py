"""What is done with a notebook, which is a database of one table."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from twofold.stores.sqlite.transactions import transaction


def pragma(name: str) -> Callable[[sqlite3.Connection], object]:
    def work(connection: sqlite3.Connection) -> object:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    return work


def script(sql: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.executescript(sql)


def answering(answer: int) -> Callable[[sqlite3.Connection], int]:
    return lambda _: answer


def add_note(file: Path, text: str = "x") -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        with transaction(connection, file):
            connection.execute("INSERT INTO notes (text) VALUES (?)", (text,))

    return work


def count_notes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])


def assert_threads_end(before: list[threading.Thread]) -> None:
    """Wait for the threads of closed connections, which end on their own."""
    for thread in threading.enumerate():
        if thread not in before:
            thread.join(5)
            assert not thread.is_alive()
