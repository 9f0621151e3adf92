# SPDX-License-Identifier: MIT
"""What scripts/demo.sh shows and checks of its live fleet, through the REST API.

demo.py check API METRICS SECONDS             the ports are free (METRICS 0 = none) and SECONDS is a
    number, or exit 1
demo.py fleet API TOKEN_FILE BATTERIES INTERVAL SECONDS  a status line every ten seconds; after SECONDS (0 = never)
    every battery has telemetry no older than three intervals and a prediction, and every status was
    seen, or will within another minute (the machine may be busy), or exit 1
"""
import calendar
import collections
import json
import math
import socket
import sys
import time
import urllib.request

PATIENCE_S = 60

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never over a proxy
_token = ""


def say(text):
    print("demo:", text, flush=True)


def die(text):
    print("demo:", text, file=sys.stderr)
    sys.exit(1)


class NotYet(Exception):
    """The fleet is not as it should be; the text says how."""


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
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {_token}"})
    with _opener.open(request, timeout=5) as answer:
        return json.load(answer)


def batteries(port):
    """One object per battery, [] while the server is not there yet."""
    try:
        return get(port, "/api/batteries/list")["batteries"]
    except (OSError, ValueError):
        return []


def say_status(rows):
    n = collections.Counter(row["health"]["status"] for row in rows)  # the newest row mostly waits for its prediction
    say(f"{len(rows)} batteries: {n['NORMAL']} NORMAL, {n['WARNING']} WARNING, {n['CRITICAL']} CRITICAL")


def check_battery(port, row, limit_s):
    """What there is to say of a battery that is live and predicted."""
    name = row["battery_id"]
    age_s = int(time.time()) - calendar.timegm(time.strptime(row["time"][:19], "%Y-%m-%dT%H:%M:%S"))
    if age_s > limit_s:
        raise NotYet(f"{name}: its telemetry is {age_s} s old, over {limit_s} s")
    predicted = get(port, f"/api/battery/predictions?battery_id={name}")["predictions"]
    rul = predicted[0].get("rul_prediction") if predicted else None
    risk = predicted[0].get("failure_probability") if predicted else None
    if rul is None or risk is None:
        raise NotYet(f"{name}: has no prediction")
    return f"{name}: {age_s} s old, {row['health']['status']}, RUL {rul:.0f} cycles, failure risk {100 * risk:.1f} %"


def check_fleet(port, n, interval_s, seen):
    rows = batteries(port)
    seen.update(row["health"]["status"] for row in rows)
    if len({row["battery_id"] for row in rows}) != n or len(rows) != n:
        raise NotYet(f"{len(rows)} batteries at http://127.0.0.1:{port}/api/batteries/list instead of {n}")
    lines = [check_battery(port, row, math.ceil(3 * interval_s)) for row in rows]
    for status in ("NORMAL", "WARNING", "CRITICAL"):
        if status not in seen:
            raise NotYet(f"no battery was {status}")
    for line in lines:
        say(line)
    say(f"all {n} batteries are live and predicted")


def watch(port, n, interval_s, seconds):
    began, tick, seen = time.monotonic(), 0, set()
    while seconds == 0 or time.monotonic() - began < seconds:
        # health counts predictions once there are some, so look more than once
        rows = batteries(port)
        seen.update(row["health"]["status"] for row in rows)
        if tick % 10 == 4:
            say_status(rows)
        tick += 1
        time.sleep(1)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return check_fleet(port, n, interval_s, seen)
        except (NotYet, OSError) as e:
            if time.monotonic() > deadline:
                die(e)
        time.sleep(1)


if sys.argv[1] == "check":
    if not (sys.argv[4].isascii() and sys.argv[4].isdigit()):
        die(f"DEMO_SECONDS: '{sys.argv[4]}' is not a whole number")
    check_port(int(sys.argv[2]), "API_PORT=…")
    if sys.argv[3] != "0":
        check_port(int(sys.argv[3]), "METRICS_PORT=… (0 = none)")
else:
    with open(sys.argv[3]) as f:
        _token = f.readline().strip()
    watch(int(sys.argv[2]), int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6]))
