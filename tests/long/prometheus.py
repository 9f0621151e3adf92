# SPDX-License-Identifier: MIT
"""prometheus.py BIN [PROMETHEUS]: a real Prometheus scrapes evtwin-predict and evtwin-serve as
deploy/prometheus tells it to (at other addresses, and more often), and answers the queries that
users type.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request

import longtest as t

FLEET = 5
SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/prometheus")
# of the guide
QUERIES = ("battery_soc_percent", "battery_rul_cycles", "battery_temperature_celsius",
           "rate(battery_predictions_total[5m])", "avg_over_time(battery_soc_percent[1h])")
GAUGES = {"battery_soc_percent": "soc", "battery_soh_percent": "soh",
          "battery_temperature_celsius": "temperature", "battery_rul_cycles": "rul_prediction",
          "battery_failure_probability": "failure_probability",
          "evtwin_battery_state_of_charge_ratio": "soc / 100.0",
          "evtwin_battery_voltage_volts": "voltage", "evtwin_battery_current_amperes": "current",
          "evtwin_battery_charge_cycles": "charge_cycles",
          "evtwin_battery_power_watts": "power_consumption",
          "evtwin_battery_charging": "is_charging",
          "evtwin_battery_remaining_life_cycles": "rul_prediction",
          "evtwin_battery_failure_probability_ratio": "failure_probability"}


def write_config(**ports):
    """The shipped files, with other addresses and intervals."""
    shutil.copy(os.path.join(SHIPPED, "rules.yml"), "rules.yml")
    with open(os.path.join(SHIPPED, "prometheus.yml")) as f:
        text = f.read()
    for old, new, n in (("15s", "500ms", 2), ("evtwin-predict:9100", f"127.0.0.1:{ports['predict']}", 1),
                        ("evtwin-serve:5001", f"127.0.0.1:{ports['serve']}", 1),
                        ("localhost:9090", f"127.0.0.1:{ports['own']}", 1)):
        t.require(f"deploy/prometheus/prometheus.yml has {n} {old}", text.count(old) == n)
        text = text.replace(old, new)
    with open("prometheus.yml", "w") as f:
        f.write(text)


class Prometheus:
    def __init__(self, program, **ports):
        port = t.free_port()
        write_config(own=port, **ports)
        self.url = f"http://127.0.0.1:{port}"
        with open("prometheus.err", "w") as err:
            self.child = subprocess.Popen(
                [program, "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus.data",
                 f"--web.listen-address=127.0.0.1:{port}"],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)
        t._children.append(self.child)
        t.await_true("Prometheus is ready", 60, self.is_ready)

    def is_ready(self):
        if self.child.poll() is not None:
            t.require("Prometheus runs", False, open("prometheus.err").read()[-600:])
        return t.answers(self.url + "/-/ready")

    def ask(self, path, **parameters):
        text = t.get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(text)
        if answer["status"] != "success":
            t.require(f"Prometheus answers {path} {parameters}", False, answer)
        return answer["data"]

    def query(self, expression):
        """{battery: value} of an instant query ('' where there is no battery)."""
        result = self.ask("query", query=expression)["result"]
        batteries = [r["metric"]["battery_id"] for r in result if "battery_id" in r["metric"]]
        if "evtwin_battery" in expression or expression.startswith("battery_"):
            t.require(f"{expression}: each battery once", len(set(batteries)) == len(batteries), result)
        return {r["metric"].get("battery_id", ""): float(r["value"][1]) for r in result}

    def health(self):
        targets = self.ask("targets", state="active")["activeTargets"]
        return {target["labels"]["job"]: (target["health"], target["lastError"])
                for target in targets}


def check_exposition(url):
    """promtool, where it is, is the judge of the format."""
    text = t.get(url).decode()
    try:
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                              text=True)
    except FileNotFoundError:
        t.say("promtool is not here: its check is skipped")
        return
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line]
    t.say(f"promtool on {url}: exit {done.returncode} {'; '.join(lines)}")
    t.check(f"promtool takes {url}", done.returncode == 0, lines)


def check_alerts(prometheus, db):
    """Every rule can be judged, and that of a low health is about those whose health is low."""
    rules = [r for group in prometheus.ask("rules")["groups"] for r in group["rules"]]
    bad = [r for r in rules if r["health"] not in ("ok", "unknown")]
    with open("rules.yml") as f:
        n_shipped = f.read().count("- alert:")
    t.check(f"{len(rules)} rules are judged", len(rules) == n_shipped and not bad, bad)
    aged = {r[0] for r in db.execute("SELECT battery_id FROM latest_battery_status WHERE soh < 85"
                                     " AND soh >= 75")}
    t.check("some of the fleet are aged, some are not", 0 < len(aged) < FLEET, aged)
    t.await_true("their alert, and no other's", 60, lambda: prometheus.query(
        'ALERTS{alertname="BatterySohBelow85", severity="warning"}').keys() == aged)
    t.say(f"alerts: {sorted(r['name'] for r in rules if r['state'] != 'inactive')}")


def check_openmetrics(url, text):
    """The parser of Prometheus' Python client is strict about it: order, units, suffixes, the end."""
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        t.say("python3-prometheus-client is not here: OpenMetrics is judged by Prometheus alone")
        return
    families = list(text_string_to_metric_families(text))
    t.check(f"{url}: families of OpenMetrics", len(families) > 30, len(families))
    units = {f.name: f.unit for f in families}
    t.check(f"{url}: units", units["evtwin_battery_voltage_volts"] == "volts" and
            units["evtwin_battery_state_of_charge_ratio"] == "ratio", units)
    try:
        list(text_string_to_metric_families(text.replace("# EOF\n", "")))
        t.check("the parser is strict", False)
    except ValueError:
        pass


def check_both_formats(url):
    """What Prometheus 2.42 and 3 ask for, and what each of them takes."""
    for accept, expected in ((None, "text/plain; version=0.0.4"), ("*/*", "text/plain; version=0.0.4"),
                             ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
                              "application/openmetrics-text; version=1.0.0"),
                             ("text/plain;q=0.9,application/openmetrics-text;q=0.4", "text/plain; version=0.0.4")):
        request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
        with urllib.request.urlopen(request, timeout=60) as answer:
            kind, text = answer.headers["Content-Type"], answer.read().decode()
        t.check(f"{url}, {accept}: {kind}", kind.startswith(expected) and
                text.endswith("# EOF\n") == kind.startswith("application"))
        if kind.startswith("application"):
            check_openmetrics(url, text)


def check_gauges(prometheus):
    """With the simulator gone and all rows predicted, the gauges are the store's newest rows."""
    db = t.open_store("live.db")
    waiting = "SELECT COUNT(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL"
    t.await_true("all rows are predicted", 60, lambda: db.execute(waiting).fetchone()[0] == 0)
    check_alerts(prometheus, db)
    newest = {r[0]: dict(zip(GAUGES, r[1:])) for r in db.execute(
        f"SELECT battery_id, {', '.join(GAUGES.values())} FROM latest_battery_status")}
    for gauge in GAUGES:
        expected = {k: v[gauge] for k, v in newest.items()}
        t.await_true(f"{gauge} in Prometheus is the newest row of each battery", 60,
                     lambda g=gauge, e=expected: same(prometheus.query(g), e))
        t.say(f"{gauge}: {prometheus.query(gauge)}")
    n_rows = db.execute("SELECT COUNT(*) FROM ev_telemetry").fetchone()[0]
    t.await_true("battery_predictions_total is the number of rows", 60, lambda: sum(
        prometheus.query("battery_predictions_total").values()) == n_rows)
    t.say(f"battery_predictions_total: {n_rows}, as there are rows")


def same(got, expected):
    return got.keys() == expected.keys() and all(
        abs(got[k] - v) <= 1e-9 * max(1, abs(v)) for k, v in expected.items())


def main():
    if not t.PROGRAMS:
        t.skip("Prometheus is not installed")
    t.need_sqlite()
    t.train_on_fleet(16, 1, "models")
    ports = {"predict": t.free_port(), "serve": t.free_port()}
    predict = t.start("predict", "--models", "models", "--store", "sqlite:live.db", "--interval",
                      0.2, "--metrics-port", ports["predict"], "-q", err="predict.err")
    serve = t.start("serve", "--store", "sqlite:live.db", "--port", ports["serve"], "-q",
                    err="serve.err")
    sim = t.start("sim", "--fleet", FLEET, "--soh", "98:79", "--interval", 0.2, "--seed", 2,
                  "--sink", "sqlite:live.db", "-q", err="sim.err")
    prometheus = Prometheus(t.PROGRAMS[0], **ports)
    for job in ("battery_predictor", "battery_api"):
        t.await_true(f"target {job} is UP", 60,
                     lambda j=job: prometheus.health().get(j, [""])[0] == "up")
    t.say(f"targets: {prometheus.health()}")

    ids = {f"BATTERY_{i + 1:03d}" for i in range(FLEET)}
    t.await_true("battery_soc_percent of every battery", 60,
                 lambda: prometheus.query("battery_soc_percent").keys() == ids)
    rate = "rate(battery_predictions_total[5s])"
    t.await_true("predictions are made at a rate", 60,
                 lambda: sum(prometheus.query(rate).values()) > 0)
    # each battery sends five records a second; a machine that stood still makes fewer, then more
    t.await_true("at the rate of the telemetry", 60, lambda: 0.2 * 5 * FLEET < sum(
        prometheus.query(rate).values()) < 1.5 * 5 * FLEET)
    t.say(f"{rate}: {prometheus.query(rate)}")
    for expression in QUERIES:
        t.await_true(f"{expression} of every battery", 60,
                     lambda e=expression: prometheus.query(e).keys() == ids)
        t.say(f"{expression}: {prometheus.query(expression)}")
    average = prometheus.query("avg_over_time(battery_soc_percent[1h])")
    t.check("an average over time", all(0 < v <= 100 for v in average.values()), average)
    t.await_true("up", 60, lambda: set(prometheus.query("up").values()) == {1.0})
    for name in ("predict", "serve"):
        check_exposition(f"http://127.0.0.1:{ports[name]}/metrics")
        check_both_formats(f"http://127.0.0.1:{ports[name]}/metrics")
    errors = prometheus.query('evtwin_predictions_total{outcome="error"}')
    t.check("no cycle failed", sum(errors.values()) == 0, errors)

    t.stop("evtwin-sim", sim)
    check_gauges(prometheus)
    said = open("prometheus.err").read()
    complaints = [line for line in said.splitlines() if re.search(r"level=(warn|error)", line)]
    t.check("Prometheus has nothing to complain about", not complaints, complaints[:3])
    t.stop("evtwin-predict", predict)
    t.stop("evtwin-serve", serve)
    t.await_true("a predictor that is gone is DOWN", 60,
                 lambda: prometheus.health()["battery_predictor"][0] == "down")
    os.killpg(prometheus.child.pid, signal.SIGTERM)
    prometheus.child.wait(30)
    t.finish()


main()
