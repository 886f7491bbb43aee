-- The consumers of effects, each with the position that it started behind: whose ledger must not be missing.

CREATE TABLE consumers (
    name  TEXT    PRIMARY KEY,
    start INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
