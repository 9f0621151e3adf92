#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scaling.py BIN: what a record costs on each leg of the way, in processor time of each process, and in bytes.
docs/scaling.md computes from these figures what a large fleet needs. Processor time, unlike elapsed time,
hardly depends on what else the machine does. Apache Kafka and PostgreSQL are real ones, on this machine.
"""
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import servers  # noqa: E402
from server.base import _processes_below  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 900
N_BATTERIES, N_EACH, N_PARTITIONS = 2000, 200, 6
TICKS = os.sysconf("SC_CLK_TCK")
folder = tempfile.TemporaryDirectory(prefix="evtwin-scaling.")
children = []


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def run(tool, *args):
    """A tool to its end; processor seconds that it took."""
    before = os.times()
    done = subprocess.run([os.path.join(BIN, tool), *map(str, args)], capture_output=True, text=True,
                          cwd=folder.name, timeout=DEADLINE_S)
    check(f"{tool}: {done.stderr}", done.returncode == 0)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def cpu_s(pid):
    """Processor seconds of a process and all below it, with those that have ended."""
    ticks = 0
    for one in _processes_below(pid):
        try:
            with open(f"/proc/{one}/stat") as f:
                ticks += sum(map(int, f.read().rpartition(")")[2].split()[11:15]))
        except OSError:
            pass
    return ticks / TICKS


def make_topic(kafka, name):
    from kafka.admin import KafkaAdminClient, NewTopic
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name, N_PARTITIONS, 1)])
    admin.close()


def bytes_of_topic(kafka, name):
    logs = os.path.join(kafka.folder, "logs")
    return sum(os.path.getsize(os.path.join(logs, part, file)) for part in os.listdir(logs)
               if part.rpartition("-")[0] == name for file in os.listdir(os.path.join(logs, part)) if file.endswith(".log"))


def committed(kafka, group):
    from kafka import KafkaConsumer
    from kafka.structs import TopicPartition
    consumer = KafkaConsumer(bootstrap_servers=[kafka.bootstrap], group_id=group)
    partitions = [TopicPartition("telemetry", p) for p in range(N_PARTITIONS)]
    ends = sum(consumer.end_offsets(partitions).values())
    return consumer, partitions, ends


def follow(kafka, group, *commands):
    """Programs of one group read the topic to its end: processor seconds of them, of the broker, peak kB."""
    consumer, partitions, ends = committed(kafka, group)
    broker = cpu_s(kafka.child.pid)
    running = []
    for command in commands:
        log = open(os.path.join(folder.name, f"{group}{len(running)}.log"), "w")
        running.append(subprocess.Popen([os.path.join(BIN, command[0]), *map(str, command[1:])], cwd=folder.name,
                                        stdout=log, stderr=log))
    children.extend(running)
    limit = time.monotonic() + DEADLINE_S
    # behind the last record of each partition is the mark of its transaction
    while sum(consumer.committed(p) or 0 for p in partitions) < ends - N_PARTITIONS:
        check(f"{group} reads on", time.monotonic() < limit and all(p.poll() is None for p in running))
        time.sleep(0.2)
    consumer.close()
    used = [cpu_s(p.pid) for p in running]
    peak = []
    for p in running:
        with open(f"/proc/{p.pid}/status") as f:
            peak += [int(line.split()[1]) for line in f if line.startswith("VmHWM")]
        p.terminate()
        check("ends well", p.wait(timeout=DEADLINE_S) == 0)
    return sum(used), cpu_s(kafka.child.pid) - broker, max(peak)


def line(what, n, **parts):
    costs = ", ".join(f"{name} {1e6 * s / n:.1f} us" for name, s in parts.items())
    rates = ", ".join(f"{name} {n / s:,.0f}" for name, s in parts.items() if s > 0)
    print(f"{what}: a record costs {costs}; records a second of one core: {rates}", flush=True)


def over_kafka(kafka, n_rows, recipe):
    for n in (1, 2):
        name = f"{recipe}{n}"
        make_topic(kafka, name)
        command = ("evtwin-predict", "--models", recipe, "--source", f"{kafka.uri}/telemetry?group={name}", "--sink",
                   f"{kafka.uri}/{name}", "--metrics-port", 0, "-q")
        used, broker, peak = follow(kafka, name, *[command] * n)
        line(f"{n} evtwin-predict, recipe {recipe}, Kafka to Kafka", n_rows, predictors=used, broker=broker)
        print(f"    peak of one {peak / 1024:.0f} MB; {bytes_of_topic(kafka, name) / n_rows:.0f} bytes a predicted record", flush=True)


def into_postgres(kafka, postgres, n_rows):
    database = postgres.database()
    name = database.rpartition("/")[2]
    before = cpu_s(postgres.child.pid)
    used, broker, peak = follow(kafka, "store", ("evtwin-ingest", "--source", f"{kafka.uri}/telemetry?group=store", "--sink",
                                                database, "-q"))
    line("evtwin-ingest, Kafka to PostgreSQL", n_rows, ingest=used, broker=broker, postgres=cpu_s(postgres.child.pid) - before)
    rows = int(postgres.sql("SELECT count(*) FROM ev_telemetry", name))
    check(f"{rows} rows of {n_rows}", rows == n_rows)
    postgres.sql("CHECKPOINT", name)
    size = int(postgres.sql("SELECT pg_total_relation_size('ev_telemetry')", name))
    print(f"    {size / rows:.0f} bytes a row in PostgreSQL, indexes included", flush=True)
    for recipe in ("contract",):
        before = cpu_s(postgres.child.pid)
        used = run("evtwin-predict", "--models", recipe, "--store", database, "--once", "--metrics-port", 0, "-q")
        line(f"evtwin-predict, recipe {recipe}, --store", n_rows, predictor=used, postgres=cpu_s(postgres.child.pid) - before)
    waiting = int(postgres.sql("SELECT count(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL", name))
    check(f"{waiting} rows are left without a prediction", waiting == 0)


def main():
    run("evtwin-sim", "--until-eol", "--fleet", 100, "--seed", 1, "--csv", "fleet.csv", "-q")
    for recipe in ("contract", "history"):
        run("evtwin-train", "-q", "fleet.csv", "--out", recipe, "--recipe", recipe)
    with servers.Kafka(tuned=True) as kafka, servers.Postgres() as postgres:
        make_topic(kafka, "telemetry")
        broker = cpu_s(kafka.child.pid)
        n_rows = N_BATTERIES * N_EACH
        used = run("evtwin-sim", "-q", "--fleet", N_BATTERIES, "--soh", "99:81", "--speed", "max", "--interval", 60, "--duration",
                   60 * N_EACH, "--sink", kafka.uri + "/telemetry")
        line(f"{n_rows} records of {N_BATTERIES} batteries, {N_PARTITIONS} partitions; evtwin-sim to Kafka", n_rows, sim=used,
             broker=cpu_s(kafka.child.pid) - broker)
        print(f"    {bytes_of_topic(kafka, 'telemetry') / n_rows:.0f} bytes a record in Kafka, not compressed", flush=True)
        for recipe in ("contract", "history"):
            over_kafka(kafka, n_rows, recipe)
        into_postgres(kafka, postgres, n_rows)


servers.run_test(main, children)
