-- SPDX-License-Identifier: MIT
-- Alerts: raised, acknowledged, cleared; kept as long as rows.

CREATE TABLE ev_alert (
    id BIGINT PRIMARY KEY,   -- in the order they were raised
    change BIGINT NOT NULL,  -- grows with every change of any alert, in commit order
    battery_id TEXT NOT NULL,
    rule TEXT NOT NULL,      -- 'soc < 15 CRITICAL', 'silent', 'no_predictions'
    quantity TEXT,           -- of a limit, with operator and limit
    operator TEXT,
    "limit" DOUBLE PRECISION,
    level TEXT NOT NULL,
    raised_at TIMESTAMPTZ NOT NULL,
    acknowledged_at TIMESTAMPTZ,
    acknowledged_by TEXT,
    cleared_at TIMESTAMPTZ,
    value DOUBLE PRECISION,  -- when it was raised
    worst DOUBLE PRECISION,  -- so far
    text TEXT NOT NULL,
    webhook BIGINT,          -- what was delivered: 0 nothing, 1 that it was raised, 2 all; NULL: not wanted
    mail BIGINT
);

CREATE UNIQUE INDEX ev_alert_open ON ev_alert (battery_id, rule) WHERE cleared_at IS NULL;
CREATE INDEX ev_alert_battery ON ev_alert (battery_id, id);
CREATE INDEX ev_alert_change ON ev_alert (change);

-- who writes alerts, and until when by the server's clock if it is not heard of again
CREATE TABLE ev_alert_writer (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    holder TEXT,
    held_until TIMESTAMPTZ,
    change BIGINT NOT NULL -- the last one given out
);

INSERT INTO ev_alert_writer (id, holder, held_until, change) VALUES (1, NULL, NULL, 0);
