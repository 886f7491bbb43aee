-- The outcomes in the order of the log, to whose end each commit adds, with their ids in an index. Where they lay in the
-- order of their ids, an id that a client drew at random put its whole row on some other page of a large tree. An offset
-- alone names a command, since the embedded log has one partition.

CREATE TABLE outcomes_by_offset (
    command_id TEXT    NOT NULL,
    "offset"   INTEGER PRIMARY KEY,
    digest     BLOB    NOT NULL,
    status     TEXT    NOT NULL,
    stream     TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    faults     TEXT                    -- JSON; NULL where there are none
) STRICT;
INSERT INTO outcomes_by_offset
SELECT command_id, "offset", digest, status, stream, version, events, position, time, faults
FROM outcomes ORDER BY "offset";
DROP TABLE outcomes;
ALTER TABLE outcomes_by_offset RENAME TO outcomes;
CREATE UNIQUE INDEX outcomes_by_id ON outcomes (command_id);  -- made once all rows are there: it is sorted, and quick
