# SPDX-License-Identifier: MIT
"""disk_full.py BIN: the simulator writes onto a disk that fills up and gets room again.

Runs itself again in a user namespace of its own, where it may mount a small tmpfs.
"""
import errno
import json
import os
import signal
import subprocess
import sys
import time

import longtest as t  # goes to a folder of its own

FLEET, DISK_KIB, ROOM_KIB = 20, 8192, 1024
IN_NAMESPACE = "EVTWIN_LONG_IN_NAMESPACE"


def enter_namespace():
    """The rest of the script runs in the child; what it finds is this script's exit code."""
    probe = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True)
    except FileNotFoundError:
        t.skip("there is no unshare")
    if done.returncode != 0:
        t.skip("no user namespace to mount a small disk in: " + done.stderr.strip())
    os.environ[IN_NAMESPACE] = "1"
    os.environ["TMPDIR"] = t.WORK  # its mount points can be removed when it is gone
    signal.alarm(0)  # the child has its own
    sys.exit(subprocess.run(["unshare", "-rm", sys.executable, __file__, t.BIN]).returncode)


def mount_disk(name):
    os.mkdir(name)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "none", name], check=True)


def fill(disk, leave_kib):
    """A file that leaves no more than that much room; others may write meanwhile."""
    with open(disk + "/filler", "wb", buffering=0) as f:
        try:
            while os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize > leave_kib * 1024:
                f.write(b"\0" * 4096)
        except OSError as error:
            t.require("the disk can be filled", error.errno == errno.ENOSPC, error)


def start_sim(disk, interval_s, *options):
    # the ledger, on another disk, has every record; the first two sinks are on the full one
    return t.start("sim", "--fleet", FLEET, "--interval", interval_s, "--seed", 3,
                   "--sink", f"sqlite:{disk}/live.db", "--sink", f"jsonl:{disk}/live.jsonl",
                   "--sink", f"jsonl:{disk}.ledger", *options, err=disk + ".err")


def read_jsonl(path):
    """[(key, record), ...]; a torn line is a fault of the file."""
    with open(path) as f:
        text = f.read()
    t.check(f"{path} has no torn line", text == "" or text.endswith("\n"))
    records = [json.loads(line) for line in text.splitlines()]
    return [((r["battery_id"], t.utc27(r["timestamp"]), r["seq"]), r) for r in records]


def read_rows(path):
    db = t.open_store(path)
    t.check("the database is whole", t.integrity(db) == "ok", t.integrity(db))
    columns = t.INPUTS + t.CAUSAL
    rows = db.execute(f"SELECT {', '.join(t.KEY + columns)} FROM ev_telemetry").fetchall()
    db.close()
    return [(r[:3], dict(zip(columns, r[3:]))) for r in rows]


def rows_differ(rows, ledger):
    """Keys that are not in both once, or whose values differ."""
    mine, theirs = dict(rows), dict(ledger)
    wrong = [k for k in mine.keys() | theirs.keys() if k not in mine or k not in theirs]
    wrong += [k for k in mine if k in theirs and
              any(v != theirs[k].get(c) for c, v in mine[k].items())]
    return wrong + [None] * (len(rows) - len(mine))


def count_said(path, text):
    with open(path) as f:
        return f.read().count(text)


def fill_and_free(sim, predict, times):
    """Let the disk fill up and give it room again, for the given time."""
    predict.send_signal(signal.SIGSTOP)  # so that rows wait when the disk is full
    fill("disk", ROOM_KIB if times == 1 else 0)
    t.await_true("both sinks on it are full and that is said", 60, lambda: count_said(
        "disk.err", "held in memory") == 2 * times)
    predict.send_signal(signal.SIGCONT)
    t.check("the simulator goes on", sim.poll() is None)
    size = os.path.getsize("disk.ledger")
    t.await_true("so does the sink on another disk", 60,
                 lambda: os.path.getsize("disk.ledger") > size)
    t.check("each is said once", count_said("disk.err", "held in memory") == 2 * times)
    os.remove("disk/filler")
    began = time.monotonic()
    t.await_true("both take records again", 90,
                 lambda: count_said("disk.err", "takes records again") == 2 * times)
    t.say(f"both sinks go on {time.monotonic() - began:.1f} s after the space is there")
    t.check("the predictor goes on", predict.poll() is None)


def until_full_and_free():
    """Full while it runs, then free again, twice: every record arrives once and is predicted."""
    mount_disk("disk")
    sim = start_sim("disk", 0.02)
    predict = t.start("predict", "--models", "models", "--store", "sqlite:disk/live.db",
                      "--interval", 0.05, "--metrics-port", 0, "-v", err="predict.err")
    t.await_true("there are rows", 60, lambda: os.path.exists("disk/live.db") and
                 os.path.exists("disk.ledger") and os.path.getsize("disk.ledger") > 0)
    for times in (1, 2):
        fill_and_free(sim, predict, times)
    t.await_true("the predictor works again after each failure", 90, lambda: count_said(
        "predict.err", "works again") == count_said("predict.err", "trying again"))
    t.say(f"the predictor met the full disk {count_said('predict.err', 'trying again')} times")
    t.stop("evtwin-sim", sim)
    t.stop("evtwin-predict", predict)
    with open("disk.err") as f:
        said = f.read()
    t.say("evtwin-sim said:\n  " + said.strip().replace("\n", "\n  "))
    t.check("that the disk is full", "disk is full" in said and "No space left" in said)
    t.check("nothing was left out", "not delivered" not in said and "being lost" not in said)
    check_all_arrived(said)


def check_all_arrived(said):
    t.run("predict", "--models", "models", "--store", "sqlite:disk/live.db", "--once", "-q")
    ledger, lines, rows = (read_jsonl("disk.ledger"), read_jsonl("disk/live.jsonl"),
                           read_rows("disk/live.db"))
    t.say(f"{len(ledger)} records made, {len(rows)} rows, {len(lines)} lines")
    t.check("records were made", len(ledger) > 20 * FLEET, len(ledger))
    wrong = rows_differ(rows, ledger)
    t.check("every record is in the database once, unaltered", not wrong, wrong[:3])
    wrong = rows_differ(lines, ledger)
    t.check("every record is in the file once, unaltered", not wrong, wrong[:3])
    t.check("in order", [k for k, _ in lines] == [k for k, _ in ledger])
    for sink in ("sqlite:disk/live.db", "jsonl:disk/live.jsonl"):
        t.check(f"the count it told of {sink}",
                f"{len(ledger)} records delivered to {sink}; closed" in said)
    t.check("a lost and an altered one would be found", len(rows_differ(rows[1:], ledger)) == 1 and
            len(rows_differ([(rows[0][0], {"soc": -1})] + rows[1:], ledger)) == 1 and
            len(rows_differ(rows[:1] + rows, ledger)) == 1)
    db = t.open_store("disk/live.db")
    again = t.recomputed(db, "models", t.INPUTS)
    stored = {r[:3]: r[3:] for r in db.execute(
        "SELECT battery_id, time, seq, rul_prediction, failure_probability FROM ev_telemetry")}
    db.close()
    t.check("every row has the prediction of its own values", again == stored)


def until_full_and_over():
    """Full to the end: what was not delivered is counted, and the exit code says so."""
    mount_disk("small")
    fill("small", ROOM_KIB)  # a database has to fit to begin with
    sim = start_sim("small", 0.02, "--hold", 40 * FLEET)
    t.await_true("more is held than --hold", 60, lambda: count_said(
        "small.err", "new ones are being lost") == 2)
    sim.send_signal(signal.SIGINT)
    code = sim.wait(60)
    said = open("small.err").read()
    t.say(said.strip().replace("\n", "; "))
    t.check("exit code 1", code == 1, code)
    ledger, rows, lines = (read_jsonl("small.ledger"), read_rows("small/live.db"),
                           read_jsonl("small/live.jsonl"))
    for sink, there in (("sqlite:small/live.db", rows), ("jsonl:small/live.jsonl", lines)):
        n_missing = len(ledger) - len(there)
        t.check(f"{sink}: what is missing is counted", n_missing > 0 and
                f"{sink}: {n_missing} records were not delivered" in said, n_missing)
        there = dict(there)
        t.check(f"{sink}: what is there was made, and once", len(there) == len(ledger) - n_missing
                and not set(there) - {k for k, _ in ledger})


def main():
    t.need_sqlite()
    if IN_NAMESPACE not in os.environ:
        enter_namespace()
    t.train_on_fleet(16, 1, "models")
    until_full_and_free()
    until_full_and_over()
    t.finish()


main()
