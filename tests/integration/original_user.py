#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""original_user.py BIN: programs of the Python demo's users go on beside ours.

A table that the demo made is adopted with its rows. Then a publisher (MQTT, Kafka, INSERT), a
predictor (newest row of a battery, UPDATE of whatever row is the newest then) and readers of the
demo's tables and views work, written with psycopg2, paho-mqtt and kafka-python as the demo's were,
on the same table and topics as evtwin-sim, evtwin-ingest, evtwin-predict and evtwin-serve. Both sides
see the telemetry and the predictions of both.

kafka_original_user.py is the same with Kafka.
"""
import atexit
import datetime
import json
import os
import random
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "long"), os.path.join(HERE, "..", "docs")]
import blocks as documents  # noqa: E402
import longtest as t  # noqa: E402
import servers  # noqa: E402

MQTT_TOPIC, KAFKA_TOPIC = "ev/battery/telemetry", "ev_battery_telemetry"
THEIRS, OURS = "BATTERY_001", ["TWIN_001", "TWIN_002", "TWIN_003"]
KEYS = {"timestamp", "battery_id", "soc", "soh", "voltage", "current", "temperature", "charge_cycles",
        "power_consumption", "is_charging"}

# What the demo's database script made; a plain server has no hypertable.
THEIR_SCHEMA = """
CREATE TABLE ev_telemetry (
    time TIMESTAMPTZ NOT NULL, battery_id VARCHAR(50) NOT NULL,
    soc FLOAT, soh FLOAT, voltage FLOAT, current FLOAT, temperature FLOAT, charge_cycles INTEGER,
    power_consumption FLOAT, is_charging BOOLEAN, status VARCHAR(20),
    rul_prediction FLOAT, failure_probability FLOAT, prediction_timestamp TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT NOW());
CREATE INDEX idx_battery_time ON ev_telemetry (battery_id, time DESC);
CREATE VIEW latest_battery_status AS
    SELECT DISTINCT ON (battery_id) * FROM ev_telemetry ORDER BY battery_id, time DESC;
INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature, charge_cycles,
                          power_consumption, is_charging, status)
    SELECT NOW() - i * INTERVAL '2 s', 'BATTERY_001', 80 - i / 10.0, 95, 380, 70, 31, 150, 26600, FALSE,
           'NORMAL' FROM generate_series(30, 600) AS i;
"""


class Publisher(threading.Thread):
    """The demo's simulator: local time without an offset, one record to every channel."""

    def __init__(self, pg, broker, kafka):
        super().__init__(daemon=True)
        import paho.mqtt.client as mqtt
        import psycopg2
        self.db = psycopg2.connect(pg.uri)
        self.mqtt = mqtt.Client("ev_simulator")
        self.mqtt.connect("127.0.0.1", broker.port)
        self.mqtt.loop_start()
        self.kafka = None
        if kafka is not None:
            from kafka import KafkaProducer
            self.kafka = KafkaProducer(bootstrap_servers=[kafka.bootstrap],
                                       value_serializer=lambda v: json.dumps(v).encode())
        self.over = threading.Event()
        self.sent, self.inserted = [], []

    def run(self):
        soc = 40.0
        while not self.over.is_set():
            soc -= 2.5 if soc > 10 else -80
            self.publish({
                "timestamp": datetime.datetime.now().isoformat(), "battery_id": THEIRS,
                "soc": round(soc, 2), "soh": 94.8, "voltage": round(350 + soc / 2, 2),
                "current": round(random.uniform(50, 120), 2), "temperature": 34.2,
                "charge_cycles": 152, "power_consumption": 28000.5, "is_charging": False})
            time.sleep(0.2)

    def publish(self, record):
        self.mqtt.publish(MQTT_TOPIC, json.dumps(record), qos=1)
        if self.kafka is not None:
            self.kafka.send(KAFKA_TOPIC, record)
        with self.db, self.db.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature, "
                "charge_cycles, power_consumption, is_charging) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, "
                "%s, %s)", (datetime.datetime.fromisoformat(record["timestamp"]),
                            *list(record.values())[1:]))
        self.sent.append(record)

    def end(self):
        self.over.set()
        self.join(100)
        self.mqtt.loop_stop()
        if self.kafka is not None:
            self.kafka.flush()
        self.db.close()


class Subscriber:
    """Who listened to the demo's topics: keeps what came, by battery."""

    def __init__(self, broker, kafka):
        import paho.mqtt.client as mqtt
        self.records, self.kafka_records = [], []
        self.mqtt = mqtt.Client("dashboard")
        self.mqtt.on_connect = lambda client, *_: client.subscribe(MQTT_TOPIC, qos=1)
        self.mqtt.on_message = lambda client, data, message: self.records.extend(
            records_of(message.payload))
        self.mqtt.connect("127.0.0.1", broker.port)
        self.mqtt.loop_start()
        if kafka is not None:
            from kafka import KafkaConsumer
            self.consumer = KafkaConsumer(KAFKA_TOPIC, bootstrap_servers=[kafka.bootstrap],
                                          auto_offset_reset="earliest", group_id="dashboard")
            threading.Thread(target=self.consume, daemon=True).start()

    def consume(self):
        for message in self.consumer:
            # kafka-python before 2.1 shows the end of a transaction as a message
            if message.value[:1] in (b"{", b"["):
                self.kafka_records.extend(records_of(message.value))

    def has(self, battery, by_kafka=False):
        records = self.kafka_records if by_kafka else self.records
        return sum(r["battery_id"] == battery for r in list(records)) >= 5


def records_of(payload):
    values = json.loads(payload)
    return values if isinstance(values, list) else [values]


def their_prediction(db, battery, rul, risk):
    """The demo's predictor: read the newest row, then update whatever row is the newest."""
    with db, db.cursor() as cursor:
        cursor.execute("SELECT soc, soh, voltage, current, temperature, charge_cycles, power_consumption"
                       " FROM ev_telemetry WHERE battery_id = %s ORDER BY time DESC LIMIT 1", (battery,))
        features = cursor.fetchone()
        t.check("the demo's predictor gets its features",
                features is not None and None not in features, features)
        cursor.execute("UPDATE ev_telemetry SET rul_prediction = %s, failure_probability = %s, "
                       "prediction_timestamp = %s WHERE battery_id = %s AND time = (SELECT MAX(time) "
                       "FROM ev_telemetry WHERE battery_id = %s)",
                       (rul, risk, datetime.datetime.now(), battery, battery))
        return cursor.rowcount


def query(db, text, *values):
    from psycopg2.extras import RealDictCursor
    with db, db.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(text, values)
        return [dict(row) for row in cursor]


def number(db, text, *values):
    return next(iter(query(db, text, *values)[0].values()))


def show_logs():
    """What our tools said, if a check did not hold."""
    for name in sorted(os.listdir(".")) * bool(t._failed):
        if name.endswith(".err"):
            with open(name, errors="replace") as f:
                print(f"{name}: {f.read()[-1500:]}")


def start_ours(pg, broker, kafka):
    mqtt_uri = f"{broker.uri}/{MQTT_TOPIC}"
    sinks = ["--sink", pg.uri, "--sink", mqtt_uri]
    sources = {"mqtt": mqtt_uri}
    if kafka is not None:
        sources["kafka"] = f"{kafka.uri}/{KAFKA_TOPIC}?group=ingest"
        sinks += ["--sink", f"{kafka.uri}/{KAFKA_TOPIC}"]
    tools = {}
    for name, source in sources.items():
        tools[f"ingest {name}"] = t.start(
            "ingest", "--source", source, "--naive-time", "utc", "--sink", f"sqlite:{name}.db",
            "--spool", f"{name}.spool", "-q", err=f"ingest_{name}.err")
    tools["sim"] = t.start("sim", "--fleet", 3, "--battery-id", OURS[0], "--interval", 0.2, *sinks, "-q",
                           err="sim.err")
    tools["predict"] = t.start("predict", "--models", "models", "--store", pg.uri, "--interval", 0.2,
                               "--metrics-port", 0, "-q", err="predict.err")
    return tools


def look_before(pg, broker, db):
    """The lines of docs/migration.md that look at the demo's database, and back it up, before the switch."""
    lines, = [block.text for block in documents.blocks("docs/migration.md", os.path.join(HERE, "..", ".."), "sh")
              if block.by == "integration.original_user"]
    for there, here in (("PGHOST=localhost", f"PGHOST=127.0.0.1 PGPORT={pg.port}"), ("twin_data", "evtwin"), ("=twin ", "=evtwin ")):
        t.check(f"the page has {there}", there in lines, lines)
        lines = lines.replace(there, here)
    done = subprocess.run(["bash", "-e", "-c", lines], capture_output=True, text=True, timeout=120, env={
        **{k: v for k, v in os.environ.items() if not k.startswith(("DB_", "PG", "KAFKA_", "MQTT_"))},
        "PATH": f"{t.BIN}:{pg.bin}:{os.environ['PATH']}", "DB_PASSWORD": "", "MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(broker.port)})
    said = done.stdout + done.stderr
    t.check("docs/migration.md: look, and back up", done.returncode == 0, said)
    t.check("nothing of it is ahead of the clock", " -00:0" in said, said)
    t.check("it is the demo's table, and stays so", "of another program" in said and number(
        db, "SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'ev_telemetry' AND column_name = 'seq'") == 0, said)
    for sink in ("postgresql", "mqtt"):
        t.check(f"{sink} answers", f"sink {sink}:" in said and said.count(": ok") == 2, said)
    t.check("there is a dump", os.path.getsize("before.dump") > 1000)


def check_adopted(db, n_before):
    t.await_true("the demo's table is adopted", 20, lambda: number(
        db, "SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'ev_telemetry' AND "
        "column_name = 'seq'") == 1)
    n = number(db, "SELECT COUNT(*) FROM ev_telemetry WHERE power_consumption = 26600 AND voltage = 380")
    t.check("with its rows", n == n_before, (n, n_before))


LATEST = "SELECT battery_id, time, soc, status FROM latest_battery_status ORDER BY 1"


def latest_is_newest(db):
    """Others write between the two questions."""
    latest = query(db, LATEST)
    newest = query(db, "SELECT battery_id, MAX(time) AS time FROM ev_telemetry WHERE time <= %s GROUP BY "
                   "battery_id", max(r["time"] for r in latest))
    return all(abs((a["time"] - b["time"]).total_seconds()) < 2
               for a in latest for b in newest if a["battery_id"] == b["battery_id"])


def pairs_of(records):
    return {(r["soc"], r["current"]) for r in list(records)}


def check_their_view(db, publisher):
    """What psycopg2 users see."""
    t.await_true("our records are in their table", 30, lambda: number(
        db, "SELECT COUNT(DISTINCT battery_id) FROM ev_telemetry WHERE battery_id LIKE 'TWIN_%%'") == 3)
    t.await_true("with our predictions", 30, lambda: number(
        db, "SELECT COUNT(DISTINCT battery_id) FROM ev_telemetry WHERE battery_id LIKE 'TWIN_%%' AND "
        "rul_prediction IS NOT NULL AND failure_probability BETWEEN 0 AND 1") == 3)
    t.await_true("our predictor predicts their records too", 30, lambda: number(
        db, "SELECT COUNT(*) FROM ev_telemetry WHERE battery_id = %s AND rul_prediction IS NOT NULL",
        THEIRS) > 10)
    latest = query(db, LATEST)
    t.check("latest_battery_status has each battery once",
            [r["battery_id"] for r in latest] == [THEIRS, *OURS], latest)
    t.await_true("with its newest row or the one before", 60, lambda: latest_is_newest(db))
    hourly = query(db, "SELECT * FROM ev_telemetry_hourly WHERE battery_id = %s", THEIRS)
    t.check("ev_telemetry_hourly has the demo's columns", hourly and {
        "bucket", "battery_id", "avg_soc", "avg_soh", "avg_temperature", "avg_voltage", "avg_current",
        "max_cycles"} <= set(hourly[0]), hourly[:1])
    sent = pairs_of(publisher.sent)
    history = query(db, "SELECT * FROM ev_telemetry WHERE battery_id = %s AND time > NOW() - INTERVAL "
                    "'1 hour' ORDER BY time DESC LIMIT 1000", THEIRS)
    t.check("their history has their records as they wrote them", sent <= pairs_of(history), len(history))
    t.await_true("their battery runs low", 20, lambda: publisher.sent and publisher.sent[-1]["soc"] < 14)
    statuses = query(db, "SELECT DISTINCT status FROM ev_telemetry WHERE battery_id = %s AND soc < 15",
                     THEIRS)
    t.check("the database sets the status of their records", statuses == [{"status": "CRITICAL"}],
            statuses)


def check_their_predictions(db, get):
    """Their update wins over ours on its row, and everybody sees it."""
    quiet = "PARKED_001"  # nobody publishes it, so its newest row stays the newest
    with db, db.cursor() as cursor:
        cursor.execute("INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, "
                       "temperature, charge_cycles, power_consumption, is_charging) VALUES (%s, %s, 80, "
                       "95, 390, 70, 30, 100, 27300, FALSE)", (datetime.datetime.now(), quiet))
    t.check("their update finds the row", their_prediction(db, quiet, 77.0, 0.9) == 1)
    rows = query(db, "SELECT rul_prediction, failure_probability, status FROM ev_telemetry WHERE "
                 "battery_id = %s", quiet)
    t.check("their prediction stands, and the database judges it", rows == [
        {"rul_prediction": 77.0, "failure_probability": 0.9, "status": "CRITICAL"}], rows)
    time.sleep(0.6)  # our predictor looks every 0.2 s: it leaves what has a prediction
    latest = get(f"/api/battery/latest?battery_id={quiet}")["data"]
    t.check("REST shows it", (latest["rul_prediction"], latest["status"]) == (77.0, "CRITICAL"), latest)
    alerts = [a["battery_id"] for a in get("/api/alerts")["alerts"]]
    t.check("and raises an alert", quiet in alerts, alerts)
    for battery in (THEIRS, OURS[0]):  # a moving target: whatever row is the newest
        t.check(f"their update of {battery} finds a row", their_prediction(db, battery, 500.0, 0.1) >= 1)


def check_our_view(get, publisher):
    """What REST shows of them."""
    rows = {r["battery_id"]: r for r in get("/api/batteries/list")["batteries"]}
    t.check("REST lists their battery beside ours", {THEIRS, *OURS} <= set(rows), sorted(rows))
    sent = pairs_of(publisher.sent)
    history = get(f"/api/battery/history?battery_id={THEIRS}&hours=1")["data"]
    t.check("with its history", sent <= pairs_of(history), len(history))
    n_sent = len(publisher.sent)
    stats = get(f"/api/battery/stats?battery_id={THEIRS}&hours=1")["stats"]
    t.check("and statistics", stats["total_records"] >= n_sent, stats)


def stored(path, battery):
    """What evtwin-ingest has of a battery: {(soc, current)}"""
    if not os.path.exists(path):
        return set()
    db = t.open_store(path)
    try:
        return set(db.execute("SELECT soc, current FROM ev_telemetry WHERE battery_id = ?", (battery,)))
    except t.sqlite3.OperationalError:  # it is being made
        return set()
    finally:
        db.close()


def check_brokers(subscriber, publisher, with_kafka):
    for battery in (THEIRS, OURS[0]):
        t.await_true(f"an MQTT subscriber gets {battery}", 20, lambda b=battery: subscriber.has(b))
        if with_kafka:
            t.await_true(f"a Kafka consumer gets {battery}", 30,
                         lambda b=battery: subscriber.has(b, True))
    for records in [subscriber.records] + [subscriber.kafka_records] * with_kafka:
        lacking = [r for r in list(records) if not KEYS <= set(r)]
        t.check("every record has the contract's keys", not lacking, lacking[:1])
    for name in ["mqtt"] + ["kafka"] * with_kafka:
        def has_theirs(path=name + ".db"):
            return {(r["soc"], r["current"]) for r in publisher.sent} <= stored(path, THEIRS)
        t.await_true(f"evtwin-ingest has every record of theirs from {name}", 30, has_theirs)


def run(with_kafka):
    import psycopg2
    atexit.register(show_logs)
    t.train_on_fleet(8, 1, "models", "--features", ",".join(t.INPUTS))
    kafka = servers.Kafka(partitions=3) if with_kafka else None
    with servers.Postgres() as pg, servers.Mosquitto() as broker:
        pg.sql(THEIR_SCHEMA)
        db = psycopg2.connect(pg.uri)
        n_before = number(db, "SELECT COUNT(*) FROM ev_telemetry")
        look_before(pg, broker, db)
        port = t.free_port()
        tools = start_ours(pg, broker, kafka)

        def get(path):
            return json.loads(t.get(f"http://127.0.0.1:{port}{path}"))

        subscriber = Subscriber(broker, kafka)
        check_adopted(db, n_before)
        # not before: it only reads, so it does not adopt
        tools["serve"] = t.start("serve", "--store", pg.uri, "--port", port, "-q", err="serve.err")
        # the broker keeps nothing for whoever has not subscribed yet
        t.await_true("evtwin-ingest listens to mqtt", 30, lambda: stored("mqtt.db", OURS[0]))
        publisher = Publisher(pg, broker, kafka)
        publisher.start()
        t.await_true("the server answers", 20, lambda: t.answers(f"http://127.0.0.1:{port}/health"))
        check_their_view(db, publisher)
        check_our_view(get, publisher)
        check_their_predictions(db, get)
        publisher.end()
        check_brokers(subscriber, publisher, with_kafka)
        for name, child in tools.items():
            t.stop("evtwin-" + name, child)
        t.say(f"{len(publisher.sent)} records of theirs, {number(db, 'SELECT COUNT(*) FROM ev_telemetry')}"
              " rows in the table")
        db.close()
    if kafka is not None:
        kafka.stop()
    t.finish()


def main(with_kafka):
    for module in ("psycopg2", "paho.mqtt.client") + ("kafka",) * with_kafka:
        try:
            __import__(module)
        except ImportError:
            t.skip(f"there is no Python module {module}")
    try:
        run(with_kafka)
    except servers.Skip as e:
        t.skip(e)


if __name__ == "__main__":
    main(with_kafka=False)
