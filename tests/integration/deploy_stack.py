#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""deploy_stack.py BIN: the servers of deploy/compose.yaml as processes (server/stack.py) with our tools
beside them, driven as the original guide drives its stack: train, simulate, predict, ask REST, Grafana's
queries, MLflow and Prometheus, stop. Commands and variables are those of the file.
"""
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(sys.path[0], "..", "docs"))
import blocks as documents  # noqa: E402
import deploy_grafana  # noqa: E402
import servers  # noqa: E402
from server.base import LOCALHOST  # noqa: E402
from server.stack import S3, Broker, Database, Places, Prometheus, Topics, Tracking, stack  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 120
FLEET = 24  # of the training
N_BATTERIES = 12  # of the live fleet, in compose.yaml
IDS = {f"BATTERY_{i + 1:03d}" for i in range(N_BATTERIES)}
try:
    import paho.mqtt.client as mqtt
    import psycopg2
    from kafka import KafkaConsumer
except ImportError as e:
    print(f"skipped: {e} (Debian: python3-paho-mqtt python3-psycopg2 python3-kafka)")
    sys.exit(77)
folder = tempfile.TemporaryDirectory(prefix="evtwin-stack.")
children = []
began = time.monotonic()


def say(text):
    print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True)


def check(what, holds):
    if not holds:
        for child in children:
            with open(child.log) as log:
                print("--", child.args, log.read()[-1500:], sep="\n")
        sys.exit("FAILED: " + what)


def await_(what, holds, said=lambda: ""):
    """said: what to show if it does not come."""
    end = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > end:
            check(f"within {DEADLINE_S} s: {what}\n{said()}", False)
        time.sleep(0.1)


def get(url, **headers):
    """Code and body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=DEADLINE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def get_json(url):
    code, body = get(url)
    check(f"{url}: {code} {body[:300]}", code == 200)
    return json.loads(body)


class Stack:
    """compose.yaml with the variables of make-env, here."""

    def __init__(self):
        self.variables = stack.make_env()
        self.services = stack.load(self.variables)
        self.places = Places()
        for service, port in (("evtwin-ingest", 9100), ("evtwin-predict", 9100), ("evtwin-serve", 5001)):
            self.places.of(service, port)

    def words(self, service):
        """Its command, with the folders of its volumes and its ports here."""
        text = "\0".join(self.services[service]["command"])
        for volume in ("/models", "/spool"):
            text = text.replace("\0" + volume, "\0" + folder.name + volume)
        text = text.replace("--metrics-port\0", f"--metrics-port\0{service}:")
        text = self.places.here(text.replace("0.0.0.0:", service + ":").replace("=0.0.0.0", "=" + LOCALHOST))
        return text.replace(f"--metrics-port\0{LOCALHOST}:", "--metrics-port\0").split("\0")

    def env(self, service):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith(("DB_", "PG", "KAFKA_", "MQTT_", "MLFLOW_", "MINIO_", "AWS_", "EVTWIN_"))}
        return {**clean, **self.places.environment(self.services[service]),
                "METRICS_PORT": str(self.places.of("evtwin-predict", 9100)),
                "PATH": f"{BIN}:{stack.DEPLOY}:{os.environ['PATH']}"}

    def url(self, service, port):
        return f"http://{LOCALHOST}:{self.places.of(service, port)}"

    def once(self, service, **more):
        """A service that ends: what it said."""
        done = subprocess.run(self.words(service), env={**self.env(service), **more}, cwd=folder.name,
                              capture_output=True, text=True, timeout=600)
        check(f"{service} ends well: {done.returncode}\n{done.stdout}{done.stderr}", done.returncode == 0)
        return done.stdout + done.stderr

    def healthy(self, service):
        """Its own health check, where its program is here."""
        _, *test = self.services[service]["healthcheck"]["test"]
        port = test[-1].split(":")[-1].split("/")[0]
        test[-1] = test[-1].replace(f"{LOCALHOST}:{port}", f"{LOCALHOST}:{self.places.of(service, int(port))}")
        return subprocess.run(test, capture_output=True).returncode == 0


class Service:
    """One of our tools, until it is stopped."""

    def __init__(self, up, service):
        self.args = up.words(service)
        self.log = os.path.join(folder.name, service + ".log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.args, env=up.env(service), cwd=folder.name, stdout=log, stderr=log,
                                            preexec_fn=servers.die_with_parent)
        children.append(self)

    def poll(self):
        return self.process.poll()

    def kill(self):
        self.process.kill()

    def wait(self):
        self.process.wait()

    def said(self):
        with open(self.log) as log:
            return log.read()

    def stop(self):
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=DEADLINE_S)
        check(f"{self.args} ends well: {code}", code == 0)


def begin_with_nothing(up, database):
    """The profile "tools": its health checks hold before there is anything, and a record of a device arrives."""
    server = Service(up, "evtwin-serve")
    await_("evtwin-serve is healthy without tables", lambda: up.healthy("evtwin-serve"))
    check("and says that it is not ready", get(up.url("evtwin-serve", 5001) + "/readyz")[0] == 503)
    check("there are no tables", number(database, "SELECT count(*) FROM pg_tables WHERE tablename = 'ev_telemetry'") == 0)
    ingester = Service(up, "evtwin-ingest")
    await_("evtwin-ingest is healthy", lambda: up.healthy("evtwin-ingest"))
    client = mqtt.Client()
    client.connect(LOCALHOST, up.places.of("mosquitto", 1883))
    client.loop_start()
    record = {"timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(), "battery_id": "DEVICE_1", "soc": 61.5,
              "soh": 93.0, "voltage": 371.0, "current": 12.0, "temperature": 27.0, "charge_cycles": 310}
    client.publish("ev/battery/telemetry", json.dumps(record), qos=1).wait_for_publish(DEADLINE_S)
    await_("evtwin-serve is ready", lambda: get(up.url("evtwin-serve", 5001) + "/readyz")[0] == 200)  # there are tables
    await_("its record is in the database", lambda: database.sql(
        "SELECT soc FROM ev_telemetry WHERE battery_id = 'DEVICE_1'", "twin_data") == "61.5")
    await_("REST has it", lambda: get(up.url("evtwin-serve", 5001) + "/api/battery/latest?battery_id=DEVICE_1")[0] == 200)
    latest = get_json(up.url("evtwin-serve", 5001) + "/api/battery/latest?battery_id=DEVICE_1")["data"]
    check(f"REST shows it: {latest}", latest["soc"] == 61.5)
    client.publish("ev/battery/telemetry", "not telemetry", qos=1).wait_for_publish(DEADLINE_S)
    await_("what is not telemetry is kept", lambda: database.sql(
        "SELECT convert_from(raw, 'UTF8') FROM ev_dead_letter", "twin_data") == "not telemetry")
    client.loop_stop()
    client.disconnect()
    for tool in (ingester, server):
        tool.stop()
    database.sql("DELETE FROM ev_telemetry", "twin_data")
    say("the tools begin with an empty database")


def train(up):
    """Step 4."""
    said = up.once("evtwin-models", FLEET=str(FLEET))
    for line in (r"RUL Model - R² Score: -?\d\.\d{4}, RMSE: \d+\.\d\d cycles",
                 r"Failure Model - Accuracy: \d\.\d{4}, AUC: \d\.\d{4}", r"Models saved to: .*/models/current/"):
        check(f"the trainer says '{line}': {said}", re.search(line, said))
    check("a second start keeps the models", "stays as it is" in up.once("evtwin-models"))
    say(re.search("RUL Model.*", said)[0])


def simulate(up, database):
    """Step 5: a record of each battery every 2 s, to all three."""
    messages = []
    client = mqtt.Client()
    client.on_message = lambda *args: messages.append(json.loads(args[2].payload))
    client.connect(LOCALHOST, up.places.of("mosquitto", 1883))
    client.subscribe("ev/battery/telemetry", qos=1)
    client.loop_start()
    sim = Service(up, "evtwin-sim")
    await_("a line of the console", lambda: re.search(
        r"12 batteries \| SoC: [\d.]+ to [\d.]+% \| SoH: [\d.]+ to [\d.]+% \| Temp: [-\d.]+ to [-\d.]+°C \|", sim.said()))
    await_("rows of every battery", lambda: number(database, "SELECT count(DISTINCT battery_id) FROM ev_telemetry")
           == N_BATTERIES)
    await_("records over MQTT", lambda: {m["battery_id"] for m in list(messages)} == IDS)
    consumer = KafkaConsumer("ev_battery_telemetry", bootstrap_servers=[up.kafka.bootstrap], auto_offset_reset="earliest",
                             consumer_timeout_ms=1000)
    seen = set()

    def over_kafka():
        # the marks of transactions come as messages that are not JSON (docs/migration.md)
        seen.update(json.loads(m.value)["battery_id"] for m in consumer if m.value[:1] in b"{[")
        return seen == IDS
    await_("records over Kafka", over_kafka)
    consumer.close()
    client.loop_stop()
    client.disconnect()
    say(f"{number(database, 'SELECT count(*) FROM ev_telemetry')} rows; the same over Kafka and MQTT")
    return sim


def number(database, sql):
    return int(database.sql(sql, "twin_data") or 0)


def predict(up, database):
    """Step 6: every row gets its prediction."""
    predictor = Service(up, "evtwin-predict")
    await_("predictions", lambda: number(
        database, "SELECT count(DISTINCT battery_id) FROM ev_telemetry WHERE rul_prediction IS NOT NULL"
        " AND failure_probability IS NOT NULL") == N_BATTERIES)
    await_("a line of the console", lambda: re.search(
        r"Predictions - \d+ rows? of 12 batteries.*RUL.*cycles.*Failure Risk", predictor.said()))
    await_("evtwin-predict is healthy", lambda: up.healthy("evtwin-predict"))
    lines = get(up.url("evtwin-predict", 9100) + "/metrics")[1].decode().splitlines()
    for name in ("battery_soc_percent", "battery_soh_percent", "battery_temperature_celsius", "battery_rul_cycles",
                 "battery_failure_probability"):
        n = sum(line.startswith(name + '{battery_id="') for line in lines)
        check(f"{name} of every battery: {n}", n == N_BATTERIES)
    say(re.search("Predictions - .*", predictor.said())[0])
    return predictor


def ask_rest(up):
    """Step 7, and the page of step 11."""
    server = Service(up, "evtwin-serve")
    await_("evtwin-serve is healthy", lambda: up.healthy("evtwin-serve"))
    base = up.url("evtwin-serve", 5001)
    check("/health", get_json(base + "/health")["status"] == "healthy")
    one = "?battery_id=BATTERY_001"
    latest = get_json(base + "/api/battery/latest" + one)["data"]
    check(f"latest: {latest}", latest["battery_id"] == "BATTERY_001" and latest["soc"] <= 100 and "time" in latest)
    history = get_json(base + "/api/battery/history" + one + "&hours=1")
    check("history, newest first", history["count"] == len(history["data"]) > 0 and
          [r["time"] for r in history["data"]] == sorted((r["time"] for r in history["data"]), reverse=True))
    predictions = get_json(base + "/api/battery/predictions" + one)["predictions"]
    check(f"predictions: {predictions}", predictions)
    stats = get_json(base + "/api/battery/stats" + one + "&hours=24")
    check(f"stats: {stats}", stats["period_hours"] == 24 and stats["stats"]["total_records"] > 0)
    batteries = get_json(base + "/api/batteries/list")["batteries"]
    check("the fleet", {b["battery_id"] for b in batteries} == IDS)
    check("alerts", "alerts" in get_json(base + "/api/alerts"))
    for page in ("/", "/battery/BATTERY_001", "/battery/BATTERY_001/3d"):
        code, body = get(base + page)
        check(f"page {page}: {code}", code == 200 and b"<html" in body)
    say("seven endpoints and the pages")
    return server


def ask_mlflow(up, s3):
    """Step 9: artifacts go through MLflow to S3; by the names that the containers use too."""
    base = up.url("mlflow", 5000)
    for host, expected in (("mlflow:5000", 200), ("localhost:5000", 200), ("evil.example:5000", 403)):
        code, _ = get(base + "/api/2.0/mlflow/experiments/search?max_results=1", Host=host)
        check(f"MLflow called {host}: {code}", code == expected)
    path = "/api/2.0/mlflow-artifacts/artifacts/0/a%20run/artifacts/note.txt"
    request = urllib.request.Request(base + path, data=b"of the stack", method="PUT")
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        check("an artifact is taken", answer.status == 200)
    with open(os.path.join(s3.buckets, "mlflow", "0", "a run", "artifacts", "note.txt"), "rb") as f:
        check("it is in the bucket", f.read() == b"of the stack")
    check("and comes back", get(base + path) == (200, b"of the stack"))
    say("MLflow keeps artifacts in S3")


def ask_tracking(up, s3):
    """Step 9: the training's runs, its bundle in S3, the registered models. The id of the parent run."""
    api = up.url("mlflow", 5000) + "/api/2.0/mlflow/"
    experiment = get_json(api + "experiments/get-by-name?experiment_name=EV_Battery_Digital_Twin")["experiment"]
    request = urllib.request.Request(api + "runs/search", method="POST", headers={"Content-Type": "application/json"},
                                     data=json.dumps({"experiment_ids": [experiment["experiment_id"]]}).encode())
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        runs = json.load(answer)["runs"]
    check(f"three runs, ended: {runs}", [r["info"]["status"] for r in runs] == ["FINISHED"] * 3)
    tags = {r["info"]["run_id"]: {t["key"]: t["value"] for t in r["data"]["tags"]} for r in runs}
    parents = [run for run in tags if "mlflow.parentRunId" not in tags[run]]
    check(f"two in one: {tags}", len(parents) == 1 and
          sum(t.get("mlflow.parentRunId") == parents[0] for t in tags.values()) == 2)
    check("they have parameters and metrics", all(r["data"].get("params") and r["data"].get("metrics") for r in runs))
    bundle = os.path.join(s3.buckets, "mlflow", experiment["experiment_id"], parents[0], "artifacts", "bundle")
    with open(os.path.join(bundle, "manifest.json"), "rb") as f, \
            open(os.path.join(folder.name, "models", "current", "manifest.json"), "rb") as ours:
        check("the bundle is in S3", f.read() == ours.read())
    for name in ("evtwin-rul", "evtwin-failure"):
        version = get_json(api + f"registered-models/alias?name={name}&alias=champion")["model_version"]
        check(f"the champion of {name}: {version}", version["run_id"] == parents[0] and version["version"] == "1")
    say("MLflow: three runs, the bundle, two champions")


def predict_from_registry(up, database):
    """The rows that wait, by the champion of the registry (EVTWIN_MODELS=models:/evtwin-rul@champion)."""
    waiting = "SELECT count(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL"
    await_("rows wait for a prediction", lambda: number(database, waiting) > 0)
    words = up.words("evtwin-predict")
    words[words.index("--models") + 1] = "models:/evtwin-rul@champion"
    done = subprocess.run([*words, "--once"], env={**up.env("evtwin-predict"), "CACHE_DIRECTORY": folder.name}, cwd=folder.name,
                          capture_output=True, text=True, timeout=600)
    check(f"the champion predicts: {done.stderr}", done.returncode == 0)
    check("its version stands on the rows", number(
        database, "SELECT count(*) FROM ev_telemetry WHERE model_version = 'evtwin-rul/1'") > 0)
    say("the registry's champion predicts")


def ask_prometheus(up):
    """Step 10: the target is up, and the five queries of the guide."""
    base = up.url("prometheus", 9090)

    def query(text):
        answer = get_json(base + "/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        return answer["data"]["result"]

    def up_jobs():
        targets = get_json(base + "/api/v1/targets?state=active")["data"]["activeTargets"]
        return {t["labels"]["job"] for t in targets if t["health"] == "up"}
    await_("every target is up", lambda: up_jobs() >= {"battery_predictor", "battery_api", "prometheus"})
    for text in ("battery_soc_percent", "battery_rul_cycles", "battery_temperature_celsius",
                 "avg_over_time(battery_soc_percent[1h])"):
        await_(f"{text} of every battery", lambda t=text: {r["metric"].get("battery_id") for r in query(t)} == IDS)
    rate = "rate(battery_predictions_total[5m])"
    await_(rate, lambda: sum(float(r["value"][1]) for r in query(rate)) > 0)
    rules = get_json(base + "/api/v1/rules")["data"]["groups"]
    check("alert rules are loaded", rules and all(r["health"] != "err" for g in rules for r in g["rules"]))
    say("Prometheus: targets, five queries, rules")


def ask_as_grafana(up, database):
    """Step 8: every query of the dashboard, as Grafana's role, which may do nothing else. What they have to
    answer is in deploy_grafana.py."""
    settings = up.services["grafana"]["environment"]

    def connect(password):
        connection = psycopg2.connect(host=LOCALHOST, port=database.port, user=settings["GF_DB_USER"],
                                      password=password, dbname="twin_data")
        connection.autocommit = True
        return connection.cursor()
    cursor = connect(settings["GF_DB_PASSWORD"])
    with open(os.path.join(stack.DEPLOY, "grafana", "dashboards", "ev-battery-twin.json")) as f:
        panels = json.load(f)["panels"]
    end = datetime.datetime.now(datetime.timezone.utc)
    queries = [(panel["title"], target["rawSql"]) for panel in panels for target in panel["targets"]]
    check(f"{len(queries)} queries of {len(panels)} panels", len(panels) == 10 and len(queries) >= 10)
    for title, sql in queries:
        cursor.execute(deploy_grafana.expand(sql, sorted(IDS), end - datetime.timedelta(hours=1), end, "10s", False))
        rows = cursor.fetchall()
        check(f"panel {title} has data", rows)
    for sql in ("DELETE FROM ev_telemetry", "SET default_transaction_read_only = off; DELETE FROM ev_telemetry",
                "CREATE TABLE mine (x int)"):
        try:
            cursor.execute(sql)
            check(f"Grafana may not {sql}", False)
        except psycopg2.Error as e:
            check(f"{sql}: {e}", e.pgcode in ("25006", "42501"))
    try:
        connect("wrong")
        check("a wrong password is refused", False)
    except psycopg2.OperationalError as e:
        check(f"a wrong password: {e}", "password authentication failed" in str(e))
    say(f"{len(queries)} queries of Grafana's panels, as its role")


def follow_migration(up, database):
    """The lines of docs/migration.md as they stand, but for those of make and docker: the tools on the host."""
    blocks = [[line for line in block.text.splitlines() if not line.startswith(("make build", "docker compose"))]
              for block in documents.blocks("docs/migration.md", stack.ROOT, "sh") if block.by == "integration.deploy_stack"]
    check(f"three blocks: {[len(b) for b in blocks]}", [len(b) > 0 for b in blocks] == [True] * 3)
    host = os.path.join(folder.name, "host")
    os.makedirs(os.path.join(host, "deploy"))
    subprocess.run([os.path.join(BIN, "..", "tests", "long", "make_ev30_noise"),
                    os.path.join(host, "EV_Predictive_Maintenance_Dataset_15min.csv"), "3000"], check=True)
    ports = {"localhost:9092": f"localhost:{up.places.of('redpanda', 29092)}", "localhost:5000": f"localhost:{up.places.of('mlflow', 5000)}",
             "localhost:5001": f"localhost:{up.places.of('evtwin-serve', 5001)}", "localhost:9100": f"localhost:{up.places.of('evtwin-predict', 9100)}"}
    tools = {k: v for k, v in up.env("evtwin-serve").items() if k not in ("DB_HOST", "DB_PASSWORD", "DB_USER", "DB_NAME", "PGSSLMODE")}
    tools.update(HOME=host, PATH=f"{BIN}:{os.environ['PATH']}", METRICS_PORT=str(up.places.of("evtwin-predict", 9100)),
                 MQTT_PORT=str(up.places.of("mosquitto", 1883)), API_PORT=str(up.places.of("evtwin-serve", 5001)))
    log = os.path.join(host, "log")
    with open(log, "w") as out:  # job control, as in a terminal: %1 is the simulator
        shell = subprocess.Popen(["bash", "-em"], cwd=host, env=tools, stdin=subprocess.PIPE, stdout=out, stderr=out, text=True,
                                 preexec_fn=servers.die_with_parent)

    def said():
        with open(log) as f:
            return f.read()

    def type_in(lines):
        for line in lines:
            line = line.replace("curl ", "curl -fsS ").replace("deploy/make-env", f"cp {folder.name}/stack.env deploy/.env")
            for there, here in ports.items():
                line = line.replace(there, here)
            shell.stdin.write(line + "\n")
        shell.stdin.flush()

    with open(os.path.join(folder.name, "stack.env"), "w") as f:  # make-env's own has other passwords than the database
        f.write("".join(f"{k}={v}\n" for k, v in {"COMPOSE_PROFILES": "demo", **up.variables}.items()))
    old = number(database, "SELECT count(*) FROM ev_telemetry WHERE rul_prediction IS NOT NULL")
    type_in(blocks[0])
    try:
        await_("the guide's tools predict", lambda: shell.poll() is not None or number(
            database, "SELECT count(*) FROM ev_telemetry WHERE rul_prediction IS NOT NULL") > old, said)
        type_in([*blocks[1], "echo; echo all of it was answered"])
        await_("the guide's questions", lambda: shell.poll() is not None or "all of it was answered" in said(), said)
        type_in(blocks[2])
        shell.stdin.close()
        code = shell.wait(DEADLINE_S)
    finally:
        if shell.poll() is None:
            servers.kill_tree(shell)
    text = said()
    check(f"docs/migration.md, line by line: {code}\n{text}", code == 0 and text.count('"status":"success"') >= 5)
    for what in (r"sink postgresql:.*: ok", r"sink kafka:.*: ok", r"sink mqtt:.*: ok", r"RUL Model - R² Score: -?\d\.\d{4}, RMSE: \d+\.\d\d cycles",
                 r"Models saved to: models/", r'"status":"healthy"', r'battery_rul_cycles\{battery_id="BATTERY_001"\}',
                 r"models models:/evtwin-rul@champion: ok", r"records? delivered to kafka"):
        check(f"the guide shows {what}:\n{text}", re.search(what, text))
    say("the lines of docs/migration.md")


def owner_is_no_superuser(database):
    check("twin is no superuser", database.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'twin'") == "f")
    check("twin owns the table", database.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'ev_telemetry'",
                                              "twin_data") == "twin")


def main():
    up = Stack()
    files = {name: [m for m in stack.mounts(up.services) if m[0] == name] for name in up.services}
    s3 = S3(up.services["s3"], up.places)
    check("s3 is healthy", up.healthy("s3"))
    check("the bucket is made", "made" in up.once("bucket"))
    check("or there", "there already" in up.once("bucket"))
    mlflow = Tracking(up.services["mlflow"], up.places)  # starts meanwhile
    database = Database(up.services["timescaledb"], files["timescaledb"], up.places).first_start()
    Broker(files["mosquitto"][0][1], up.places)
    up.kafka = Topics(up.services["topics"], up.places)
    topics = up.kafka.make()
    check(f"topics: {topics}", set(topics) == {"ev_battery_telemetry", "ev_battery_predictions", "ev_battery_progress"})
    mlflow.await_ready()
    Prometheus(files["prometheus"][0][1], up.places)
    say("servers are up")

    begin_with_nothing(up, database)
    train(up)
    ask_tracking(up, s3)
    sim = simulate(up, database)
    predictor = predict(up, database)
    server = ask_rest(up)
    ask_as_grafana(up, database)
    owner_is_no_superuser(database)
    ask_mlflow(up, s3)
    ask_prometheus(up)
    predictor.stop()
    predict_from_registry(up, database)
    for tool in (sim, server):
        tool.stop()
    rows = number(database, "SELECT COUNT(*) FROM ev_telemetry")
    delivered = re.findall(r"(\d+) records delivered to (\w+)", sim.said())
    check(f"{rows} rows; all of it everywhere, once: {delivered}",
          sorted(delivered) == sorted((str(rows), kind) for kind in ("postgresql", "kafka", "mqtt")))
    say(f"stopped; {rows} rows")
    follow_migration(up, database)


try:
    servers.run_test(main, children)
finally:
    for one in list(servers.SERVERS_ALIVE):
        one.stop()
