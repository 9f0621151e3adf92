-- SPDX-License-Identifier: MIT
-- Sums of whole hours: statistics over a long time, and pages of predictions among many rows
-- without one, need not read every row.

-- One row for each hour in which a battery has rows. records NULL: not summed yet, or a row of it
-- has changed since; it is then answered from its rows, and summed by a later insert.
CREATE TABLE ev_hour (
    battery_id TEXT NOT NULL,
    hour TEXT NOT NULL, -- what the times in it begin with: YYYY-MM-DDThh
    records INTEGER,
    predicted INTEGER,
    n_soc INTEGER, sum_soc REAL, min_soc REAL, max_soc REAL,
    n_soh INTEGER, sum_soh REAL,
    n_temperature INTEGER, sum_temperature REAL, max_temperature REAL,
    n_voltage INTEGER, sum_voltage REAL,
    n_current INTEGER, sum_current REAL,
    max_cycles INTEGER,
    n_rul INTEGER, sum_rul REAL,
    n_failure INTEGER, sum_failure REAL,
    PRIMARY KEY (battery_id, hour)
) STRICT, WITHOUT ROWID;

CREATE INDEX ev_hour_unsummed ON ev_hour (hour) WHERE records IS NULL;

INSERT INTO ev_hour
SELECT battery_id, substr(time, 1, 13), count(*),
    sum(rul_prediction IS NOT NULL OR failure_probability IS NOT NULL),
    count(soc), sum(soc), min(soc), max(soc), count(soh), sum(soh),
    count(temperature), sum(temperature), max(temperature), count(voltage), sum(voltage),
    count(current), sum(current), max(charge_cycles), count(rul_prediction), sum(rul_prediction),
    count(failure_probability), sum(failure_probability)
FROM ev_telemetry GROUP BY battery_id, substr(time, 1, 13);

-- For other programs: the library does the same itself. (Not INSERT OR REPLACE: in a trigger the
-- conflict clause of the outer statement would count instead.)
CREATE TRIGGER ev_hour_insert AFTER INSERT ON ev_telemetry BEGIN
    DELETE FROM ev_hour WHERE battery_id = NEW.battery_id AND hour = substr(NEW.time, 1, 13);
    INSERT INTO ev_hour (battery_id, hour) VALUES (NEW.battery_id, substr(NEW.time, 1, 13));
END;
CREATE TRIGGER ev_hour_update AFTER UPDATE OF battery_id, time, soc, soh, temperature, voltage,
    current, charge_cycles, rul_prediction, failure_probability ON ev_telemetry BEGIN
    DELETE FROM ev_hour WHERE battery_id = OLD.battery_id AND hour = substr(OLD.time, 1, 13);
    INSERT INTO ev_hour (battery_id, hour) VALUES (OLD.battery_id, substr(OLD.time, 1, 13));
    DELETE FROM ev_hour WHERE battery_id = NEW.battery_id AND hour = substr(NEW.time, 1, 13);
    INSERT INTO ev_hour (battery_id, hour) VALUES (NEW.battery_id, substr(NEW.time, 1, 13));
END;
CREATE TRIGGER ev_hour_delete AFTER DELETE ON ev_telemetry BEGIN
    DELETE FROM ev_hour WHERE battery_id = OLD.battery_id AND hour = substr(OLD.time, 1, 13);
    INSERT INTO ev_hour (battery_id, hour) VALUES (OLD.battery_id, substr(OLD.time, 1, 13));
END;
