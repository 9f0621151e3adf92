# SPDX-License-Identifier: MIT
"""train_together_fails.py BIN TRAIN_ALONE: what ends one of the processes that train together ends
all, soon and with its reason: a file that is not there, data or options that are refused, data or
options that do not fit each other's, a process that is killed, stops or never joins, a tracker that
is gone. A thread that has joined cannot train alone."""
import csv
import hashlib
import json
import os
import signal

import longtest as t
from together import SEED, Tracker, end, need_tracker, start, start_program, together

BASE = ["--out", "bad", *SEED, "--failure-target", "none"]


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


def held_out_of_half0():
    t.run("train", "half0.csv", *BASE[2:], "--out", "alone")
    with open("alone/manifest.json") as f:
        learned = json.load(f)["batteries"]
    return [b for b in batteries_of("half0.csv")
            if hashlib.sha256(b.encode()).hexdigest()[:16] not in learned]


def leaked():
    """half0 with a column that is the label again, which the audit refuses."""
    with open("half0.csv", newline="") as f:
        header, *rows = csv.reader(f)
    rul = header.index("rul")
    with open("leaked.csv", "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow([*header, "answer"])
        writer.writerows([*r, r[rul]] for r in rows)
    return ["leaked.csv", *BASE, "--features", "soh,voltage,answer"]


def one_fails():
    """The first fails by itself; the second is told which process it was, and why."""
    good = ["half1.csv", *BASE]
    for what, first, why in (
            ("no file", ["nothing.csv", *BASE], "nothing.csv: No such file"),
            ("a device", ["/dev/null", *BASE], "/dev/null: is a device"),
            ("no such column", ["half0.csv", *BASE, "--target", "life"], "life"),
            ("a label among the features", leaked(), "answer"),
            ("options that exclude each other", ["half0.csv", *BASE, "--repeat", "2"], "--repeat needs --cv"),
            ("a training of one process", ["half0.csv", *BASE, "--in-pieces"], "--together needs the whole"),
            ("a folder that cannot be made", ["half0.csv", *SEED, "--out", "half1.csv/x"], "half1.csv/x"),
            ("no argument", BASE, "which CSV?")):
        ended = together([first, good])
        t.check(f"{what}: it says why", why in ended[0][2] and ended[0][0] not in (0, 69), ended[0])
        t.check(f"{what}: the other says who and why",
                ended[1][0] == 69 and "process 0 of 2" in ended[1][2] and why in ended[1][2], ended[1])
    # of three all are told
    ended = together([good, ["half0.csv", *BASE], ["nothing.csv", *BASE]])
    for i in (0, 1):
        t.check(f"process {i} of three is told of the third",
                ended[i][0] == 69 and "process 2 of 3" in ended[i][2] and "nothing.csv" in ended[i][2],
                ended[i])


def do_not_fit():
    """Data and options of one and the other."""
    shared = held_out_of_half0()[0]
    write_rows("shared.csv", "half1.csv", ("half0.csv", [shared]))
    with open("half1.csv") as f:
        header = f.readline()
    with open("empty.csv", "w") as f:
        f.write(header)
    write_rows("few.csv", "empty.csv", ("half1.csv", batteries_of("half1.csv")[:4]))
    cases = [  # what, commands, text, of all processes
        ("a battery that one holds out and the other would learn from",
         [["half0.csv", *BASE], ["shared.csv", *BASE]], f"battery '{shared}' is in the data of two",
         True),
        ("other options", [["half0.csv", *BASE], ["half1.csv", *BASE, "--recipe", "history"]],
         "options", False),
        ("other repeats", [["half0.csv", *BASE, "--cv", "2", "--repeat", "2"],
                           ["half1.csv", *BASE, "--cv", "2"]], "options", False),
        ("other targets", [["half0.csv", *BASE], ["half1.csv", *BASE[:-2]]], "targets", False),
        ("batteries by number", [[f"half{i}.csv", *BASE, "--group-by-reset", "charge_cycles"]
                                 for i in (0, 1)], "a column that names the battery", True),
        ("too few batteries to search", [["half0.csv", *BASE, "--tune", "2"],
                                         ["few.csv", *BASE, "--tune", "2"]],
         "a search needs 5 batteries", True),
    ]
    for what, commands, text, is_all in cases:
        ended = together(commands)
        said = [text in e[2] for e in ended]
        t.check(f"{what}: both are refused", all(e[0] not in (0, None) for e in ended), ended)
        t.check(f"{what}: {'both say' if is_all else 'one says'} why",
                all(said) if is_all else any(said), ended)


def begin(tracker, *options):
    """Two that have begun to train, for long."""
    children = [start(tracker, i, f"half{i}.csv", "--out", "bad", "--tune", 50, *SEED, *options)
                for i in (0, 1)]
    for child in children:
        t.require("it trains", any("searching" in line for line in child.stderr))
    t.require("both train", all(c.poll() is None for c in children))
    return children


def one_is_lost():
    tracker = Tracker(2)
    children = begin(tracker)
    children[1].kill()
    children[1].communicate()
    code, _, err = end(children[0], 120)
    t.check("a process was killed: the other fails, by what is not its own", code == 69, code)
    t.check("and says which", "process 1 of 2" in err and "lost" in err, err[-500:])
    tracker.stop()

    # one that is silent: its machine has gone, or hangs
    tracker = Tracker(2)
    children = begin(tracker, "--together-timeout", 20)
    children[1].send_signal(signal.SIGSTOP)
    code, _, err = end(children[0], 120)
    t.check("a process is silent: the other ends, in its time", code == 69, code)
    t.check("and says which, and how long",
            "process 1 of 2" in err and "sent nothing for 20 s" in err, err[-500:])
    children[1].kill()
    children[1].communicate()
    tracker.stop()

    tracker = Tracker(2)
    children = begin(tracker)
    children[1].send_signal(signal.SIGINT)
    t.check("Ctrl-C ends one", end(children[1])[0] == 130)
    code, _, err = end(children[0], 120)
    t.check("and the other", code == 69 and "process 1 of 2" in err, err[-500:])
    tracker.stop()


def one_never_joins():
    tracker = Tracker(2)
    code, _, err = end(start(tracker, 0, "half0.csv", *BASE, "--together-timeout", 2))
    t.check("the other never joins: it ends, in its time", code == 69, code)
    t.check("and says so", "not all processes" in err and "within 2 s" in err, err)
    tracker.stop()

    tracker = Tracker(2)
    children = [start(tracker, 0, "half0.csv", *BASE, "--together-timeout", 3),
                start(tracker, 1, "half1.csv", *BASE, "--recipee", "history")]
    t.check("an unknown option", end(children[1])[0] == 2)
    code, _, err = end(children[0])
    t.check("the other does not wait for ever", code == 69 and "within 3 s" in err, (code, err))
    tracker.stop()


def begin_without_tracker():
    """XGBoost tries for 20 s, so this goes on beside the others."""
    tracker = Tracker(2)
    tracker.stop()
    return start(tracker, 0, "half0.csv", *BASE)


def tracker_is_lost(gone):
    done = t.run("train", "half0.csv", "--together", *BASE, code=None)
    t.check("no tracker", done.code != 0 and "DMLC_TRACKER_URI" in done.err, done.err)

    tracker = Tracker(2)
    waits = start(tracker, 0, "half0.csv", "-v", *BASE)
    t.require("it has connected", any("joining" in line for line in waits.stderr))
    tracker.stop()
    code, _, err = end(waits, 120)
    t.check("the tracker is gone while it waits", code == 69 and "tracker" in err, (code, err))

    code, _, err = end(gone, 120)
    t.check("the tracker is gone before", code == 69 and "cannot be reached" in err, (code, err))
    t.check("one line says so", len(err.splitlines()) == 1, err)


def who_has_joined_cannot_train_alone():
    """XGBoost would wait for the others."""
    tracker = Tracker(2)
    for child in [start_program(tracker, i, t.PROGRAMS[0]) for i in range(2)]:
        code, _, err = end(child, 120)
        t.check("alone in another thread only", code == 0 and "has joined" in err, (code, err))
    tracker.stop()


def main():
    need_tracker()
    t.run("sim", "--until-eol", "--fleet", 20, "--seed", 5, "--record-days", 14, "--csv", "all.csv", "-q")
    halves("all.csv")
    gone = begin_without_tracker()
    for part in (who_has_joined_cannot_train_alone, one_fails, do_not_fit, one_is_lost,
                 one_never_joins):
        part()
        t.say(part.__name__)
    tracker_is_lost(gone)
    t.check("nothing was saved", not os.path.exists("bad"))
    t.finish()


main()
