-- One generation of the read database: the projections that built it, and the position that it stands at.
-- The tables of the projections stand beside these; names that begin with twofold_ are ours.

CREATE TABLE twofold_cursor (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL
) STRICT;

INSERT INTO twofold_cursor VALUES (1, 0);

CREATE TABLE twofold_projections (
    name    TEXT    PRIMARY KEY,
    version INTEGER NOT NULL,
    digest  BLOB    NOT NULL            -- SHA-256 of the schema's SQL
) STRICT, WITHOUT ROWID;
