#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What one battery's past costs through evtwin-serve: thinned history of an hour to 30 days, statistics, trends and
exports, on SQLite and on PostgreSQL with its query plans. Seconds of the clock and of the processor: a machine that
is busy shows in the first only.

    past.py BIN [DAYS]      BIN: the folder of the tools; DAYS of rows 2 s apart (30: 1.3 million)
"""
import datetime
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "integration"))
from servers import Postgres, Skip  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
DAYS = int(sys.argv[2]) if len(sys.argv) > 2 else 30
PATHS = [*(f"/api/battery/history?battery_id=B&hours={hours}&points=500" for hours in (1, 24, 168, 720)),
         "/api/battery/history?battery_id=B&hours=720&points=500&quantities=soc",
         "/api/battery/stats?battery_id=B&hours=720", "/api/fleet/trends",
         "/api/battery/export?battery_id=B&hours=720", "/api/battery/export?battery_id=B&hours=720&format=jsonl"]
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            total += sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
    return total * TICK_S


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=600) as answer:
            return str(answer.status), len(answer.read())
    except urllib.error.HTTPError as e:
        return str(e.code), len(e.read())


def measure(name, store, backends=list):
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=DAYS)
    subprocess.run([os.path.join(BIN, "evtwin-sim"), "-q", "--fleet", "1", "--battery-id", "B", "--interval", "2",
                    "--speed", "max", "--duration", str(DAYS * 86400), "--start", start.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "--sink", store + "?retention_days=0"], check=True)
    server = subprocess.Popen([os.path.join(BIN, "evtwin-serve"), "--store", store, "--port", "0"],
                              stderr=subprocess.PIPE, text=True)
    try:
        port = re.search(r"localhost:(\d+)", server.stderr.readline())[1]
        print(f"{name}, {DAYS} days of rows 2 s apart; load {os.getloadavg()[0]:.1f}: best of 3", flush=True)
        for path in PATHS:
            wall, cpu = float("inf"), float("inf")
            for _ in range(3):
                pids = [server.pid, *backends()]
                began, began_cpu = time.monotonic(), cpu_s(pids)
                code, size = ask(port, path)
                wall, cpu = min(wall, time.monotonic() - began), min(cpu, cpu_s(pids) - began_cpu)
            print(f"  {path:74} {code} {size / 1e3:10.1f} kB {wall:8.3f} s, {cpu:6.2f} s of a core", flush=True)
    finally:
        server.terminate()
        server.wait()


def main():
    with tempfile.TemporaryDirectory(prefix="evtwin-past.", dir="/var/tmp") as folder:
        measure("SQLite", "sqlite:" + os.path.join(folder, "past.db"))
    try:
        with Postgres({"session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "100ms",
                       "auto_explain.log_analyze": "on", "auto_explain.log_timing": "off"}) as pg:
            measure("PostgreSQL", pg.uri, lambda: map(int, pg.sql(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'evtwin'").split()))
            with open(pg.log, errors="replace") as f:
                plans = re.findall(r"plan:\n\tQuery Text: (SELECT[^\n]*)\n((?:\t[^\n]*\n)+)", f.read())
            for text, plan in {p[1].split("(actual")[0]: p for p in plans}.values():
                print(f"  {text[:100]} …\n{plan.expandtabs(4)[:1500]}", flush=True)
    except Skip as skip:
        print("skipped: PostgreSQL:", skip)


main()
