#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Real servers for tests: PostgreSQL, mosquitto and Apache Kafka, each of its own in a temporary folder.

    with Postgres() as pg:      # on a free port of 127.0.0.1; ready, because it answered
        pg.uri, pg.port         # for the tools; pg.database() makes another, empty database
        pg.kill()               # SIGKILL to all its processes at once
        pg.restart()            # the same port, the same data
        pg.pause(), pg.resume() # SIGSTOP and SIGCONT to all its processes

    servers.py run postgres mosquitto kafka -- COMMAND...

runs COMMAND with EVTWIN_TEST_POSTGRES, EVTWIN_TEST_MQTT and EVTWIN_TEST_KAFKA set to their URIs and
ends with its exit code, or with 77 and a reason if a server cannot be had (Skip in Python).

Start servers from the main thread: they die with the thread that started them, so that nothing is
left when a test is killed. They work for root too (PostgreSQL then runs as another user). Kafka is
fetched by Maven once, into $EVTWIN_TEST_CACHE or ~/.cache/evtwin-tests.
"""
import ctypes
import fcntl
import glob
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LOCALHOST = "127.0.0.1"
SERVERS_ALIVE = []


class Skip(Exception):
    """A server cannot be had here; the text says why."""


def cache_folder():
    default = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                           "evtwin-tests")
    folder = os.environ.get("EVTWIN_TEST_CACHE") or default
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as e:
        raise Skip(f"no folder to keep what is fetched: {folder}: {e.strerror} "
                   "(set EVTWIN_TEST_CACHE)") from None
    return folder


_taken = set()


def free_port():
    """Below the range that outgoing connections use: it stays free while its server is down."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        if port in _taken:
            continue
        with socket.socket() as s:
            try:
                s.bind((LOCALHOST, port))
            except OSError:
                continue
        _taken.add(port)
        return port


def _processes_below(pid):
    """pid and all its descendants, as they are now."""
    children = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as f:
                text = f.read()
        except OSError:  # it has ended meanwhile
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(text.split()[0]))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _freeze(pid):
    """Stop the whole tree: the root first, then whoever was born meanwhile, until nobody is new."""
    stopped = []
    while True:
        new = [p for p in _processes_below(pid) if p not in stopped]
        if not new:
            return stopped
        _signal(new, signal.SIGSTOP)
        stopped += new


def kill_tree(child):
    """SIGKILL to a process and all its descendants: nobody acts after another has died."""
    if child.poll() is None:
        pids = _freeze(child.pid)
        _signal(pids, signal.SIGKILL)
        child.wait()
        for pid in pids:
            while _runs(pid):
                time.sleep(0.001)


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


_libc = ctypes.CDLL(None)


def die_with_parent():
    """For preexec_fn: SIGKILL when the thread that started this process has ended."""
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """What all have in common; a subclass says how it is prepared, started and asked."""

    name = None
    ready_s = 30

    def __init__(self):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix=f"evtwin-{self.name}.")
        self.log = os.path.join(self.folder, "server.log")
        self.child = None
        self.user = {}
        SERVERS_ALIVE.append(self)
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.stop()
            raise

    def prepare(self):
        pass

    def command(self):
        raise NotImplementedError

    def answers(self):
        raise NotImplementedError

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True, preexec_fn=die_with_parent, **self.user)
        end = time.monotonic() + self.ready_s
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > end:
                state = "it ended" if self.child.poll() is not None else "no answer"
                with open(self.log, errors="replace") as log:
                    said = log.read()[-2000:]
                self.kill()
                raise RuntimeError(f"{self.name} did not start: {state}\n{said}")
            time.sleep(0.01)

    def kill(self):
        if self.child is not None:
            kill_tree(self.child)

    def restart(self):
        """Start again on the same port and data; a running one is killed before."""
        self.kill()
        self.start()

    def shut_down(self):
        """End it as its operator would (SIGTERM; subclasses may differ)."""
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(60)

    def pause(self):
        _freeze(self.child.pid)

    def resume(self):
        _signal(_processes_below(self.child.pid), signal.SIGCONT)

    def stop(self):
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in SERVERS_ALIVE:
            SERVERS_ALIVE.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def accepts(port):
    try:
        socket.create_connection((LOCALHOST, port), timeout=1).close()
        return True
    except OSError:
        return False


def certificates(folder, host=LOCALHOST):
    """Make folder/{ca,server,other}.{crt,key}: an authority, a server's certificate signed by it, and
    one of another authority, which nobody should trust."""
    if shutil.which("openssl") is None:
        raise Skip("there is no openssl to make certificates")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    for authority in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", f"{authority}.key", "-out", f"{authority}.crt", "-days", "30",
                "-subj", f"/CN=evtwin test {authority}")
    with open(os.path.join(folder, "server.ext"), "w") as f:
        f.write(f"subjectAltName=IP:{host},DNS:localhost\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", "server.ext", "-out", "server.crt")


# ---- PostgreSQL

class Postgres(Server):
    """uri: user `evtwin`, a superuser without a password, database `evtwin`. User `guarded` needs the
    password `open sesame`. settings: lines for postgresql.conf, e.g. {"fsync": "on"}; tls: with a
    certificate of folder/tls/ca.crt."""

    name = "postgres"

    def __init__(self, settings=None, tls=False):
        self.settings = {"fsync": "off", "max_wal_size": "256MB", **(settings or {})}
        self.tls = tls
        self.n_databases = 0
        super().__init__()

    def prepare(self):
        self.bin = postgres_programs()
        if os.geteuid() == 0:
            self.user = other_user()
            os.chown(self.folder, self.user["user"], self.user["group"])
        self.data = os.path.join(self.folder, "data")
        subprocess.run(["cp", "-a", "--reflink=auto", postgres_template(self.bin), self.data],
                       check=True)
        if self.tls:
            certificates_for_postgres(self)
        settings = {
            "listen_addresses": LOCALHOST, "port": self.port,
            "unix_socket_directories": self.folder, "shared_buffers": "32MB",
            "max_connections": "60", "lc_messages": "C", "timezone": "UTC",
            "autovacuum_naptime": "10s", **self.settings}
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as f:
            f.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    @property
    def uri(self):
        return self.uri_of("evtwin")

    def uri_of(self, database, user="evtwin"):
        return f"postgresql://{user}@{LOCALHOST}:{self.port}/{database}"

    def command(self):
        return [os.path.join(self.bin, "postgres"), "-D", self.data]

    def start(self):
        # of a server that was killed: all its processes are gone, its number may be another's now
        try:
            os.remove(os.path.join(self.data, "postmaster.pid"))
        except FileNotFoundError:
            pass
        super().start()

    def answers(self):
        return subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", LOCALHOST, "-p",
                               str(self.port), "-U", "evtwin", "-d", "evtwin"]).returncode == 0

    def shut_down(self):
        self.child.send_signal(signal.SIGINT)  # a fast one: it does not wait for clients
        self.child.wait(60)

    def sql(self, text, database="evtwin"):
        """Run SQL with psql; the rows as text, one a line, columns separated by |."""
        done = subprocess.run([os.path.join(self.bin, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d",
                               self.uri_of(database), "-c", text], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.rstrip("\n")

    def database(self):
        """The URI of a new, empty database."""
        self.n_databases += 1
        name = f"test_{self.n_databases}"
        self.sql(f"CREATE DATABASE {name}")
        return self.uri_of(name)


def postgres_programs():
    candidates = sorted(glob.glob("/usr/lib/postgresql/*/bin"),
                        key=lambda p: float(p.split("/")[4]), reverse=True)
    on_path = shutil.which("postgres")
    for folder in candidates + ([os.path.dirname(on_path)] if on_path else []):
        if all(os.path.exists(os.path.join(folder, p)) for p in ("postgres", "initdb", "psql")):
            return folder
    raise Skip("there is no PostgreSQL server (Debian: postgresql)")


def other_user():
    """Whom PostgreSQL runs as when we are root."""
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise Skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


POSTGRES_ACCESS = f"""\
host all guarded {LOCALHOST}/32 scram-sha-256
local all guarded scram-sha-256
host all all {LOCALHOST}/32 trust
local all all trust
"""


def postgres_template(programs):
    """A data folder that was initialized once (it takes a second or two), to be copied."""
    version = programs.split("/")[4] if programs.startswith("/usr/lib/postgresql/") else "any"
    user = other_user() if os.geteuid() == 0 else {}
    name = f"postgres-{version}-{user.get('user', os.geteuid())}-1"
    template = os.path.join(cache_folder(), name)
    with open(template + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(template):
            return template
        with tempfile.TemporaryDirectory(prefix="evtwin-initdb.") as folder:
            if user:
                os.chown(folder, user["user"], user["group"])
            data = os.path.join(folder, "data")
            env = {**os.environ, "LC_ALL": "C"}
            done = subprocess.run(
                [os.path.join(programs, "initdb"), "-D", data, "-U", "evtwin", "-A", "trust", "-E",
                 "UTF8", "--no-sync", "--no-instructions", "--wal-segsize=4"],
                cwd=folder, env=env, capture_output=True, text=True, **user)
            if done.returncode != 0:
                raise RuntimeError("initdb: " + done.stderr)
            with open(os.path.join(data, "pg_hba.conf"), "w") as f:
                f.write(POSTGRES_ACCESS)
            # what every test server has: done in single-user mode, one statement a line
            for database, sql in (("postgres", "CREATE DATABASE evtwin\n"
                                   "CREATE ROLE guarded LOGIN PASSWORD 'open sesame'\n"),
                                  ("evtwin", "GRANT ALL ON SCHEMA public TO guarded\n")):
                subprocess.run([os.path.join(programs, "postgres"), "--single", "-F", "-D", data,
                                database], input=sql, text=True, check=True, capture_output=True,
                               cwd=folder, env=env, **user)
            subprocess.run(["cp", "-a", data, template + ".new"], check=True)
        os.rename(template + ".new", template)
    return template


def certificates_for_postgres(server):
    tls = os.path.join(server.folder, "tls")
    os.mkdir(tls)
    certificates(tls)
    if server.user:
        for path in [tls, *glob.glob(tls + "/*")]:
            os.chown(path, server.user["user"], server.user["group"])
    os.chmod(os.path.join(tls, "server.key"), 0o600)
    server.settings.update(ssl="on", ssl_cert_file=os.path.join(tls, "server.crt"),
                           ssl_key_file=os.path.join(tls, "server.key"))


# ---- mosquitto

class Mosquitto(Server):
    """settings: lines of mosquitto.conf, e.g. {"max_queued_messages": 0}; persistence: keep sessions
    and messages on disk; users: {"name": "password"}, nobody else may connect; tls: only with a
    certificate of folder/tls/ca.crt, uri is mqtts:// then."""

    name = "mosquitto"

    def __init__(self, persistence=False, users=None, tls=False, settings=None):
        self.persistence, self.users, self.tls = persistence, users, tls
        self.settings = settings or {}
        super().__init__()

    def prepare(self):
        self.program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
        if self.program is None:
            raise Skip("there is no mosquitto (Debian: mosquitto)")
        lines = [f"listener {self.port} {LOCALHOST}", "log_dest stderr", "log_type error",
                 "log_type warning", "log_type notice", "log_type information",
                 f"allow_anonymous {'false' if self.users else 'true'}"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it changes to a user who may not write here
        if self.persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/"]
        if self.users:
            passwords = os.path.join(self.folder, "passwords")
            with open(passwords, "w") as f:
                f.writelines(f"{user}:{password}\n" for user, password in self.users.items())
            os.chmod(passwords, 0o600)
            program = shutil.which("mosquitto_passwd", path="/usr/bin:" + os.environ["PATH"])
            subprocess.run([program, "-U", passwords], check=True)
            lines.append(f"password_file {passwords}")
        if self.tls:
            tls = os.path.join(self.folder, "tls")
            os.mkdir(tls)
            certificates(tls)
            lines += [f"cafile {tls}/ca.crt", f"certfile {tls}/server.crt", f"keyfile {tls}/server.key"]
        lines += [f"{name} {value}" for name, value in self.settings.items()]
        with open(os.path.join(self.folder, "mosquitto.conf"), "w") as f:
            f.write("\n".join(lines) + "\n")

    @property
    def uri(self):
        return f"{'mqtts' if self.tls else 'mqtt'}://{LOCALHOST}:{self.port}"

    def command(self):
        return [self.program, "-c", os.path.join(self.folder, "mosquitto.conf")]

    def answers(self):
        """A CONNECT of MQTT 3.1.1 is answered, by a refusal too."""
        if self.tls:
            return accepts(self.port)
        try:
            with socket.create_connection((LOCALHOST, self.port), timeout=1) as s:
                client = b"evtwin-ready"
                body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(client).to_bytes(2, "big") + client
                s.sendall(b"\x10" + bytes([len(body)]) + body)
                return s.recv(4)[:1] == b"\x20"
        except OSError:
            return False


# ---- Kafka

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
                errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
                raise Skip("Maven could not fetch Kafka: " + (errors or ["no reason given"])[0][:300])
            os.rename(new, libraries)
    return libraries


class Kafka(Server):
    """One broker in KRaft mode. uri: without a topic. partitions: of topics that are made by their
    first use; users: {"name": "password"} adds a listener for SASL/PLAIN on sasl_port; tuned: leave
    the compiler of the JVM as it is (slower to start, faster to run: for benchmarks)."""

    name = "kafka"
    ready_s = 90

    def __init__(self, partitions=1, users=None, tuned=False, settings=None):
        self.partitions, self.users, self.tuned = partitions, users, tuned
        self.settings = settings or {}
        self.controller_port = free_port()
        self.sasl_port = free_port() if users else None
        super().__init__()

    def prepare(self):
        self.libraries = kafka_libraries()
        self.properties = os.path.join(self.folder, "server.properties")
        listeners = {"PLAINTEXT": self.port, "CONTROLLER": self.controller_port}
        if self.users:
            listeners["SASL_PLAINTEXT"] = self.sasl_port
        addresses = {n: f"{n}://{LOCALHOST}:{p}" for n, p in listeners.items()}
        settings = {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@{LOCALHOST}:{self.controller_port}",
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(a for n, a in addresses.items() if n != "CONTROLLER"),
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
        settings.update(self.settings)
        with open(self.properties, "w") as f:
            f.writelines(f"{name}={value}\n" for name, value in settings.items())
        done = subprocess.run([*self.java("-Xmx128m"), "kafka.tools.StorageTool", "format", "-t",
                               "AAAAAAAAAAAAAAAAAAAAAg", "-c", self.properties],
                              cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("kafka.tools.StorageTool: " + done.stdout + done.stderr)

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


# ---- the command line

KINDS = {"postgres": (Postgres, "EVTWIN_TEST_POSTGRES"), "mosquitto": (Mosquitto, "EVTWIN_TEST_MQTT"),
         "kafka": (Kafka, "EVTWIN_TEST_KAFKA")}


def run(kinds, command):
    def end(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    child = None
    env = dict(os.environ)
    try:
        for kind in kinds:
            server, variable = KINDS[kind]
            env[variable] = server().uri
        child = subprocess.Popen(command, env=env, start_new_session=True, preexec_fn=die_with_parent)
        code = child.wait()
        return code if code >= 0 else 128 - code
    except Skip as e:
        print("skipped:", e)
        return 77
    finally:
        if child is not None:
            kill_tree(child)
        for server in list(SERVERS_ALIVE):
            server.stop()


def main(args):
    if args[:1] != ["run"] or "--" not in args:
        sys.exit("usage: servers.py run [postgres] [mosquitto] [kafka] -- COMMAND...")
    at = args.index("--")
    kinds, command = args[1:at], args[at + 1:]
    unknown = [k for k in kinds if k not in KINDS]
    if unknown or not command:
        sys.exit(f"servers.py: {'unknown server ' + unknown[0] if unknown else 'no command'}")
    sys.exit(run(kinds, command))


if __name__ == "__main__":
    main(sys.argv[1:])
