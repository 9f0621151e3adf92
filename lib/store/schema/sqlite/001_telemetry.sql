-- SPDX-License-Identifier: MIT
-- Telemetry, predictions, models: what 0.1.0 made. Never changed: 002 goes on from here.

CREATE TABLE ev_telemetry (
    time TEXT NOT NULL CHECK (length(time) = 27), -- YYYY-MM-DDThh:mm:ss.uuuuuuZ
    battery_id TEXT NOT NULL CHECK (length(battery_id) BETWEEN 1 AND 50),
    soc REAL,               -- percent
    soh REAL,               -- percent
    voltage REAL,           -- V
    current REAL,           -- A, > 0 discharges
    temperature REAL,       -- degC
    charge_cycles INTEGER,
    power_consumption REAL, -- W
    is_charging INTEGER CHECK (is_charging IN (0, 1)),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    sim_time_s REAL,
    resistance_mohm REAL,
    mean_temperature REAL,
    throughput_ah_per_day REAL,
    status TEXT GENERATED ALWAYS AS (CASE WHEN soc < 15 OR soh < 75 OR temperature > 60 OR failure_probability > 0.7 THEN 'CRITICAL' WHEN soc < 30 OR soh < 85 OR temperature > 45 OR failure_probability > 0.3 THEN 'WARNING' ELSE 'NORMAL' END) VIRTUAL,
    rul_prediction REAL,    -- cycles
    rul_low REAL,
    rul_high REAL,
    failure_probability REAL CHECK (failure_probability BETWEEN 0 AND 1),
    prediction_timestamp TEXT,
    prediction_note TEXT,   -- why there is no prediction
    model_version TEXT,
    created_at TEXT NOT NULL,
    revision INTEGER NOT NULL, -- store-wide, in commit order; grows with every change of the row
    PRIMARY KEY (battery_id, time, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX ev_telemetry_revision ON ev_telemetry (revision);
CREATE INDEX ev_telemetry_unpredicted ON ev_telemetry (time DESC, seq DESC)
    WHERE prediction_timestamp IS NULL;

-- the last revision given out
CREATE TABLE ev_revision (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO ev_revision VALUES (1, 0);

-- held-out errors of the models that predicted here
CREATE TABLE ev_model (
    model_version TEXT PRIMARY KEY,
    rul_rmse REAL,
    rul_mae REAL,
    rul_r2 REAL,
    failure_auc REAL,
    failure_brier REAL,
    trained_at TEXT,
    put_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The ids are found by jumping from each to the next in the primary key: no scan, no second list.
CREATE VIEW latest_battery_status AS
WITH RECURSIVE battery (id) AS (
    SELECT min(battery_id) FROM ev_telemetry
    UNION ALL
    SELECT (SELECT min(t.battery_id) FROM ev_telemetry AS t WHERE t.battery_id > battery.id)
    FROM battery WHERE battery.id IS NOT NULL
)
SELECT t.*
FROM battery JOIN ev_telemetry AS t
    ON t.battery_id = battery.id
    AND (t.time, t.seq) = (
        SELECT n.time, n.seq FROM ev_telemetry AS n WHERE n.battery_id = battery.id
        ORDER BY n.time DESC, n.seq DESC LIMIT 1
    );

CREATE VIEW ev_telemetry_hourly AS
SELECT
    substr(time, 1, 13) || ':00:00.000000Z' AS bucket,
    battery_id,
    avg(soc) AS avg_soc,
    avg(soh) AS avg_soh,
    avg(temperature) AS avg_temperature,
    avg(voltage) AS avg_voltage,
    avg(current) AS avg_current,
    max(charge_cycles) AS max_cycles,
    avg(rul_prediction) AS avg_rul,
    avg(failure_probability) AS avg_failure_probability,
    count(*) AS records
FROM ev_telemetry
GROUP BY battery_id, substr(time, 1, 13);
