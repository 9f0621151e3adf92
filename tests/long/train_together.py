# SPDX-License-Identifier: MIT
"""train_together.py BIN: two processes train one model, by XGBoost's own collective and tracker.

Each has half of a fleet. On another fleet their model has the error of one process that was given
all of it (1 %; equal trees are not to be had, since the sketches of the columns differ). All say the same
scores, process 0 saves.
"""
import csv
import json
import math
import os

import longtest as t
from together import SEED, need_tracker, together


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


def main():
    need_tracker()
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
    t.finish()


main()
