# SPDX-License-Identifier: MIT
"""The servers of deploy/compose.yaml as processes: their commands, variables and files are read from there,
only ports, folders and names of hosts become this machine's. Apache Kafka stands for Redpanda, plain PostgreSQL for TimescaleDB.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request

from . import environment
from .base import LOCALHOST, Server, Skip, free_port
from .kafka import Kafka
from .mlflow import MLflow, Versitygw
from .mosquitto import Mosquitto
from .postgres import Postgres

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy"))
import stack  # noqa: E402

BOTO3 = "boto3==1.40.61"  # the image of MLflow in compose.yaml has it, our environment of MLflow does not


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def boto3(python):
    """A folder for PYTHONPATH that has boto3."""
    def make(folder):
        environment._run("boto3", [python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                                   "--target", folder, BOTO3])
    return environment._kept(BOTO3.replace("==", "-"), make)


class Places:
    """Where the servers are here: text of compose.yaml with its hosts and ports replaced."""

    def __init__(self):
        self.ports = {}  # ("redpanda", 29092): the port here

    def of(self, service, port):
        return self.ports.setdefault((service, port), free_port())

    def here(self, text):
        """Every NAME:PORT of a service that is known."""
        for (service, port), ours in self.ports.items():
            text = re.sub(rf"\b{service}:{port}\b", f"{LOCALHOST}:{ours}", text)
        return text

    def environment(self, service):
        """The variables of one of our tools."""
        env = {name: self.here(value) for name, value in service["environment"].items()}
        if "DB_HOST" in env:
            env.update(DB_PORT=str(self.of(env["DB_HOST"], int(env["DB_PORT"]))), DB_HOST=LOCALHOST)
        if "MQTT_HOST" in env:
            env.update(MQTT_PORT=str(self.of(env["MQTT_HOST"], 1883)), MQTT_HOST=LOCALHOST)
        return env


class Database(Postgres):
    """As the image makes it: POSTGRES_DB, then what is mounted for its first start, in its order. Only the
    superuser needs no password here, and is called `evtwin`."""

    def __init__(self, service, mounted, places):
        self.service, self.mounted = service, mounted
        self.place = places.of("timescaledb", 5432)
        super().__init__()

    def take_ports(self):
        self.port = self.place

    def prepare(self):
        super().prepare()
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as f:
            f.write("host all evtwin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    def first_start(self):
        name = self.service["environment"]["POSTGRES_DB"]
        self.sql(f"CREATE DATABASE {name}")
        for _, path, target in sorted(self.mounted, key=lambda m: m[2]):
            done = subprocess.run([os.path.join(self.bin, "psql"), "-XAtq", "-d", self.uri_of(name), "-f", path],
                                  env={**os.environ, **self.service["environment"]}, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"{target}: {done.stderr}")
        return self


class Topics(Kafka):
    """A broker on which nothing makes a topic but the commands of the service `topics`."""

    def __init__(self, service, places):
        self.service = service
        self.place = places.of("redpanda", 29092)
        super().__init__(settings={"auto.create.topics.enable": "false"})

    def take_ports(self):
        super().take_ports()
        self.port = self.place

    def make(self):
        """What `rpk topic create` is told: {topic: (partitions, settings)}, made here."""
        from kafka.admin import KafkaAdminClient, NewTopic
        wanted = {}
        script = self.service["command"][0].replace('"$PARTITIONS"', self.service["environment"]["PARTITIONS"])
        for line in script.strip().splitlines():
            words = shlex.split(line)
            if words[:4] != ["rpk", "topic", "create", "--if-not-exists"]:
                raise RuntimeError(f"topics: '{line}' is not understood")
            options = {"-p": None, "-r": None, "-c": ""}
            rest = iter(words[4:])
            names = []
            for word in rest:
                if word in options:
                    options[word] = next(rest)
                else:
                    names.append(word)
            settings = dict([options["-c"].split("=")]) if options["-c"] else {}
            wanted.update({name: (int(options["-p"]), settings) for name in names})
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        admin.create_topics([NewTopic(t, n, 1, topic_configs=c) for t, (n, c) in wanted.items()])
        admin.close()
        return wanted


class Broker(Mosquitto):
    """mosquitto with the shipped file."""

    def __init__(self, path, places):
        self.path = path
        self.place = places.of("mosquitto", 1883)
        super().__init__()

    def take_ports(self):
        self.port = self.place

    def prepare(self):
        super().prepare()
        with open(self.path) as f:
            text = f.read()
        text = text.replace("listener 1883", f"listener {self.port} {LOCALHOST}")
        text = text.replace("/mosquitto/data", self.folder)
        if os.geteuid() == 0:
            text += "user root\n"
        with open(os.path.join(self.folder, "mosquitto.conf"), "w") as f:
            f.write(text)


class S3(Versitygw):
    def __init__(self, service, places):
        self.service, self.places = service, places
        self.place = places.of("s3", 9000)
        super().__init__()

    def take_ports(self):
        self.port = self.place
        self.console_port = self.places.of("s3", 9001)

    def prepare(self):
        super().prepare()
        self.user = {"env": {**os.environ, **self.service["environment"]}}

    def command(self):
        text = "\0".join([self.program, *self.service["command"]])
        for port, ours in ((9000, self.port), (9001, self.console_port)):
            text = text.replace(f"\0:{port}", f"\0{LOCALHOST}:{ours}").replace(f"localhost:{port}", f"localhost:{ours}")
        return text.replace("\0/data", "\0" + self.buckets).split("\0")

    def answers(self):
        return answers(f"http://{LOCALHOST}:{self.port}/health")


class Tracking(MLflow):
    """MLflow with artifacts in that S3. It starts while others do: await_ready()."""

    def __init__(self, service, places):
        self.service, self.places = service, places
        self.place = places.of("mlflow", 5000)
        self.awaited = False
        super().__init__()

    def take_ports(self):
        self.port = self.place

    def prepare(self):
        super().prepare()
        self.user["env"].update(self.service["environment"], PYTHONPATH=boto3(self.python))
        self.user["env"]["MLFLOW_S3_ENDPOINT_URL"] = self.places.here(self.service["environment"]["MLFLOW_S3_ENDPOINT_URL"])

    def command(self):
        here = {"0.0.0.0": LOCALHOST, "5000": str(self.port),
                "sqlite:////mlflow/mlflow.db": f"sqlite:///{self.folder}/mlflow.db"}
        program, *rest = self.service["command"]
        return [self.python, "-m", program, *(here.get(word, word) for word in rest)]

    def answers(self):
        return not self.awaited or super().answers()

    def await_ready(self):
        self.awaited = True
        self.await_answer()


class Prometheus(Server):
    """Prometheus with the shipped folder; it looks every second instead of every 15."""

    name = "prometheus"

    def __init__(self, folder, places):
        self.source, self.places = folder, places
        super().__init__()

    def take_ports(self):
        self.port = self.places.of("prometheus", 9090)
        self.places.ports[("localhost", 9090)] = self.port  # as it calls itself

    def prepare(self):
        self.program = shutil.which("prometheus")
        if self.program is None:
            raise Skip("there is no Prometheus (Debian: prometheus)")
        self.config = os.path.join(self.folder, "config")
        shutil.copytree(self.source, self.config)
        path = os.path.join(self.config, "prometheus.yml")
        with open(path) as f:
            text = self.places.here(f.read())
        text, n = re.subn(r"(scrape|evaluation)_interval: 15s", r"\1_interval: 1s", text)
        if n != 2:
            raise RuntimeError("prometheus.yml has other intervals")
        with open(path, "w") as f:
            f.write(text)

    def command(self):
        return [self.program, f"--config.file={self.config}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={LOCALHOST}:{self.port}"]

    def answers(self):
        return answers(f"http://{LOCALHOST}:{self.port}/-/ready")
