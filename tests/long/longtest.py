# SPDX-License-Identifier: MIT
"""What the long tests share: a folder to work in, the tools, checks that are all reported at the end.

Every script is called with the folder of the tools (and what CMakeLists.txt adds), prints what it
measured, and ends with 0, 1 (a check did not hold) or 77 (skipped, with the reason).
"""
import atexit
import csv
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from server.base import free_port  # noqa: E402, F401

BIN = os.path.abspath(sys.argv[1])
PROGRAMS = [os.path.abspath(a) for a in sys.argv[2:]]
WORK = tempfile.mkdtemp(prefix="evtwin-long.")

INPUTS = ["soc", "soh", "voltage", "current", "temperature", "charge_cycles", "power_consumption"]
CAUSAL = ["resistance_mohm", "mean_temperature", "throughput_ah_per_day"]
KEY = ["battery_id", "time", "seq"]

_began = time.monotonic()
_checks = 0
_failed = []
_children = []


def _clean_up():
    for child in _children:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    os.chdir("/")
    shutil.rmtree(WORK, ignore_errors=True)


def _give_up(*_):
    print("FAILED: stopped, or took longer than it may", flush=True)
    sys.exit(1)


atexit.register(_clean_up)
signal.signal(signal.SIGTERM, _give_up)
signal.signal(signal.SIGALRM, _give_up)
signal.alarm(int(os.environ.get("LONG_TEST_SECONDS", "900")))  # so that nothing is left running
os.chdir(WORK)
for _name in ("TELEMETRY_INTERVAL", "PREDICTION_INTERVAL", "METRICS_PORT", "API_PORT"):
    os.environ.pop(_name, None)
os.environ["NO_COLOR"] = "1"
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never over a proxy


def say(text):
    print(f"[{time.monotonic() - _began:6.1f} s] {text}", flush=True)


def check(what, holds, detail=""):
    """A check that does not hold is reported at once; the script goes on and fails at its end."""
    global _checks
    _checks += 1
    if not holds:
        _failed.append(what)
        print(f"FAILED: {what}{': ' if detail != '' else ''}{detail}", flush=True)
    return bool(holds)


def require(what, holds, detail=""):
    """A check that the rest depends on."""
    if not check(what, holds, detail):
        finish()


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def finish():
    if _failed:
        print(f"{len(_failed)} of {_checks} checks failed")
        sys.exit(1)
    print(f"{_checks} checks passed")
    sys.exit(0)


def tool(name):
    return os.path.join(BIN, "evtwin-" + name)


class Finished:
    """How a tool ended: exit code, what it printed, and the most memory it held."""

    def __init__(self, code, out, err, peak_mb, seconds):
        self.code, self.out, self.err = code, out, err
        self.peak_mb, self.seconds = peak_mb, seconds


# A child's peak starts with what its parent held when it forked: so it gets a small parent.
_MEASURE = """import os, sys
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w") as f:
    f.write(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}")
"""


def run(name, *options, code=0, timeout=300):
    """Run evtwin-<name> to its end and check its exit code (None: any)."""
    command = [tool(name), *map(str, options)]
    began = time.monotonic()
    with open("run.out", "w+b") as out, open("run.err", "w+b") as err:
        child = subprocess.Popen([sys.executable, "-ISc", _MEASURE, "run.usage", *command],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                 start_new_session=True)
        _children.append(child)
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            require(f"evtwin-{name} ends within {timeout} s", False, " ".join(command))
        _children.remove(child)
        out.seek(0)
        err.seek(0)
        require(f"{command[0]} can be started", os.path.exists("run.usage"))
        with open("run.usage") as f:
            ended, peak_kib = map(int, f.read().split())
        done = Finished(ended, out.read().decode(), err.read().decode(), peak_kib / 1024,
                        time.monotonic() - began)
    os.remove("run.usage")
    if code is not None:
        require(f"evtwin-{name} {' '.join(map(str, options))[:120]}: exit code {code}",
                done.code == code, f"it was {done.code}; {done.err[:400]}")
    return done


def start(name, *options, err):
    """Start a tool that stays; what it prints is appended to the file err."""
    with open(err, "ab") as f:
        child = subprocess.Popen([tool(name), *map(str, options)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=f, start_new_session=True)
    _children.append(child)
    return child


def stop(what, child, seconds=100):
    """End a tool as Ctrl-C does; it has to end cleanly."""
    child.send_signal(signal.SIGINT)
    try:
        code = child.wait(seconds)
    except subprocess.TimeoutExpired:
        code = "none: it still runs"
    check(f"{what} ends cleanly", code == 0, f"exit code {code}")


def await_true(what, seconds, condition):
    """Wait until condition() holds; seconds is a limit, not a pause, and a minute at least: how long
    a thing takes on a busy machine is no property of the tools."""
    seconds = max(seconds, 60)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            require(f"{what} within {seconds} s", False)
        time.sleep(0.02)


def file_says(path, text):
    if not os.path.exists(path):
        return False
    with open(path, errors="replace") as f:
        return text in f.read()


def get(url, timeout=20):
    with _opener.open(url, timeout=timeout) as answer:
        return answer.read()


def answers(url):
    try:
        get(url, timeout=10)
        return True
    except OSError:
        return False


def need_sqlite():
    if sqlite3.sqlite_version_info < (3, 37):
        skip(f"Python's SQLite {sqlite3.sqlite_version} reads no STRICT tables (3.37 does)")


def open_store(path):
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)


def train_on_fleet(packs, seed, models, *options):
    """A bundle from a small labelled fleet; "<models>.csv" stays."""
    run("sim", "--until-eol", "--fleet", packs, "--seed", seed, "--record-days", 10, "--csv",
        models + ".csv", "-q")
    run("train", "-q", models + ".csv", "--out", models, *options)


def recomputed(db, models, columns):
    """Predict every row of ev_telemetry again, as a file: {key: (rul, failure probability)}.

    Python writes and reads the shortest exact numbers, so equal means equal to the last bit.
    """
    rows = db.execute(f"SELECT {', '.join(KEY + columns)} FROM ev_telemetry")
    with open("again.in.csv", "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(KEY + columns)
        writer.writerows(rows)
    run("predict", "--models", models, "--csv", "again.in.csv", "--out", "again.csv", "-q")
    with open("again.csv", newline="") as f:
        return {(r["battery_id"], utc27(r["time"]), int(r["seq"])):
                (float(r["rul_prediction"]), float(r["failure_probability"]))
                for r in csv.DictReader(f)}


def utc27(text):
    """A time as the store writes it: six digits of a second."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<6}Z"


def doubled_keys(db):
    return db.execute("SELECT COUNT(*) FROM (SELECT 1 FROM ev_telemetry "
                      "GROUP BY battery_id, time, seq HAVING COUNT(*) > 1)").fetchone()[0]


def integrity(db):
    return "; ".join(r[0] for r in db.execute("PRAGMA integrity_check"))
