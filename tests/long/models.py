# SPDX-License-Identifier: MIT
"""models.py BIN MODEL_ANSWERS PROJECT [--update]: models that travel between Python's XGBoost and this library.

In an environment for each version of XGBoost (made once, kept in the cache) models are trained by its Booster and
its scikit-learn API and saved as JSON and UBJSON; here they load and answer with the same bits of margin, and
values within 3 units in the last place. Models of evtwin-train load there, answer alike, and come back saved by that
version. The table of docs/models.md has to be what came out (--update writes it).
"""
import collections
import glob
import json
import os
import re
import struct
import subprocess

from longtest import PROGRAMS, WORK, check, finish, require, run, say, skip, train_on_fleet
from server.base import Skip
from server.environment import XGBOOST, xgboost_python

UPDATE = os.path.basename(PROGRAMS[-1]) == "--update"
ANSWERS, PROJECT = PROGRAMS[:2]
THERE = os.path.join(PROJECT, "tests", "long", "xgboost_models")
TABLE = os.path.join(PROJECT, "docs", "models.md")
MAX_ULP = 3


def run_there(version, script, *arguments):
    done = subprocess.run([environments[version], os.path.join(THERE, script), *arguments], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    require(f"{script} runs with XGBoost {version}", done.returncode == 0, done.stderr[-1500:])
    return done.stdout


def answers(models, all_trees):
    """What the library says of each model: {path: line}."""
    pairs = [word for model in models for word in (model, os.path.splitext(model)[0] + ".x")]
    done = subprocess.run([ANSWERS, *(["-a"] if all_trees else []), *pairs], capture_output=True, text=True)
    require("model_answers ends", done.returncode == 0, done.stderr)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def read(path):
    with open(path, "rb") as f:
        return f.read()


def ulps_apart(a, b):
    """The most units in the last place between two files of float32."""
    def keys(data):
        return [v if v >= 0 else -2147483648 - v for (v,) in struct.iter_unpack("<i", data)]
    return max((abs(x - y) for x, y in zip(keys(a), keys(b))), default=0)


def count_equal(version, models, said, suffixes):
    """How many of the models answer as XGBoost did, by form; each that does not is a failed check."""
    equal = collections.Counter()
    for model in models:
        name, form = os.path.splitext(model)
        what = f"{os.path.basename(model)} of XGBoost {version}"
        if not check(f"{what} loads", re.fullmatch(r"\d+", said[model]), said[model]):
            continue
        right = True
        for suffix in suffixes:
            theirs, ours = read(f"{name}{suffix}.margin"), read(f"{model}{suffix}.margin")
            right &= check(f"{what}: the same bits of margin{suffix}", theirs == ours and len(ours) > 0,
                           f"{ulps_apart(theirs, ours)} units in the last place")
            theirs, ours = read(f"{name}{suffix}.value"), read(f"{model}{suffix}.value")
            apart = ulps_apart(theirs, ours)
            right &= check(f"{what}: values{suffix}", len(theirs) == len(ours) and apart <= MAX_ULP,
                           f"{apart} units in the last place")
        equal[form] += bool(right)
    return equal


def models_from(version):
    """Models made there, here: how many of how many, by form, and of the refused ones."""
    folder = os.path.join(WORK, "from-" + version)
    os.mkdir(folder)
    made = run_there(version, "made_there.py", folder).strip()
    require("the environment holds the version of its name", made == version, made)
    models = sorted(glob.glob(folder + "/*.json") + glob.glob(folder + "/*.ubj"))
    equal = collections.Counter()
    for suffix, all_trees in (("", False), (".all", True)):
        said = answers(models, all_trees)
        equal += count_equal(version, models, said, [suffix])
    n = len(models) // 2
    require("as many JSON as UBJSON, enough of both", len(models) == 2 * n and n >= 40, len(models))

    refused = sorted(f for f in glob.glob(folder + "/refused/*") if not f.endswith(".words"))
    said = answers(refused, False)
    n_refused = 0
    for model in refused:
        words = read(model + ".words").decode().split("|")
        n_refused += check(f"{os.path.basename(model)} of XGBoost {version} is refused with {words}",
                           said[model].startswith("EVTWIN_E_UNSUPPORTED") and all(w in said[model] for w in words),
                           said[model])
    return [f"{equal[form] // 2} of {n}" for form in (".json", ".ubj")] + [f"{n_refused} of {len(refused)}"]


def models_to(version, ours):
    """Models made here, there: how many load and answer alike, in our file and as that version saves it again."""
    folder = os.path.join(WORK, "to-" + version)
    os.mkdir(folder)
    run_there(version, "loaded_there.py", folder, *ours)
    again = sorted(glob.glob(folder + "/*.json") + glob.glob(folder + "/*.ubj"))
    require("each came back in both forms", len(again) == 2 * len(ours), again)
    equal = count_equal(version, again, answers(again, True), [".all"])

    # and the very file that was loaded there
    n_same = 0
    for model in ours:
        name = os.path.join(folder, os.path.splitext(os.path.basename(model))[0])
        os.replace(name + ".json", name + ".saved-there.json")
        os.symlink(model, name + ".json")
        said = answers([name + ".json"], True)
        n_same += count_equal(version, [name + ".json"], said, [".all"])[".json"]
    return f"{min(n_same, equal['.json'], equal['.ubj'])} of {len(ours)}"


def models_of_ours():
    """Models of evtwin-train: both targets, and the forests of recipe history."""
    train_on_fleet(8, 3, "contract")
    run("train", "-q", "contract.csv", "--recipe", "history", "--out", "history")
    ours = []
    for bundle in ("contract", "history"):
        for path in sorted(glob.glob(os.path.join(WORK, bundle, "*.json"))):
            with open(path) as f:
                is_model = "learner" in json.load(f)
            if is_model:
                named = os.path.join(WORK, f"{bundle}-{os.path.basename(path)}")
                os.link(path, named)
                ours.append(named)
    require("both bundles have models", len(ours) >= 4, ours)
    return ours


def check_table(rows):
    """The rows of docs/models.md between its marks; one of a version that was not tried is left as it is."""
    text = read(TABLE).decode()
    begin, end = "<!-- tested versions: long.models -->\n", "<!-- end -->\n"
    head, rest = text.split(begin)
    table, tail = rest.split(end)
    lines = [rows.get(line.split("|")[1].strip() if line.count("|") > 2 else "", line)
             for line in table.splitlines()]
    if UPDATE:
        there = {line.split("|")[1].strip() for line in lines}
        lines += [row for version, row in rows.items() if version not in there]
        with open(TABLE, "w") as f:
            f.write(head + begin + "".join(line + "\n" for line in lines) + end + tail)
    for version, row in rows.items():
        check(f"the row of {version} in docs/models.md is what was found (models.py ... --update)",
              row in (lines if UPDATE else table.splitlines()), row)


environments = {}
for version in XGBOOST:
    try:
        environments[version] = xgboost_python(version)
    except Skip as e:
        say(f"XGBoost {version} is not tried: {e}")
if not environments:
    skip("no version of Python's XGBoost can be had")
say("environments of XGBoost " + ", ".join(environments))

ours = models_of_ours()
say(f"{len(ours)} models of evtwin-train")
rows = {}
for version in environments:
    json_, ubj, refused = models_from(version)
    there = models_to(version, ours)
    rows[version] = f"| {version} | {json_} | {ubj} | {there} | {refused} |"
    say(rows[version])
check_table(rows)
finish()
