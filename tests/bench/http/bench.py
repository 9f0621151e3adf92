# SPDX-License-Identifier: MIT
"""Requests a second of evtwin-serve on a store of many batteries, beside Flask + gunicorn that reads the
same SQLite file and a bare libmicrohttpd that sends the same bytes, each asked by wrk with 32 connections
in the same run; then what a poll of the fleet costs, while the history grows and is not asked.

    bench.py BENCH_HTTP [BATTERIES [SECONDS]]      BENCH_HTTP: the program of tests/bench/bench_http.c
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS = 32
PATHS = ["/api/batteries/list?limit=50", "/api/batteries/list?limit=50&sort=soc&order=desc",
         "/api/batteries/list?limit=50&health=critical&q=7", "/api/batteries/list", "/api/alerts", "/metrics"]

# Every request asks for another battery, so that nothing is answered from one cache line.
LUA = """
local n = 0
function request()
  n = (n + 7919) %% %d
  return wrk.format("GET", string.format("/api/battery/latest?battery_id=BATTERY_%%06d", n + 1))
end
"""


def skip(why):
    print("skipped: %s" % why)
    sys.exit(0)


def get(port, path):
    with urllib.request.urlopen("http://localhost:%d%s" % (port, path), timeout=120) as answer:
        return answer.read()


def wait_for(port, path, process):
    for _ in range(600):
        try:
            return get(port, path)
        except OSError:
            if process.poll() is not None:
                sys.exit("bench.py: %s has ended" % process.args[0])
            time.sleep(0.1)
    sys.exit("bench.py: %s does not answer" % process.args[0])


def wrk(port, seconds, *more):
    out = subprocess.run(["wrk", "-t1", "-c%d" % CONNECTIONS, "-d%ds" % seconds, "--latency", *more,
                          "http://localhost:%d/" % port], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        print(out)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit])


def show(name, figures, peer=None):
    rate, p99 = figures
    print("  %-34s %9.0f requests/s   p99 %7.2f ms%s" %
          (name, rate, p99, "" if peer is None else "   we are %5.2f of it" % (peer / rate)), flush=True)


def memory_mb(process):
    with open("/proc/%d/status" % process.pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024.0


def poll(port, path):
    best, size = 1e9, 0
    for _ in range(5):
        start = time.monotonic()
        size = len(get(port, path))
        best = min(best, time.monotonic() - start)
    print("  %-64s %8.1f kB %9.2f ms" % (path, size / 1e3, best * 1e3), flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Run:
    """The processes of a run, ended with it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="evtwin-bench-http-", dir="/var/tmp")
        self.processes = []

    def __enter__(self):
        return self

    def start(self, *args, **more):
        process = subprocess.Popen(args, text=True, cwd=self.folder, **more)
        self.processes.append(process)
        return process

    def stop(self, process):
        process.terminate()
        process.wait()
        self.processes.remove(process)

    def __exit__(self, *_):
        for process in list(self.processes):
            self.stop(process)
        shutil.rmtree(self.folder)


def measure_latest(run, tool, store, batteries, seconds):
    lua = os.path.join(run.folder, "request.lua")
    with open(lua, "w") as f:
        f.write(LUA % batteries)
    start = time.monotonic()
    served = run.start(os.path.join(tool, "evtwin-serve"), "--store", "sqlite:" + store, "--listen", "127.0.0.1:0",
                       stderr=subprocess.PIPE)
    port = int(re.search(r"http://localhost:(\d+)", served.stderr.readline()).group(1))
    body = wait_for(port, "/api/battery/latest?battery_id=BATTERY_000001", served)
    print("%d batteries: in memory after %.1f s, %.0f MB; an answer has %d bytes" %
          (batteries, time.monotonic() - start, memory_mb(served), len(body)), flush=True)

    path = os.path.join(run.folder, "answer.json")
    with open(path, "wb") as f:
        f.write(body)
    bare = run.start(sys.argv[1], "bare", path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    bare_port = int(bare.stdout.readline())
    ours, peers = [], []
    for _ in range(3):  # in turns, since the machine may be busy
        ours.append(wrk(port, seconds, "-s", lua))
        peers.append(wrk(bare_port, seconds, "-s", lua))
    run.stop(bare)
    ours, peers = max(ours), max(peers)
    show("evtwin-serve", ours)
    show("bare libmicrohttpd, same bytes", peers, ours[0])

    if shutil.which("gunicorn") is None or subprocess.run(
            ["/usr/bin/python3", "-c", "import flask"], capture_output=True).returncode != 0:
        print("  skipped: Flask + gunicorn (Debian: python3-flask gunicorn) are not installed")
        return port, served
    flask_port = free_port()
    gunicorn = run.start("gunicorn", "--workers", "2", "--bind", "127.0.0.1:%d" % flask_port, "--chdir", HERE,
                         "--log-level", "error", "flask_app:app", env=dict(os.environ, BENCH_STORE=store,
                                                                           PYTHONDONTWRITEBYTECODE="1"))
    wait_for(flask_port, "/api/battery/latest?battery_id=BATTERY_000001", gunicorn)
    show("Flask + gunicorn, 2 processes", wrk(flask_port, seconds, "-s", lua), ours[0])
    run.stop(gunicorn)
    return port, served


def main():
    batteries = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    tool = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "..", "..", "tools")
    if shutil.which("wrk") is None:
        skip("wrk is not installed")
    if not os.path.exists(os.path.join(tool, "evtwin-serve")):
        skip("there is no evtwin-serve beside %s" % sys.argv[1])
    sys.argv[1] = os.path.abspath(sys.argv[1])
    with Run() as run:
        store = os.path.join(run.folder, "fleet.db")
        subprocess.run([sys.argv[1], "fill", "sqlite:" + store, str(batteries)], check=True)
        port, served = measure_latest(run, tool, store, batteries, seconds)
        print("polls of the fleet, one after the other:")
        for path in PATHS:
            poll(port, path)
        print("  %.0f MB in memory then" % memory_mb(served))
        subprocess.run([sys.argv[1], "fill", "sqlite:" + store, str(batteries)], check=True)
        print("the same with twice the history:")
        for path in PATHS:
            poll(port, path)


if __name__ == "__main__":
    main()
