#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mqtt_limits.py BIN: brokers with small limits, and many messages at once: whatever was accepted is
there in the end, and the tools stay small.
"""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 60
N = 3000
LOG = {"log_type": "subscribe"}  # the broker notes who has subscribed to what
folder = tempfile.TemporaryDirectory(prefix="evtwin-mqtt-limits.")
os.chdir(folder.name)
running = []


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def record(k, battery=None):
    named = {} if battery is None else {"battery_id": battery}
    return json.dumps({"timestamp": "2024-01-01T00:00:00Z", **named, "soc": 50, "seq": k})


def start(name, *args):
    """evtwin-ingest in the background; its messages are in NAME.err."""
    with open(name + ".err", "w") as err:
        child = subprocess.Popen([os.path.join(BIN, "evtwin-ingest"), *args], stderr=err,
                                 stdout=subprocess.DEVNULL)
    running.append(child)
    return child


def said(name):
    with open(name + ".err") as f:
        return f.read()


def await_(what, holds):
    limit = time.monotonic() + DEADLINE_S
    while not holds():
        check(what() if callable(what) else what, time.monotonic() < limit)
        time.sleep(0.05)


def end(name, child):
    child.send_signal(signal.SIGTERM)
    check(f"{name} ends well: {said(name)}", child.wait(DEADLINE_S) in (0, 65))
    running.remove(child)


def count(store, what="count(*)", table="ev_telemetry"):
    try:
        db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        try:
            return db.execute(f"SELECT {what} FROM {table}").fetchone()[0]
        finally:
            db.close()
    except sqlite3.OperationalError:  # it is being made
        return -1


def stays_small(child):
    """At most 300 MB were ever resident; a sanitizer, which keeps what was freed, may have more."""
    with open(f"/proc/{child.pid}/maps") as f:
        limit_kib = 1000000 if "asan" in f.read() else 300000
    with open(f"/proc/{child.pid}/status") as f:
        peak_kib = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    check(f"it stays small: {peak_kib} KiB", peak_kib < limit_kib)


def subscribed(broker, topic):
    with open(broker.log) as f:
        return f" 1 {topic}\n" in f.read()


def messages_larger_than_the_broker_takes():
    """A hundred records are more than it takes: fewer go into a message from then on."""
    with open("in.jsonl", "w") as f:
        f.writelines(record(k, f"B{k}") + "\n" for k in range(N))
    cases = [({"max_packet_size": 2000}, "confirm=broker"),
             ({"max_packet_size": 2000}, "confirm=receipts"),   # a receipt of 100 ids is too large too
             ({"max_packet_size": 2000}, "version=3.1.1"),      # it only ends the connection
             ({"message_size_limit": 2000}, "confirm=broker"),  # it refuses, and ends the connection
             ({"max_inflight_messages": 1, "max_queued_messages": 1}, "confirm=receipts")]
    for i, (limits, how) in enumerate(cases):
        store = f"limits{i}.db"
        with servers.Mosquitto(settings={"max_queued_messages": 0, **LOG, **limits}) as broker:
            receiver = start("receiver", "--source", broker.uri + "/t", "--sink", "sqlite:" + store)
            await_("the receiver is there", lambda: subscribed(broker, "t"))
            sender = start("sender", "--source", "jsonl:in.jsonl", "--sink",
                           f"{broker.uri}/t?batch=100&{how}")
            check(f"{limits} {how}: {said('sender')}", sender.wait(DEADLINE_S) == 0)
            running.remove(sender)
            await_(lambda: f"{limits} {how}: {count(store)} of {N}", lambda: count(store) == N)
            is_said = said("sender").count("more than the broker takes in one message")
            check(f"it says so: {said('sender')}", (is_said > 0) == ("max_packet_size" in limits or
                                                                    "message_size_limit" in limits))
            end("receiver", receiver)


def retained_flood():
    """Thousands of retained messages come at the subscription, of both kinds."""
    import paho.mqtt.client as mqtt
    n = 10000
    with servers.Mosquitto(settings={"max_queued_messages": 0}) as broker:
        publisher = mqtt.Client("devices")
        publisher.max_inflight_messages_set(1000)
        publisher.connect("127.0.0.1", broker.port)
        publisher.loop_start()
        for qos in (1, 0):
            for k in range(n):
                sent = publisher.publish(f"fleet{qos}/B{k}/telemetry", record(k), qos, retain=True)
            sent.wait_for_publish()
        check("the broker has them", publisher.publish("last", "", 1).wait_for_publish() is None)
        publisher.disconnect()
        publisher.loop_stop()
        for qos in (1, 0):
            store, name = f"flood{qos}.db", f"flood{qos}"
            child = start(name, "--source", f"{broker.uri}/fleet{qos}/+/telemetry", "--sink",
                          "sqlite:" + store)
            await_(lambda: f"{count(store)} of {n}: {said(name)}",
                   lambda: count(store, "count(DISTINCT battery_id)") == n)
            stays_small(child)
            end(name, child)


def strange_topics():
    """Numbers of the broker itself, names of batteries that are none."""
    import paho.mqtt.client as mqtt
    with servers.Mosquitto(settings={"sys_interval": 1, **LOG}) as broker:
        child = start("sys", "--source", f"{broker.uri}/$SYS/%23", "--sink", "null:", "--dead-letter",
                      "sqlite:sys.db")
        await_("$SYS is refused, each", lambda: count("sys.db", table="ev_dead_letter") > 20)
        end("sys", child)
        check("and counted: " + said("sys"), "EVTWIN_E_PARSE" in said("sys"))
        child = start("names", "--source", f"{broker.uri}/ev/+/telemetry", "--sink", "sqlite:names.db",
                      "--dead-letter", "sqlite:names.db")
        await_("it is subscribed", lambda: subscribed(broker, "ev/+/telemetry"))
        publisher = mqtt.Client("strangers")
        publisher.connect("127.0.0.1", broker.port)
        publisher.loop_start()
        bad = ["", " ", "a b", "é", "x" * 51, "x" * 60000, "'; DROP TABLE ev_telemetry; --", "$", "%2F"]
        for battery in bad:
            publisher.publish(f"ev/{battery}/telemetry", record(1), 1).wait_for_publish(10)
        publisher.publish("ev/GOOD/telemetry", record(2), 1).wait_for_publish(10)
        publisher.publish("ev/ANY/telemetry", record(3, "B/+#"), 1).wait_for_publish(10)
        await_("the good one is there", lambda: count("names.db") == 1)
        await_(lambda: f"the others are letters: {said('names')}",
               lambda: count("names.db", table="ev_dead_letter") == len(bad) + 1)
        publisher.disconnect()
        publisher.loop_stop()
        end("names", child)


def hostile_messages():
    """Each is refused with its reason, and the good one behind it is there."""
    import paho.mqtt.client as mqtt
    start_of = '{"timestamp":"2024-01-01T00:00:00Z","battery_id":'
    nines = "9" * 10000
    bad = {  # payload: how many letters; ten of one message at most, and one for the rest
        "[" + "1," * 1000000 + "1]": 11, "[" + "{}," * 600000 + "{}]": 11, "[" * 1000000: 2,
        "x" * (2 << 20): 1, b"\x1f\x8b\x08\x00": 1, record(1, "B").encode("utf-16"): 1,
        start_of + '"B","soc":' + nines + "}": 1, start_of + '"B","soc":1e' + nines + "}": 1,
        start_of + '"' + "x" * 1024 + '"}': 1, start_of + '"B\\u001b[31m"}': 1, start_of + '"B\\u0000"}': 1,
        start_of + '"B","soc":1,"soc":2}': 1, start_of + '"B","x":' + "[" * 40 + "]" * 40 + "}": 1,
        '{"timestamp":"2024-01-01T00:00:00","battery_id":"B"}': 1}
    good = [record(1, "GOOD"), "\ufeff" + record(2, "GOOD"), record(3, "GOOD") + "\r\n",
            "[" + record(4, "GOOD").replace(", ", ",\n  ") + "]"]
    with servers.Mosquitto(settings=LOG) as broker:
        child = start("hostile", "--source", f"{broker.uri}/t", "--sink", "sqlite:hostile.db",
                      "--dead-letter", "sqlite:hostile.db")
        await_("it is subscribed", lambda: subscribed(broker, "t"))
        publisher = mqtt.Client("stranger")
        publisher.connect("127.0.0.1", broker.port)
        publisher.loop_start()
        n_letters = n_good = 0
        for payload, n in list(bad.items()) + [(text, 0) for text in good]:
            publisher.publish("t", payload, 1).wait_for_publish(DEADLINE_S)
            publisher.publish("t", record(100 + n_good, "GOOD"), 1).wait_for_publish(DEADLINE_S)
            n_letters += n
            n_good += 1 + (n == 0)
            await_(lambda: f"{payload[:60]} … gives {count('hostile.db', table='ev_dead_letter')} letters, "
                   f"{count('hostile.db')} rows; expected {n_letters}, {n_good}\n{said('hostile')}",
                   lambda: (count("hostile.db", table="ev_dead_letter"), count("hostile.db")) ==
                   (n_letters, n_good))
        publisher.disconnect()
        publisher.loop_stop()
        stays_small(child)
        end("hostile", child)
        check("all are counted: " + said("hostile"), f"{n_letters} records refused" in said("hostile"))


def main():
    import paho.mqtt.client  # noqa: F401
    for test in (messages_larger_than_the_broker_takes, retained_flood, strange_topics, hostile_messages):
        began = time.monotonic()
        test()
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    servers.run_test(main, running)
