-- The write database: what happened, what is so now, what became of each command, and how far the log is handled.
-- A row of its own key alone lies in one tree (WITHOUT ROWID); the events, which are long, lie in a table by position.

CREATE TABLE events (
    position       INTEGER PRIMARY KEY,
    stream         TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    type           TEXT    NOT NULL,
    schema_version INTEGER NOT NULL,
    data           TEXT,               -- JSON; NULL once erased
    metadata       TEXT    NOT NULL,   -- JSON
    time           INTEGER NOT NULL,   -- microseconds since the Unix epoch, UTC
    digest         BLOB    NOT NULL,   -- SHA-256 of the data as it was written
    hash           BLOB    NOT NULL,   -- SHA-256 over the hash before, the envelope and the digest
    UNIQUE (stream, version)
) STRICT;

CREATE TABLE states (
    stream      TEXT    PRIMARY KEY,
    version     INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    data        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outcomes (
    command_id TEXT    PRIMARY KEY,
    "offset"   INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    status     TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    faults     TEXT                    -- JSON; NULL where there are none
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    stream TEXT NOT NULL,
    PRIMARY KEY (name, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors (
    name      TEXT    NOT NULL,
    partition INTEGER NOT NULL,
    value     INTEGER NOT NULL,
    PRIMARY KEY (name, partition)
) STRICT, WITHOUT ROWID;
