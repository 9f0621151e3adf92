#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""prometheus.py: what deploy/prometheus ships, by promtool: configuration, rules, and that each alert fires where its limit
of lib/core/thresholds.def is broken, none beside it, and the alerts of the service when something is wrong with it."""
import json
import os
import re
import shutil
import subprocess
import tempfile

from limits_def import DEPLOY, ROOT, check, failed, finish, limits, skip, strictest

try:
    import yaml
except ImportError:
    skip("there is no module yaml (Debian: python3-yaml)")

FOLDER = os.path.join(DEPLOY, "prometheus")
METRIC = {"soc": "battery_soc_percent", "soh": "battery_soh_percent", "temperature": "battery_temperature_celsius",
          "rul_prediction": "battery_rul_cycles", "failure_probability": "battery_failure_probability"}
PREDICT = 'job="battery_predictor", instance="evtwin-predict:9100"'
# series that break a rule from the first scrape on, and the labels that the alert has from them
SERVICE = {
    "EvtwinTargetDown": ('up{job="battery_api", instance="evtwin-serve:5001"}', "0x100"),
    "EvtwinPredictionsStopped": (f"evtwin_cycle_age_seconds{{{PREDICT}}}", "61+15x100"),
    "EvtwinPredictionErrors": (f'evtwin_predictions_total{{{PREDICT}, outcome="error"}}', "0+1x100"),
    "EvtwinBatteriesWithoutPredictions": ('evtwin_batteries_without_predictions{job="battery_api"}', "2x100"),
    "EvtwinBatteriesSilent": ('evtwin_silent_batteries{job="battery_api"}', "1x100"),
    "EvtwinUnlikeTrainingData": (f'evtwin_drift_findings{{{PREDICT}, cause="sign"}}', "1x100"),
    "EvtwinStoreDown": ('evtwin_store_up{job="battery_api"}', "0x100"),
    "EvtwinSinkDown": ('evtwin_sink_up{job="sim", sink="kafka://h/t", takes="records"}', "0x100"),
    "EvtwinRecordsLost": ('evtwin_sink_lost_records_total{job="sim", sink="kafka://h/t", takes="records"}', "0+1x100"),
    "EvtwinModelsRefused": (f"evtwin_registry_refused_versions_total{{{PREDICT}}}", "0+1x100"),
    "EvtwinRegistryDown": (f"evtwin_registry_up{{{PREDICT}}}", "0x100"),
    "EvtwinAlertsNotDelivered": ('evtwin_alerts_waiting{job="battery_api", channel="mail"}', "3x100"),
}
BESIDE = {"EvtwinUnlikeTrainingData": (f'evtwin_drift_batteries{{{PREDICT}, cause="sign"}}', "0x100")}
AT_S = 1200


def promtool(*args):
    done = subprocess.run([shutil.which("promtool") or "/usr/bin/promtool", *args], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def values_around(rules, quantity):
    """Each limit of the quantity, a little beside it on either side, and what breaks none."""
    edges = {r["limit"] for r in rules if r["quantity"] == quantity and r["kind"] != "display"}
    return sorted({round(e + d * max(1.0, abs(e)), 9) for e in edges for d in (-1e-3, 0.0, 1e-3)})


def expected(rule, labels, value):
    """What promtool is to find of an alert with these labels: its texts are those of the rules, filled in."""
    def fill(text):
        text = text.replace("{{ $value }}", value)
        return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda m: labels[m[1]], text)
    return {"exp_labels": {**labels, **rule["labels"]},
            "exp_annotations": {k: fill(v) for k, v in rule["annotations"].items()}}


def test_of_batteries(rules, by_limit):
    series, tests = [], {}
    for quantity, metric in METRIC.items():
        for value in values_around(rules, quantity):
            text = f"{value:g}" if float(f"{value:g}") == value else repr(value)
            labels = {"battery_id": f"{quantity}={text}"}
            series.append({"series": f'{metric}{{battery_id="{labels["battery_id"]}"}}', "values": f"{text}x100"})
            for operator in "<>":
                broken = strictest(rules, quantity, operator, value)
                if broken is not None:
                    rule = by_limit[(quantity, operator, broken["limit"])]
                    tests.setdefault(rule["alert"], []).append(expected(rule, labels, text))
    wanted = [{"eval_time": f"{AT_S}s", "alertname": rule["alert"], "exp_alerts": tests.get(rule["alert"], [])}
              for rule in by_limit.values()]
    none_yet = [{"eval_time": "30s", "alertname": rule["alert"], "exp_alerts": []} for rule in by_limit.values()]
    return {"interval": "15s", "input_series": series, "alert_rule_test": none_yet + wanted}


def tests_of_the_service(rules):
    """Each alert by itself; none of the others fires then."""
    tests = []
    for name, (series, values) in SERVICE.items():
        inputs = [{"series": s, "values": v} for s, v in [(series, values)] + ([BESIDE[name]] if name in BESIDE else [])]
        severity = rules[name]["labels"]["severity"]
        counts = [{"expr": f'count(ALERTS{{alertname="{name}", alertstate="firing", severity="{severity}"}})',
                   "eval_time": f"{AT_S}s", "exp_samples": [{"labels": "{}", "value": 1}]},
                  {"expr": f'count(ALERTS{{alertname!="{name}"}})', "eval_time": f"{AT_S}s", "exp_samples": []}]
        tests.append({"interval": "15s", "input_series": inputs, "promql_expr_test": counts})
    return tests


def check_work():
    """So is what the work of predictions is measured by."""
    measured = set()
    for name in ("metrics.c", "metrics_duration.c"):
        with open(os.path.join(ROOT, "lib/serve", name)) as f:
            measured |= set(re.findall(r'"(evtwin_\w+)"', f.read()))
    with open(os.path.join(ROOT, "docs/metrics.md")) as f:
        described = {name.removesuffix("_total") for name in re.findall(r"`(evtwin_\w+)[`{]", f.read())}
    check("docs/metrics.md names what is measured", "evtwin_prediction_duration_seconds" in measured and
          measured <= described, measured - described)


def check_names():
    """Every gauge of a battery's values is in docs/metrics.md, and scraped from one program only."""
    with open(os.path.join(ROOT, "lib/core/schema.def")) as f:
        gauges = set(re.findall(r'"((?:evtwin_)?battery_\w+)"', f.read()))
    with open(os.path.join(ROOT, "docs/metrics.md")) as f:
        described = set(re.findall(r"`((?:evtwin_)?battery_\w+)`", f.read()))
    check("docs/metrics.md names every gauge", len(gauges) >= 17 and gauges <= described, gauges - described)
    check_work()
    others = set()
    for name in os.listdir(os.path.join(ROOT, "lib/serve")):
        if name.endswith(".c"):
            with open(os.path.join(ROOT, "lib/serve", name)) as f:
                others |= set(re.findall(r'"(evtwin_\w+)"', f.read()))
    check("other metrics", len(others) >= 30 and "evtwin_battery_health" in others, others)
    with open(os.path.join(FOLDER, "prometheus.yml")) as f:
        jobs = {job["job_name"]: job for job in yaml.safe_load(f)["scrape_configs"]}
    drop = jobs["battery_api"]["metric_relabel_configs"][0]
    check("it is a drop by name", drop["action"] == "drop" and drop["source_labels"] == ["__name__"])
    dropped = re.compile(drop["regex"])
    check("every gauge is dropped", all(dropped.fullmatch(name) for name in gauges))
    check("nothing else is", not [name for name in others if dropped.fullmatch(name)])
    check("jobs and ports of the contract", jobs["battery_predictor"]["static_configs"] ==
          [{"targets": ["evtwin-predict:9100"]}] and jobs["battery_api"]["static_configs"] ==
          [{"targets": ["evtwin-serve:5001"]}])


def run_tests(tests):
    with tempfile.TemporaryDirectory(prefix="evtwin-rules.") as folder:
        path = os.path.join(folder, "test.json")
        with open(path, "w") as f:
            json.dump({"rule_files": [os.path.join(FOLDER, "rules.yml")], "evaluation_interval": "15s", "tests": tests}, f)
        return promtool("test", "rules", path)


def main():
    if promtool("--version")[0] != 0:
        skip("there is no promtool (Debian: prometheus)")
    for what, args in (("configuration", ("check", "config", os.path.join(FOLDER, "prometheus.yml"))),
                       ("rules", ("check", "rules", os.path.join(FOLDER, "rules.yml")))):
        code, said = promtool(*args)
        check(f"promtool takes the {what}", code == 0, said)
    with open(os.path.join(FOLDER, "rules.yml")) as f:
        groups = {g["name"]: g["rules"] for g in yaml.safe_load(f)["groups"]}

    check_names()
    rules = limits()
    check("there are limits of status and alerts", sum(r["kind"] != "display" for r in rules) >= 10)
    by_limit = {}
    for rule in groups["ev_batteries"]:
        metric, operator, limit = re.match(r"(\w+) ([<>]) ([-0-9.e]+)", rule["expr"]).groups()
        quantity = rule["labels"]["quantity"]
        check(f"{rule['alert']} is about its quantity", METRIC[quantity] == metric, metric)
        by_limit[(quantity, operator, float(limit))] = rule
    wanted = {(r["quantity"], r["operator"], r["limit"]): r["level"].lower() for r in rules if r["kind"] != "display"}
    found = {key: rule["labels"]["severity"] for key, rule in by_limit.items()}
    check("the alerts are the limits of lib/core/thresholds.def", found == wanted, {"found": found, "wanted": wanted})
    if failed:
        finish()

    code, said = run_tests([test_of_batteries(rules, by_limit)])
    check("each limit fires where it is broken and no stricter one is", code == 0, said[-3000:])
    service = {rule["alert"]: rule for rule in groups["evtwin_service"]}
    check("every alert of the service is tried", service.keys() == SERVICE.keys(), service.keys() ^ SERVICE.keys())
    code, said = run_tests(tests_of_the_service(service))
    check("each alert of the service fires, and no other", code == 0, said[-3000:])

    # the judge can find fault: a battery that breaks a limit is said to break none
    wrong = test_of_batteries(rules, by_limit)
    next(t for t in wrong["alert_rule_test"] if t["exp_alerts"])["exp_alerts"].clear()
    check("a wrong expectation is found", run_tests([wrong])[0] != 0)
    print(f"{len(by_limit)} alerts of batteries, {len(service)} of the service")
    finish()


main()
