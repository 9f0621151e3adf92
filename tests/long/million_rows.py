# SPDX-License-Identifier: MIT
"""million_rows.py BIN MAKE_EV30_NOISE: a million rows through training and prediction, in bounded
memory; hostile lines and headers are refused before they fill it.
"""
import csv
import json
import os
import subprocess

import longtest as t

ROWS = 1_000_000
PACKS = 1500  # of 715 records each
EMPTY_MB = 32  # the tools with their libraries and nothing to do take about 17


def count_lines(path):
    with open(path, "rb") as f:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))


def columns_mb(path, n_rows):
    """What the file weighs as a table: eight bytes a value."""
    with open(path) as f:
        return len(f.readline().split(",")) * 8 * n_rows / 2**20


def count_labels(path):
    with open(path, newline="") as f:
        rows = csv.reader(f)
        header = next(rows)
        rul, failure = header.index("rul"), header.index("failure")
        labels = [(r[rul] != "", r[failure] != "") for r in rows]
    return sum(r for r, _ in labels), sum(f for _, f in labels)


def check_million():
    t.run("sim", "--until-eol", "--fleet", PACKS, "--seed", 3, "--csv", "all.csv", "-q")
    with open("all.csv") as source, open("lives.csv", "w") as f:
        for _ in range(ROWS + 1):
            f.write(source.readline())
    os.remove("all.csv")
    t.require("a million rows", count_lines("lives.csv") == ROWS + 1)
    as_columns = columns_mb("lives.csv", ROWS)
    t.say(f"{ROWS} rows, {os.path.getsize('lives.csv') / 2**20:.0f} MB of text, "
          f"{as_columns:.0f} MB as columns")

    # A column that grows by doubling takes up to twice its size. Beside the table: the features (7)
    # in double, and for each of the two models in float32, as bins and sorted (4 bytes each);
    # targets, gradients, predictions (10 doubles each).
    work = (7 * (8 + 2 * 12) + 2 * 10 * 8) * ROWS / 2**20
    bound = 2 * as_columns + work + EMPTY_MB
    done = t.run("train", "lives.csv", "--out", "m", "--json", "-q")
    scores = json.loads(done.out)
    t.say(f"evtwin-train: {done.seconds:.1f} s, peak {done.peak_mb:.0f} MB (bound {bound:.0f})")
    t.check("training in bounded memory", done.peak_mb < bound, done.peak_mb)
    n_rul, n_failure = count_labels("lives.csv")
    t.say(f"rows with rul: {n_rul}, with failure: {n_failure}; the others are of censored packs")
    for target, n in (("rul", n_rul), ("failure", n_failure)):
        n_used = scores[target]["n_train"] + scores[target]["n_test"]
        t.check(f"{target}: on all rows with a label", n_used == n > 0.95 * ROWS, n_used)
    t.check("with a model that says something", scores["failure"]["auc"] > 0.90 and
            scores["rul"]["r2"] > scores["rul"]["baselines"]["single_feature"]["r2"])

    # the table, four more columns, the seven features in double
    bound = 2 * as_columns + (4 + 7) * 8 * ROWS / 2**20 + EMPTY_MB
    done = t.run("predict", "--models", "m", "--csv", "lives.csv", "--out", "out.csv", "-q")
    t.say(f"evtwin-predict: {done.seconds:.1f} s, peak {done.peak_mb:.0f} MB (bound {bound:.0f})")
    t.check("predicting in bounded memory", done.peak_mb < bound, done.peak_mb)
    check_output()


def check_output():
    """Row for row the columns of the input and four figures."""
    n_rows, n_bad = 0, 0
    with open("lives.csv") as before, open("out.csv") as after:
        header = after.readline().rstrip("\n")
        t.check("four columns are added", header == before.readline().rstrip("\n") +
                ",rul_prediction,rul_low,rul_high,failure_probability", header)
        for line, new in zip(before, after):
            rul, low, high, probability = new.rsplit(",", 4)[1:]
            n_rows += 1
            n_bad += not (new.startswith(line.rstrip("\n") + ",") and -100 < float(rul) < 3000
                          and float(low) <= float(rul) <= float(high)
                          and 0 <= float(probability) <= 1)
        t.check("as many rows as came in", n_rows == ROWS and after.readline() == "", n_rows)
    t.check("every row keeps its columns and has all figures", n_bad == 0, n_bad)
    os.remove("out.csv")


def check_noise(make_ev30_noise):
    """The 30-column schema at its full size, with a model of its own: no signal, and it says so."""
    subprocess.run([make_ev30_noise, "noise.csv"], check=True)
    n_rows = count_lines("noise.csv") - 1
    done = t.run("train", "noise.csv", "--out", "noise", "--json", "-q")
    scores = json.loads(done.out)
    t.say(f"30 columns of noise, {n_rows} rows: {done.seconds:.1f} s, peak {done.peak_mb:.0f} MB, "
          f"R2 {scores['rul']['r2']:.4f}, AUC {scores['failure']['auc']:.4f}")
    t.check("175,393 rows", n_rows == 175_393, n_rows)
    t.check("no R2 from noise", -0.05 <= scores["rul"]["r2"] <= 0.02, scores["rul"]["r2"])
    t.check("no AUC from noise", 0.48 <= scores["failure"]["auc"] <= 0.52, scores["failure"]["auc"])
    t.check("no signal", scores["signal"] is False)
    t.check("and says so in words", any("signal" in a["text"] for a in scores["audit"]),
            scores["audit"])


def check_refused(what, path, words):
    """Refused with one line, and in the memory of a tool that has nothing to do."""
    for name, options in (("train", ["--out", "refused"]),
                          ("predict", ["--models", "m", "--out", "refused.csv", "--csv"])):
        done = t.run(name, *options, path, code=65)
        t.say(f"{what}: refused in {done.seconds:.2f} s with {done.peak_mb:.0f} MB: "
              f"{done.err.strip()}")
        t.check(f"{what}: one line that says where", done.err.count("\n") == 1 and
                path + ":" in done.err and any(w in done.err for w in words), done.err)
        t.check(f"{what}: in bounded memory", done.peak_mb < EMPTY_MB, done.peak_mb)
    t.check(f"{what}: nothing was written",
            not os.path.exists("refused.csv") and not os.path.exists("refused/manifest.json"))


def check_hostile():
    with open("lives.csv") as f:
        header, row = f.readline(), f.readline()
    cells = row.split(",")
    with open("long.csv", "w") as f:
        f.write(header + row)
        f.write(",".join([cells[0], "B" * 10_000_000, *cells[2:]]))
    check_refused("a line of 10 MB", "long.csv", ["262144"])
    with open("quoted.csv", "w") as f:
        f.write(header + row + cells[0] + ',"' + "B\n" * 5_000_000)
    check_refused("10 MB of an open quote", "quoted.csv", ["262144"])
    with open("wide.csv", "w") as f:
        f.write(",".join(f"c{i}" for i in range(100_000)) + "\n")
        f.write(",".join("1" for _ in range(100_000)) + "\n")
    check_refused("100,000 columns", "wide.csv", ["4096", "262144"])
    with open("ragged.csv", "w") as f:
        f.write(header + row.rstrip("\n") + ",1" * 20_000 + "\n")
    check_refused("20,000 fields too many", "ragged.csv", ["fields", "columns"])


def main():
    check_million()
    check_noise(t.PROGRAMS[0])
    check_hostile()
    t.finish()


main()
