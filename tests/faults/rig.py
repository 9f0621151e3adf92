# SPDX-License-Identifier: MIT
"""What is killed: a generator with a spool, its sinks on real servers, and evtwin-ingest behind the
brokers. Whoever is killed comes back on the same files, ports and data."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import oracle  # noqa: E402
import servers  # noqa: E402
from proxy import Proxy  # noqa: E402

RATE = 300  # records a second
GENERATORS = ["fault_generator", "fault_generator_no_key", "fault_generator_free_on_enqueue"]


class Violation(Exception):
    """Something that must not happen, whatever is killed; the text says what."""


class Build:
    """A build with crash sites, brought up to date; it is made if it is not there."""

    def __init__(self, source, folder):
        self.folder = folder
        if not os.path.exists(os.path.join(folder, "CMakeCache.txt")):
            launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if _is_there("ccache") else []
            self.run(["cmake", "-S", source, "-B", folder, "-DEVTWIN_CRASH_SITES=ON", *launcher])
        self.run(["cmake", "--build", folder, f"-j{os.cpu_count()}", "--target", *GENERATORS,
                  "power_cut", "evtwin-ingest", "evtwin-sim", "evtwin-train", "evtwin-predict"])
        self.generator, self.no_key, self.free_on_enqueue = (
            os.path.join(folder, "tests", "faults", name) for name in GENERATORS)
        self.power_cut = os.path.join(folder, "tests", "faults", "libpower_cut.so")

    def run(self, command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    def tool(self, name):
        return os.path.join(self.folder, "tools", "evtwin-" + name)

    def models(self):
        """A bundle of models of a small simulated fleet."""
        models = os.path.join(self.folder, "tests", "faults", "models")
        if not os.path.exists(models):
            self.run([self.tool("sim"), "--until-eol", "--fleet", "8", "--record-days", "10", "-q",
                      "--csv", models + ".csv"])
            self.run([self.tool("train"), "-q", models + ".csv", "--out", models, "--features",
                      "soc,soh,voltage,current,temperature,charge_cycles,power_consumption"])
        return models


def _is_there(program):
    return shutil.which(program) is not None


def _is_special(path):
    return not os.path.isdir(path) and not os.path.isfile(path)


def crash_sites(source, channels):
    """Every named crash site of the library that these channels can reach, by grep."""
    of_channel = {"kafka": "kafka.", "mosquitto": "mqtt.", "postgres": "postgres."}
    others = tuple(prefix for channel, prefix in of_channel.items() if channel not in channels)
    found = set()
    for folder, _, files in os.walk(os.path.join(source, "lib")):
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(folder, name)) as f:
                    found |= set(re.findall(r'EVTWIN__CRASH_SITE\("([^"]+)"\)', f.read()))
    return sorted(site for site in found if not site.startswith(others))


class Tool:
    """A program that is killed and started again; what it prints is kept."""

    def __init__(self, name, folder, command):
        self.name, self.command = name, command
        self.log = os.path.join(folder, name + ".log")
        self.child = None
        self.env = {}

    def start(self, crash_at=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("EVTWIN_")} | self.env
        if crash_at:
            env["EVTWIN_CRASH_AT"] = crash_at
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=env, preexec_fn=servers.die_with_parent)

    restart = start

    def kill(self):
        self.expect_running()
        self.child.kill()
        self.child.wait()

    def expect_running(self):
        if self.child.poll() is not None:
            raise Violation(f"{self.name} ended by itself, with {self.child.returncode}: {self.said()}")

    def died_at_its_site(self):
        code = self.child.poll()
        if code is not None and code != -signal.SIGKILL:
            raise Violation(f"{self.name} ended with {code}: {self.said()}")
        return code is not None

    def wait(self, end):
        """Its exit code, if it ends before the deadline."""
        try:
            return self.child.wait(max(0.01, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Violation(f"{self.name} still runs at the deadline: {self.said()}") from None

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-1500:]

    def end(self):
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Rig:
    """channels: of sqlite, jsonl, postgres, mosquitto, kafka. proxied: the tools reach each server
    through a Proxy. everything: evtwin-predict works on PostgreSQL meanwhile, and the topic of Kafka is
    copied to another one, without a spool. spool, sinks: folders, where they should not be below the
    rig's own; env: more environment of the tools; generator: another one than the build's sound one.
    Raises servers.Skip if the server of a channel cannot be had."""

    def __init__(self, build, channels, proxied=False, everything=False, spool=None, sinks=None,
                 env=None, generator=None):
        self.build, self.channels = build, channels
        self.generator = generator or build.generator
        self.proxied, self.everything = proxied, everything
        self.predicts = everything and "postgres" in channels
        self.scratch = tempfile.TemporaryDirectory(prefix="evtwin-kills.")
        self.folder = self.scratch.name
        self.spool = spool or os.path.join(self.folder, "spool")
        self.sinks, self.env = sinks or self.folder, env or {}
        self.ledger = os.path.join(self.folder, "ledger")
        self.servers, self.proxies, self.tools, self.readers = {}, {}, {}, {}
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def set_up(self):
        sinks = [self.add_channel(c) for c in self.channels]
        producer = self.make_producer(sinks)
        self.tools = {producer.name: producer, **self.tools}
        if self.predicts:
            self.tools["predict"] = Tool("predict", self.folder, [
                self.build.tool("predict"), "--models", self.build.models(), "--store",
                self.servers["postgres"].uri, "--interval", "0.05", "--metrics-port", "0", "-q"])
        for tool in self.tools.values():
            tool.env = self.env
            tool.start()

    def make_producer(self, sinks):
        return Tool("generator", self.folder, [
            self.generator, self.ledger, self.spool, str(RATE), *sinks])

    def add_channel(self, channel):
        """Returns the generator's sink; readers get whatever must hold the records in the end."""
        if channel == "sqlite":
            path = os.path.join(self.sinks, "sink.db")
            self.readers["sqlite"] = oracle.Sqlite(path)
            return "sqlite:" + path
        if channel == "jsonl":
            path = os.path.join(self.sinks, "sink.jsonl")
            self.readers["jsonl"] = oracle.Lines(path)
            return "jsonl:" + path
        if channel == "postgres":
            server = self.add_server(channel, servers.Postgres())
            self.readers["postgresql"] = oracle.Postgres(server.uri)
            return self.reached(channel, server.uri)
        if channel == "mosquitto":
            server = self.add_server(channel, servers.Mosquitto(
                persistence=True, settings={"max_queued_messages": 0}))
            uri = self.reached(channel, server.uri) + "/ev/battery/telemetry"
            self.add_ingest("mqtt", uri)
            return uri + "?" + MQTT_SINK
        if channel == "kafka":
            if not _is_there("kcat"):
                raise servers.Skip("there is no kcat to read what is committed in Kafka (Debian: kcat)")
            # a broker tells its clients where to connect
            proxy = Proxy() if self.proxied else None
            server = self.add_server(channel, servers.Kafka(
                partitions=3, advertised_port=proxy and proxy.port), proxy)
            uri = self.reached(channel, server.uri) + "/ev_battery_telemetry"
            self.readers["kafka topic"] = oracle.Kafka(server.bootstrap, "ev_battery_telemetry")
            self.add_ingest("kafka", uri + f"?group=ingest&{QUICK_TAKEOVER}")
            if self.everything:
                self.readers["kafka > kafka"] = oracle.Kafka(server.bootstrap, "copy")
                copy = uri.replace("ev_battery_telemetry", "copy")
                self.tools["copy kafka"] = Tool("copy_kafka", self.folder, [
                    self.build.tool("ingest"), "--source", uri + f"?group=copy&{QUICK_TAKEOVER}", "--sink", copy])
            return uri
        raise ValueError(channel)

    def add_server(self, name, server, proxy=None):
        self.servers[name] = server
        if self.proxied:
            self.proxies[name] = proxy or Proxy()
            self.proxies[name].target_port = server.port
        return server

    def reached(self, name, uri):
        """The URI under which the tools reach a server."""
        if self.proxied:
            uri = uri.replace(f":{self.servers[name].port}", f":{self.proxies[name].port}")
        return uri

    def add_ingest(self, name, source):
        """evtwin-ingest from a broker into SQLite, and into PostgreSQL if that is there too."""
        path = os.path.join(self.folder, f"{name}.db")
        sinks = ["--sink", f"sqlite:{path}"]
        self.readers[f"{name} > sqlite"] = oracle.Sqlite(path)
        if "postgres" in self.servers:
            uri = self.servers["postgres"].database()
            sinks += ["--sink", self.reached("postgres", uri)]
            self.readers[f"{name} > postgresql"] = oracle.Postgres(uri)
        self.tools["ingest " + name] = Tool("ingest_" + name, self.folder, [
            self.build.tool("ingest"), "--source", source, "--metrics-port", "0", "--spool",
            os.path.join(self.folder, f"{name}.spool"), *sinks])

    def accepted(self):
        return oracle.Lines(self.ledger).records()

    def n_accepted(self):
        return oracle.Lines(self.ledger).count()

    def count_watched(self, victim):
        """What moves again when a victim is back."""
        reader = {"postgres": "postgresql", "mosquitto": "mqtt > sqlite",
                  "kafka": "kafka > sqlite", "ingest mqtt": "mqtt > sqlite",
                  "ingest kafka": "kafka > sqlite"}.get(victim)
        return self.readers[reader].count() if reader in self.readers else self.n_accepted()

    def victims(self):
        return {**self.servers, **self.tools}

    def send_again(self):
        """A car that did not hear of it sends its first record once more."""
        import paho.mqtt.publish as publish
        with open(self.ledger, encoding="utf-8") as f:
            record = f.readline()
        publish.single("ev/battery/telemetry", record.rstrip("\n"), qos=1,
                       port=self.servers["mosquitto"].port)

    # ---- the end of a run

    def stop_producer(self, end):
        """Accept nothing more; until the spool is empty, or the deadline."""
        open(self.ledger + ".stop", "w").close()
        generator = self.tools["generator"]
        while (code := generator.wait(end)) == 3:
            generator.start()
        if code != 0:
            raise Violation(f"the generator ended with {code}: {generator.said()}")

    def drain(self, seconds):
        """Stop accepting; wait until everything has arrived: a count, or the deadline."""
        end = time.monotonic() + seconds
        producer = next(iter(self.tools))
        self.stop_producer(end)
        n = self.n_accepted()
        waiting = dict(self.readers)
        while waiting:
            for name, reader in list(waiting.items()):
                found = reader.count()
                if found >= n:
                    del waiting[name]
                elif time.monotonic() > end:
                    raise Violation(f"{name} has {found} of {n} records after {seconds} s: "
                                    + "; ".join(t.said()[-600:] for t in self.tools.values()))
            time.sleep(0.05)
        while self.predicts and self.readers["postgresql"].query(
                "COUNT(*) FILTER (WHERE prediction_timestamp IS NULL)") != [(0,)]:
            if time.monotonic() > end:
                raise Violation(f"rows without a prediction after {seconds} s: "
                                + self.tools["predict"].said())
            time.sleep(0.1)
        for name, tool in self.tools.items():
            if name != producer:
                tool.expect_running()
                tool.child.send_signal(signal.SIGTERM)
                code = tool.child.wait(60)
                if code != 0:
                    raise Violation(f"{tool.name} ended with {code} after SIGTERM: {tool.said()}")

    def verdicts(self):
        """{sink: Verdict}"""
        accepted = self.accepted()
        oracle.check_itself(accepted)
        return {name: oracle.Verdict(accepted, reader.records())
                for name, reader in self.readers.items()}

    def keep(self, folder):
        """Ledger, logs, spools and files, to look into after a violation."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder, ignore_dangling_symlinks=True,
                        ignore=lambda at, names: [n for n in names if _is_special(os.path.join(at, n))])

    def close(self):
        for tool in self.tools.values():
            tool.end()
        for proxy in self.proxies.values():
            proxy.close()
        for server in self.servers.values():
            server.stop()
        self.scratch.cleanup()


class PowerRig(Rig):
    """A generator whose disk loses what was not synced: power_cut.c."""

    def set_up(self):
        self.sinks = os.path.join(self.folder, "disk")
        self.spool = os.path.join(self.sinks, "spool")
        os.mkdir(self.sinks)
        super().set_up()

    def cut_power(self, at, seed, seconds=60):
        """At the at-th write or sync of a generator that is started for it; then it comes back."""
        generator = self.tools["generator"]
        generator.end()
        generator.env = {"LD_PRELOAD": self.build.power_cut, "POWER_CUT_FOLDER": self.sinks,
                         "POWER_CUT_AT": f"{at}:{seed}"}
        generator.start()
        code = generator.wait(time.monotonic() + seconds)
        if code != -signal.SIGKILL:
            raise Violation(f"the generator ended with {code} after a power cut: {generator.said()}")
        generator.env = self.env
        generator.start()


# MQTT is confirmed end to end: by whoever has taken a record for good, not by the broker.
MQTT_SINK = "confirm=receipts"
# A broker gives the partitions of a killed member to the next one after its session.
QUICK_TAKEOVER = "session.timeout.ms=1500&heartbeat.interval.ms=300"
