#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bdf.py BIN SHARED_DATA: files of the Battery Data Format between evtwin and others: the reference files through the
tools, data under its names, and what the tools write through the users' checker (batterydf).
"""
import csv
import glob
import json
import os
import subprocess

import longtest as t
from server import environment
from server.base import Skip

REFERENCE = os.path.join(t.PROGRAMS[0], "bdf")
NAMES = {"voltage": "Voltage / V", "current": "Current / A", "temperature": "Surface Temperature / degC",
         "time": "Unix Time / s"}
FEATURES = ["voltage", "current", "temperature"]


def rows_of(file):
    with open(file, newline="") as f:
        return list(csv.DictReader(f))


def write_rows(file, rows):
    with open(file, "w", newline="") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def records_of(file):
    with open(file) as f:
        return [json.loads(line) for line in f]


def reference(part):
    return glob.glob(os.path.join(REFERENCE, f"*{part}*.csv"))[0]


def read_references():
    done = t.run("ingest", "--source", "csv:" + reference("Landt"), "--sink", "jsonl:landt.jsonl")
    t.check("its name says whose and when", "battery LiGrR2032" in done.err and "2024-04-30T00:00:00" in done.err, done.err)
    got, rows = records_of("landt.jsonl"), rows_of(reference("Landt"))
    t.check("every row is a record", len(got) == len(rows) == 25162, len(got))
    t.check("current > 0 discharges", all(r["current"] == -float(row["current_ampere"]) for r, row in zip(got, rows)))
    t.check("the ambient temperature is not the battery's", not any("temperature" in r for r in got))
    done = t.run("ingest", "--source", "csv:" + reference("sample") + "?battery_id=X", "--sink", "null:", code=65)
    t.check("a stream needs a time", "sample.bdf.csv" in done.err and "?start=" in done.err, done.err)


def refuse_the_time_bug():
    """The first row of each of its steps has the test time 0."""
    buggy = reference("Time_Bug")
    rows = rows_of(buggy)
    times = [float(row["test_time_second"]) for row in rows]
    back = [i for i in range(1, len(rows)) if times[i] < times[i - 1]]
    t.run("ingest", "--source", "csv:" + buggy, "--sink", "jsonl:buggy.jsonl", "--dead-letter", "jsonl:letters.jsonl", code=65)
    letters, left = records_of("letters.jsonl"), records_of("buggy.jsonl")
    t.check("each row that goes back is refused, and no other", len(letters) == len(back) == 19, len(letters))
    for i, letter in zip(back, letters):
        want = f":{i + 2}:1: 'test_time_second' goes back from {times[i - 1]:.10g} (line {i + 1}) to 0"
        t.check("the letter has its line and both times", want in letter["reason"], letter["reason"])
    stamps = [r["timestamp"] for r in left]
    t.check("what is left is in order", stamps == sorted(stamps) and len(left) == len(rows) - 19, len(left))
    t.check("its first sensor is the temperature", left[2]["temperature"] == 26.5, left[2])
    done = t.run("predict", "--models", "theirs", "--csv", buggy, "--out", "buggy.csv", code=65)
    t.check("a file to predict is refused", ":724:1:" in done.err and not os.path.exists("buggy.csv"), done.err)
    return buggy


def learn_and_predict():
    """The same data under other names: the same models, the same predictions."""
    t.run("sim", "-q", "--until-eol", "--fleet", 12, "--csv", "ours.csv")
    rows = rows_of("ours.csv")
    write_rows("bdf.csv", [{NAMES.get(name, name): str(-float(v)) if name == "current" else v for name, v in row.items()
                            if name != "time"} for row in rows])
    for data, names, out in ("ours.csv", FEATURES, "ours"), ("bdf.csv", [NAMES[f] for f in FEATURES], "theirs"):
        t.run("train", "-q", data, "-o", out, "--features", ",".join(names), "--failure-target", "none")
    for models in "ours", "theirs":
        for data in "ours.csv", "bdf.csv":
            t.run("predict", "-q", "--models", models, "--csv", data, "--out", f"{models}-{data}")
    answers = [[row["rul_prediction"] for row in rows_of(f"{m}-{d}")] for m in ("ours", "theirs") for d in ("ours.csv", "bdf.csv")]
    t.check("names do not matter to models", len(set(answers[0])) > 10 and all(a == answers[0] for a in answers[1:]))


def check_files(bdf, buggy):
    """What the tools write is what the standard's checker takes, and the advice for the time bug helps."""
    t.run("ingest", "-q", "--source", "sim:?rows=300&speed=max&use=daily", "--sink", "csv:Sim__B1__20240101_1.bdf.csv?names=bdf",
          "--sink", "jsonl:sim.jsonl", "--sink", "jsonl:vss.jsonl?names=vss")
    t.run("ingest", "-q", "--source", "csv:Sim__B1__20240101_1.bdf.csv", "--sink", "jsonl:back.jsonl")
    t.run("ingest", "-q", "--source", "jsonl:vss.jsonl", "--sink", "jsonl:vss-back.jsonl")
    for file in "back.jsonl", "vss-back.jsonl":
        t.check(f"{file} has the records that were written", records_of(file) == records_of("sim.jsonl"))
    done = subprocess.run([bdf, "validate", "--strict", "--json", "Sim__B1__20240101_1.bdf.csv"], capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = {}
    t.check("the checker takes it", done.returncode == 0 and report.get("ok") is True and not report.get("missing"),
            done.stdout[:2000] + done.stderr[-500:])
    t.say(f"batterydf: {json.dumps(report)[:300]}")
    done = subprocess.run([bdf, "validate", "--strict", "vss.jsonl"], capture_output=True, text=True)
    t.check("… which refuses another file", done.returncode != 0, done.stdout[:500])
    done = subprocess.run([bdf, "clean", buggy, "--out", "Clean__C__20241023_1.bdf.csv", "--assume-bdf", "--time-fix", "drop"],
                          capture_output=True, text=True)
    t.check("it cleans the file with the bug", done.returncode == 0, done.stderr[-500:])
    t.run("ingest", "-q", "--source", "csv:Clean__C__20241023_1.bdf.csv", "--sink", "jsonl:clean.jsonl")
    t.check("then it has what was left before", [r["sim_time_s"] for r in records_of("clean.jsonl")] ==
            [r["sim_time_s"] for r in records_of("buggy.jsonl")])


def main():
    if not os.path.isdir(REFERENCE):
        t.skip(f"there are no reference files in {REFERENCE}")
    read_references()
    learn_and_predict()
    buggy = refuse_the_time_bug()
    try:
        python = environment.batterydf()
    except Skip as e:
        t.say(f"without the checker: {e}")
        t.finish()
    check_files(os.path.join(os.path.dirname(python), "bdf"), buggy)
    t.finish()


main()
