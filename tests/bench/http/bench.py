# SPDX-License-Identifier: MIT
"""Requests a second of evtwin-serve on a store of many batteries, beside Flask + gunicorn that reads the
same SQLite file and a bare libmicrohttpd that sends the same bytes, each asked by wrk with 32 connections
in the same run; then what a poll of the fleet costs, while the history grows and is not asked.

Where others use the machine too, requests a second say more about them than about the servers: the CPU time
of a server's threads per request is shown beside. The bare server decides nothing: it reads no target, no
Host and no parameter, sends one answer from one place of memory, made once, and no header of its own. What
our headers alone would cost it is shown too.

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
# As many as wrk itself takes, which keeps two cores busy. With one, wrk sleeps between answers, and each answer has
# to wake it: evtwin-serve falls to 0.55 of the bare server, which is quick enough to keep one wrk thread awake.
WRK_THREADS = 2
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


def cpu_s(pid):
    """CPU time of a process and its children until now."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                total += int(f.read().split()[0])
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                total += sum(int(1e9 * cpu_s(int(child))) for child in f.read().split())
        except OSError:
            pass  # it has ended
    return 1e-9 * total


def wrk(process, port, seconds, *more):
    """Requests a second, the 99th percentile in ms, CPU time a request in us."""
    before_s = cpu_s(process.pid)
    out = subprocess.run(["wrk", "-t%d" % WRK_THREADS, "-c%d" % CONNECTIONS, "-d%ds" % seconds, "--latency", *more,
                          "http://localhost:%d/" % port], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        print(out)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit],
            1e6 * (cpu_s(process.pid) - before_s) / int(re.search(r"(\d+) requests in", out).group(1)))


def best(rounds):
    """The most requests a second, the least of each of the others."""
    return [max(r[0] for r in rounds), min(r[1] for r in rounds), min(r[2] for r in rounds)]


def show(name, figures, ours=None):
    print("  %-32s %7.0f requests/s, p99 %6.2f ms, CPU %6.2f us a request%s" %
          (name, *figures, "" if ours is None else "; we are %.2f of it, %.2f by CPU" %
           (ours[0] / figures[0], figures[2] / ours[2])), flush=True)


def memory_mb(process):
    with open("/proc/%d/status" % process.pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024.0


def poll(port, path):
    least, size = 1e9, 0
    for _ in range(5):
        start = time.monotonic()
        size = len(get(port, path))
        least = min(least, time.monotonic() - start)
    print("  %-64s %8.1f kB %9.2f ms" % (path, size / 1e3, least * 1e3), flush=True)


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

    path, headers = os.path.join(run.folder, "answer.json"), os.path.join(run.folder, "headers")
    with open(path, "wb") as f:
        f.write(body)
    with urllib.request.urlopen("http://localhost:%d/api/battery/latest?battery_id=BATTERY_000001" % port) as answer:
        with open(headers, "w") as f:
            f.writelines("%s: %s\n" % h for h in answer.getheaders()
                         if h[0] not in ("Date", "Content-Length", "Connection"))
    # in turns, since the machine may be busy
    servers = [["evtwin-serve", served, port]]
    for name, more in (("bare libmicrohttpd, same bytes", []), ("the same with our headers", [headers])):
        bare = run.start(sys.argv[1], "bare", path, *more, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        servers.append([name, bare, int(bare.stdout.readline())])
    if shutil.which("gunicorn") is not None and subprocess.run(
            ["/usr/bin/python3", "-c", "import flask"], capture_output=True).returncode == 0:
        servers.append(["Flask + gunicorn, 2 processes", run.start(
            "gunicorn", "--workers", "2", "--bind", "127.0.0.1:%d" % free_port(), "--chdir", HERE,
            "--log-level", "error", "flask_app:app",
            env=dict(os.environ, BENCH_STORE=store, PYTHONDONTWRITEBYTECODE="1")), None])
        servers[-1][2] = int(servers[-1][1].args[4].split(":")[1])
        wait_for(servers[-1][2], "/api/battery/latest?battery_id=BATTERY_000001", servers[-1][1])
    else:
        print("  left out: Flask + gunicorn (Debian: python3-flask gunicorn) are not installed")
    rounds = [[] for _ in servers]
    for _ in range(3):
        for figures, (_, process, at) in zip(rounds, servers):
            figures.append(wrk(process, at, seconds, "-s", lua))
    for i, (name, process, _) in enumerate(servers):
        show(name, best(rounds[i]), best(rounds[0]) if i > 0 else None)
        if i > 0:
            run.stop(process)
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
