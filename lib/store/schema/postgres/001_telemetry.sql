-- SPDX-License-Identifier: MIT
-- What a database gets that has nothing. An ev_telemetry that is there already (of the original
-- programs, say) has been brought to this form before: its columns, whatever their order, its rows.

CREATE TABLE IF NOT EXISTS ev_telemetry (
    time TIMESTAMPTZ NOT NULL,
    battery_id VARCHAR(50) NOT NULL,
    soc DOUBLE PRECISION,               -- percent
    soh DOUBLE PRECISION,               -- percent
    voltage DOUBLE PRECISION,           -- V
    current DOUBLE PRECISION,           -- A, > 0 discharges
    temperature DOUBLE PRECISION,       -- degC
    charge_cycles BIGINT,
    power_consumption DOUBLE PRECISION, -- W
    is_charging BOOLEAN,
    status VARCHAR(20),                 -- by the limits in force when the row was written
    rul_prediction DOUBLE PRECISION,    -- cycles
    failure_probability DOUBLE PRECISION,
    prediction_timestamp TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    seq BIGINT NOT NULL,
    sim_time_s DOUBLE PRECISION,
    resistance_mohm DOUBLE PRECISION,
    mean_temperature DOUBLE PRECISION,
    throughput_ah_per_day DOUBLE PRECISION,
    rul_low DOUBLE PRECISION,
    rul_high DOUBLE PRECISION,
    prediction_note TEXT,               -- why there is no prediction
    model_version TEXT,
    revision BIGINT NOT NULL            -- store-wide, in commit order; grows with every change of the row
);

-- It contains time, as TimescaleDB asks. It also serves "the newest rows of a battery".
CREATE UNIQUE INDEX ev_telemetry_key ON ev_telemetry (battery_id, time, seq);
CREATE INDEX ev_telemetry_revision ON ev_telemetry (revision);
-- rows that wait for a prediction, battery by battery in ascending time
CREATE INDEX ev_telemetry_unpredicted ON ev_telemetry (battery_id, time, seq)
    WHERE prediction_timestamp IS NULL;

-- revision = ((number of the writing transaction + transaction_offset) << 20) + a number within it:
-- the offset makes up for a cluster that counts from less than where the rows came from.
CREATE TABLE ev_revision (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    transaction_offset BIGINT NOT NULL
);
INSERT INTO ev_revision VALUES (1, 0);

-- seq of rows of other programs, and the low bits of their revisions
CREATE SEQUENCE IF NOT EXISTS ev_seq;

CREATE TABLE ev_threshold (
    rowid BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL CHECK (kind IN ('status', 'alert', 'display')),
    quantity TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('NORMAL', 'WARNING', 'CRITICAL')),
    operator TEXT NOT NULL CHECK (operator IN ('<', '>')),
    "limit" DOUBLE PRECISION NOT NULL,
    UNIQUE (kind, quantity, level, operator)
);

-- the standing prediction of a battery: the key of its newest row that has one, or a note
CREATE TABLE ev_battery (
    battery_id TEXT PRIMARY KEY,
    predicted_time TIMESTAMPTZ NOT NULL,
    predicted_seq BIGINT NOT NULL
);

-- the health of a battery: what it remembers from row to row, and how often it is heard of
CREATE TABLE ev_health (
    battery_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,       -- NORMAL, WARNING or CRITICAL by the limits below, when last written
    since TIMESTAMPTZ,          -- time of the row that made it so
    broken TEXT NOT NULL,       -- the limits that are broken until a value is back by the margin
    time TIMESTAMPTZ,           -- of the newest row judged
    predicted_time TIMESTAMPTZ, -- of the newest row whose prediction was judged
    arrived_at TIMESTAMPTZ,     -- when rows of it came last, and how long between such arrivals
    interval_s DOUBLE PRECISION,
    predicted_at TIMESTAMPTZ,   -- the same of predictions
    prediction_interval_s DOUBLE PRECISION
);

-- the state of a battery's prediction session, up to its row of that time and seq
CREATE TABLE ev_state (
    battery_id TEXT PRIMARY KEY,
    time TIMESTAMPTZ,
    seq BIGINT,
    state TEXT NOT NULL
);

-- held-out scores of the models that predicted here, one row a target, in the order they were put
CREATE TABLE ev_model (
    rowid BIGINT GENERATED ALWAYS AS IDENTITY,
    model_version TEXT NOT NULL,
    target TEXT NOT NULL,
    trained_at TIMESTAMPTZ,
    r2 DOUBLE PRECISION,
    rmse DOUBLE PRECISION,
    mae DOUBLE PRECISION,
    auc DOUBLE PRECISION,
    average_precision DOUBLE PRECISION,
    accuracy DOUBLE PRECISION,
    brier DOUBLE PRECISION,
    put_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (model_version, target)
);

-- how far each source has been read into here
CREATE TABLE ev_position (
    source TEXT PRIMARY KEY,
    position TEXT NOT NULL
);

-- which handle writes a battery: its number, whose advisory lock it holds while it lives
CREATE TABLE ev_writer (
    battery_id TEXT PRIMARY KEY,
    writer BIGINT NOT NULL
);
CREATE SEQUENCE ev_writer_number;

-- records that no row could be made of
CREATE TABLE ev_dead_letter (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at TIMESTAMPTZ NOT NULL,
    source TEXT,
    place TEXT,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    raw BYTEA
);
