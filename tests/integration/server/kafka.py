# SPDX-License-Identifier: MIT
"""Apache Kafka for tests."""
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time

from .base import LOCALHOST, Server, Skip, cache_folder, certificates, free_port


KAFKA_VERSION = "4.4.0"
KAFKA_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>evtwin.test</groupId><artifactId>kafka</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# written out in full: the short name of the plugin fails with Debian's Maven
KAFKA_FETCH = ["org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
               "-DincludeScope=runtime"]


def kafka_libraries():
    """The folder of Kafka's jars; fetched from the Maven registry the first time (45 files, 43 MB)."""
    if shutil.which("java") is None:
        raise Skip("there is no Java to run Kafka (Debian: default-jre-headless)")
    libraries = os.path.join(cache_folder(), f"kafka-{KAFKA_VERSION}")
    with open(libraries + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several tests may want it at once
        if os.path.isdir(libraries):
            return libraries
        if shutil.which("mvn") is None:
            raise Skip("there is no Maven to fetch Kafka (Debian: maven)")
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            pom, new = os.path.join(folder, "pom.xml"), os.path.join(folder, "jars")
            with open(pom, "w") as f:
                f.write(KAFKA_POM)
            try:
                done = subprocess.run(["mvn", "-q", "-B", "-f", pom, *KAFKA_FETCH,
                                       f"-DoutputDirectory={new}"], stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=300)
            except subprocess.TimeoutExpired:
                raise Skip("Maven did not fetch Kafka within 300 s") from None
            if done.returncode != 0:
                errors = [line for line in COLOURS.sub("", done.stdout).splitlines() if "ERROR" in line]
                raise Skip("Maven could not fetch Kafka: " + (errors or ["no reason given"])[0][:300])
            os.rename(new, libraries)
    return libraries


class Kafka(Server):
    """One broker in KRaft mode. uri: without a topic. partitions: of topics that are made by their
    first use; users: {"name": "password"} adds a listener for SASL/PLAIN on sasl_port; tls: one for TLS
    on tls_port, with the certificate in folder/tls (base.certificates); tuned: leave
    the compiler of the JVM as it is (slower to start, faster to run: for benchmarks);
    advertised_port: that of a proxy in front of it."""

    name = "kafka"
    ready_s = 300

    def __init__(self, partitions=1, users=None, tuned=False, advertised_port=None, settings=None,
                 tls=False):
        self.partitions, self.users, self.tuned = partitions, users, tuned
        self.advertised_port = advertised_port
        self.settings = settings or {}
        self.tls = tls
        super().__init__()

    def take_ports(self):
        super().take_ports()
        self.controller_port = free_port()
        self.sasl_port = free_port() if self.users else None
        self.tls_port = free_port() if self.tls else None

    def prepare(self):
        self.libraries = kafka_libraries()
        self.properties = os.path.join(self.folder, "server.properties")
        listeners = {"PLAINTEXT": self.port, "CONTROLLER": self.controller_port}
        if self.users:
            listeners["SASL_PLAINTEXT"] = self.sasl_port
        if self.tls_port:
            listeners["SSL"] = self.tls_port
        addresses = {n: f"{n}://{LOCALHOST}:{p}" for n, p in listeners.items()}
        advertised = {**addresses, "PLAINTEXT":
                      f"PLAINTEXT://{LOCALHOST}:{self.advertised_port or self.port}"}
        settings = {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@{LOCALHOST}:{self.controller_port}",
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(a for n, a in advertised.items() if n != "CONTROLLER"),
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": ",".join(
                f"{n}:{'PLAINTEXT' if n == 'CONTROLLER' else n}" for n in listeners),
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": os.path.join(self.folder, "logs"),
            "num.partitions": self.partitions,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0, "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500, "log.cleaner.dedupe.buffer.size": 4194304,
            "log.retention.ms": -1, "group.min.session.timeout.ms": 1000}
        if self.users:
            entries = " ".join(f'user_{u}="{p}"' for u, p in self.users.items())
            settings["sasl.enabled.mechanisms"] = "PLAIN"
            settings["listener.name.sasl_plaintext.plain.sasl.jaas.config"] = (
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {entries};")
        if self.tls_port:
            settings.update(self.with_certificate())
        settings.update(self.settings)
        with open(self.properties, "w") as f:
            f.writelines(f"{name}={value}\n" for name, value in settings.items())
        done = subprocess.run([*self.java("-Xmx128m"), "kafka.tools.StorageTool", "format", "-t",
                               "AAAAAAAAAAAAAAAAAAAAAg", "-c", self.properties],
                              cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("kafka.tools.StorageTool: " + done.stdout + done.stderr)

    def with_certificate(self):
        """Settings for a certificate of its own."""
        tls = os.path.join(self.folder, "tls")
        os.mkdir(tls)
        certificates(tls, names=self.names)
        with open(os.path.join(tls, "store.pem"), "w") as store:
            for part in ("server.key", "server.crt"):
                with open(os.path.join(tls, part)) as f:
                    store.write(f.read())
        return {"ssl.keystore.type": "PEM", "ssl.keystore.location": store.name}

    def java(self, *options):
        if not self.tuned:
            options += ("-XX:TieredStopAtLevel=1",)
        return ["java", *options, "-XX:+UseSerialGC", "-Xshare:auto",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-cp",
                os.path.join(self.libraries, "*")]

    @property
    def uri(self):
        return f"kafka://{LOCALHOST}:{self.port}"

    @property
    def bootstrap(self):
        return f"{LOCALHOST}:{self.port}"

    def command(self):
        return [*self.java("-Xms32m", "-Xmx256m"), "kafka.Kafka", self.properties]

    def start(self):
        self.log_began = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        super().start()

    def answers(self):
        time.sleep(0.05)  # it takes seconds
        with open(self.log, errors="replace") as f:
            f.seek(self.log_began)
            return "Kafka Server started" in f.read()
