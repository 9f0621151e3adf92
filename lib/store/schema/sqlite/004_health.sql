-- SPDX-License-Identifier: MIT
-- The health of a battery: what it remembers from row to row, and how often it is heard of.

CREATE TABLE ev_health (
    battery_id TEXT PRIMARY KEY,
    status TEXT NOT NULL, -- NORMAL, WARNING or CRITICAL by the limits below, when last written
    since TEXT,           -- time of the row that made it so
    broken TEXT NOT NULL, -- the limits that are broken until a value is back by the margin
    time TEXT,            -- of the newest row judged
    predicted_time TEXT,  -- of the newest row whose prediction was judged
    arrived_at TEXT,      -- when rows of it came last, and how long between such arrivals
    interval_s REAL,
    predicted_at TEXT,    -- the same of predictions
    prediction_interval_s REAL
) STRICT, WITHOUT ROWID;
