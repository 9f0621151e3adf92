#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""page.py SOURCE BUILD DATA PAGE: the blocks of a page, run from top to bottom as a user would, in a folder and on a machine of
their own (machine.py) with the installed library, its tools and the example data of prepare.py.
"""
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import servers  # noqa: E402
from server import environment  # noqa: E402
from server.kafka import kafka_libraries  # noqa: E402

import machine  # noqa: E402
from blocks import Block, Needs, Step, page  # noqa: E402
from compiled import run_c  # noqa: E402
from interpreter import Interpreter  # noqa: E402
from output import difference  # noqa: E402
from shell import Failed, Shell, commands  # noqa: E402

SOURCE, BUILD, DATA = map(os.path.abspath, sys.argv[1:4])
PAGE = sys.argv[4]
WORK, PYTHON = "EVTWIN_DOCS_WORK", "EVTWIN_DOCS_PYTHON"
CURLRC = "fail-with-body\nsilent\nshow-error\n"


def usual(kind, **ports):
    """That server, on its usual port."""
    def take_ports(self):
        kind.take_ports(self)
        for name, port in ports.items():
            setattr(self, name, port)
    return type(kind.__name__, (kind,), {"take_ports": take_ports, "names": ("localhost", *machine.HOSTS)})


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def start_postgres(home):
    """With TLS, which a host that is not localhost needs; its authority is where libpq looks. The user is a DBA's."""
    server = usual(servers.Postgres, port=5432)(tls=True)
    server.sql("CREATE ROLE twin LOGIN CREATEDB CREATEROLE")
    with open(os.path.join(server.folder, "tls", "ca.crt")) as f:
        put(os.path.join(home, ".postgresql", "root.crt"), f.read())
    return {"PGHOST": "db", "PGUSER": "twin"}


def start_kafka(_):
    """With TLS on 9093 by the file of settings that an administrator has laid there, without it on 9092."""
    server = usual(servers.Kafka, port=9092, tls_port=9093)(tls=True)
    put("/etc/evtwin/kafka.properties", f"security.protocol=SSL\nssl.ca.location={server.folder}/tls/ca.crt\n")
    return {}


def start_other(kind, port):
    def start(_):
        usual(kind, port=port)()
        return {}
    return start


SERVERS = {"postgres": start_postgres, "kafka": start_kafka, "mosquitto": start_other(servers.Mosquitto, 1883),
           "mlflow": start_other(servers.MLflow, 5000)}
FETCHED = {"kafka": lambda: kafka_libraries() and None, "mlflow": lambda: environment.mlflow_python(max(environment.MLFLOW)),
           "frames": lambda: environment.frames_python("new")}  # with a network: before the machine is entered; a Python, or None


def lay_out(folder, words):
    """What the page says that it needs: example data, or what is in the source under that name."""
    for word in words:
        if word in (*SERVERS, *FETCHED, "long"):
            continue
        for place in (DATA, SOURCE):
            path = os.path.join(place, word)
            if os.path.exists(path):
                (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, os.path.join(folder, word))
                break
        else:
            sys.exit(f"FAILED: {PAGE} needs '{word}', which is neither example data nor in the source")


def surroundings(folder, python):
    """The variables of a user who has installed it."""
    prefix = os.path.join(DATA, "prefix")
    libraries = next(f"{prefix}/{lib}" for lib in os.listdir(prefix) if lib.startswith("lib") and _has_pc(f"{prefix}/{lib}"))
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith(("DB_", "PG", "KAFKA_", "MQTT_", "MLFLOW_", "EVTWIN_", "AWS_", "API_", "METRICS_")) and "proxy" not in k.lower()}
    paths = [os.path.join(prefix, "bin"), *([os.path.dirname(python)] if python else []), clean["PATH"], "/usr/sbin:/sbin"]
    if shutil.which("python3", path=":".join(paths)) != "/usr/bin/python3" and not python:
        paths.insert(1, "/usr/bin")
    return {**clean, "HOME": folder, "PATH": ":".join(paths), "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "TMPDIR": os.path.dirname(folder),
            "EVTWIN_PREFIX": prefix, "LD_LIBRARY_PATH": libraries, "PKG_CONFIG_PATH": f"{libraries}/pkgconfig", "PYTHONPATH": os.path.join(BUILD, "python"),
            "PYTHONDONTWRITEBYTECODE": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def _has_pc(folder):
    """Debian has a folder for each kind of machine."""
    return os.path.exists(f"{folder}/pkgconfig/evtwin.pc")


def mismatch(shown, out, err):
    """What a page shows is standard output, or with what went to standard error above or below it."""
    return difference(shown, out) and difference(shown, err + out) and difference(shown, out + err)


class Page:
    def __init__(self, work, env, words):
        self.folder, self.logs = os.path.join(work, "page"), os.path.join(work, "logs")
        self.env, self.words = env, words
        self.shell = Shell(self.folder, env, self.logs)
        self.python = None
        self.before_c = ""
        self.printed = None  # by the last block

    def typed(self, item):
        out = err = ""
        for command in commands(item.text):
            print("$ " + command, end="", flush=True)
            done = self.shell.run(command)
            if done.code != 0:
                raise Failed(f"{command}ended with {done.code}: {done.out[-2000:]}{done.err[-3000:]}")
            out, err = out + done.out, err + done.err
        return out, err

    def console(self, item):
        """Lines after `$ ` are typed in, those below are what they print. How they end is not judged."""
        for piece in re.split(r"^\$ ", item.text, flags=re.M)[1:]:
            command, expected = self.first_command(piece)
            print("$ " + command, end="", flush=True)
            is_stream = "/api/stream" in command  # it has no end
            done = self.shell.run(command, (lambda out, shown=expected: not difference(shown + "…\n", out)) if is_stream else None)
            wrong = mismatch(expected, done.out, done.err) if expected.strip() else done.code and "it failed"
            if wrong:
                raise Failed(f"{command}printed\n{done.out}{done.err}\nand not what the page says: {wrong}")

    @staticmethod
    def first_command(piece):
        command = next(commands(piece))
        return command, piece[len(command):]

    def in_python(self, item):
        if self.python is None:
            self.python = Interpreter(self.folder, self.env)
        return self.python.run(item.text, item.place)

    def in_sql(self, item):
        path = os.path.join(self.logs, "block.sql")
        put(path, item.text)
        program = "psql -XAt -v ON_ERROR_STOP=1 -d twin_data -f" if "postgres" in self.words else "sqlite3 -bail evtwin.db <"
        done = self.shell.run(f"{program} {path}\n")
        if done.code != 0:
            raise Failed(done.err)
        return done.out

    def in_c(self, item):
        if isinstance(item, Step):
            self.before_c += item.text
            return None
        before, self.before_c = self.before_c, ""
        return run_c(item.text, before, self.folder, self.env)

    def run(self, item):
        if isinstance(item, Block) and item.is_output:
            wrong = "there is no block above that was run" if self.printed is None else mismatch(item.text, *self.printed)
            if wrong:
                raise Failed(f"the block above printed\n{''.join(self.printed)}\nand not this: {wrong}")
            print("  as the page says", flush=True)
            return
        if isinstance(item, Block) and item.file:
            put(os.path.join(self.folder, item.file), item.text)
            return
        kinds = {"sh": self.typed, "console": self.console, "python": self.in_python, "sql": self.in_sql, "c": self.in_c}
        printed = kinds[item.language](item)
        self.printed = (printed, "") if isinstance(printed, str) else printed

    def stop(self):
        if self.python:
            self.python.close()
        self.shell.stop()


def run_page(items, work):
    words = [w for i in items if isinstance(i, Needs) for w in i.words]
    folder = os.path.join(work, "page")
    for name in (folder, os.path.join(work, "logs")):
        os.mkdir(name)
    put(os.path.join(folder, ".curlrc"), CURLRC)
    env = surroundings(folder, os.environ.get(PYTHON))
    for word in words:
        if word in SERVERS:
            env.update(SERVERS[word](folder))
    lay_out(folder, words)
    run, n = Page(work, env, words), 0
    for item in items:
        is_block = isinstance(item, Block)
        if isinstance(item, Needs) or is_block and not item.is_used:
            continue
        print(f"-- {item.place} {item.language if is_block else 'hidden ' + item.language}", flush=True)
        n += is_block
        run.run(item)
    run.stop()
    print(f"{PAGE}: {n} blocks")


def main():
    items = page(PAGE, SOURCE)
    if not machine.is_entered():
        pythons = [FETCHED[w]() for i in items if isinstance(i, Needs) for w in i.words if w in FETCHED]
        with tempfile.TemporaryDirectory(prefix="evtwin-docs.", ignore_cleanup_errors=True) as work:
            os.chmod(work, 0o755)  # PostgreSQL is another user
            sys.exit(machine.run_there({WORK: work, **{PYTHON: p for p in pythons if p}}))
    machine.set_up(os.environ[WORK])
    try:
        run_page(items, os.environ[WORK])
    except Failed as e:
        sys.exit(f"FAILED: {e}")


servers.run_test(main)
