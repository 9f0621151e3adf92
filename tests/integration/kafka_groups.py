#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kafka_groups.py BIN: 1, 2 and 3 evtwin-predict share the 6 partitions of a topic, one of them is
killed and taken over, and each record has one prediction; prints the throughput of each count.
"""
import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = sys.argv[1]
DEADLINE_S = 120
N_BATTERIES, N_EACH = 60, 2000
folder = tempfile.TemporaryDirectory(prefix="evtwin-groups.")
children = []


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def run(tool, *args):
    done = subprocess.run([os.path.join(BIN, tool), *map(str, args)], capture_output=True, text=True,
                          cwd=folder.name, timeout=DEADLINE_S)
    check(f"{tool}: {done.stderr}", done.returncode == 0)


def start_predictor(kafka, group, to):
    log = open(os.path.join(folder.name, f"predict{len(children)}.log"), "w")
    child = subprocess.Popen([os.path.join(BIN, "evtwin-predict"), "--models", "models", "--source",
                              f"{kafka.uri}/telemetry?group={group}", "--sink", f"{kafka.uri}/{to}",
                              "--interval", "0.1", "--metrics-port", "0", "-q"],
                             cwd=folder.name, stdout=log, stderr=log)
    children.append(child)
    return child


def make_topic(kafka, topic):
    from kafka.admin import KafkaAdminClient, NewTopic
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(topic, 6, 1)])
    admin.close()


class Group:
    """How far a group has read the topic."""

    def __init__(self, kafka, name):
        from kafka import KafkaConsumer
        from kafka.structs import TopicPartition
        self.consumer = KafkaConsumer(bootstrap_servers=[kafka.bootstrap], group_id=name)
        self.partitions = [TopicPartition("telemetry", p) for p in range(6)]
        # behind the last record of each partition is the end of its transaction
        self.end = sum(self.consumer.end_offsets(self.partitions).values()) - 6

    def read(self):
        return sum(self.consumer.committed(p) or 0 for p in self.partitions)

    def await_read(self, n):
        limit = time.monotonic() + DEADLINE_S
        while self.read() < n:
            check(f"{self.read()} of {n} read", time.monotonic() < limit)
            time.sleep(0.05)


def committed(kafka, topic, form):
    """What a reader of committed records finds."""
    done = subprocess.run(["kcat", "-C", "-q", "-e", "-b", kafka.bootstrap, "-t", topic, "-X",
                           "isolation.level=read_committed", "-f", form + "\n"], capture_output=True,
                          text=True, timeout=DEADLINE_S)
    return done.stdout.splitlines()


def predictions(kafka, topic):
    records = [json.loads(line) for line in committed(kafka, topic, "%s")]
    check("every record is predicted", all("rul_prediction" in r for r in records))
    return collections.Counter((r["battery_id"], r["timestamp"], r.get("seq")) for r in records)


def measure(kafka, n_processes, n_rows, kills):
    name = f"group{n_processes}{'k' * kills}"
    make_topic(kafka, name)
    group = Group(kafka, name)
    processes = [start_predictor(kafka, name, name) for _ in range(n_processes)]
    group.await_read(group.end * 0.02)  # past the beginning of all
    first, begin = group.read(), time.monotonic()
    if kills:
        group.await_read(group.end * 0.3)
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
    group.await_read(group.end)
    rate = (n_rows - first) / (time.monotonic() - begin)
    for p in processes[kills:]:
        p.terminate()
        check("ends well", p.wait(timeout=DEADLINE_S) == 0)
    counts = predictions(kafka, name)
    check(f"{name}: {len(counts)} of {n_rows} predicted, {sum(counts.values())} predictions",
          len(counts) == n_rows and sum(counts.values()) == n_rows)
    print(f"{n_processes} of evtwin-predict, {kills} killed: {n_rows} records, each predicted once, "
          f"{rate:.0f} records/s")


def main():
    run("evtwin-sim", "--until-eol", "--fleet", 12, "--seed", 1, "--record-days", 10, "--csv",
        "fleet.csv", "-q")
    run("evtwin-train", "-q", "fleet.csv", "--out", "models")
    with servers.Kafka() as kafka:
        make_topic(kafka, "telemetry")
        run("evtwin-sim", "-q", "--fleet", N_BATTERIES, "--speed", "max", "--interval", 60,
            "--duration", 60 * (N_EACH - 1), "--sink", kafka.uri + "/telemetry")
        n_rows = len(committed(kafka, "telemetry", "%o"))
        check("records to predict", n_rows >= N_BATTERIES * (N_EACH - 1))
        for n_processes, kills in ((1, 0), (2, 0), (3, 0), (3, 1)):
            measure(kafka, n_processes, n_rows, kills)


if __name__ == "__main__":
    servers.run_test(main, children)
