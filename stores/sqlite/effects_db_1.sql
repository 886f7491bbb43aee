-- The effect ledger: what each consumer has to do outside, how that stands, and up to which event it was entered.

CREATE TABLE consumers (
    name   TEXT    PRIMARY KEY,
    cursor INTEGER NOT NULL,           -- the position of the newest event whose effects are here
    paused TEXT                        -- why nothing is sent; NULL where it is
) STRICT, WITHOUT ROWID;

CREATE TABLE effects (
    effect_id TEXT    PRIMARY KEY,
    consumer  TEXT    NOT NULL,
    position  INTEGER NOT NULL,
    ordinal   INTEGER NOT NULL,
    stream    TEXT    NOT NULL,
    payload   TEXT    NOT NULL,        -- JSON; empty for a user's own consumer
    state     TEXT    NOT NULL CHECK (state IN ('pending', 'sending', 'retry', 'done', 'parked', 'discarded')),
    attempts  INTEGER NOT NULL,
    error     TEXT,
    result    TEXT,                    -- JSON
    changed   INTEGER NOT NULL,        -- microseconds since the Unix epoch, UTC
    UNIQUE (consumer, position, ordinal)
) STRICT;

-- These two hold each effect once between them, and its state, so that counting reads no payload.

CREATE INDEX unfinished ON effects (consumer, position, ordinal, state) WHERE state NOT IN ('done', 'discarded');

CREATE INDEX finished ON effects (consumer, state, changed) WHERE state IN ('done', 'discarded');
