#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""service.py BIN: the tools as services: what they tell the manager that started them (over the socket that
systemd has at its other end), their probes, and how they stop.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 90
n_checks = 0
folder = tempfile.TemporaryDirectory(prefix="evtwin-service.")
os.chdir(folder.name)
children = []
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))


def check(what, holds, found=""):
    global n_checks
    n_checks += 1
    if not holds:
        sys.exit(f"FAILED: {what}\n{found}")


def until(what, holds, found=lambda: ""):
    limit = time.monotonic() + DEADLINE_S
    while not holds():
        check(what, time.monotonic() < limit, found())
        time.sleep(0.02)
    check(what, True)


class Manager:
    """The other end of NOTIFY_SOCKET: every datagram, in the order in which they came."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.setblocking(False)
        self.seen = []

    def read(self):
        while True:
            try:
                self.seen.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.seen

    def lines(self):
        return [line for message in self.read() for line in message.split("\n")]

    def has(self, line):
        return line in self.lines()


class Service:
    def __init__(self, tool, *args, manager=None, env=None):
        self.log = tool + str(len(children)) + ".log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NOTIFY_", "WATCHDOG_", "DB_", "PG", "KAFKA_",
                                                                          "MQTT_", "METRICS_", "API_"))}
        clean.update({"NOTIFY_SOCKET": manager.name} if manager else {}, **(env or {}))
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen([os.path.join(BIN, "evtwin-" + tool), *map(str, args)], stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, env=clean)
        children.append(self.child)

    def says(self):
        with open(self.log) as f:
            return f.read()

    def stop(self, code=0):
        self.child.send_signal(signal.SIGTERM)
        check(f"{self.log}: ends with {code}", self.child.wait(DEADLINE_S) == code, self.says())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path, token=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0, ""


def probe(port, path):
    code, body = get(port, path)
    return code, json.loads(body)["status"] if body else None


def run(tool, *args, code=0):
    done = subprocess.run([os.path.join(BIN, "evtwin-" + tool), *map(str, args)], capture_output=True, text=True,
                          timeout=DEADLINE_S, stdin=subprocess.DEVNULL)
    check(f"{tool} {args}: {code}", done.returncode == code, done.stderr)
    return done.stderr


def main():
    run("sim", "-q", "--until-eol", "--fleet", 6, "--record-days", 60, "--csv", "fleet.csv")
    run("train", "-q", "fleet.csv", "--out", "models")

    # ---- the predictor: ready when it has predicted, not while it waits for its store ----
    manager, port = Manager(os.path.join(folder.name, "notify")), free_port()
    predict = Service("predict", "--models", "models", "--store", "sqlite:fleet.db", "--interval", 0.1, "--metrics-port", port,
                      manager=manager, env={"WATCHDOG_USEC": "300000"})
    until("it says what it waits for", lambda: manager.has("STATUS=waiting for the store"), predict.says)
    until("it lives", lambda: manager.lines().count("WATCHDOG=1") >= 3)
    check("it is not ready", not manager.has("READY=1"), manager.seen)
    check("nor to a probe", probe(port, "/readyz") == (503, "not ready"))
    check("which is told why", "waiting for the store" in get(port, "/readyz")[1])
    check("alive it is", probe(port, "/livez") == (200, "alive"))
    run("sim", "-q", "--fleet", 2, "--interval", 0.1, "--duration", 0.4, "--sink", "sqlite:fleet.db")
    until("it is ready", lambda: manager.has("READY=1"), predict.says)
    until("to a probe too", lambda: probe(port, "/readyz") == (200, "ready"))
    until("it says what it has done", lambda: any("STATUS=predicting the rows of sqlite:fleet.db: " in line and
                                                  " 0 predicted" not in line for line in manager.lines()), lambda: manager.seen)
    check("READY comes with the status, once", manager.lines().count("READY=1") == 1)
    predict.child.send_signal(signal.SIGSTOP)  # a service that hangs gives no sign of life
    time.sleep(0.1)
    n = manager.lines().count("WATCHDOG=1")
    time.sleep(0.5)
    check("one that hangs is noticed", manager.lines().count("WATCHDOG=1") == n)
    predict.child.send_signal(signal.SIGCONT)
    until("and lives again", lambda: manager.lines().count("WATCHDOG=1") > n)
    predict.stop()
    check("it says that it stops", manager.has("STOPPING=1"), manager.read())
    check("after that it says nothing of being ready", "READY=1" not in manager.seen[-1])

    # ---- many rows wait: it is ready with the first that it has predicted, not with the last ----
    run("sim", "-q", "--fleet", 2, "--speed", "max", "--interval", 60, "--duration", 600000, "--sink", "sqlite:many.db")
    manager = Manager(os.path.join(folder.name, "many"))
    predict = Service("predict", "--models", "models", "--store", "sqlite:many.db", "--metrics-port", 0, manager=manager)
    until("it is ready", lambda: manager.has("READY=1"), predict.says)
    first = next(m for m in manager.seen if "READY=1" in m)
    check("before the last row", 0 < int(re.search(r": (\d+) predicted", first)[1]) < 20000, first)
    predict.stop()

    # ---- the server, by an abstract socket; it answers for a while when it is to stop ----
    manager = Manager(f"@evtwin-test-{os.getpid()}")
    port = free_port()
    serve = Service("serve", "--store", "sqlite:fleet.db", "--port", port, "--drain", 30, manager=manager,
                    env={"WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"})
    until("it is ready", lambda: manager.has("READY=1"), serve.says)
    check("with what it serves", manager.has(f"STATUS=serving sqlite:fleet.db on port {port}"), manager.seen)
    check("to a probe too", probe(port, "/readyz") == (200, "ready"))
    serve.child.send_signal(signal.SIGTERM)
    until("it stops", lambda: manager.has("STOPPING=1"))
    check("nobody is to send it more", "stopping" in get(port, "/readyz")[1] and probe(port, "/readyz")[0] == 503)
    check("what comes is still answered", get(port, "/api/batteries/list")[0] == 200)
    check("alive it is", probe(port, "/livez") == (200, "alive"))
    check("the sign of life of another process is not given", not manager.has("WATCHDOG=1"))
    serve.stop(143)  # a second signal ends it at once
    # its queue is full when the server is ready: it is told as soon as it reads
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        try:
            while True:
                other.sendto(b"STATUS=of another", "\0" + manager.name[1:])
        except BlockingIOError:
            pass
    seen = len(manager.seen)
    serve = Service("serve", "--store", "sqlite:fleet.db", "--port", port, manager=manager)
    until("it serves", lambda: probe(port, "/readyz")[0] == 200, serve.says)
    until("a manager that was busy hears it", lambda: any("READY=1" in m for m in manager.read()[seen:]), serve.says)
    serve.stop()
    serve = Service("serve", "--store", "sqlite:fleet.db", "--port", port)
    until("the port is free again", lambda: probe(port, "/readyz")[0] == 200, serve.says)
    serve.stop()

    # ---- the ingester and the simulator; a token, and an address for others ----
    manager, port = Manager(os.path.join(folder.name, "ingest")), free_port()
    with open("token", "w") as f:
        f.write("a-token-of-this-test\n")
    os.chmod("token", 0o600)
    open("in.jsonl", "w").close()
    ingest = Service("ingest", "--source", "jsonl:in.jsonl?follow=1", "--sink", "sqlite:fleet.db", "--metrics-port", port,
                     "--metrics-token-file", "token", manager=manager)
    until("it is ready", lambda: manager.has("READY=1"), ingest.says)
    until("a probe needs no token", lambda: probe(port, "/readyz") == (200, "ready"))
    check("the metrics do", get(port, "/metrics")[0] == 401)
    check("which opens them", get(port, "/metrics", "a-token-of-this-test")[0] == 200)
    ingest.stop()
    check("it says that it stops", manager.has("STOPPING=1"))
    manager, port = Manager(os.path.join(folder.name, "sim")), free_port()
    sim = Service("sim", "--interval", 0.1, "--sink", "null:", "--metrics-port", port, "--metrics-listen", "0.0.0.0",
                  "--insecure-listen", manager=manager)
    until("it is ready", lambda: manager.has("READY=1"), sim.says)
    until("at any address", lambda: probe(port, "/readyz") == (200, "ready"))
    check("it warns of that", "0.0.0.0:%d can be reached from other machines" % port in sim.says(), sim.says())
    sim.stop()
    for tool, more in (("sim", ["--sink", "null:"]), ("predict", []), ("ingest", ["--source", "jsonl:in.jsonl"])):
        err = run(tool, *more, "--metrics-port", port, "--metrics-listen", "::", *(["--models", "models"] if tool == "predict" else []),
                  code=2)
        check("others only with token and TLS", "[::]:%d" % port in err and "--metrics-token-file, --metrics-tls-cert" in err and
              "--insecure-listen permits it" in err, err)
    err = run("sim", "--sink", "null:", "--metrics-port", port, "--metrics-token-file", "nothing", code=66)
    check("a token file that is not there", "--metrics-token-file names it" in err, err)

    # ---- what root hands to a service: its group may read it, others may not ----
    if os.geteuid() == 0:
        os.chmod(folder.name, 0o755)
        for mode, code in ((0o440, 0), (0o444, 78), (0o460, 78)):
            with open("conf", "w") as f:
                f.write("sink = null:?password=hush\n")
            os.chmod("conf", mode)
            os.chown("conf", 0, 65534)
            done = subprocess.run([os.path.join(BIN, "evtwin-sim"), "--config", "conf", "--print-config"], capture_output=True,
                                  text=True, timeout=DEADLINE_S, user=65534, group=65534, extra_groups=[])
            check(f"a configuration of mode {mode:o}", done.returncode == code, done.stderr)
        for mode, code in ((0o440, 0), (0o444, 2)):
            os.chmod("token", mode)
            os.chown("token", 0, 65534)
            done = subprocess.run([os.path.join(BIN, "evtwin-serve"), "--store", "sqlite:none.db", "--token-file", "token", "--check"],
                                  capture_output=True, text=True, timeout=DEADLINE_S, user=65534, group=65534, extra_groups=[])
            check(f"a token of mode {mode:o}", ("token file token: ok" in done.stdout) == (code == 0), done.stdout + done.stderr)

    # ---- the password by a file that the environment names ----
    done = subprocess.run([os.path.join(BIN, "evtwin-predict"), "--print-config"], capture_output=True, text=True,
                          timeout=DEADLINE_S, env={**os.environ, "DB_HOST": "/run/db", "DB_PASSWORD_FILE": "/run/a b/pass"})
    check("DB_PASSWORD_FILE", "store = postgresql://twin@/twin_data?host=/run/db&password_file=/run/a%20b/pass" in done.stdout, done.stdout)

    # ---- a manager that is not there, or not valid, keeps nobody from working ----
    for name, words in ((os.path.join(folder.name, "nobody"), None), ("relative", "neither a path nor"), ("/" + "x" * 200, "neither")):
        done = subprocess.run([os.path.join(BIN, "evtwin-sim"), "--duration", "0.3", "--interval", "0.1", "--sink", "null:"],
                              capture_output=True, text=True, timeout=DEADLINE_S, env={**os.environ, "NOTIFY_SOCKET": name})
        check("it works", done.returncode == 0 and "SoC: " in done.stdout, done.stderr)
        check("what is wrong is said", words is None or words in done.stderr, done.stderr)
    print(f"{n_checks} checks")


try:
    main()
finally:
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
