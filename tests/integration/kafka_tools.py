#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kafka_tools.py BIN: simulator, ingester and predictor over Kafka, as users start them: the broker is
named by the environment, bad messages of other programs go to a topic of dead letters.
"""
import itertools
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
from server import environment  # noqa: E402
from server.asyncapi import Topics  # noqa: E402

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


def cloudevents(bootstrap, consumer_of):
    """Records as events: another client reads their headers, the SDK of CloudEvents the events; our source the records."""
    run("evtwin-sim", "--fleet", 2, "--speed", "max", "--duration", 300, "--interval", 60, "-q", "--sink",
        "jsonl:events.jsonl")
    def records(name):
        with open(os.path.join(folder.name, name)) as f:
            return [{k: v for k, v in json.loads(line).items() if k != "quality"} for line in f]  # the second time they are late

    sent, readers = records("events.jsonl"), []
    for mode in ("binary", "structured"):
        uri = f"kafka://{bootstrap}/ev_events_{mode}"
        run("evtwin-ingest", "--source", "jsonl:events.jsonl", "--once", "-q", "--sink", f"{uri}?cloudevents={mode}")
        consumer = consumer_of(f"ev_events_{mode}")
        messages = list(itertools.islice((m for m in consumer if m.value[:1] == b"{"), len(sent)))
        check(f"{mode}: {len(messages)} messages", len(messages) == len(sent))
        described(f"ev_events_{mode}", [m.value for m in messages], like="ev_battery_telemetry")
        events = events_of(mode, messages)
        order = {f"{r['battery_id']}/{r['timestamp']}/{r['seq']}": r for r in sent}
        check("an id for each record", {e["attributes"]["id"] for e in events} == set(order))
        for m, e in zip(messages, events):
            record = order[e["attributes"]["id"]]
            # of an envelope the SDK says the message's content type
            kind = json.loads(m.value)["datacontenttype"] if mode == "structured" else e["attributes"]["datacontenttype"]
            e["attributes"]["datacontenttype"] = kind
            check(f"attributes {e}", e["attributes"] == {
                  "id": e["attributes"]["id"], "specversion": "1.0", "source": f"/evtwin/{record['battery_id']}",
                  "type": "io.evtwin.telemetry.v1", "time": record["timestamp"], "datacontenttype": "application/json"})
            sent_as = {"binary": "application/json", "structured": "application/cloudevents+json; charset=utf-8"}[mode]
            check(f"content type {m.headers}", dict(m.headers)["content-type"].decode() == sent_as)
            check(f"data {e}", e["data"] == record and m.key.decode() == record["battery_id"])
        readers.append((mode, subprocess.Popen(
            [os.path.join(BIN, "evtwin-ingest"), "--source", f"{uri}?group=events", "--sink", f"jsonl:{mode}.jsonl",
             "--once", "-q"], cwd=folder.name, env=CLEAN)))
    for mode, reader in readers:
        check(f"{mode}: the reader ends well", reader.wait(200) == 0)
        check(f"{mode}: read back {records(mode + '.jsonl')[:2]} of {sent[:2]}", sorted(map(str, records(f"{mode}.jsonl"))) == sorted(map(str, sent)))


def described(topic, payloads, like=None):
    """Each is a message of docs/asyncapi.yaml."""
    topics = Topics()
    try:
        kinds = {topics.check(topic, payload, like) for payload in payloads}
    except AssertionError as e:
        sys.exit(f"FAILED: {e}")
    check(f"{topic} has something", len(kinds) > 0)


def events_of(mode, messages):
    """By the SDK of CloudEvents; by hand, saying so, where it cannot be had."""
    plain = [{"headers": dict(m.headers), "value": m.value.decode()} for m in messages]
    for m in plain:
        m["headers"] = {k: v.decode() for k, v in m["headers"].items()}
    try:
        python = environment.cloudevents_python()
    except servers.Skip as e:
        print(f"read by hand: {e}")
        if mode == "structured":
            whole = [json.loads(m["value"]) for m in plain]
            return [{"data": e.pop("data"), "attributes": e} for e in whole]
        return [{"data": json.loads(m["value"]), "attributes": {
            "datacontenttype": m["headers"]["content-type"],
            **{k[3:]: v for k, v in m["headers"].items() if k.startswith("ce_")}}} for m in plain]
    sdk = os.path.join(os.path.dirname(os.path.abspath(__file__)), "server", "cloudevents_sdk.py")
    done = subprocess.run([python, sdk, mode], input=json.dumps(plain), capture_output=True, text=True, timeout=200)
    check(f"the SDK reads them: {done.stderr[-2000:]}", done.returncode == 0)
    return json.loads(done.stdout)


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
        described("ev_dead_letters", [json.dumps(letter).encode() for letter in letters])
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
        described("ev_battery_predictions", [json.dumps(record).encode() for record in predicted])
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
        cloudevents(kafka.bootstrap, lambda name: KafkaConsumer(
            name, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=60000))


servers.run_test(main)
