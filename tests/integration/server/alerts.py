# SPDX-License-Identifier: MIT
"""What the tests of alerts share: a web hook and a mail server that do as they are told, the tools beside them, and what a
store has of its alerts."""
import base64
import contextlib
import email
import email.policy
import http.server
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from .base import die_with_parent

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 120
SECRET = "T0K3N-of-the-hook"
PASSWORD = "pass-of-the-mail"
folder = tempfile.TemporaryDirectory(prefix="evtwin-alerts.")
children = []


def path(name):
    return os.path.join(folder.name, name)


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def wait_until(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        if time.monotonic() > deadline:
            for child in children:
                if child.log is not None:
                    print(open(child.log).read())
            sys.exit(f"FAILED: {what}: not within {DEADLINE_S} s")
        time.sleep(0.1)
    return value


# ---- receivers ----

class Hook:
    """A web hook. `plan` says what becomes of the next posts: "500", "302", "429" (Retry-After: 3), "close" (no
    answer), "hang" (until released), "late" (200 when released), "flood" (200 and 10 MB), else 200, which is what
    comes when the plan is over."""

    def __init__(self, context=None):
        self.plan, self.tries, self.times, self.messages, self.strays = [], [], [], [], 0
        self.released = threading.Event()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.strays += self.path != "/hook/" + SECRET
                hook.strays += self.headers["Content-Type"] != "application/json; charset=utf-8"
                step = hook.plan.pop(0) if hook.plan else "200"
                hook.times.append(time.monotonic())
                hook.tries.append((step, body))
                if step == "close":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if step == "hang":
                    hook.released.wait(DEADLINE_S)
                    return
                if step == "late":
                    hook.released.wait(DEADLINE_S)
                if step in ("200", "late", "flood"):
                    hook.messages.append(body)
                self.send_response(int(step) if step.isdigit() else 200)
                if step == "302":
                    self.send_header("Location", "/elsewhere")
                if step == "429":
                    self.send_header("Retry-After", "3")
                self.send_header("Content-Length", "0" if step != "flood" else str(10 << 20))
                self.end_headers()
                if step == "flood":
                    with contextlib.suppress(OSError):
                        for _ in range(160):
                            self.wfile.write(b"x" * 65536)

            def do_GET(self):
                hook.strays += 1

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        scheme = "http"
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.file = path(f"hook{self.server.server_port}")
        with open(os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(f"{scheme}://127.0.0.1:{self.server.server_port}/hook/{SECRET}\n")


class MailServer:
    """As much of SMTP as it takes. plan: "450" refuses the recipients for now, "close" hangs up; refused:
    what is said of an address, whatever the plan."""

    def __init__(self, context=None):
        self.plan, self.mails, self.logins, self.context, self.refused = [], [], [], context, {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError):
            self.talk(connection)
        connection.close()

    def talk(self, connection):
        step = self.plan.pop(0) if self.plan else ""
        lines = connection.makefile("rb")

        def say(*answer):
            connection.sendall("".join(line + "\r\n" for line in answer).encode())

        sender, recipients, is_secure = "", [], False
        say("220 localhost ESMTP")
        while line := lines.readline():
            check(f"a line ends with CR LF: {line}", line.endswith(b"\r\n"))
            word, _, rest = line.decode("ascii").strip().partition(" ")
            word = word.upper()
            if step == "close":
                return
            if word == "EHLO":
                offers = ["AUTH PLAIN"] + (["STARTTLS"] if self.context and not is_secure else [])
                say("250-localhost", *[f"250-{o}" for o in offers], "250 SIZE 1000000")
            elif word == "STARTTLS" and self.context:
                say("220 go ahead")
                connection = self.context.wrap_socket(connection, server_side=True)
                lines, is_secure = connection.makefile("rb"), True
            elif word == "AUTH":
                response = rest.partition(" ")[2]
                if not response:
                    say("334 ")
                    response = lines.readline().decode().strip()
                self.logins.append((base64.b64decode(response).decode().split("\0")[1:], is_secure))
                say("235 welcome")
            elif word == "MAIL":
                sender = re.search(r"<(.*)>", rest)[1]
                say("250 ok")
            elif word == "RCPT" and step == "450":
                say("450 later")
            elif word == "RCPT" and re.search(r"<(.*)>", rest)[1] in self.refused:
                say(self.refused[re.search(r"<(.*)>", rest)[1]])
            elif word == "RCPT":
                recipients.append(re.search(r"<(.*)>", rest)[1])
                say("250 ok")
            elif word == "DATA":
                say("354 go on")
                data = b""
                while (line := lines.readline()) != b".\r\n":
                    check(f"a line of the mail ends with CR LF: {line}", line.endswith(b"\r\n"))
                    data += line[1:] if line.startswith(b".") else line
                self.mails.append((sender, recipients, email.message_from_bytes(data, policy=email.policy.default)))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok" if word in ("RSET", "NOOP") else "502 what?")


# ---- tools ----

class Child:
    def __init__(self, tool, *args, before=None):
        self.log = path(f"log{len(children)}")
        self.before = before
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.path.join(BIN, tool), *map(str, args)], cwd=folder.name,
                                            stdout=log, stderr=log, preexec_fn=self.prepare)
        children.append(self)

    def prepare(self):
        if self.before is not None:
            self.before()
        die_with_parent()

    def poll(self):
        return self.process.poll()

    def kill(self):
        self.process.kill()

    def wait(self):
        return self.process.wait(DEADLINE_S)

    def stop(self):
        self.port()  # before it serves, the signal ends it as any program
        self.process.send_signal(signal.SIGTERM)
        check(f"{self.log} ends well: {self.wait()}\n{self.text()}", self.process.returncode == 0)

    def port(self):
        return int(wait_until("it serves", lambda: re.search(r"at http://localhost:(\d+)", self.text()))[1])

    def text(self):
        with open(self.log) as f:
            return f.read()


def watch(store, *args, before=None):
    return Child("evtwin-serve", "--store", store, "--listen", "127.0.0.1:0", "--silent-after", "2",
                 "--predictions-stopped-after", "100000", "--alert-group-s", "1", *args, before=before)


def simulate(store, n, first="B001", seconds="0.4"):
    subprocess.run([os.path.join(BIN, "evtwin-sim"), "-q", "--fleet", str(n), "--battery-id", first, "--speed", "1",
                    "--interval", "0.2", "--duration", seconds, "--sink", store], check=True, timeout=DEADLINE_S)


def ask(store, sql):
    """All rows of a query, as strings."""
    if store.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(store[len("sqlite:"):], timeout=30)) as db:
            return [tuple(str(v) for v in row) for row in db.execute(sql)]
    import psycopg2
    with contextlib.closing(psycopg2.connect(store)) as db, db.cursor() as cursor:
        cursor.execute(sql)
        return [tuple(str(v) for v in row) for row in cursor]


def counts(store):
    """How many alerts there are, and how many by what was delivered of them."""
    return {row[0] + row[1]: int(row[2]) for row in
            ask(store, "SELECT coalesce(webhook, 9), coalesce(mail, 9), count(*) FROM ev_alert GROUP BY 1, 2")}


def batteries(messages, state="raised"):
    return sum(m[state] for m in messages)


def metrics(port):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=DEADLINE_S) as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(evtwin_alert\S+) (\S+)$", text, re.M)}


def no_secret():
    for child in children:
        text = child.text()
        check(f"{child.log} has no secret", SECRET not in text and PASSWORD not in text)
