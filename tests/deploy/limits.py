#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""limits.py BIN: deploy/apply-limits: what is shipped has the limits of a new store, as evtwin-serve tells them; other limits
change rules and colour bands, and only them; what cannot be used is refused and changes nothing."""
import http.server
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from limits_def import DEPLOY, check, finish, limits  # noqa: E402
from server.serve import Serve, Tool  # noqa: E402

PROGRAM = os.path.join(DEPLOY, "apply-limits")
FILES = ("prometheus/rules.yml", "grafana/provisioning/alerting/rules.yaml", "grafana/dashboards/ev-battery-twin.json")
PANELS = {"soc": "SoC", "temperature": "Temperature", "rul_prediction": "RUL", "failure_probability": "Failure"}
COLOUR = {"CRITICAL": "red", "WARNING": "yellow", "NORMAL": "blue"}
RANK = {"CRITICAL": 2, "WARNING": 1, "NORMAL": 0}


def run(*args, stdin=None):
    done = subprocess.run([sys.executable, "-B", PROGRAM, *args], input=stdin, capture_output=True, timeout=120)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def load():
    """The program as a module: what is refused need not start it thirty times."""
    loader = importlib.machinery.SourceFileLoader("apply_limits", PROGRAM)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("apply_limits", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def contents(folder):
    found = {}
    for name in FILES:
        with open(os.path.join(folder, name)) as f:
            found[name] = f.read()
    return found


def colour_by_limits(rules, quantity, value):
    broken = [r for r in rules if r["kind"] == "display" and r["quantity"] == quantity and
              (value < r["limit"] if r["operator"] == "<" else value > r["limit"])]
    return COLOUR[max((r["level"] for r in broken), key=RANK.get)] if broken else "green"


def colour_by_steps(steps, value):
    """Grafana's rule: that of the last step whose value is not above it."""
    return [s["color"] for s in steps if s["value"] is None or s["value"] <= value][-1]


def check_bands(rules, folder):
    panels = {p["title"]: p for p in json.loads(contents(folder)[FILES[2]])["panels"]}
    for quantity, title in PANELS.items():
        steps = panels[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        edges = [r["limit"] for r in rules if r["kind"] == "display" and r["quantity"] == quantity]
        check(f"{quantity} has display limits", len(edges) >= 2)
        for edge in edges:
            for value in (edge - 1e-6, edge + 1e-6):
                check(f"the colour of {quantity} {value}", colour_by_steps(steps, value) ==
                      colour_by_limits(rules, quantity, value), steps)


def check_shipped(folder):
    """The limits that a new store has, from the server and from the list in the source, are those of the files."""
    store = "sqlite:" + os.path.join(folder, "new.db")
    sim = Tool("evtwin-sim", "-q", "--fleet", "1", "--duration", "0.2", "--interval", "0.1", "--sink", store)
    check("a new store", sim.process.wait(100) == 0)
    server = Serve(store)
    code, said = run("--check", f"http://127.0.0.1:{server.port}")
    check("what is shipped has the limits of a new store", code == 0 and said == "", (code, said))
    code, body = server.get("/api/thresholds")
    told = sorted((r["kind"], r["quantity"], r["level"], r["operator"], r["limit"]) for r in json.loads(body)["thresholds"])
    listed = sorted((r["kind"], r["quantity"], r["level"], r["operator"], r["limit"]) for r in limits())
    check("which are those of lib/core/thresholds.def", told == listed, (told, listed))
    token = os.path.join(folder, "token")
    with open(token, "w") as f:
        f.write("a-token-of-32-characters-0123456\n")
    os.chmod(token, 0o600)
    server.stop()
    server = Serve(store, "--token-file", token)
    code, said = run("--check", f"http://127.0.0.1:{server.port}")
    check("without the token: a hint", code == 69 and "--token-file" in said and "401" in said, (code, said))
    code, said = run("--check", "--token-file", token, f"http://127.0.0.1:{server.port}/")
    check("with the token", code == 0, (code, said))
    server.stop()
    code, said = run("--check", f"http://127.0.0.1:{server.port}")
    check("a server that is gone", code == 69 and "refused" in said, (code, said))


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Points to another server, which would be told the token."""
    told = []

    def do_GET(self):
        self.told.append((self.path, self.headers.get("Authorization")))
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/there")
        self.end_headers()

    def log_message(self, *_):
        pass


def check_redirect(folder):
    token = os.path.join(folder, "token")
    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code, said = run("--check", "--token-file", token, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    check("a server that points elsewhere is not followed", code == 69 and "302" in said, (code, said))
    check("the token goes to the one that was named", [t[0] for t in Elsewhere.told] == ["/api/thresholds"], Elsewhere.told)


def check_others(folder):
    """Other limits, one of them gone, one new: all three files follow, and nothing else changes in them."""
    copy = os.path.join(folder, "deploy")
    shutil.copytree(DEPLOY, copy)
    before = contents(copy)
    rules = [dict(r) for r in limits() if (r["quantity"], r["level"], r["kind"]) != ("soh", "WARNING", "status")]
    for r in rules:
        r["limit"] += 0.5 if r["quantity"] == "soc" else 0.0
    rules.append({"kind": "status", "quantity": "voltage", "level": "CRITICAL", "operator": "<", "limit": 250.0})
    for level, limit in (("WARNING", -220.0), ("CRITICAL", -300.0), ("WARNING", 220.0)):  # two of them differ by their sign only
        rules.append({"kind": "status", "quantity": "current", "level": level, "operator": "<", "limit": limit})
    rules.append({"kind": "alert", "quantity": "resistance_mohm", "level": "WARNING", "operator": ">", "limit": 1.0})
    text = json.dumps({"status": "success", "thresholds": rules}).encode()
    code, said = run("--dir", copy, "-", stdin=text)
    check("other limits are written, and what has no metric is named", code == 0 and said.count("written") == 3 and
          "resistance_mohm" in said, (code, said))
    after = contents(copy)
    for what in ("battery_soc_percent < 20.5 >= 15.5", "evtwin_battery_voltage_volts < 250", "battery_soh_percent < 75",
                 "evtwin_battery_current_amperes < -220 >= -300"):
        check(f"the rule {what}", what + "\n" in after[FILES[0]])
    check("the one that is gone", "battery_soh_percent < 85" not in after[FILES[0]])
    check("Grafana's alerts", "t.voltage AS value" in after[FILES[1]] and "params: [20.5]" in after[FILES[1]])
    uids = re.findall(r"- uid: (.*)", after[FILES[1]])
    check("each alert of Grafana has a uid of its own", len(uids) > 10 and len(set(uids)) == len(uids), uids)
    check_bands(rules, copy)
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "rules", os.path.join(copy, FILES[0])], capture_output=True, text=True)
        check("promtool takes them", done.returncode == 0, done.stdout + done.stderr)
    code, said = run("--check", "--dir", copy, "-", stdin=json.dumps(limits()).encode())
    check("--check finds that they differ", code == 1 and said.count("has other limits") == 3, (code, said))
    check("and changes nothing", contents(copy) == after)
    code, said = run("--dir", copy, "-", stdin=b"[]")
    check("no limits at all: no rule of batteries", code == 0 and "battery_soc_percent" not in contents(copy)[FILES[0]],
          (code, said))
    code, said = run("--dir", copy, "-", stdin=json.dumps(limits()).encode())
    check("back again, byte for byte", code == 0 and contents(copy) == before, (code, said))
    return copy


def check_refused(copy):
    before = contents(copy)
    good = {"kind": "status", "quantity": "soc", "level": "CRITICAL", "operator": "<", "limit": 15}
    bad = [b"", b"{", b"{}", b"null", b"3", b'{"thresholds": 3}', b"[1]", b"[" * 100000, b"\xff\xfe", b" " * (1 << 21)]
    for key, value in (("kind", "stat"), ("level", "BAD"), ("operator", "<="), ("limit", "15"), ("limit", None), ("limit", True),
                       ("limit", float("nan")), ("limit", float("inf")), ("quantity", 3), ("quantity", None)):
        bad.append(json.dumps([{**good, key: value}]).encode())
    module = load()
    for text in bad:
        try:
            module.parse(text, "-")
            check(f"refused: {text[:60]}", False)
        except module.Problem as problem:
            check(f"refused: {text[:60]}", problem.code == 65 and len(str(problem)) < 500, problem)
    code, said = run("--dir", copy, "-", stdin=bad[7])
    check("the program says so and ends with that code", code == 65 and said.startswith("apply-limits: -: ") and
          said.count("\n") == 1, (code, said[-500:]))
    # a name that would be text of YAML or PromQL is none that has a metric
    evil = json.dumps([{**good, "quantity": "soc} or vector(1)\n- alert: x"}]).encode()
    code, said = run("--dir", copy, "-", stdin=evil)
    check("a hostile name is left out", code == 0 and "left out" in said and "vector" not in contents(copy)[FILES[0]], said)
    check("back", run("--dir", copy, "-", stdin=json.dumps(limits()).encode())[0] == 0 and contents(copy) == before)
    for args, expected in ((("--nonsense",), 64), (("a", "b"), 64), (("--dir",), 64), ((os.path.join(copy, "absent.json"),), 74),
                           (("--dir", os.path.join(copy, "absent"), "-"), 74), (("--token-file", "/absent", "http://h"), 74),
                           (("--help",), 0)):
        code, said = run(*args, stdin=b"[]")
        check(f"{args}: exit code {code}", code == expected and "Traceback" not in said, said)
    with open(os.path.join(copy, FILES[0]), "w") as f:
        f.write("groups: []\n")
    code, said = run("--dir", copy, "-", stdin=json.dumps(limits()[:3]).encode())
    check("a file without the marks", code == 74 and "limits: begin" in said, (code, said))
    check("nothing is written then", contents(copy)[FILES[2]] == before[FILES[2]])


def main():
    with tempfile.TemporaryDirectory(prefix="evtwin-limits.") as folder:
        check_bands(limits(), DEPLOY)
        check_shipped(folder)
        check_redirect(folder)
        check_refused(check_others(folder))
    finish()


main()
