#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tools.py BIN: the tools as users start them beside PostgreSQL and an MQTT broker: default stores and
sinks from the environment, --check, records of devices that nobody controls, a server that is away.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
TOPIC = "ev/battery/telemetry"
UNAVAILABLE = 69
folder = tempfile.TemporaryDirectory(prefix="evtwin-tools.")
running = []
CLEAN = {k: v for k, v in os.environ.items()
         if not k.startswith(("DB_", "PG", "KAFKA_", "MQTT_", "EVTWIN_TEST"))}


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def path(name):
    return os.path.join(folder.name, name)


def run(*args, env=None, code=0):
    """Run a tool to its end; what it printed. --check gives a server a few seconds; on a busy machine it is
    asked again."""
    for _ in range(5):
        done = subprocess.run([os.path.join(BIN, args[0]), *map(str, args[1:])], cwd=folder.name,
                              env={**CLEAN, **(env or {})}, capture_output=True, text=True, timeout=300)
        if done.returncode != UNAVAILABLE or code == UNAVAILABLE or "--check" not in args:
            break
    if done.returncode != code:
        sys.exit(f"FAILED: {args} gave {done.returncode} instead of {code}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Tool:
    """A tool that runs until it is stopped; its messages are in a file."""

    def __init__(self, *args, env=None):
        self.log = path(f"log{len(running)}")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.path.join(BIN, args[0]), *map(str, args[1:])],
                                            cwd=folder.name, env={**CLEAN, **(env or {})},
                                            stdout=subprocess.DEVNULL, stderr=log,
                                            preexec_fn=servers.die_with_parent)
        running.append(self)

    def said(self, text):
        with open(self.log) as log:
            return text in log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=100)
        with open(self.log) as log:
            check(f"{self.process.args} ends well after SIGTERM: {code}\n{log.read()}", code == 0)


def await_(what, holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            for tool in running:
                with open(tool.log) as log:
                    print(tool.process.args, log.read(), sep="\n")
            sys.exit("FAILED within %d s: %s" % (seconds, what))
        time.sleep(0.1)


def number(pg, sql, database="evtwin"):
    return int(pg.sql(sql, database) or 0)


def publish(broker, messages):
    """As a device does: paho, QoS 1."""
    import paho.mqtt.client as mqtt
    client = mqtt.Client()
    client.connect(servers.LOCALHOST, broker.port)
    client.loop_start()
    for message in messages:
        client.publish(TOPIC, message, qos=1).wait_for_publish()
    client.loop_stop()
    client.disconnect()


def await_online(broker, client_id):
    """Until that source says that it is connected: then it has subscribed, too."""
    import paho.mqtt.client as mqtt
    seen = []
    client = mqtt.Client()
    client.on_message = lambda *args: seen.append(args[2].payload)
    client.connect(servers.LOCALHOST, broker.port)
    client.subscribe(f"evtwin/{client_id}/status", qos=1)
    client.loop_start()
    await_(client_id + " is online", lambda: b"online" in seen)
    client.loop_stop()
    client.disconnect()


def test_default_store_and_broker(pg, broker):
    """The commands of the original guide, with the environment of its compose file."""
    name = pg.database().rsplit("/", 1)[1]
    env = {"DB_HOST": servers.LOCALHOST, "DB_PORT": str(pg.port), "DB_USER": "evtwin",
           "DB_NAME": name, "MQTT_HOST": servers.LOCALHOST, "MQTT_PORT": str(broker.port)}
    said = run("evtwin-sim", "--check", env=env)
    check("both are fine: " + said, said.count(": ok\n") == 2 and name in said and TOPIC in said)
    check("--check writes no record", number(pg, "SELECT count(*) FROM ev_telemetry", name) == 0)
    run("evtwin-sim", "--until-eol", "--fleet", 12, "--record-days", 30, "--csv", "fleet.csv", "-q")
    run("evtwin-train", "fleet.csv", "--out", "models", "-q")

    collector = Tool("evtwin-ingest", "--source", f"{broker.uri}/{TOPIC}?client_id=t0", "--sink",
                     "jsonl:mqtt.jsonl")
    await_online(broker, "t0")
    sim = Tool("evtwin-sim", "--fleet", 3, "--interval", 0.2, env=env)
    predictor = Tool("evtwin-predict", "--interval", 0.2, "--metrics-port", 0, env=env)
    await_("rows with predictions", lambda: number(
        pg, "SELECT count(*) FROM ev_telemetry WHERE prediction_timestamp IS NOT NULL", name) > 20)
    port = servers.free_port()
    server = Tool("evtwin-serve", "--port", port, env=env)
    await_("REST", lambda: subprocess.run(
        ["curl", "-sf", "--noproxy", "*", f"http://127.0.0.1:{port}/api/batteries/list"],
        capture_output=True).stdout.count(b"BATTERY_") == 3)
    for tool in (sim, predictor, server):
        tool.stop()
    n = number(pg, "SELECT count(*) FROM ev_telemetry", name)

    def n_published():
        with open(path("mqtt.jsonl")) as f:
            return len({(r["battery_id"], r["seq"]) for r in map(json.loads, f)})
    await_(f"all {n} records over MQTT", lambda: n_published() == n)
    collector.stop()


def test_devices(pg, broker):
    """Good and bad messages of unknown senders: each has its outcome, and nothing stops."""
    store = pg.database()
    name = store.rsplit("/", 1)[1]
    run("evtwin-ingest", "--source", f"{broker.uri}/{TOPIC}", "--sink", store, "--dead-letter", store, "--check")
    ingest = Tool("evtwin-ingest", "--source", f"{broker.uri}/{TOPIC}?client_id=t1", "--sink", store,
                  "--dead-letter", store, "--spool", "spool")
    await_online(broker, "t1")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    good = [json.dumps({"timestamp": now, "battery_id": "DEVICE", "soc": 50, "seq": i})
            for i in range(20)]
    bad = [b"\x00\xff", b"", b"{", b"[]" * 40000, b'{"soc": 1}',
           b'{"timestamp":"' + now.encode() + b'","battery_id":"a b"}',
           b'{"timestamp":"2024-01-01 00:00:00","battery_id":"NAIVE"}']
    odd = [json.dumps({"timestamp": now, "battery_id": "ODD", "soc": 400}),
           json.dumps({"timestamp": "2024-01-01T00:00:00Z", "battery_id": "OLD", "soc": 40})]
    messages = []
    for i, message in enumerate(good):
        messages.append(message)
        messages += bad[i:i + 1]
    publish(broker, messages + odd + good[-5:])  # five come again
    await_("the records", lambda: number(pg, "SELECT count(*) FROM ev_telemetry", name) == 22)
    await_("the letters",
           lambda: number(pg, "SELECT count(*) FROM ev_dead_letter", name) == len(bad))
    check("values as they came", pg.sql("SELECT string_agg(battery_id || ' ' || quality, ',' ORDER BY battery_id)"
                                        " FROM ev_telemetry WHERE quality IS NOT NULL", name) == "ODD 4,OLD 1")
    check("bytes of a letter", number(
        pg, "SELECT count(*) FROM ev_dead_letter WHERE raw = '\\x00ff'::bytea", name) == 1)
    check("no offset is a reason", number(
        pg, "SELECT count(*) FROM ev_dead_letter WHERE reason LIKE '%no offset%'", name) == 1)
    ingest.stop()
    with open(ingest.log) as log:
        said = log.read()
    check("totals: " + said, "5 duplicates" in said and "refused: " in said)


def test_a_server_that_is_away(pg, broker):
    """Nothing stops a simulator that has begun, or begins, while a server is away."""
    name = pg.database().rsplit("/", 1)[1]
    pg.kill()
    broker.kill()
    env = {"DB_HOST": servers.LOCALHOST, "DB_PORT": str(pg.port), "DB_USER": "evtwin",
           "DB_NAME": name, "MQTT_HOST": servers.LOCALHOST, "MQTT_PORT": str(broker.port)}
    said = run("evtwin-sim", "--check", env=env, code=69)
    check("each has its line: " + said, len(said.splitlines()) == 2 and "start it" in said)
    sim = Tool("evtwin-sim", "--interval", 0.2, "--spool", "away", "--metrics-port", 0, env=env)
    await_("it says so, of both", lambda: sim.said("postgresql") and sim.said("mqtt://"))
    time.sleep(2)
    pg.restart()
    broker.restart()
    await_("the records arrive",
           lambda: number(pg, "SELECT count(*) FROM pg_tables WHERE tablename = 'ev_telemetry'", name) == 1
           and number(pg, "SELECT count(*) FROM ev_telemetry", name) > 15)
    sim.stop()
    gaps = number(pg, "SELECT max(seq) - min(seq) + 1 - count(*) FROM ev_telemetry", name)
    check(f"none is missing: {gaps}", gaps == 0)


def has_kafka():
    """Does this build have it? A port that is none is refused by what reads it."""
    return "CMake" not in subprocess.run(
        [os.path.join(BIN, "evtwin-sim"), "--check", "--sink", "kafka://h:x/t"], env=CLEAN,
        capture_output=True, text=True).stdout


def test_dead_brokers_hold_up_nobody(broker):
    """Without a spool: brokers that are away, or accept and never answer, cost the others no record."""
    def n_lines(name):
        with open(path(name)) as f:
            return sum(1 for _ in f)

    with socket.socket() as silent:
        silent.bind((servers.LOCALHOST, 0))
        silent.listen(8)
        dead, mute = servers.free_port(), silent.getsockname()[1]
        sinks = [f"mqtt://{servers.LOCALHOST}:{dead}/t", f"mqtt://{servers.LOCALHOST}:{mute}/t"]
        if has_kafka():
            sinks += [f"kafka://{servers.LOCALHOST}:{dead}/t", f"kafka://{servers.LOCALHOST}:{mute}/t"]
        common = ("evtwin-sim", "--interval", 0.2)
        alone = Tool(*common, "--sink", "jsonl:alone.jsonl")
        beside = Tool(*common, *[a for s in sinks for a in ("--sink", s)], "--sink", "jsonl:beside.jsonl")
        await_("both have begun", lambda: os.path.exists(path("beside.jsonl")) and n_lines("beside.jsonl") > 0)
        for _ in range(5):  # a machine that stands still counts for one and not for the other
            before = n_lines("alone.jsonl"), n_lines("beside.jsonl")
            time.sleep(8)
            n_alone, n_beside = (n_lines(n) - b for n, b in zip(("alone.jsonl", "beside.jsonl"), before))
            if n_beside >= 0.8 * n_alone > 0:
                break
        check(f"{n_beside} records beside dead brokers, {n_alone} alone", n_beside >= 0.8 * n_alone > 0)
        await_("each dead one is named", lambda: all(beside.said(s.split("?")[0]) for s in sinks))
        for tool in (alone, beside):
            tool.process.kill()

    broker.kill()
    sim = Tool("evtwin-sim", "--interval", 0.2, "--sink", f"{broker.uri}/{TOPIC}", "--sink", "null:")
    await_("it is away", lambda: sim.said("held in memory"))
    broker.restart()
    await_("it is found again", lambda: sim.said("takes records again"))
    sim.stop()


def test_refusals(pg):
    """A wrong user or database, at once and with the exit code that scripts look for."""
    uri = f"postgresql://nobody_here@127.0.0.1:{pg.port}/evtwin"
    said = run("evtwin-ingest", "--source", "jsonl:-", "--sink", uri, "--check", code=77)
    check("it says what to do: " + said, "user" in said)
    said = run("evtwin-serve", "--store", pg.uri_of("absent"), "--check", code=73)
    check("it names the database: " + said, "absent" in said)


def test_passwords(pg):
    """From the environment and from files; a wrong one is refused and never shown."""
    pg.sql("CREATE DATABASE guarded_one OWNER guarded")
    env = {"DB_HOST": servers.LOCALHOST, "DB_PORT": str(pg.port), "DB_USER": "guarded",
           "DB_NAME": "guarded_one"}
    uri = pg.uri_of("guarded_one", "guarded")
    with open(path("password"), "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write("open sesame\n")
    run("evtwin-sim", "--check", env={**env, "DB_PASSWORD": "open sesame"})
    run("evtwin-serve", "--check", "--store", uri, env={"PGPASSWORD": "open sesame"})
    run("evtwin-ingest", "--check", "--source", "jsonl:-", "--sink",
        f"{uri}?password_file={path('password')}")
    with open(path("private.conf"), "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(f"store = {uri.replace('guarded@', 'guarded:open%20sesame@')}\n")
    run("evtwin-serve", "--check", "--config", path("private.conf"))
    for tool in ("evtwin-sim", "evtwin-serve"):
        said = run(tool, "--check", env={**env, "DB_PASSWORD": "hush"}, code=77)
        check("it is not shown: " + said, "hush" not in said and "password" in said)
        check("it is named as the user gives it: " + said, "DB_PASSWORD" in said)
    run("evtwin-serve", "--check", env=env, code=77)


def main():
    with servers.Postgres() as pg, servers.Mosquitto() as broker:
        test_refusals(pg)
        test_passwords(pg)
        test_default_store_and_broker(pg, broker)
        test_devices(pg, broker)
        test_a_server_that_is_away(pg, broker)
        test_dead_brokers_hold_up_nobody(broker)


servers.run_test(main, (tool.process for tool in running))
