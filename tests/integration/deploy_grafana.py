#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""deploy_grafana.py BIN: what deploy/grafana asks of a real PostgreSQL, as the role that reader.sql makes: every rawSql of
the dashboard, its variable and the alert rules, with macros and variables expanded as Grafana does it, gives rows of the
right shape and with the values that the table has. The role can do nothing but read."""
import datetime
import json
import os
import re
import subprocess
import sys

from servers import Postgres, Skip, run_test
from server.serve import CHILDREN, DEADLINE_S, Tool, check

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "deploy"))
import limits_def  # noqa: E402

GRAFANA = os.path.join(limits_def.DEPLOY, "grafana")
READER = "grafana_reader"
UNEVEN = "UNEVEN_1"  # hours with more and with fewer records
QUOTED = "O'Neil \"7\""  # another program's id
PANELS = [  # title, kind, unit, columns behind time or in a table, their source
    ("SoC", "timeseries", "percent", ["SoC"]), ("SoH", "timeseries", "percent", ["SoH"]),
    ("Temperature", "timeseries", "celsius", ["Temperature"]), ("RUL", "gauge", "suffix: cycles", ["RUL"]),
    ("Failure", "gauge", "percentunit", ["Failure"]),
    ("Voltage & Current", "timeseries", "volt", ["Voltage", "Current"]), ("Power", "timeseries", "watt", ["Power"]),
    ("Current Statistics", "table", "none", ["Battery", "Time", "SoC", "SoH", "Temperature", "Voltage", "Current", "Power",
                                             "Charge cycles", "RUL", "Failure risk", "Status"]),
    ("Status Distribution", "piechart", "short", ["status", "Records"]),
    ("Charge Cycles", "timeseries", "none", ["Charge cycles"])]
COLUMN = {"SoC": "soc", "SoH": "soh", "Temperature": "temperature", "Voltage": "voltage", "Current": "current",
          "Power": "power_consumption", "Charge cycles": "charge_cycles", "RUL": "rul_prediction",
          "Failure": "failure_probability", "Failure risk": "failure_probability", "Status": "status", "Time": "time"}
INTERVALS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


# ---- as Grafana expands them ----

def sqlstring(values):
    """${name:sqlstring} (public/app/features/variables)."""
    return ",".join("'" + v.replace("'", "''") + "'" for v in values)


def expand(sql, batteries, start, end, interval, timescaledb):
    """The variables by the browser, then sqleng's Interpolate, then the macros of grafana-postgresql-datasource."""
    sql = sql.replace("${battery_id:sqlstring}", sqlstring(batteries))
    sql = sql.replace("$__interval", interval)
    sql = sql.replace("$__unixEpochFrom()", str(int(start.timestamp())))
    sql = sql.replace("$__unixEpochTo()", str(int(end.timestamp())))

    def macro(match):
        name, args = match[1], [a.strip() for a in match[2].split(",")]
        if name == "__timeFilter":
            return f"{args[0]} BETWEEN '{start.isoformat()}' AND '{end.isoformat()}'"
        if name in ("__timeGroup", "__timeGroupAlias"):
            check(f"{name} has a column and an interval: {args}", len(args) == 2 and args[1][-1] in INTERVALS)
            s = float(args[1][:-1]) * INTERVALS[args[1][-1]]
            group = f"time_bucket('{s:.3f}s',{args[0]})" if timescaledb else \
                f"floor(extract(epoch from {args[0]})/{s:g})*{s:g}"
            return group + (' AS "time"' if name == "__timeGroupAlias" else "")
        sys.exit(f"FAILED: Grafana has no macro ${name}")
    sql = re.sub(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)", macro, sql)
    check(f"nothing is left to expand: {sql}", "$" not in sql)
    return sql


class Asker:
    def __init__(self, uri, timescaledb):
        import psycopg2
        self.db = psycopg2.connect(uri)
        self.db.autocommit = True
        self.timescaledb = timescaledb

    def ask(self, sql, batteries, hours, interval, end=None):
        """(names, types, rows)"""
        end = end or datetime.datetime.now(datetime.timezone.utc)
        with self.db.cursor() as cursor:
            cursor.execute(expand(sql, batteries, end - datetime.timedelta(hours=hours), end, interval, self.timescaledb))
            return ([c.name for c in cursor.description], [c.type_code for c in cursor.description], cursor.fetchall())

    def rows(self, sql, *args):
        with self.db.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall() if cursor.description else []


def is_number(value):
    return isinstance(value, (int, float)) or type(value).__name__ == "Decimal"


# ---- the store ----

def fill(pg):
    """Telemetry by evtwin-sim; older rows, predictions and an odd id as other programs write them."""
    tool = Tool("evtwin-sim", "-q", "--fleet", 3, "--soh", "97:74", "--interval", 0.1, "--duration", 2, "--sink", pg.uri)
    check(f"rows are written: {tool.said()}", tool.process.wait(DEADLINE_S) == 0)
    pg.sql("INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature, charge_cycles,"
           " power_consumption, is_charging) SELECT t, 'BATTERY_001', 50 + extract(hour from t), 97, 380, 40, 30, 100, 15200,"
           " false FROM generate_series(now() - interval '9 days', now() - interval '2 hours', interval '10 minutes') AS t")
    # hours with 1 to 30 records, some of them without one value or the other, for more than a month
    pg.sql(f"INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature, charge_cycles, power_consumption)"
           f" SELECT h + make_interval(secs => 100 * i), '{UNEVEN}', nullif(10 + (n * 7 + i * 3) % 70, 33), 90 - n / 100.0,"
           " nullif(350 + i, 353), (i - 5) * 10, nullif(20 + n % 25, 30), 100 + n, nullif(i * 1000, 4000)"
           " FROM generate_series(date_trunc('hour', now()) - interval '31 days', now() - interval '2 hours', interval '1 hour')"
           " WITH ORDINALITY AS hours (h, n), generate_series(1, 1 + (n * n) % 30) AS i")
    pg.sql(f"INSERT INTO ev_telemetry (time, battery_id, soc, soh, temperature) VALUES (now(), $id${QUOTED}$id$, 14, 90, 61)")
    for battery, rul, failure in (("BATTERY_001", 612.5, 0.02), ("BATTERY_002", 480.0, 0.45), ("BATTERY_003", 80.0, 0.81)):
        pg.sql(f"UPDATE ev_telemetry SET rul_prediction = {rul}, failure_probability = {failure} WHERE battery_id ="
               f" '{battery}' AND time = (SELECT time FROM ev_telemetry WHERE battery_id = '{battery}' ORDER BY time DESC"
               " OFFSET 2 LIMIT 1)")  # newer rows wait for theirs


# ---- the role ----

def make_reader(pg, uri=None, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("GF_")}
    done = subprocess.run([os.path.join(pg.bin, "psql"), "-XAtq", "-d", uri or pg.uri, "-f", os.path.join(GRAFANA, "reader.sql")],
                          env={**env, **environment}, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check_who_makes_it(pg):
    """An owner who may make roles is enough; a role that may do more than read is not taken."""
    pg.sql("CREATE ROLE its_owner LOGIN CREATEROLE")
    pg.sql("CREATE DATABASE theirs OWNER its_owner")
    uri = pg.uri_of("theirs", "its_owner")
    for password in ("first", "second"):
        code, said = make_reader(pg, uri, GF_DB_USER="their_reader", GF_DB_PASSWORD=password)
        check(f"reader.sql by an owner who is no superuser: {code} {said}", code == 0)
    for right in ("SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"):
        pg.sql(f"CREATE ROLE mighty {right}")
        code, said = make_reader(pg, GF_DB_USER="mighty", GF_DB_PASSWORD="x")
        check(f"reader.sql for a role with {right}: {code} {said}", code == 3 and "may do more than read" in said)
        pg.sql("DROP ROLE mighty")


def check_role(pg, asker):
    import psycopg2
    forbidden = ("INSERT INTO ev_telemetry (time, battery_id) VALUES (now(), 'X')", "UPDATE ev_telemetry SET soc = 0",
                 "DELETE FROM ev_alert", "TRUNCATE ev_telemetry", "CREATE TABLE mine (a int)", "DROP VIEW latest_battery_status",
                 "SELECT nextval('ev_seq')", "COPY (SELECT 1) TO PROGRAM 'true'", "CREATE ROLE other")
    for sql in forbidden:
        try:
            asker.rows("SET default_transaction_read_only = off")
            asker.rows(sql)
            check(f"the role must not: {sql}", False)
        except psycopg2.Error as e:
            check(f"{sql}: {e}", e.pgcode in ("42501", "25006"))
    tables = pg.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')").split()
    check(f"there are tables: {tables}", len(tables) >= 12)
    for table in tables:
        asker.rows(f'SELECT * FROM "{table}" LIMIT 1')
    pg.sql("DROP VIEW ev_telemetry_hourly")
    fill_one = Tool("evtwin-sim", "-q", "--fleet", 1, "--interval", 0.1, "--duration", 0.2, "--sink", pg.uri)
    check(f"a view is made anew: {fill_one.said()}", fill_one.process.wait(DEADLINE_S) == 0)
    asker.rows("SELECT * FROM ev_telemetry_hourly LIMIT 1")


# ---- the dashboard ----

def check_board(board):
    """What Grafana needs to provision it, and a person to import it."""
    check("a fixed uid, no id", board["uid"] == "ev-battery-twin" and board["id"] is None)
    check("it asks every 5 s", board["refresh"] == "5s")
    check("nothing that only an import resolves", "__inputs" not in board and "${DS_" not in json.dumps(board))
    found = [(p["title"], p["type"], p["fieldConfig"]["defaults"]["unit"]) for p in board["panels"]]
    check(f"the ten panels: {found}", found == [p[:3] for p in PANELS])
    check("each has its number", len({p["id"] for p in board["panels"]}) == 10)
    taken = set()
    for p in board["panels"]:
        at = p["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        check(f"{p['title']} has a place of its own", at["x"] + at["w"] <= 24 and not cells & taken)
        taken |= cells
        for thing in [p] + p["targets"]:
            check(f"{p['title']}: the data source is the variable's", thing["datasource"] ==
                  {"type": "grafana-postgresql-datasource", "uid": "${datasource}"})
        check(f"{p['title']} is about the chosen batteries", all(
            "IN (${battery_id:sqlstring})" in t["rawSql"] and t["rawQuery"] for t in p["targets"]))
    variables = {v["name"]: v for v in board["templating"]["list"]}
    check("the data source that is provisioned is chosen at first", variables["datasource"]["type"] == "datasource" and
          variables["datasource"]["current"]["value"] == "timescaledb")
    return variables["battery_id"]


def check_series(asker, panel, target, name):
    """A line for each battery: ascending in time, the averages that the rows have."""
    column = COLUMN[name]
    for batteries in (["BATTERY_001"], ["BATTERY_001", "BATTERY_002", QUOTED], ["NOBODY"]):
        for hours, interval in ((1, "5s"), (24 * 6, "10m"), (24 * 10, "1h")):
            what = f"{panel['title']} of {batteries} in {hours} h"
            names, _, rows = asker.ask(target["rawSql"], batteries, hours, interval)
            check(f"{what}: {names}", names == ["time", "battery_id", name] and target["format"] == "time_series")
            check(f"{what}: ascending", [r[0] for r in rows] == sorted(r[0] for r in rows))
            for time, battery, value in rows:
                good = isinstance(time, datetime.datetime) if asker.timescaledb else is_number(time)
                check(f"{what}: {time} {battery} {value}", good and battery in batteries and (value is None or is_number(value)))
            check(f"{what}: each time of a battery once", len({r[:2] for r in rows}) == len(rows))
            check(f"{what}: there are rows", (rows != []) == (batteries != ["NOBODY"]))
            if batteries == ["BATTERY_001"] and column != "charge_cycles":
                mean, low, high = asker.rows(
                    f"SELECT avg({column}), min({column}), max({column}) FROM ev_telemetry WHERE battery_id = 'BATTERY_001' AND"
                    f" time > now() - make_interval(hours => {hours})")[0]
                values = [float(r[2]) for r in rows]
                check(f"{what}: {min(values)} to {max(values)} within {low} to {high}",
                      low - 1e-9 <= min(values) and max(values) <= high + 1e-9 and mean is not None)
                # a line of ten days has the hours of them, of an hour the records of now
                check(f"{what}: {len(rows)} points", len(rows) <= (60 if hours == 1 else 1000) and len(rows) >=
                      (1 if hours == 1 else 100))


def check_newest(asker, panel, sql):
    """A row for each battery, with the newest prediction though newer records wait."""
    batteries = ["BATTERY_003", "BATTERY_001", QUOTED]
    names, _, rows = asker.ask(sql, batteries, 1, "5s")
    title = panel["title"]
    expected = [c for p in PANELS if p[0] == title for c in p[3]]
    if panel["type"] == "gauge":
        check(f"{title}: {names}", names == ["battery_id"] + expected)
        found = {r[0]: r[1] for r in rows}
        of = {"BATTERY_001": (612.5, 0.02), "BATTERY_003": (80.0, 0.81)}
        check(f"{title}: {found}", found == {b: v[title == "Failure"] for b, v in of.items()})
        return
    check(f"{title}: {names}", names == expected and [r[0] for r in rows] == sorted(batteries))
    for row in rows:
        newest = dict(zip(expected, row))
        columns = [c for c in expected if c not in ("Battery", "RUL", "Failure risk")]
        truth = asker.rows(f"SELECT {', '.join(COLUMN[c] for c in columns)} FROM ev_telemetry WHERE battery_id = %s ORDER BY"
                           " time DESC, seq DESC LIMIT 1", row[0])[0]
        check(f"{title} of {row}", [newest[c] for c in columns] == list(truth))
        check(f"{title}: the prediction of {row}", newest["RUL"] == {"BATTERY_001": 612.5, "BATTERY_003": 80.0}.get(row[0]))


def check_status(asker, sql):
    names, _, rows = asker.ask(sql, ["BATTERY_001", "BATTERY_003"], 24 * 20, "1h")
    truth = asker.rows("SELECT status, count(*) FROM ev_telemetry WHERE battery_id IN ('BATTERY_001', 'BATTERY_003')"
                       " GROUP BY 1 ORDER BY 1")
    check(f"Status Distribution: {rows}", names == ["status", "Records"] and rows == truth and len(rows) >= 2)


def check_variable(asker, variable):
    check("it can be several and all", variable["multi"] and variable["includeAll"] and variable["type"] == "query")
    names, _, rows = asker.ask(variable["query"], [], 1, "5s")
    check(f"the batteries to choose: {rows}", names == ["battery_id"] and sorted(r[0] for r in rows) ==
          sorted(["BATTERY_001", "BATTERY_002", "BATTERY_003", UNEVEN, QUOTED]))


def ranged(board):
    """(title, name of the value, sql) of each question about a range of time."""
    for panel, (title, kind, _, columns) in zip(board["panels"], PANELS):
        if kind in ("timeseries", "piechart"):
            yield from ((title, name, target["rawSql"]) for target, name in zip(panel["targets"], columns[-1:] if kind == "piechart" else columns))


def check_long_ranges(asker, board):
    """More than a week is read from the hours: the plan has nothing of the rows' own branch, and the other way round."""
    asker.rows("SET enable_seqscan = off")  # it is the better way while there are few rows
    for title, name, sql in ranged(board):
        for hours in (24, 24 * 10):
            _, _, plan = asker.ask("EXPLAIN " + sql, ["BATTERY_001"], hours, "1h")
            text = "\n".join(r[0] for r in plan)
            check(f"{title}: one of both is left in the plan of {hours} h:\n{text}", ("date_trunc" in text) == (hours > 168) and
                  len(re.findall(r"Scan (?:using \w+ )?on ev_telemetry\b", text)) == 1)
            check(f"{title}: the rows of a battery are found by the key:\n{text}", "ev_telemetry_key" in text)


def check_means(asker, board):
    """Thirty days: a bounded number of points, each the mean (of cycles the maximum) of the rows of its hours."""
    end = datetime.datetime.now(datetime.timezone.utc)
    hours, n_points = 24 * 30, 0
    within = (f"battery_id = '{UNEVEN}' AND date_trunc('hour', time, 'UTC') BETWEEN '{(end - datetime.timedelta(hours=hours)).isoformat()}'"
              f" AND '{end.isoformat()}'")
    for title, name, sql in ranged(board):
        if title == "Status Distribution":
            _, _, rows = asker.ask(sql, [UNEVEN], hours, "1h", end)
            truth = asker.rows(f"SELECT status, count(*) FROM ev_telemetry WHERE {within} GROUP BY 1 ORDER BY 1")
            check(f"{title} of 30 days: {rows}, {truth}", rows == truth and len(rows) == 3)
            continue
        for interval, s in (("1m", 60), ("1h", 3600), ("6h", 21600)):
            _, _, rows = asker.ask(sql, [UNEVEN], hours, interval, end)
            truth = dict(asker.rows(
                f"SELECT floor(extract(epoch FROM date_trunc('hour', time, 'UTC')) / {s})::bigint * {s},"
                f" {'max' if title == 'Charge Cycles' else 'avg'}({COLUMN[name]}) FROM ev_telemetry WHERE {within} GROUP BY 1"))
            found = {int(t.timestamp() if asker.timescaledb else t): v for t, _, v in rows}
            what = f"{title}, {name}, 30 days by {interval}"
            check(f"{what}: {len(rows)} points", len(rows) == len(found) == len(truth) and
                  hours * 3600 // max(s, 3600) - 2 <= len(rows) <= hours * 3600 // max(s, 3600) + 1)
            check(f"{what}: the mean of the rows", found.keys() == truth.keys() and all(
                truth[t] is None and found[t] is None or abs(float(found[t]) - float(truth[t])) < 1e-6 for t in truth))
            n_points += len(rows)
    check(f"{n_points} points were compared", n_points > 10000)
    unweighted = asker.rows(f"SELECT avg(avg_soc) FROM ev_telemetry_hourly WHERE battery_id = '{UNEVEN}'")[0][0]
    weighted = asker.rows(f"SELECT avg(soc) FROM ev_telemetry WHERE battery_id = '{UNEVEN}'")[0][0]
    check(f"the mean of means is another one here: {unweighted} {weighted}", abs(unweighted - weighted) > 0.01)


def check_foreign_hours(pg, asker, board):
    """An aggregate of the original's, which the store leaves as it is: no counts, no power, no status."""
    pg.sql("DROP VIEW ev_telemetry_hourly; CREATE VIEW ev_telemetry_hourly AS SELECT date_trunc('hour', time) AS bucket, battery_id,"
           " avg(soc) AS avg_soc, avg(soh) AS avg_soh, avg(temperature) AS avg_temperature, avg(voltage) AS avg_voltage,"
           " avg(current) AS avg_current, avg(rul_prediction) AS avg_rul, max(charge_cycles) AS max_cycles FROM ev_telemetry GROUP BY 1, 2")
    for title, name, sql in ranged(board):
        _, _, rows = asker.ask(sql, ["BATTERY_001"], 1, "1m")
        check(f"{title}: an hour of rows beside foreign hours", rows)
        _, _, rows = asker.ask(sql, ["BATTERY_001"], 24 * 10, "1h")
        known = [r for r in rows if r[-1] is not None]
        check(f"{title}: ten days of foreign hours: {len(known)}", (len(known) > 100) == (title not in ("Power", "Status Distribution")))


# ---- the alerts ----

def check_alerts(asker):
    import yaml
    with open(os.path.join(GRAFANA, "provisioning/alerting/rules.yaml")) as f:
        file = yaml.safe_load(f)
    rules = file["groups"][0]["rules"]
    check("a rule for each limit of status and alert", len(rules) == sum(r["kind"] != "display" for r in limits_def.limits()))
    check("each has its uid", len({r["uid"] for r in rules}) == len(rules) and all(len(r["uid"]) <= 40 for r in rules))
    truth = asker.rows("SELECT n.battery_id, n.soc, n.soh, n.temperature, t.rul_prediction, t.failure_probability FROM"
                       " latest_battery_status AS n LEFT JOIN ev_battery AS b USING (battery_id) LEFT JOIN ev_telemetry AS t ON"
                       " t.battery_id = b.battery_id AND t.time = b.predicted_time AND t.seq = b.predicted_seq")
    n_firing = 0
    for rule in rules:
        query, threshold = rule["data"]
        check(f"{rule['title']}: its parts", rule["condition"] == "B" and query["datasourceUid"] == "timescaledb" and
              threshold["datasourceUid"] == "__expr__" and threshold["model"]["expression"] == "A")
        names, _, rows = asker.ask(query["model"]["rawSql"], [], 1, "1m")
        check(f"{rule['title']}: {names}", names == ["battery_id", "value"] and query["model"]["format"] == "table")
        evaluator = threshold["model"]["conditions"][0]["evaluator"]
        limit, operator = evaluator["params"][0], {"lt": "<", "gt": ">"}[evaluator["type"]]
        firing = {r[0] for r in rows if (r[1] < limit if operator == "<" else r[1] > limit)}
        quantity = rule["labels"]["quantity"]
        at = ["soc", "soh", "temperature", "rul_prediction", "failure_probability"].index(quantity) + 1
        expected = set()
        for row in truth:
            worst = limits_def.strictest(limits_def.limits(), quantity, operator, row[at]) if row[at] is not None else None
            if worst is not None and worst["limit"] == limit:
                expected.add(row[0])
                check(f"{rule['title']}: its level", worst["level"].lower() == rule["labels"]["severity"])
        check(f"{rule['title']} fires for {firing}, not {expected}", firing == expected)
        n_firing += len(firing)
    check(f"{n_firing} fire", n_firing >= 6)


def check_provisioning():
    import yaml
    with open(os.path.join(GRAFANA, "provisioning/datasources/datasources.yaml")) as f:
        sources = {s["uid"]: s for s in yaml.safe_load(f)["datasources"]}
    check("fixed uids", sources.keys() == {"timescaledb", "prometheus"})
    check("no secret in a file", sources["timescaledb"]["secureJsonData"] == {"password": "${GF_DB_PASSWORD}"} and
          sources["timescaledb"]["user"] == "${GF_DB_USER}")
    with open(os.path.join(GRAFANA, "provisioning/dashboards/dashboards.yaml")) as f:
        provider = yaml.safe_load(f)["providers"][0]
    check("dashboards are files", provider["type"] == "file" and provider["options"]["path"] == "/var/lib/grafana/dashboards")


def main():
    try:
        import psycopg2  # noqa: F401
        import yaml  # noqa: F401
    except ImportError as e:
        raise Skip(f"{e} (Debian: python3-psycopg2, python3-yaml)") from None
    with open(os.path.join(GRAFANA, "dashboards/ev-battery-twin.json")) as f:
        board = json.load(f)
    variable = check_board(board)
    check_provisioning()
    with Postgres() as pg:
        for environment in ({}, {"GF_DB_USER": READER}, {"GF_DB_PASSWORD": "x"}):
            code, said = make_reader(pg, **environment)
            check(f"reader.sql without its environment: {code} {said}", code == 3 and "is not set" in said)
        for password in ("an old one", "it's $new\\"):  # before there are tables, and again
            code, said = make_reader(pg, GF_DB_USER=READER, GF_DB_PASSWORD=password)
            check(f"reader.sql: {code} {said}", code == 0)
        check_who_makes_it(pg)
        fill(pg)
        pg.sql("CREATE FUNCTION time_bucket(width interval, at timestamptz) RETURNS timestamptz LANGUAGE sql AS"
               " 'SELECT date_bin(width, at, ''2000-01-03'')'")  # TimescaleDB's, which is not here
        for timescaledb in (False, True):
            asker = Asker(pg.uri_of("evtwin", READER), timescaledb)
            check_variable(asker, variable)
            for panel, (title, kind, _, columns) in zip(board["panels"], PANELS):
                if kind == "timeseries":
                    for target, name in zip(panel["targets"], columns):
                        check_series(asker, panel, target, name)
                elif title == "Status Distribution":
                    check_status(asker, panel["targets"][0]["rawSql"])
                else:
                    check_newest(asker, panel, panel["targets"][0]["rawSql"])
            check_alerts(asker)
            check_means(asker, board)
        check_long_ranges(asker, board)
        check_foreign_hours(pg, asker, board)
        check_role(pg, asker)


if __name__ == "__main__":
    run_test(main, CHILDREN)
