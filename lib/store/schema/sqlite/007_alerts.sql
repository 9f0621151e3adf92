-- SPDX-License-Identifier: MIT
-- Alerts: raised, acknowledged, cleared; kept as long as rows.

CREATE TABLE ev_alert (
    id INTEGER PRIMARY KEY,  -- in the order they were raised
    change INTEGER NOT NULL, -- grows with every change of any alert
    battery_id TEXT NOT NULL,
    rule TEXT NOT NULL,      -- 'soc < 15 CRITICAL', 'silent', 'no_predictions'
    quantity TEXT,           -- of a limit, with operator and limit
    operator TEXT,
    "limit" REAL,
    level TEXT NOT NULL,
    raised_at TEXT NOT NULL,
    acknowledged_at TEXT,
    acknowledged_by TEXT,
    cleared_at TEXT,
    value REAL,              -- when it was raised
    worst REAL,              -- so far
    text TEXT NOT NULL,
    webhook INTEGER,         -- what was delivered: 0 nothing, 1 that it was raised, 2 all; NULL: not wanted
    mail INTEGER
) STRICT;

CREATE UNIQUE INDEX ev_alert_open ON ev_alert (battery_id, rule) WHERE cleared_at IS NULL;
CREATE INDEX ev_alert_battery ON ev_alert (battery_id, id);
CREATE INDEX ev_alert_change ON ev_alert (change);

-- who writes alerts, and until when by the store's own clock if it is not heard of again
CREATE TABLE ev_alert_writer (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    holder TEXT,
    held_until_us INTEGER NOT NULL,
    change INTEGER NOT NULL -- the last one given out
) STRICT;

INSERT INTO ev_alert_writer (id, holder, held_until_us, change) VALUES (1, NULL, 0, 0);
