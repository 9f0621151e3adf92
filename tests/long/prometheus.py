# SPDX-License-Identifier: MIT
"""prometheus.py BIN [PROMETHEUS]: a real Prometheus scrapes evtwin-predict and evtwin-serve, and
answers the queries that users type.
"""
import json
import os
import re
import signal
import subprocess
import urllib.parse

import longtest as t

FLEET = 5
CONFIG = """\
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
scrape_configs:
  - job_name: battery_predictor
    static_configs:
      - targets: ['127.0.0.1:{predict}']
  - job_name: battery_api
    static_configs:
      - targets: ['127.0.0.1:{serve}']
"""
GAUGES = {"battery_soc_percent": "soc", "battery_soh_percent": "soh",
          "battery_temperature_celsius": "temperature", "battery_rul_cycles": "rul_prediction",
          "battery_failure_probability": "failure_probability"}


class Prometheus:
    def __init__(self, program, **ports):
        with open("prometheus.yml", "w") as f:
            f.write(CONFIG.format(**ports))
        port = t.free_port()
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
    # promtool also has opinions on names; the contract's names are older than those
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line]
    t.say(f"promtool on {url}: exit {done.returncode} {'; '.join(lines)}")
    t.check(f"promtool takes {url}", done.returncode in (0, 3), lines)


def check_gauges(prometheus):
    """With the simulator gone and all rows predicted, the gauges are the store's newest rows."""
    db = t.open_store("live.db")
    waiting = "SELECT COUNT(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL"
    t.await_true("all rows are predicted", 60, lambda: db.execute(waiting).fetchone()[0] == 0)
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
    average = prometheus.query("avg_over_time(battery_soc_percent[1h])")
    t.check("an average over time", average.keys() == ids and
            all(0 < v <= 100 for v in average.values()), average)
    t.await_true("up", 60, lambda: set(prometheus.query("up").values()) == {1.0})
    for name in ("predict", "serve"):
        check_exposition(f"http://127.0.0.1:{ports[name]}/metrics")
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
