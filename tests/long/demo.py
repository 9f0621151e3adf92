# SPDX-License-Identifier: MIT
"""What scripts/demo.sh shows and checks of its live fleet, through the REST API.

demo.py check API METRICS SECONDS             the ports are free (METRICS 0 = none) and SECONDS is a
    number, or exit 1
demo.py fleet API BATTERIES INTERVAL SECONDS  a status line every ten seconds; after SECONDS (0 = never)
    every battery has telemetry no older than three intervals and a prediction, and every status was
    seen, or exit 1
"""
import calendar
import collections
import json
import math
import socket
import sys
import time
import urllib.request

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never over a proxy


def say(text):
    print("demo:", text, flush=True)


def die(text):
    print("demo:", text, file=sys.stderr)
    sys.exit(1)


def check_port(port, how):
    with socket.socket() as s:
        s.settimeout(5)
        try:
            s.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return
        except OSError:
            pass
    die(f"port {port} is in use; choose another with {how}")


def get(port, path):
    with _opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return json.load(answer)


def batteries(port):
    """One object per battery, [] while the server is not there yet."""
    try:
        return get(port, "/api/batteries/list")["batteries"]
    except (OSError, ValueError):
        return []


def say_status(rows):
    n = collections.Counter(row["status"] for row in rows)
    say(f"{len(rows)} batteries: {n['NORMAL']} NORMAL, {n['WARNING']} WARNING, {n['CRITICAL']} CRITICAL")


def check_battery(port, row, limit_s):
    name = row["battery_id"]
    age_s = int(time.time()) - calendar.timegm(time.strptime(row["time"][:19], "%Y-%m-%dT%H:%M:%S"))
    if age_s > limit_s:
        die(f"{name}: its telemetry is {age_s} s old, over {limit_s} s")
    predicted = get(port, f"/api/battery/predictions?battery_id={name}")["predictions"]
    rul = predicted[0].get("rul_prediction") if predicted else None
    risk = predicted[0].get("failure_probability") if predicted else None
    if rul is None or risk is None:
        die(f"{name}: has no prediction")
    say(f"{name}: {age_s} s old, {row['status']}, RUL {rul:.0f} cycles, failure risk {100 * risk:.1f} %")


def check_fleet(port, n, interval_s, seen):
    rows = batteries(port)
    if len({row["battery_id"] for row in rows}) != n or len(rows) != n:
        die(f"{len(rows)} batteries at http://127.0.0.1:{port}/api/batteries/list instead of {n}")
    for row in rows:
        check_battery(port, row, math.ceil(3 * interval_s))
    for status in ("NORMAL", "WARNING", "CRITICAL"):
        if status not in seen:
            die(f"no battery was {status}")
    say(f"all {n} batteries are live and predicted")


def watch(port, n, interval_s, seconds):
    began, tick, seen = time.monotonic(), 0, set()
    while seconds == 0 or time.monotonic() - began < seconds:
        # a row's status counts its prediction only once it has one, so look more than once
        rows = batteries(port)
        seen.update(row["status"] for row in rows)
        if tick % 10 == 4:
            say_status(rows)
        tick += 1
        time.sleep(1)
    check_fleet(port, n, interval_s, seen)


if sys.argv[1] == "check":
    if not (sys.argv[4].isascii() and sys.argv[4].isdigit()):
        die(f"DEMO_SECONDS: '{sys.argv[4]}' is not a whole number")
    check_port(int(sys.argv[2]), "API_PORT=…")
    if sys.argv[3] != "0":
        check_port(int(sys.argv[3]), "METRICS_PORT=… (0 = none)")
else:
    watch(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
