-- How often an effect failed by itself, which parks it in the end, and when what waits is tried again.

-- Of what an older version left nobody knows it: counted from 0, it is parked later than it might be, and never earlier.
ALTER TABLE effects ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

-- Microseconds since the Unix epoch, UTC, for an effect in state 'retry'. For people: no timer reads it.
ALTER TABLE effects ADD COLUMN due INTEGER;

-- Until when the other side has slowed all of a consumer down; NULL where it has not. For people, as above.
ALTER TABLE consumers ADD COLUMN held_until INTEGER;
