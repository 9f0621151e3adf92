# SPDX-License-Identifier: MIT
"""train_together.py BIN: two processes train one model, by XGBoost's own collective and tracker.

Each has half of a fleet. On another fleet their model has the error of one process that was given
all of it (1 %; equal trees are not to be had, since the sketches of the columns differ). All say the same
scores, process 0 saves. Data or options that do not fit each other, a process that is killed and
a tracker that is not there end with a clear error, and none waits for ever.
"""
import csv
import hashlib
import json
import math
import os
import signal
import subprocess

import longtest as t

PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's xgboost
TRACKER = """import sys
from xgboost.tracker import RabitTracker
tracker = RabitTracker(host_ip="127.0.0.1", n_workers=int(sys.argv[1]))
tracker.start(int(sys.argv[1]))
for name, value in tracker.worker_envs().items():
    print(f"{name}={value}", flush=True)
print("", flush=True)
sys.stdin.read()
"""
SEED = ["--seed", "1"]


class Tracker:
    """XGBoost's tracker of some processes, in a process of its own."""

    def __init__(self, workers):
        self.process = subprocess.Popen([PYTHON, "-c", TRACKER, str(workers)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        start_new_session=True)
        t._children.append(self.process)
        self.environment = {}
        for line in iter(self.process.stdout.readline, "\n"):
            t.require("the tracker starts", line != "")
            name, _, value = line.strip().partition("=")
            self.environment[name] = value

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(tracker, task, *options):
    environment = dict(os.environ, DMLC_TASK_ID=str(task), **tracker.environment)
    child = subprocess.Popen([t.tool("train"), "--together", *options], env=environment, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
    t._children.append(child)
    return child


def together(commands):
    """(exit code, stdout, stderr) of each process."""
    tracker = Tracker(len(commands))
    children = [start(tracker, i, *c) for i, c in enumerate(commands)]
    ended = []
    for child in children:
        try:
            out, err = child.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            t.require("no process waits for ever", False)
        ended.append((child.returncode, out, err))
    tracker.stop()
    return ended


def halves(path):
    """The fleet's batteries, every other one, as two files."""
    with open(path, newline="") as f:
        header, *rows = csv.reader(f)
    key = header.index("battery_id")
    number = {b: i for i, b in enumerate(dict.fromkeys(r[key] for r in rows))}
    for half in (0, 1):
        with open(f"half{half}.csv", "w", newline="") as f:
            writer = csv.writer(f)
            writer.writerow(header)
            writer.writerows(r for r in rows if number[r[key]] % 2 == half)


def errors(models):
    """RMSE of RUL on the other fleet."""
    t.run("predict", "--models", models, "--csv", "other.csv", "--out", "out.csv", "-q")
    rul = n = 0.0
    with open("out.csv", newline="") as f:
        for r in csv.DictReader(f):
            rul += (float(r["rul_prediction"]) - float(r["rul"])) ** 2
            n += 1
    return math.sqrt(rul / n)


def compare(recipe, *options, more=()):
    """Errors of one process and of two, scores of two; more: options of one of the two."""
    t.run("train", "all.csv", "--out", "one", "--recipe", recipe, *SEED, *options)
    ended = together([[f"half{i}.csv", "--out", f"two{i}", "--json", "--recipe", recipe, *SEED,
                       *options, *(more if i == 1 else ())] for i in (0, 1)])
    t.require("both end well", [e[0] for e in ended] == [0, 0], ended)
    t.check("process 0 saves, and no other",
            sorted(os.path.exists(f"two{i}/manifest.json") for i in (0, 1)) == [False, True])
    saved = 0 if os.path.exists("two0/manifest.json") else 1
    t.check("the other says so", "process 0 has saved the models" in ended[1 - saved][2],
            ended[1 - saved][2])
    one, two = errors("one"), errors(f"two{saved}")
    t.say(f"{recipe} {' '.join(options)}: RMSE on another fleet: one process {one:.2f}, two {two:.2f}")
    scores = json.loads(ended[saved][1])
    with open(f"two{saved}/manifest.json") as f:
        manifest = json.load(f)
    with open("one/manifest.json") as f:
        of_one = json.load(f)
    for key in ("rows", "groups", "first_time", "last_time"):
        t.check(f"source: {key} of both", manifest["source"][key] == of_one["source"][key],
                manifest["source"])
    for key in ("eol_soh_percent", "label_rule"):
        t.check(f"{key} of both", manifest[key] == of_one[key], (manifest[key], of_one[key]))
    t.check("the batteries of both are known", len(manifest["batteries"]) > 30,
            len(manifest["batteries"]))
    os.system(f"rm -r one two{saved}")
    return one, two, scores


def write_rows(path, of, *more):
    """The rows of some files, with one header; more: (file, batteries), those alone."""
    with open(path, "w", newline="") as to:
        writer = csv.writer(to)
        for i, (name, batteries) in enumerate([(of, None), *more]):
            with open(name, newline="") as f:
                header, *rows = csv.reader(f)
            key = header.index("battery_id")
            writer.writerows(([header] if i == 0 else []) +
                             [r for r in rows if batteries is None or r[key] in batteries])


def batteries_of(path):
    with open(path, newline="") as f:
        return list(dict.fromkeys(r["battery_id"] for r in csv.DictReader(f)))


def held_out_of_half0(base):
    t.run("train", "half0.csv", *base, "--out", "alone")
    with open("alone/manifest.json") as f:
        learned = json.load(f)["batteries"]
    return [b for b in batteries_of("half0.csv")
            if hashlib.sha256(b.encode()).hexdigest()[:16] not in learned]


def refusals():
    base = ["--out", "bad", *SEED, "--failure-target", "none"]
    shared = held_out_of_half0(base)[0]
    write_rows("shared.csv", "half1.csv", ("half0.csv", [shared]))
    with open("half1.csv") as f:
        header = f.readline()
    with open("empty.csv", "w") as f:
        f.write(header)
    write_rows("few.csv", "empty.csv", ("half1.csv", batteries_of("half1.csv")[:4]))
    cases = [  # what, commands, text, of all processes
        ("a battery that one holds out and the other would learn from",
         [["half0.csv", *base], ["shared.csv", *base]], f"battery '{shared}' is in the data of two",
         True),
        ("other options", [["half0.csv", *base], ["half1.csv", *base, "--recipe", "history"]],
         "options", False),
        ("other repeats", [["half0.csv", *base, "--cv", "2", "--repeat", "2"],
                           ["half1.csv", *base, "--cv", "2"]], "options", False),
        ("other targets", [["half0.csv", *base], ["half1.csv", *base[:-2]]], "targets", False),
        ("batteries by number", [[f"half{i}.csv", *base, "--group-by-reset", "charge_cycles"]
                                 for i in (0, 1)], "a column that names the battery", True),
        ("too few batteries to search", [["half0.csv", *base, "--tune", "2"],
                                         ["few.csv", *base, "--tune", "2"]],
         "a search needs 5 batteries", True),
    ]
    for what, commands, text, is_all in cases:
        ended = together(commands)
        said = [text in e[2] for e in ended]
        t.check(f"{what}: both are refused", all(e[0] not in (0, None) for e in ended), ended)
        t.check(f"{what}: {'both say' if is_all else 'one says'} why",
                all(said) if is_all else any(said), ended)
    done = t.run("train", "half0.csv", "--together", *base, code=None)
    t.check("no tracker", done.code != 0 and "DMLC_TRACKER_URI" in done.err, done.err)
    t.check("nothing was saved", not os.path.exists("bad"))


def lost():
    """The other process ends when one is killed."""
    tracker = Tracker(2)
    children = [start(tracker, i, f"half{i}.csv", "--out", "lost", "--tune", "50", *SEED)
                for i in (0, 1)]
    for child in children:
        t.require("it trains", any("searching" in line for line in child.stderr))
    t.require("both train", all(c.poll() is None for c in children))
    children[1].kill()
    children[1].communicate()
    try:
        _, err = children[0].communicate(timeout=120)
        t.check("the other fails, by what is not its own", children[0].returncode == 69,
                children[0].returncode)
        t.check("and says why", "XGBoost" in err and "failed" in err, err[-500:])
    except subprocess.TimeoutExpired:
        t.check("the other ends", False)
    tracker.stop()


def main():
    if subprocess.run([PYTHON, "-c", "import xgboost.tracker"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        t.skip("python3-xgboost with XGBoost's tracker is not installed")
    t.run("sim", "--until-eol", "--fleet", 40, "--seed", 5, "--record-days", 14, "--csv", "all.csv", "-q")
    t.run("sim", "--until-eol", "--fleet", 40, "--seed", 6, "--record-days", 14, "--csv", "other.csv", "-q")
    halves("all.csv")
    rows = sum(1 for _ in open("all.csv")) - 1
    # with folds the models that are saved are of all rows; what is held out otherwise differs
    for recipe in ("contract", "history"):
        one, two, scores = compare(recipe, "--cv", "2", "--failure-target", "none")
        t.check(f"{recipe}: two are as good as one", two <= 1.01 * one, (one, two))
        t.check("each row of both was held out once", scores["rul"]["n_test"] > 0.7 * rows,
                scores["rul"]["n_test"])
    # a tracking server, which is not there, makes one of the two ask for the metrics of each round
    _, _, scores = compare("contract", "--failure-target", "none",
                           more=("--mlflow", "http://127.0.0.1:9"))
    t.check("a fifth of the batteries of both is held out",
            0.1 * rows < scores["rul"]["n_test"] < 0.3 * rows, scores["rul"]["n_test"])
    refusals()
    lost()
    t.finish()


main()
