#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""alert_delivery.py BIN: alerts of evtwin-serve, to a web hook and a mail server that refuse, hang and come
back: 300 batteries that fall silent are one message, a kill loses and repeats nothing, of two servers one
delivers. On SQLite and on PostgreSQL."""
import json
import os
import re
import signal
import ssl
import sys
import threading
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402
from server.alerts import (  # noqa: E402
    Child, DEADLINE_S, Hook, MailServer, PASSWORD, batteries, check, children, counts, folder, metrics,
    no_secret, path, simulate, wait_until, watch)


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
