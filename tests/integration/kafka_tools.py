#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kafka_tools.py BIN: simulator, ingester and predictor over Kafka, as users start them: the broker is
named by the environment, bad messages of other programs go to a topic of dead letters.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
folder = tempfile.TemporaryDirectory(prefix="evtwin-kafka-tools.")
CLEAN = {k: v for k, v in os.environ.items()
         if not k.startswith(("DB_", "PG", "KAFKA_", "MQTT_", "EVTWIN_TEST"))}


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def run(*args, env=None, code=0):
    done = subprocess.run([os.path.join(BIN, args[0]), *map(str, args[1:])], cwd=folder.name,
                          env={**CLEAN, **(env or {})}, capture_output=True, text=True, timeout=200)
    if done.returncode != code:
        sys.exit(f"FAILED: {args} gave {done.returncode} instead of {code}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def sql(text):
    return subprocess.run(["sqlite3", os.path.join(folder.name, "evtwin.db"), text],
                          capture_output=True, text=True, check=True).stdout.strip()


def two_of_one_name(topic):
    """The older says once that it writes no more, and its metric shows it."""
    port = servers.free_port()
    args = ("evtwin-sim", "--interval", "0.1", "-q", "--sink", topic + "?transactional_id=same", "--spool")

    def start(name, *more):
        with open(os.path.join(folder.name, name), "w") as err:
            return subprocess.Popen([os.path.join(BIN, args[0]), *args[1:], name + ".spool", "--battery-id",
                                     name, *more], cwd=folder.name, env=CLEAN, stdout=err, stderr=err)

    def up(value):
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        except OSError:
            return False
        return re.search(r"^evtwin_sink_up\{.*\} " + value, text, re.M) and (
            value == "0" or re.search(r"^evtwin_sink_delivered_records_total\{.*\} [1-9]", text, re.M))

    def await_up(value):
        deadline = time.monotonic() + 60
        while not up(value) and time.monotonic() < deadline:
            time.sleep(0.1)
        check(f"evtwin_sink_up is {value}", up(value))

    tools = [start("older", "--metrics-port", str(port))]
    try:
        await_up("1")
        tools.append(start("newer"))
        await_up("0")
        time.sleep(2)  # some more tries
        check("still down", up("0"))
    finally:
        for tool in tools:
            tool.terminate()
        codes = [tool.wait(60) for tool in tools]
    with open(os.path.join(folder.name, "older")) as f:
        said = f.read()
    check("said once: " + said, said.count("another producer has taken") == 1 and codes[1] == 0)


def main():
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer  # Debian's python3-kafka
    from kafka.admin import ConfigResource, ConfigResourceType
    with servers.Kafka() as kafka:
        topic = f"kafka://{kafka.bootstrap}/ev_battery_telemetry"

        # before anything is there: the topic is made by who writes
        run("evtwin-sim", "--fleet", 4, "--speed", "max", "--interval", 60, "--duration", 6000,
            "--spool", "spool", "-q", env={"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap})
        os.rename(os.path.join(folder.name, "evtwin.db"), os.path.join(folder.name, "default.db"))
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
        bad = [b"\xff\x00", b"{", b'{"battery_id":"X"}', b""]
        for message in bad:
            producer.send("ev_battery_telemetry", message)
        producer.send("ev_battery_telemetry", json.dumps(
            {"timestamp": "2024-01-01T00:00:00Z", "battery_id": "OTHER", "soc": 140}).encode())
        producer.flush()
        said = run("evtwin-ingest", "--source", f"{topic}?group=ingest", "--dead-letter",
                   f"kafka://{kafka.bootstrap}/ev_dead_letters", "--once", code=65)
        check("all are there: " + said, sql("SELECT count(*) FROM ev_telemetry") == "401")
        check("flagged", sql("SELECT quality FROM ev_telemetry WHERE battery_id = 'OTHER'") == "5")
        consumer = KafkaConsumer("ev_dead_letters", bootstrap_servers=kafka.bootstrap,
                                 auto_offset_reset="earliest", consumer_timeout_ms=10000)
        # this client shows the marks of transactions, too
        letters = [json.loads(m.value) for m in consumer if m.value[:1] == b"{"]
        check(f"dead letters: {letters}", len(letters) == len(bad) and
              {"raw_base64", "raw"} <= {key for letter in letters for key in letter})
        said = run("evtwin-ingest", "--source", f"{topic}?group=ingest", "--dead-letter",
                   f"kafka://{kafka.bootstrap}/ev_dead_letters", "--check")
        check("three are fine: " + said, said.count(": ok") == 3)
        said = run("evtwin-ingest", "--source", f"{topic}?group=ingest", "--once")
        check("nothing comes again: " + said, "0 records accepted" in said)

        # predictions over Kafka
        run("evtwin-sim", "--until-eol", "--fleet", 12, "--record-days", 30, "--csv", "fleet.csv", "-q")
        run("evtwin-train", "fleet.csv", "--out", "models", "-q")
        said = run("evtwin-predict", "--source", f"{topic}?group=predict", "--sink",
                   f"kafka://{kafka.bootstrap}/ev_battery_predictions", "--sink", "jsonl:predicted.jsonl",
                   "--spool", "predicted", "--once", "--metrics-port", 0, code=65)
        with open(os.path.join(folder.name, "predicted.jsonl")) as f:
            predicted = [json.loads(line) for line in f]
        check(f"{len(predicted)} records\n{said}", len(predicted) == 401 and
              sum("rul_prediction" in r for r in predicted) == 400)

        # progress that the brokers would forget is warned of
        writes = ("evtwin-sim", "--fleet", 1, "--speed", "max", "--duration", 60, "--sink", topic,
                  "--spool", "spool")
        said = run(*writes)
        check("the topic was made compacted: " + said, "cleanup.policy" not in said)
        KafkaAdminClient(bootstrap_servers=kafka.bootstrap).alter_configs([ConfigResource(
            ConfigResourceType.TOPIC, "ev_battery_progress", {"cleanup.policy": "delete"})])
        said = run(*writes)
        check("forgetful: " + said, "ev_battery_progress has cleanup.policy=delete" in said)
        two_of_one_name(topic)


try:
    main()
except servers.Skip as e:
    print(f"skipped: {e}")
    sys.exit(77)
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
finally:
    folder.cleanup()
