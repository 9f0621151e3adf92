# SPDX-License-Identifier: MIT
"""kill_tools.py BIN: SIGKILL simulator, predictor and server again and again on one database.

Afterwards every row that was reported is there once and unaltered, batches are there whole or not
at all, and every row has exactly the prediction that its own values give.
"""
import glob
import json
import os
import random
import shutil
import sqlite3
import threading
import time

import longtest as t

FLEET, KILLS, SEED = 40, 120, 20240607
LONGEST_PAUSE_S = 0.6
LEDGER_FIELDS = ["soc", "soh", "voltage", "current", "temperature", "charge_cycles",
                 "power_consumption", "is_charging", "sim_time_s", "resistance_mohm",
                 "mean_temperature", "throughput_ah_per_day"]


class Reader(threading.Thread):
    """Asks the API all the time: whatever is killed, an answer is a whole and consistent one."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.over = url, threading.Event()
        self.n_answers, self.n_refused, self.faults = 0, 0, []

    def run(self):
        while not self.over.is_set():
            try:
                text = t.get(self.url + "/api/batteries/list", timeout=10)
            except Exception:  # the server was killed before or while it answered
                self.n_refused += 1
                time.sleep(0.01)
                continue
            self.n_answers += 1
            for row in json.loads(text)["batteries"]:
                known = [row[c] is not None for c in
                         ("rul_prediction", "failure_probability", "prediction_timestamp",
                          "model_version")]
                if any(known) != all(known):
                    self.faults.append(row)


class Tools:
    """The three programs; what is killed comes back on the same files and ports."""

    def __init__(self):
        self.port, self.metrics_port = t.free_port(), t.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.commands = {
            # the ledger comes second: what stands in it was committed to the database before
            "sim": ["--fleet", FLEET, "--soh", "100:78", "--interval", 0.05, "--speed", 2000,
                    "--sink", "sqlite:live.db", "--sink", "jsonl:ledger.jsonl", "-q"],
            "predict": ["--models", "models", "--store", "sqlite:live.db", "--interval", 0.01,
                        "--metrics-port", self.metrics_port, "-q"],
            "serve": ["--store", "sqlite:live.db", "--port", self.port, "-q"],
        }
        self.children = {}
        self.n_starts = 0

    def start(self, name):
        self.n_starts += 1
        seed = ["--seed", self.n_starts] if name == "sim" else []  # its noise does not come twice
        self.children[name] = t.start(name, *self.commands[name], *seed, err=name + ".err")

    def check_running(self):
        for name, child in self.children.items():
            t.require(f"evtwin-{name} runs until it is killed", child.poll() is None,
                      f"exit code {child.poll()}; {open(name + '.err').read()[-400:]}")



def kill_at_random(tools):
    """Seeded: who and when. Nobody waits for anything but the next shot."""
    rng = random.Random(SEED)
    count = dict.fromkeys(tools.commands, 0)
    names = sorted(tools.commands)
    for i in range(KILLS):
        time.sleep(rng.uniform(0, LONGEST_PAUSE_S))
        tools.check_running()
        if i % 7 == 3 and os.path.exists("ledger.jsonl"):  # as log rotation does, at any moment
            os.rename("ledger.jsonl", f"ledger.jsonl.{i}")
        victims = [rng.choice(names)] if i % 9 else names  # now and then all three
        for name in victims:
            count[name] += 1
            tools.children[name].kill()
        for name in victims:
            tools.children[name].wait()
            tools.start(name)
    return count


def read_ledger():
    """Whole lines only: a torn last line was not reported. {key: values}, number of lines."""
    lines = []
    for path in sorted(glob.glob("ledger.jsonl*")):
        with open(path) as f:
            lines += f.read().split("\n")[:-1]
    records = [json.loads(line) for line in lines]
    return {(r["battery_id"], t.utc27(r["timestamp"]), r["seq"]):
            tuple(r.get(c) for c in LEDGER_FIELDS) for r in records}, len(lines)


def wrong_predictions(db, again):
    """Keys whose stored prediction is not the one computed from their own values."""
    stored = db.execute("SELECT battery_id, time, seq, rul_prediction, failure_probability "
                        "FROM ev_telemetry").fetchall()
    wrong = [r[:3] for r in stored if again.get(r[:3]) != r[3:]]
    return wrong + sorted(set(again) - {r[:3] for r in stored})


def missing_or_altered(db, ledger):
    stored = {r[:3]: r[3:] for r in db.execute(
        f"SELECT battery_id, time, seq, {', '.join(LEDGER_FIELDS)} FROM ev_telemetry")}
    missing = [k for k in ledger if k not in stored]
    altered = [k for k in ledger if k in stored and stored[k] != ledger[k]]
    return missing, altered, [k for k in stored if k not in ledger]


def check_the_checks(again, ledger):
    """Faults put into a copy have to be found: exactly those."""
    shutil.copyfile("live.db", "broken.db")
    db = sqlite3.connect("broken.db")
    a, b = db.execute("SELECT battery_id, time, seq, rul_prediction FROM ev_telemetry "
                      "GROUP BY rul_prediction ORDER BY time DESC LIMIT 2").fetchall()
    for row, value in ((a, b[3]), (b, a[3])):
        db.execute("UPDATE ev_telemetry SET rul_prediction = ? WHERE (battery_id, time, seq) = "
                   "(?, ?, ?)", (value, *row[:3]))
    t.check("two swapped predictions are found", sorted(wrong_predictions(db, again)) ==
            sorted([a[:3], b[:3]]))
    key = next(iter(ledger))
    db.execute("UPDATE ev_telemetry SET soc = soc + 1e-13 WHERE (battery_id, time, seq) = "
               "(?, ?, ?)", key)
    t.check("an altered row is found", missing_or_altered(db, ledger)[1] == [key])
    db.execute("DELETE FROM ev_telemetry WHERE (battery_id, time, seq) = (?, ?, ?)", key)
    t.check("a lost row is found", missing_or_altered(db, ledger)[0] == [key])
    db.close()


def check_rows(db, ledger, n_lines, n_sim_kills):
    rows = db.execute("SELECT COUNT(*) FROM ev_telemetry").fetchone()[0]
    missing, altered, unreported = missing_or_altered(db, ledger)
    batches = db.execute("SELECT time, COUNT(*) FROM ev_telemetry GROUP BY time").fetchall()
    t.say(f"{rows} rows in {len(batches)} batches; {n_lines} were reported, {len(unreported)} "
          "committed but killed before they could be")
    t.check("a few thousand rows at least", rows > 5000, rows)
    t.check("no row is doubled", t.doubled_keys(db) == 0)
    t.check("no report is doubled", n_lines == len(ledger), n_lines - len(ledger))
    t.check("every reported row is there", not missing, missing[:3])
    t.check("with the values that were reported", not altered, altered[:3])
    t.check("a batch is there whole or not at all",
            all(n == FLEET for _, n in batches), [b for b in batches if b[1] != FLEET][:3])
    t.check("at most one unreported batch for each kill of the simulator",
            len(unreported) <= FLEET * n_sim_kills, len(unreported))


def check_lives(db):
    """Whoever was killed, a battery's life goes on: nothing jumps back."""
    rows = db.execute("SELECT battery_id, charge_cycles, soh, sim_time_s FROM ev_telemetry "
                      "ORDER BY battery_id, time, seq").fetchall()
    pairs = [(a, b) for a, b in zip(rows, rows[1:]) if a[0] == b[0]]
    for what, back in (("cycles", lambda a, b: b[1] < a[1]), ("health", lambda a, b: b[2] > a[2] + 0.5),
                       ("clock", lambda a, b: b[3] <= a[3])):
        wrong = [p for p in pairs if back(*p)]
        t.check(f"no battery's {what} jumps back", not wrong, wrong[:2])


def check_predictions(db, again):
    n_incomplete = db.execute(
        "SELECT COUNT(*) FROM ev_telemetry WHERE rul_prediction IS NULL OR failure_probability IS "
        "NULL OR prediction_timestamp IS NULL OR model_version IS NULL OR prediction_note IS NOT "
        "NULL").fetchone()[0]
    t.check("every row has its prediction, complete", n_incomplete == 0, n_incomplete)
    versions = db.execute("SELECT COUNT(DISTINCT model_version) FROM ev_telemetry").fetchone()[0]
    t.check("by one model", versions == 1, versions)
    wrong = wrong_predictions(db, again)
    t.say(f"{len(again)} predictions computed again, {len(set(again.values()))} different ones")
    t.check("each landed on the row it was made from, to the last digit", not wrong,
            f"{len(wrong)}, e.g. {wrong[:3]}")
    t.check("they differ enough to tell", len(set(again.values())) > len(again) // 10)
    revisions = db.execute("SELECT MAX(revision), (SELECT revision FROM ev_revision), "
                           "COUNT(DISTINCT revision) = COUNT(*) FROM ev_telemetry").fetchone()
    t.check("the change feed is whole", revisions[0] == revisions[1] and revisions[2] == 1,
            revisions)


def main():
    t.need_sqlite()
    t.train_on_fleet(16, 1, "models", "--features", ",".join(t.INPUTS + t.CAUSAL))
    tools = Tools()
    for name in ("sim", "predict", "serve"):
        tools.start(name)
    t.await_true("the server answers", 60, lambda: t.answers(tools.url + "/health"))
    reader = Reader(tools.url)
    reader.start()
    began = time.monotonic()
    count = kill_at_random(tools)
    n_kills = sum(count.values())
    t.say(f"{n_kills} kills in {time.monotonic() - began:.1f} s: {count}")
    t.check("enough kills of each", n_kills >= 30 and min(count.values()) >= 8, count)

    t.await_true("the server answers again", 60, lambda: t.answers(tools.url + "/health"))
    t.await_true("the predictor's metrics answer again", 60,
                 lambda: t.answers(f"http://127.0.0.1:{tools.metrics_port}/metrics"))
    tools.check_running()
    predict = tools.children.pop("predict")
    t.stop("evtwin-predict", predict)  # before the simulator, so that rows are left
    size = os.path.getsize("ledger.jsonl")
    t.await_true("the simulator goes on", 60, lambda: os.path.getsize("ledger.jsonl") > size)
    t.stop("evtwin-sim", tools.children.pop("sim"))
    db = t.open_store("live.db")
    waiting = "SELECT COUNT(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL"
    n_waiting = db.execute(waiting).fetchone()[0]
    t.say(f"{n_waiting} rows wait for evtwin-predict --once")
    t.check("some rows wait", n_waiting > 0)
    t.run("predict", "--models", "models", "--store", "sqlite:live.db", "--once", "-q")
    t.check("then none waits", db.execute(waiting).fetchone()[0] == 0)
    reader.over.set()
    reader.join(30)
    t.stop("evtwin-serve", tools.children.pop("serve"))
    t.say(f"the API answered {reader.n_answers} times, {reader.n_refused} times it was down")
    t.check("the API answered", reader.n_answers > 20 and not reader.is_alive())
    t.check("never with half a prediction", not reader.faults, reader.faults[:1])
    held = [n for n in ("sim.err", "predict.err") if t.file_says(n, "held in memory")]
    t.check("no sink refused records meanwhile", not held, held)

    t.check("integrity", t.integrity(db) == "ok", t.integrity(db))
    ledger, n_lines = read_ledger()
    check_rows(db, ledger, n_lines, count["sim"])
    check_lives(db)
    again = t.recomputed(db, "models", t.INPUTS + t.CAUSAL)
    check_predictions(db, again)
    db.close()
    with sqlite3.connect("live.db") as writer:  # all in one file, to copy it
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    check_the_checks(again, ledger)
    t.finish()


main()
