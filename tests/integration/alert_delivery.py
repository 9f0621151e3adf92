#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""alert_delivery.py BIN: alerts of evtwin-serve, to a web hook and a mail server that refuse, hang and come
back: 300 batteries that fall silent are one message, a kill loses and repeats nothing, of two servers one
delivers. On SQLite and on PostgreSQL."""
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
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

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
        servers.die_with_parent()

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


# ---- the cases ----

def one_message_by_two_ways(store, waits_long):
    """The hook refuses in every way before it takes the message; the mail server, too."""
    hook, mail = Hook(), MailServer()
    hook.plan = ["500", "close", "302"] + (["hang"] if waits_long else [])
    mail.plan = ["450", "close"]
    simulate(store, 300)
    password = path("password")
    with open(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(PASSWORD + "\n")
    server = watch(store, "--alert-webhook-file", hook.file, "--alert-clear-after", "0", "--alert-smtp",
                   f"smtp://evtwin@127.0.0.1:{mail.port}/?from=evtwin@example.com&password_file={password}",
                   "--alert-to", "fleet@example.com, night@example.com")
    wait_until("both ways have delivered", lambda: counts(store) == {"11": 300})
    check(f"one message of 300: {len(hook.messages)}", [m["raised"] for m in hook.messages] == [300])
    check("it names the count and ten", re.search(r"300 batteries: no data \(B001, .*B010 and 290 more\)",
                                                  hook.messages[0]["text"]))
    check("ten in full", len(hook.messages[0]["alerts"]) == 10 and hook.messages[0]["more"] == 290)
    check(f"every refusal came first: {[t[0] for t in hook.tries]}",
          [t[0] for t in hook.tries[:3]] == ["500", "close", "302"] and hook.tries[-1][0] == "200")
    check("no redirect was followed, and all posts were as they should be", hook.strays == 0)
    check(f"one mail: {len(mail.mails)}", len(mail.mails) == 1)
    sender, to, message = mail.mails[0]
    check("envelope", sender == "evtwin@example.com" and to == ["fleet@example.com", "night@example.com"])
    check(f"subject: {message['Subject']}", message["Subject"] == "evtwin: WARNING 300 batteries: no data")
    check("head", message["To"] == "fleet@example.com, night@example.com" and message["Date"]
          and message["Message-ID"] and message["Auto-Submitted"] == "auto-generated")
    check("body", "B001" in message.get_content() and "290 more" in message.get_content())
    check("login", mail.logins[-1] == (["evtwin", PASSWORD], False))

    # ten of them come back: one message again
    simulate(store, 10, seconds="4")
    wait_until("what is cleared is delivered", lambda: batteries(hook.messages, "cleared") >= 10)
    check(f"10 are cleared: {hook.messages[-1]['text']}", batteries(hook.messages, "cleared") == 10)
    server.stop()
    check("the hook's trouble is in the log", "web hook at 127.0.0.1" in server.text())


def killed_in_between(store):
    """Killed while the message is on its way: it comes again, and no alert is raised anew."""
    hook = Hook()
    hook.plan = ["hang"]
    simulate(store, 20)
    server = watch(store, "--alert-webhook-file", hook.file)
    wait_until("the message is on its way", lambda: hook.tries)
    server.kill()
    server.wait()
    hook.released.set()
    check("they are in the store before", counts(store) == {"09": 20})
    server = watch(store, "--alert-webhook-file", hook.file)
    wait_until("it has come", lambda: counts(store) == {"19": 20})
    check("once", [m["raised"] for m in hook.messages] == [20])
    server.kill()  # after it was noted: nothing comes twice
    server.wait()
    server = watch(store, "--alert-webhook-file", hook.file)
    simulate(store, 1, first="X1")
    wait_until("the next one has come", lambda: counts(store) == {"19": 21})
    check(f"alone: {hook.messages}", [m["raised"] for m in hook.messages] == [20, 1])
    server.stop()


def hard_to_reach(store):
    """A hook that limits its callers and floods, a mail server that refuses one of three addresses: what can
    be delivered is, once, and it is said what cannot. The metrics agree."""
    hook, mail = Hook(), MailServer()
    hook.plan = ["400", "429", "flood"]
    mail.refused = {"gone@example.com": "550 5.1.1 no such user", "full@example.com": "452 mailbox full"}
    simulate(store, 4)
    server = watch(store, "--alert-webhook-file", hook.file, "--alert-smtp", f"smtp://127.0.0.1:{mail.port}",
                   "--alert-to", "gone@example.com,fleet@example.com,full@example.com")
    port = server.port()
    wait_until("both ways have delivered", lambda: counts(store) == {"11": 4})
    check(f"the hook: {[t[0] for t in hook.tries]}", [t[0] for t in hook.tries] == ["400", "429", "flood"])
    check("its wish is respected", hook.times[2] - hook.times[1] >= 3)
    check(f"one mail to who can be reached: {mail.mails}", [m[1] for m in mail.mails] == [["fleet@example.com"]])
    wait_until("it is said who was refused", lambda: "gone@example.com: 550 5.1.1 no such user, full@example.com: 452"
               in server.text())
    expected = {'evtwin_alerts_open{level="warning",kind="silent"}': 4, "evtwin_alerts_raised_total": 4,
                'evtwin_alerts_open{level="critical",kind="limit"}': 0, "evtwin_alerts_watching": 1,
                'evtwin_alerts_waiting{channel="webhook"}': 0, 'evtwin_alerts_waiting{channel="mail"}': 0,
                'evtwin_alert_deliveries_total{channel="webhook",outcome="delivered"}': 1,
                'evtwin_alert_deliveries_total{channel="webhook",outcome="failed"}': 2,
                'evtwin_alert_deliveries_total{channel="mail",outcome="delivered"}': 1,
                "evtwin_alert_refused_addresses_total": 2}
    wait_until("the metrics agree", lambda: expected.items() <= metrics(port).items())
    mail.refused["fleet@example.com"] = "550 no"
    simulate(store, 1, first="N1")
    wait_until("nobody takes it: it is tried again",
               lambda: metrics(port)['evtwin_alert_deliveries_total{channel="mail",outcome="failed"}'] > 0)
    wait_until("it waits", lambda: metrics(port)['evtwin_alerts_waiting{channel="mail"}'] == 1)
    server.stop()


def ended_in_between(store):
    """SIGTERM while a message is on its way: an answer that still comes is noted, and nothing comes twice; one
    that does not come in time is not waited for, and the message comes once more."""
    hook = Hook()
    hook.plan = ["late"]
    simulate(store, 3)
    server = watch(store, "--alert-webhook-file", hook.file)
    wait_until("the message is on its way", lambda: hook.tries)
    server.process.send_signal(signal.SIGTERM)
    hook.released.set()
    check("it ends well", server.wait() == 0)
    n_first = len(hook.messages)
    check(f"it was delivered: {n_first}", n_first == 1)
    is_noted = counts(store) == {"19": 3}  # the answer was there within the 3 s, on a machine that is not too slow

    hook.plan, hook.released = ["hang"], threading.Event()
    simulate(store, 2, first="E1")
    server = watch(store, "--alert-webhook-file", hook.file)
    wait_until("the next one is on its way", lambda: len(hook.tries) == 2)
    server.stop()
    check("it was not waited for", not hook.released.is_set() and len(hook.messages) == 1)
    server = watch(store, "--alert-webhook-file", hook.file)
    wait_until("it comes once more", lambda: counts(store) == {"19": 5})
    check(f"nothing else does: {hook.messages}", [m["raised"] for m in hook.messages] == [3, 2 if is_noted else 5])
    server.stop()
    hook.released.set()


def one_of_two(store):
    """Two servers watch one store: one delivers; when it is killed, the other one goes on."""
    hook = Hook()
    simulate(store, 5)
    both = [watch(store, "--alert-webhook-file", hook.file) for _ in range(2)]
    wait_until("they have come", lambda: counts(store) == {"19": 5})
    waiting = wait_until("one of them waits", lambda: [s for s in both if "another program" in s.text()])
    check("one of them", len(waiting) == 1)
    holder = both[1 - both.index(waiting[0])]
    holder.kill()
    holder.wait()
    simulate(store, 1, first="Y1")
    wait_until("the other one delivers", lambda: counts(store) == {"19": 6})
    check("each once", [m["raised"] for m in hook.messages] == [5, 1])
    waiting[0].stop()


def certificates_are_checked(store):
    """A hook by https and a mail server with STARTTLS: with the authority that certifies them, or not at all."""
    servers.certificates(folder.name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("server.crt"), path("server.key"))
    hook, mail, plain = Hook(context), MailServer(context), MailServer()
    simulate(store, 2)

    def watch_by(authority, port):
        return watch(store, "--alert-webhook-file", hook.file, "--alert-ca-file", path(authority), "--alert-to",
                     "fleet@example.com", "--alert-smtp", f"smtp://127.0.0.1:{port}/?tls=required")

    server = watch_by("other.crt", mail.port)
    wait_until("both are refused", lambda: "web hook at" in server.text() and "mail by" in server.text())
    server.stop()
    check("nothing was delivered", not hook.messages and not mail.mails)
    server = watch_by("ca.crt", plain.port)
    wait_until("the hook is trusted, mail without encryption is not sent",
               lambda: hook.messages and "mail by" in server.text())
    server.stop()
    check("no mail", not plain.mails)
    server = watch_by("ca.crt", mail.port)
    wait_until("the mail server is trusted", lambda: counts(store) == {"11": 2})
    server.stop()
    check("the hook had it once", len(hook.messages) == 1)


def answered_over_http(store):
    """History, counts and acknowledgements; and each change is an event of the live stream."""
    token = "0123456789abcdef-of-the-test"
    with open(os.open(path("token"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(token + "\n")
    simulate(store, 3)
    server = watch(store, "--alerts", "--token-file", path("token"))
    beside = Child("evtwin-serve", "--store", store, "--listen", "127.0.0.1:0")
    port, beside_port = server.port(), beside.port()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask_http(url, body=None, key=token):
        headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{url}", headers=headers,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with opener.open(request, timeout=DEADLINE_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)

    def history(query=""):
        code, answer = ask_http("/api/alerts/history" + query)
        check(f"history{query}: {code} {answer}", code == 200)
        return answer["data"]

    wait_until("three are raised", lambda: len(history()) == 3)
    check("newest first, one a page", [a["id"] for a in history("?limit=1")] == [3])
    cursor = ask_http("/api/alerts/history?limit=1")[1]["next"]
    check("the next page", [a["id"] for a in history(f"?limit=1&cursor={cursor}")] == [2])
    check("of one battery", [a["id"] for a in history("?battery_id=B002&state=raised")] == [2])
    check("counts", sum(b["raised"] for b in history("?buckets=5&hours=1")) == 3)
    for wrong in ("?state=x", "?buckets=0", "?buckets=1001", "?buckets=5&hours=1e-12", "?limit=0", "?battery_id=../x", "?nothing=1"):
        check(wrong + " is refused", ask_http("/api/alerts/history" + wrong)[0] == 400)

    # of the one that watches, and of one beside it that only reads
    streams = [opener.open(urllib.request.Request(f"http://127.0.0.1:{p}/api/stream",
                                                  headers={"Authorization": "Bearer " + token}), timeout=DEADLINE_S)
               for p in (port, beside_port)]
    for stream in streams:
        while b"event: summary" not in stream.readline():
            pass
    acknowledge = "/api/alerts/acknowledge"
    check("not without the token", ask_http(acknowledge, {"id": 2}, "x" * 20)[0] == 401)
    code, answer = ask_http(acknowledge, {"id": 2, "by": "Ada <&>"})
    check(f"acknowledged: {answer}", code == 200 and answer["data"]["state"] == "acknowledged"
          and answer["data"]["acknowledged_by"] == "Ada <&>")
    check("Bob is late", ask_http(acknowledge, {"id": 2, "by": "Bob"})[1]["data"]["acknowledged_by"] == "Ada <&>")
    for body, code in (({"id": 99}, 404), ({"id": "2"}, 400), ({}, 400), ([], 400), ({"id": 1, "by": ""}, 400),
                       ({"id": 1, "by": "x" * 101}, 400), ({"id": -1}, 404)):
        check(f"{body} gives {code}", ask_http(acknowledge, body)[0] == code)
    check("state", [a["id"] for a in history("?state=acknowledged")] == [2])
    check("open", [a["id"] for a in history("?state=open")] == [3, 2, 1])
    for stream in streams:
        data = {"acknowledged_by": None}
        while data["acknowledged_by"] is None:  # that they were raised may be an event, too
            while b"event: alert" not in (line := stream.readline()):
                check("the stream goes on", line)
            while not (line := stream.readline()).startswith(b"data: "):
                pass
            data = json.loads(line[6:])
        check(f"the event: {data}", data["acknowledged_by"] == "Ada <&>")
        stream.close()
    wait_until("the metrics of the other one", lambda: metrics(beside_port).get("evtwin_alerts_raised_total") == 3)
    check("which does not watch", "evtwin_alerts_watching" not in metrics(beside_port))
    beside.stop()
    server.stop()


def try_all(new_store, waits_long):
    answered_over_http(new_store())
    one_message_by_two_ways(new_store(), waits_long)
    hard_to_reach(new_store())
    killed_in_between(new_store())
    ended_in_between(new_store())
    one_of_two(new_store())
    no_secret()


def main():
    names = iter(range(100))
    try_all(lambda: f"sqlite:{path(f'{next(names)}.db')}", True)
    certificates_are_checked(f"sqlite:{path('tls.db')}")
    no_secret()
    with servers.Postgres() as pg:
        try_all(pg.database, False)


if __name__ == "__main__":
    servers.run_test(main, children)
