-- SPDX-License-Identifier: MIT
-- A clock of the store's own, by which the retention goes: time really elapsed, whatever the clock on
-- the wall says.

-- clock_us: how long the store has been known to exist when revision was given out; boot, uptime_us:
-- which start of the machine that was, and how long after it
ALTER TABLE ev_revision ADD COLUMN clock_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ev_revision ADD COLUMN boot TEXT NOT NULL DEFAULT '';
ALTER TABLE ev_revision ADD COLUMN uptime_us INTEGER NOT NULL DEFAULT 0;

-- the last revision given out by then: tells the age of rows
CREATE TABLE ev_mark (
    clock_us INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;
