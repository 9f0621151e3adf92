# SPDX-License-Identifier: MIT
"""train_together.py BIN: two processes train one model, by XGBoost's own collective and tracker.

Each has half of a fleet. On another fleet their model has the error of one process that was given
all of it (1 %; equal trees are not to be had, since the sketches of the columns differ). All say the same
scores, process 0 saves. The model is the same whichever process is the first, and baselines are of all rows.
The commands of docs/scaling.md do what it says.
"""
import csv
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs"))
import longtest as t  # noqa: E402
from blocks import blocks  # noqa: E402
from together import SEED, need_tracker, together  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def halves(path, by_life=False):
    """The fleet's batteries as two files: every other one, or those that live long and the others."""
    with open(path, newline="") as f:
        header, *rows = csv.reader(f)
    key, rul = header.index("battery_id"), header.index("rul")
    life = {}
    for r in rows:
        life[r[key]] = max(life.get(r[key], 0), float(r[rul]))
    ordered = sorted(life, key=life.get) if by_life else list(life)
    number = {b: 2 * i // len(life) if by_life else i for i, b in enumerate(ordered)}
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


def train_two(recipe, *options, more=(), order=(0, 1)):
    """What became of two processes, of which the first in order is process 0; more: options of one."""
    return together([[f"half{i}.csv", "--out", f"two{i}", "--json", "--recipe", recipe, *SEED,
                      *options, *(more if i == 1 else ())] for i in order])


def remove(*folders):
    for folder in folders:
        shutil.rmtree(folder)


def compare(recipe, *options, more=()):
    """Errors of one process and of two, scores of one and of two."""
    alone = t.run("train", "all.csv", "--out", "one", "--json", "--recipe", recipe, *SEED, *options)
    ended = train_two(recipe, *options, more=more)
    t.require("both end well", [e[0] for e in ended] == [0, 0], ended)
    t.check("process 0 saves, and no other",
            [os.path.exists(f"two{i}/manifest.json") for i in (0, 1)] == [True, False])
    t.check("the other says so", "process 0 has saved the models" in ended[1][2], ended[1][2])
    one, two = errors("one"), errors("two0")
    t.say(f"{recipe} {' '.join(options)}: RMSE on another fleet: one process {one:.2f}, two {two:.2f}")
    with open("two0/manifest.json") as f:
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
    remove("one", "two0")
    return one, two, json.loads(alone.out)["rul"], json.loads(ended[0][1])["rul"]


def any_is_the_first(recipe, scores, two, *options):
    """Sums of other orders differ in the last digits."""
    ended = train_two(recipe, *options, order=(1, 0))
    t.require("both end well", [e[0] for e in ended] == [0, 0], ended)
    other = json.loads(ended[0][1])["rul"]
    t.check(f"{recipe}: any of the two may be process 0",
            math.isclose(errors("two1"), two, rel_tol=1e-6) and
            math.isclose(other["rmse"], scores["rmse"], rel_tol=1e-6), (other, scores, two))
    remove("two1")


def baselines_are_of_all(*options):
    """One process has the batteries that live long, the other the others: either of them by itself
    would make a mean that is nearer to its own."""
    halves("all.csv", by_life=True)
    _, _, one, two = compare("contract", *options)
    for name in ("mean", "countdown", "single_feature"):
        of_one, of_two = one["baselines"][name]["rmse"], two["baselines"][name]["rmse"]
        t.say(f"{name}: RMSE of one process {of_one:.2f}, of two {of_two:.2f}")
        t.check(f"{name} is of the rows of all", 0.97 * of_one < of_two < 1.03 * of_one,
                (of_one, of_two))
    t.check("the model is scored on the same rows", one["n_test"] == two["n_test"], (one, two))


def as_documented():
    """The lines of docs/scaling.md, on this machine: the second one saves nothing, whichever joins first."""
    block = next(b.text for b in blocks("docs/scaling.md", ROOT, "sh") if b.text.startswith("# on the machine of the tracker"))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    lines = block.replace("10.0.0.1", "127.0.0.1").replace("9091", str(port)).replace("depot", "half").splitlines()
    lines = [re.sub(r"(half\d)\.csv$", r"\1.csv --seed 1 > \1.log 2>&1 &", line) for line in lines]
    tracker, first, second = (line for line in lines if not line.startswith("#"))
    listens = f"until grep -q ':{port:04X} 00000000:0000 0A' /proc/net/tcp; do sleep 0.1; done"
    lines = [tracker, listens, second, "sleep 2", first, "wait"]  # the second one has most likely joined by then
    os.mkdir("documented")
    for half in (0, 1):
        shutil.copy(f"half{half}.csv", "documented")
    path = os.path.dirname(t.tool("train")) + ":" + os.environ["PATH"]
    shell = subprocess.Popen(["bash", "-c", "\n".join(lines)], cwd="documented", stdin=subprocess.DEVNULL,
                             env={**os.environ, "PATH": path}, start_new_session=True)
    t._children.append(shell)
    try:
        shell.wait(300)
    except subprocess.TimeoutExpired:
        t.require("the lines of docs/scaling.md come to an end", False)
    for half, words in enumerate(("Models saved to: models/", "this was process 1 of 2; process 0 has saved")):
        log = f"documented/half{half}.log"
        t.check(f"docs/scaling.md: process {half} is the one of DMLC_TASK_ID={half}", t.file_says(log, words), open(log).read()[-300:])


def main():
    need_tracker()
    t.run("sim", "--until-eol", "--fleet", 40, "--seed", 5, "--record-days", 14, "--csv", "all.csv", "-q")
    t.run("sim", "--until-eol", "--fleet", 40, "--seed", 6, "--record-days", 14, "--csv", "other.csv", "-q")
    halves("all.csv")
    as_documented()
    rows = sum(1 for _ in open("all.csv")) - 1
    # with folds the models that are saved are of all rows; what is held out otherwise differs
    folds = ("--cv", "2", "--failure-target", "none")
    for recipe in ("contract", "history"):
        one, two, _, scores = compare(recipe, *folds)
        t.check(f"{recipe}: two are as good as one", two <= 1.01 * one, (one, two))
        t.check("each row of both was held out once", scores["n_test"] > 0.7 * rows, scores["n_test"])
        any_is_the_first(recipe, scores, two, *folds)
    # a tracking server, which is not there, makes one of the two ask for the metrics of each round
    _, _, _, scores = compare("contract", "--failure-target", "none",
                              more=("--mlflow", "http://127.0.0.1:9"))
    t.check("a fifth of the batteries of both is held out",
            0.1 * rows < scores["n_test"] < 0.3 * rows, scores["n_test"])
    baselines_are_of_all(*folds)
    t.finish()


main()
