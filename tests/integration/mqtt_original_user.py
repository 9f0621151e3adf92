#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mqtt_original_user.py BIN: paho-mqtt clients as the Python demo's were, beside evtwin-sim and
evtwin-ingest on one topic: both versions of the protocol, QoS 0 and 1, retained or not. Each side reads
what the other writes.

original_user.py is the same for the demo's other channels.
"""
import datetime
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
TOPIC = "ev/battery/telemetry"
DEADLINE_S = 60
N = 20  # records of each publisher
KEYS = ["timestamp", "battery_id", "soc", "soh", "voltage", "current", "temperature", "charge_cycles",
        "power_consumption", "is_charging"]
folder = tempfile.TemporaryDirectory(prefix="evtwin-mqtt-original.")
os.chdir(folder.name)
running = []


def check(what, holds):
    if not holds:
        sys.exit(f"FAILED: {what}\n" + "".join(
            open(name).read() for name in sorted(os.listdir(".")) if name.endswith(".err")))


def await_(what, holds):
    limit = time.monotonic() + DEADLINE_S
    while not holds():
        check(what, time.monotonic() < limit)
        time.sleep(0.05)


def tool(name, *args):
    with open(name + ".err", "w") as err:
        running.append(subprocess.Popen([os.path.join(BIN, name), *args], stdout=subprocess.DEVNULL,
                                        stderr=err))
    return running[-1]


def client(name, version):
    import paho.mqtt.client as mqtt
    return mqtt.Client(name, protocol=mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311)


def publish(broker, battery, version, qos, retain):
    """The demo's simulator."""
    publisher = client("ev_simulator_" + battery, version)
    publisher.connect("127.0.0.1", broker.port)
    publisher.loop_start()
    for i in range(N):
        record = {"timestamp": datetime.datetime.now().isoformat(), "battery_id": battery,
                  "soc": 80.0 - i, "soh": 94.8, "voltage": 380.5, "current": 75.25, "temperature": 34.2,
                  "charge_cycles": 152, "power_consumption": 28632.6, "is_charging": False}
        publisher.publish(TOPIC, json.dumps(record), qos=qos, retain=retain).wait_for_publish(DEADLINE_S)
    publisher.disconnect()
    publisher.loop_stop()


class Subscriber:
    """Who listened to the demo's topic: each message is one record."""

    def __init__(self, broker, version):
        self.messages, self.is_subscribed = [], threading.Event()
        self.mqtt = client(f"dashboard_{version}", version)
        self.mqtt.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
        self.mqtt.on_subscribe = lambda *_: self.is_subscribed.set()
        self.mqtt.on_message = lambda client, data, message: self.messages.append(message)
        self.mqtt.connect("127.0.0.1", broker.port)
        self.mqtt.loop_start()
        check("it subscribes", self.is_subscribed.wait(DEADLINE_S))

    def of(self, battery):
        return [m for m in list(self.messages) if json.loads(m.payload)["battery_id"] == battery]


def rows():
    """{battery: {soc}} of what evtwin-ingest has stored."""
    found = {}
    try:
        db = sqlite3.connect("file:ingest.db?mode=ro", uri=True)
        for battery, soc in db.execute("SELECT battery_id, soc FROM ev_telemetry"):
            found.setdefault(battery, set()).add(soc)
        db.close()
    except sqlite3.OperationalError:  # it is being made
        pass
    return found


def main():
    with servers.Mosquitto(settings={"log_type": "subscribe"}) as broker:
        uri = f"{broker.uri}/{TOPIC}"
        publish(broker, "BEFORE", 3, 1, True)  # only the last of it is kept for who comes later
        ingest = tool("evtwin-ingest", "--source", uri, "--naive-time", "utc", "--sink", "sqlite:ingest.db")
        await_("a retained record is read", lambda: rows().get("BEFORE") == {80.0 - N + 1})
        subscribers = [Subscriber(broker, version) for version in (3, 5)]
        theirs = {f"V{version}_QOS{qos}{'_KEPT' * retain}": (version, qos, retain)
                  for version in (3, 5) for qos in (0, 1) for retain in (False, True)}
        for battery, how in theirs.items():
            publish(broker, battery, *how)
        sim = tool("evtwin-sim", "--battery-id", "OURS", "--interval", "0.1", "--sink", uri)

        expected = {80.0 - i for i in range(N)}
        for battery in theirs:
            await_(f"evtwin-ingest has all of {battery}", lambda b=battery: rows().get(b) == expected)
        await_("and ours", lambda: len(rows().get("OURS", ())) >= 3)
        for subscriber in subscribers:
            await_("a subscriber of theirs gets ours", lambda s=subscriber: len(s.of("OURS")) >= 5)
            for message in subscriber.of("OURS"):
                record = json.loads(message.payload)
                check(f"in the form that it knows: {message.payload}", [k for k in record][:len(KEYS)] ==
                      KEYS and isinstance(record["charge_cycles"], int) and
                      isinstance(record["is_charging"], bool) and
                      all(isinstance(record[k], (int, float)) for k in KEYS[2:9]))
                check("on its topic, with QoS 1, not retained", (message.topic, message.qos,
                                                                 message.retain) == (TOPIC, 1, False))
                datetime.datetime.fromisoformat(record["timestamp"].replace("Z", "+00:00"))
        for child, name in ((sim, "sim"), (ingest, "ingest")):
            child.send_signal(signal.SIGTERM)
            check(f"evtwin-{name} ends well", child.wait(DEADLINE_S) == 0)
        with open("evtwin-ingest.err") as f:
            said = f.read()
        check("QoS 0 is reported once: " + said, said.count("come with QoS 0") == 1)
        for subscriber in subscribers:
            subscriber.mqtt.loop_stop()


if __name__ == "__main__":
    servers.run_test(main, running)
