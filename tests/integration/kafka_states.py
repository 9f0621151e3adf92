#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kafka_states.py BIN: predictors of a group, with models that look at each battery's past: whoever gets a partition goes on
with the pasts of its batteries, so that every prediction is what one predictor alone would have said.
"""
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = sys.argv[1]
DEADLINE_S = 120
N_BATTERIES = 12
N_PARTITIONS = 4
folder = tempfile.TemporaryDirectory(prefix="evtwin-states.")
children = []


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def run(tool, *args):
    done = subprocess.run([os.path.join(BIN, tool), *map(str, args)], capture_output=True, text=True,
                          cwd=folder.name, timeout=DEADLINE_S)
    check(f"{tool}: {done.stderr}", done.returncode == 0)


def path(name):
    return os.path.join(folder.name, name)


def predicted(store):
    """Of each row its prediction; none while the store is being made."""
    try:
        with sqlite3.connect(f"file:{path(store)}?mode=ro", uri=True, timeout=60) as db:
            return {(b, t, s): r for b, t, s, r in db.execute(
                "SELECT battery_id, time, seq, rul_prediction FROM ev_telemetry WHERE rul_prediction IS NOT NULL")}
    except sqlite3.OperationalError:
        return {}


def await_rows(n, process_logs):
    limit = time.monotonic() + DEADLINE_S
    while len(predicted("group.db")) < n:
        check(f"{len(predicted('group.db'))} of {n} rows; " + "".join(open(p).read()[-500:] for p in process_logs),
              time.monotonic() < limit)
        time.sleep(0.1)


def start_predictor(kafka, group="twins"):
    log = path(f"predict{len(children)}.log")
    with open(log, "w") as f:
        children.append(subprocess.Popen(
            [os.path.join(BIN, "evtwin-predict"), "--models", "models", "--source", f"{kafka.uri}/telemetry?group={group}",
             "--sink", "sqlite:group.db", "--interval", "0.1", "--metrics-port", "0", "-v"], cwd=folder.name,
            stdout=subprocess.DEVNULL, stderr=f))
    return children[-1], log


def await_members(admin, n):
    """Until the partitions are given to so many."""
    limit = time.monotonic() + DEADLINE_S
    while True:
        group = admin.describe_consumer_groups(["twins"])[0]
        if group.state == "Stable" and len(group.members) == n:
            return
        check(f"{group.state}, {len(group.members)} of {n} members", time.monotonic() < limit)
        time.sleep(0.1)


def await_end(kafka, admin, group):
    """Until the group has committed all records of the topic; behind the last one is the end of its transaction."""
    from kafka import KafkaConsumer, TopicPartition
    with contextlib.closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap)) as consumer:
        ends = consumer.end_offsets([TopicPartition("telemetry", i) for i in range(N_PARTITIONS)])
    limit = time.monotonic() + DEADLINE_S
    while True:
        committed = {p: o.offset for p, o in admin.list_consumer_group_offsets(group).items()}
        if all(committed.get(p, 0) >= end - 1 for p, end in ends.items()):
            return
        check(f"{group} has committed {committed} of {ends}", time.monotonic() < limit)
        time.sleep(0.1)


def publish(kafka, lines):
    with open(path("part.jsonl"), "w") as f:
        f.writelines(lines)
    run("evtwin-ingest", "-q", "--source", "jsonl:part.jsonl", "--sink", kafka.uri + "/telemetry")


def main():
    run("evtwin-sim", "--until-eol", "--fleet", 12, "--record-days", 10, "--csv", "fleet.csv", "-q")
    run("evtwin-train", "-q", "fleet.csv", "--recipe", "history", "--target", "rul", "--failure-target", "none", "--out", "models")
    run("evtwin-sim", "-q", "--fleet", N_BATTERIES, "--speed", "max", "--interval", 7200, "--duration", 7200 * 150,
        "--sink", "jsonl:all.jsonl")
    run("evtwin-predict", "-q", "--models", "models", "--source", "jsonl:all.jsonl", "--sink", "sqlite:one.db", "--metrics-port", 0)
    with open(path("all.jsonl")) as f:
        lines = f.readlines()
    third = len(lines) // 3
    with servers.Kafka() as kafka:
        from kafka.admin import KafkaAdminClient, NewTopic
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics([NewTopic("telemetry", N_PARTITIONS, 1)])
        first, log = start_predictor(kafka)
        publish(kafka, lines[:third])
        await_rows(third, [log])
        second, log2 = start_predictor(kafka)  # it gets half of the partitions
        await_members(admin, 2)
        publish(kafka, lines[third:2 * third])
        await_rows(2 * third, [log, log2])
        second.terminate()  # and gives them back, its batteries further on than the first one knows
        check("ends well", second.wait(DEADLINE_S) == 0)
        await_members(admin, 1)
        publish(kafka, lines[2 * third:])
        await_rows(len(lines), [log, log2])
        first.terminate()
        check("ends well", first.wait(DEADLINE_S) == 0)
        # whoever reads it all once more knows later pasts: what it says of rows that are predicted is not kept
        again, log3 = start_predictor(kafka, "again")
        await_end(kafka, admin, "again")
        again.terminate()
        check("ends well", again.wait(DEADLINE_S) == 0)
    one, group = predicted("one.db"), predicted("group.db")
    check("the same rows", set(one) == set(group) and len(one) == len(lines))
    wrong = [k for k in one if one[k] != group[k]]
    check(f"{len(wrong)} of {len(one)} predictions differ from those of one predictor; first {sorted(wrong)[:3]}", not wrong)
    for text in (open(p).read() for p in (log, log2, log3)):
        check("it took the pasts over: " + text, "the batteries' pasts are those of sqlite:group.db" in text)
    print(f"{len(one)} predictions of a group are those of one predictor")


if __name__ == "__main__":
    servers.run_test(main, children)
