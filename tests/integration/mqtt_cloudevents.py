#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mqtt_cloudevents.py BIN: records as CloudEvents through a real broker, read by another client (paho): properties and
content type of binary mode, envelopes of structured mode and of MQTT 3.1.1; and read back by the tools. Every message
of every topic, those without events too, is as docs/asyncapi.yaml describes it.
"""
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402
from server.asyncapi import Topics  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 60
folder = tempfile.TemporaryDirectory(prefix="evtwin-mqtt-cloudevents.")
os.chdir(folder.name)


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def run(*args, code=0):
    done = subprocess.run([os.path.join(BIN, args[0]), *map(str, args[1:])], capture_output=True, text=True,
                          timeout=DEADLINE_S)
    check(f"{args} gave {done.returncode}:\n{done.stdout}{done.stderr}", done.returncode == code)
    return done.stdout + done.stderr


def lines(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def broker_log(broker):
    with open(broker.log, errors="replace") as f:
        return f.read()


def await_(what, holds):
    limit = time.monotonic() + DEADLINE_S
    while not holds():
        check(what, time.monotonic() < limit)
        time.sleep(0.05)


class Reader:
    """Keeps what comes on a topic."""

    def __init__(self, mqtt, port, topic, n):
        self.messages, self.n, self.whole = [], n, threading.Event()
        ready = threading.Event()
        self.client = mqtt.Client(protocol=mqtt.MQTTv5)
        self.client.on_message = self.take
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.subscribe(topic, qos=1)
        self.client.loop_start()
        check("the reader has subscribed", ready.wait(DEADLINE_S))

    def take(self, client, userdata, message):
        self.messages.append(message)
        if len(self.messages) == self.n:
            self.whole.set()

    def end(self):
        check(f"{len(self.messages)} messages came", self.whole.wait(DEADLINE_S))
        self.client.loop_stop()
        self.client.disconnect()
        return self.messages


def attributes_of(record):
    """What an event of this record has to say; the record is as the sink writes it without events."""
    return {"specversion": "1.0", "id": f"{record['battery_id']}/{record['timestamp']}/{record['seq']}",
            "source": f"/evtwin/{record['battery_id']}", "type": "io.evtwin.telemetry.v1", "time": record["timestamp"]}


def judge(way, message, record):
    about, payload = message.properties, json.loads(message.payload)
    kind = getattr(about, "ContentType", None)
    if way == "binary":
        check(f"content type {kind}", kind == "application/json")
        check(f"properties {about.UserProperty}", dict(about.UserProperty) == attributes_of(record))
    else:
        check(f"content type {kind}", kind == (None if way == "older" else "application/cloudevents+json; charset=utf-8"))
        data = payload.pop("data")
        check(f"envelope {payload}", payload == {**attributes_of(record), "datacontenttype": "application/json"})
        payload = data
    check(f"{way}: the record is as ever", payload == record)


def described(topics, uri, broker, everything):
    """Bare records, lists of them, one topic a battery, dead letters, receipts and states: all are in the document."""
    with open("bad.jsonl", "w") as f:
        f.write('{"timestamp":"2024-01-01T00:00:00Z","battery_id":"B","soc":140}\n{"battery_id":"B"}\n')
    receiver = subprocess.Popen([os.path.join(BIN, "evtwin-ingest"), "--source", f"{uri}/ev/battery/telemetry", "--sink",
                                 "null:", "-q"])
    try:
        await_("the receiver is there", lambda: " 1 ev/battery/telemetry" in broker_log(broker))
        for sink in ("telemetry", "telemetry?confirm=receipts", "telemetry?cloudevents=structured", "telemetry?batch=10",
                     "{battery_id}/telemetry"):
            run("evtwin-ingest", "--source", "jsonl:sent.jsonl", "--once", "-q", "--sink", f"{uri}/ev/battery/{sink}")
        for events in ("", "?cloudevents=structured"):
            run("evtwin-ingest", "--source", "jsonl:bad.jsonl", "--once", "-q", "--sink", f"{uri}/ev/battery/telemetry",
                "--dead-letter", f"{uri}/ev_dead_letters{events}", code=65)
        dead = lambda: sum(m.topic == "ev_dead_letters" for m in everything.messages)
        await_("both letters came", lambda: dead() == 2)
    finally:
        receiver.terminate()
        receiver.wait(DEADLINE_S)
    everything.client.loop_stop()
    for m in everything.messages:
        if m.topic.startswith("ev/") and m.topic.count("/") == 1:
            continue  # the topics of the ways above
        try:
            topics.check(m.topic, m.payload)
        except AssertionError as e:
            check(str(e), False)
    expected = {("mqttTelemetry", "telemetry"), ("mqttTelemetry", "records"), ("mqttTelemetry", "event"),
                ("mqttBatteryTelemetry", "telemetry"), ("mqttStatus", "status"), ("mqttReceipts", "receipt"),
                ("kafkaDeadLetters", "deadLetter"), ("kafkaDeadLetters", "event")}
    check(f"of each kind: {topics.judged}", set(topics.judged) == expected)


def main():
    import paho.mqtt.client as mqtt  # Debian's python3-paho-mqtt
    topics = Topics()
    run("evtwin-sim", "--fleet", 3, "--speed", "max", "--duration", 600, "--interval", 60, "-q", "--sink", "jsonl:sent.jsonl")
    sent = lines("sent.jsonl")
    with servers.Mosquitto(settings={"log_type": "subscribe"}) as broker:
        uri = f"mqtt://127.0.0.1:{broker.port}"
        ways = {"binary": "cloudevents=binary", "structured": "cloudevents=structured",
                "older": "cloudevents=structured&version=3.1.1"}
        everything = Reader(mqtt, broker.port, "#", None)
        readers = {way: Reader(mqtt, broker.port, f"ev/{way}", len(sent)) for way in ways}
        receiver = subprocess.Popen([os.path.join(BIN, "evtwin-ingest"), "--source", f"{uri}/ev/+", "--sink",
                                     "jsonl:got.jsonl", "-q"], env={**os.environ, "TZ": "UTC"})
        try:
            await_("the receiver is there", lambda: "ev/+" in broker_log(broker))
            for way, params in ways.items():
                run("evtwin-ingest", "--source", "jsonl:sent.jsonl", "--once", "-q", "--sink", f"{uri}/ev/{way}?{params}")
                for message, record in zip(readers[way].end(), sent):
                    judge(way, message, record)
            await_("all are read", lambda: os.path.exists("got.jsonl") and len(lines("got.jsonl")) == 3 * len(sent))
        finally:
            receiver.terminate()
            code = receiver.wait(DEADLINE_S)
        check("the receiver ends well", code == 0)
        described(topics, uri, broker, everything)
        got = [{k: v for k, v in r.items() if k != "quality"} for r in lines("got.jsonl")]  # they are late
        check("what the sink writes the source reads", got == 3 * sent)


servers.run_test(main)
