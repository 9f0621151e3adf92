# SPDX-License-Identifier: MIT
"""pieces.py BIN TRAIN_PIECES: a file that is trained in pieces takes 60 bytes of memory a row at most,
all of its rows are learned from or scored, and where it fits in memory the result is the same.

PIECES_ROWS=20000000 in the environment makes it as many rows.
"""
import json
import os
import subprocess

import longtest as t

ROWS = int(os.environ.get("PIECES_ROWS", "5000000"))
ROWS_OF_A_PACK = 700
BYTES_A_ROW = 60
TREES = 3  # memory does not depend on them
FEW_ROWS = 600_000
TOOK_AT_MOST = int(os.environ.get("LONG_TEST_SECONDS", "900"))


def make_file():
    """Packs until there are enough rows, and the labels of each target among them."""
    t.run("sim", "--until-eol", "--fleet", ROWS // ROWS_OF_A_PACK, "--seed", 9, "--csv", "all.csv",
          "-q", timeout=TOOK_AT_MOST)
    n_rows, labels, few_rows = 0, [0, 0], 0
    with open("all.csv") as f, open("few.csv", "w") as few:
        header = f.readline()
        few.write(header)
        columns = header.rstrip("\n").split(",")
        at = [columns.index("rul") - len(columns), columns.index("failure") - len(columns)]
        pack = columns.index("battery_id")
        last = None
        for line in f:
            n_rows += 1
            end = line.rstrip("\n").rsplit(",", -min(at))
            labels[0] += end[at[0]] != ""
            labels[1] += end[at[1]] != ""
            if few_rows >= 0:
                name = line.split(",", pack + 1)[pack]
                few_rows = -few_rows if few_rows >= FEW_ROWS and name != last else few_rows + 1
                last = name
                if few_rows > 0:
                    few.write(line)
    t.require(f"about {ROWS} rows", n_rows >= 0.99 * ROWS, n_rows)
    t.say(f"{n_rows} rows, {os.path.getsize('all.csv') / 2**20:.0f} MB of CSV")
    return n_rows, labels


def train(path, folder, how):
    """The report, and by how many bytes the process grew."""
    done = subprocess.run([t.PROGRAMS[0], path, folder, str(TREES), how], capture_output=True,
                          text=True, timeout=TOOK_AT_MOST)
    t.require(f"{path} is trained ({how})", done.returncode == 0, done.stderr[:400])
    return json.loads(done.stdout), int(done.stderr)


def causes(report):
    return {a["cause"]: a["text"] for a in report["audit"]}


def check_size(n_rows, labels):
    report, grown = train("all.csv", "m", "pieces")
    t.say(f"in pieces: {grown / n_rows:.1f} bytes a row ({grown / 2**20:.0f} MB)")
    t.check(f"at most {BYTES_A_ROW} bytes a row", grown <= BYTES_A_ROW * n_rows, grown / n_rows)
    for target, n in zip(("rul", "failure"), labels):
        n_used = report[target]["n_train"] + report[target]["n_test"]
        t.check(f"{target}: all rows with a label are learned from or scored", n_used == n, n_used)
        share = report[target]["n_test"] / n_used
        t.check(f"{target}: of a fifth of the batteries", 0.17 < share < 0.23, share)
    coverage = report["rul"]["coverage"]
    t.say(f"R2 {report['rul']['r2']:.3f}, coverage {coverage:.3f}, "
          f"AUC {report['failure']['auc']:.3f}, calibrated {report['failure'].get('calibration')}")
    t.check("90 % intervals have about 90 %", 0.87 <= coverage <= 0.94, coverage)
    t.check("the probability is calibrated", "calibration" in report["failure"])
    t.check("it says something", report["failure"]["auc"] > 0.90 and report["signal"])
    t.check("the audit says what it looked at", "audit-sampled" in causes(report), causes(report))
    done = t.run("predict", "--models", "m", "--csv", "few.csv", "--out", "out.csv", "-q")
    t.check("the bundle predicts", done.code == 0)


def check_same():
    whole, _ = train("few.csv", "m1", "whole")
    pieces, _ = train("few.csv", "m2", "pieces")
    for target, figures in (("rul", ("rmse", "mae", "coverage")), ("failure", ("brier", "auc"))):
        for figure in figures:
            a, b = whole[target][figure], pieces[target][figure]
            t.say(f"few rows: {target} {figure} {a:.6g} whole, {b:.6g} in pieces")
            t.check(f"{target} {figure} within 1 %", abs(a - b) <= 0.01 * abs(a), (a, b))
        for baseline in whole[target]["baselines"]:
            a, b = (r[target]["baselines"][baseline] for r in (whole, pieces))
            t.check(f"{target}: the same baseline {baseline}", a == b, (a, b))
    t.check("the same split", whole["split"] == pieces["split"])
    t.check("and batteries, scaler, ranges", same_data("m1", "m2"))


def same_data(a, b):
    parts = []
    for folder in (a, b):
        with open(os.path.join(folder, "manifest.json")) as f:
            manifest = json.load(f)
        with open(os.path.join(folder, "scaler.json")) as f:
            parts.append((f.read(), manifest.get("features"), manifest.get("batteries"),
                          manifest.get("curve")))
    return parts[0] == parts[1]


def main():
    n_rows, labels = make_file()
    check_size(n_rows, labels)
    os.remove("all.csv")
    check_same()
    t.finish()


main()
