"""DBOS with its default, SQLite: a durable workflow for each command, with one transaction in it.

A command starts a workflow under the command's id, of which DBOS records the input before it runs, so that it is
finished after a crash and a resend has no second effect. Its one step is a transaction of a DBOS data source, which
validates, loads the stream's version and state, decides with the shop's own rules, and stores event, state and DBOS's
own note that the step is done. SQLite's `BEGIN IMMEDIATE` lets one writer in at a time, and the key (stream, version)
keeps it so. It keeps no read model.

Durability: DBOS leaves SQLite's defaults, `synchronous=FULL` and a rollback journal: each of the three or four
transactions a command (input, step, result) syncs.
Tuning: WAL, set once on both files before DBOS opens them, as SQLite's documentation advises; threads up to where the
one writer stops gaining. DBOS recommends PostgreSQL for production; SQLite is what it takes without being told.
What limits it: these transactions, through SQLAlchemy, one after the other.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID, SQLAlchemyDatasource

from benchmarks.shop_mix import Sent

from .driving import drive_threads
from .peer import PeerRun
from .rules import address, decide

__all__ = ["run"]

SCHEMA = """
CREATE TABLE streams (stream TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL);
CREATE TABLE events (
    position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
    data TEXT NOT NULL, command_id TEXT NOT NULL UNIQUE, UNIQUE (stream, version)
);
"""
LOAD = sa.text("SELECT version, state FROM streams WHERE stream = :stream")
APPEND = sa.text(
    "INSERT INTO events (stream, version, type, data, command_id) VALUES (:stream, :version, :type, :data, :command_id)"
)
SAVE = sa.text(
    """INSERT INTO streams VALUES (:stream, :version, :state)
       ON CONFLICT DO UPDATE SET version = excluded.version, state = excluded.state"""
)


def run(way: str, commands: Sequence[Sent], tasks: int, seconds: float, folder: Path) -> PeerRun:  # noqa: ARG001 one way
    """Run a workflow for each of `commands`."""
    system, events = folder / "dbos.db", folder / "events.db"
    for file in (system, events):
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            if file == events:
                connection.executescript(SCHEMA)
    config: DBOSConfig = {"name": "shop", "system_database_url": f"sqlite:///{system}", "log_level": "ERROR"}
    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS(config=config)
    database = SQLAlchemyDatasource.create(f"sqlite:///{events}")

    @database.transaction
    def decide_and_store(sent: Sent) -> bool:
        to = address(sent.command, str(sent.command_id))
        session = database.sql_session()
        row = session.execute(LOAD, {"stream": to.stream}).first()
        decided = decide(to, *((0, None) if row is None else row))
        if decided is None:
            return False
        session.execute(APPEND, decided._asdict())
        session.execute(SAVE, decided._asdict())
        return True

    @DBOS.workflow()
    def handle(sent: Sent) -> bool:
        return bool(decide_and_store(sent))

    def submit(sent: Sent) -> bool:
        with SetWorkflowID(str(sent.command_id)):
            return bool(handle(sent))

    def stored() -> int:
        with closing(sqlite3.connect(events)) as connection:
            [count] = connection.execute("SELECT count(*) FROM events").fetchone()
            return int(count)

    DBOS.launch()
    try:
        return drive_threads(commands, tasks, seconds, submit, stored)
    finally:
        DBOS.destroy()
