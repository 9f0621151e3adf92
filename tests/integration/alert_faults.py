#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""alert_faults.py BIN: a watch for alerts whose store is removed, replaced, full, read-only or restarted, and two
of them of which the one that works is killed again and again: none is lost, none is raised twice."""
import contextlib
import os
import random
import resource
import signal
import sqlite3
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402
from server import alerts as tools  # noqa: E402
from server.alerts import Child, Hook, ask, check, metrics, path, simulate, wait_until, watch  # noqa: E402

NOBODY = 65534


def open_alerts(store):
    return [row[0] for row in ask(store, "SELECT battery_id FROM ev_alert WHERE cleared_at IS NULL ORDER BY 1")]


def all_alerts(store):
    return [row[0] for row in ask(store, "SELECT battery_id FROM ev_alert ORDER BY 1")]


def ids(first, n):
    """What the simulator calls them."""
    return [f"{first[0]}{int(first[1:]) + i:0{len(first) - 1}}" for i in range(n)]


def delivered(hook):
    """How often each battery was in a message as raised; the messages are small enough to name all."""
    times = {}
    for message in hook.messages:
        check("all are named", message["more"] == 0)
        for alert in message["alerts"]:
            if alert["state"] == "raised":
                times[alert["battery_id"]] = times.get(alert["battery_id"], 0) + 1
    return times


def is_said(server, *texts):
    return all(text in server.text() for text in texts)


# ---- SQLite ----

def removed_and_replaced(folder):
    """The file goes, another one comes in its place, as when the demo starts anew."""
    hook, file = Hook(), path("gone.db")
    store = "sqlite:" + file
    simulate(store, 3)
    server = watch(store, "--alert-webhook-file", hook.file)
    wait_until("the first ones", lambda: delivered(hook) == dict.fromkeys(ids("B001", 3), 1))
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(file + end)
    simulate(store, 2, first="C001")
    expected = dict.fromkeys(ids("B001", 3) + ids("C001", 2), 1)
    wait_until("those of the new one", lambda: delivered(hook) == expected)
    check("only those are there", all_alerts(store) == ids("C001", 2))

    other = path("other.db")
    simulate("sqlite:" + other, 2, first="D001")
    with contextlib.closing(sqlite3.connect(other)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.replace(other, file)
    for end in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(file + end)
    expected.update(dict.fromkeys(ids("D001", 2), 1))
    wait_until("those of the one that was moved there", lambda: delivered(hook) == expected)
    check("only those are there", all_alerts(store) == ids("D001", 2))
    wait_until("the metrics agree", lambda: metrics(server.port()).get("evtwin_alerts_raised_total") == 2)
    server.stop()


def full(folder):
    """No room for what was found: it is found again when there is room, and nothing was sent before it was kept.
    A limit to the size of files stands in for the disk."""
    hook, store = Hook(), "sqlite:" + path("full.db")
    simulate(store, 2)

    def confine():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    server = watch(store, "--alert-webhook-file", hook.file, before=confine)
    wait_until("the first ones", lambda: delivered(hook) == dict.fromkeys(ids("B001", 2), 1))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (16384, resource.RLIM_INFINITY))
    simulate(store, 3, first="F001", seconds="1")
    wait_until("it says why", lambda: is_said(server, "alerts: "))
    check(f"nothing was sent that is not kept: {delivered(hook)}", delivered(hook) == dict.fromkeys(ids("B001", 2), 1))
    check("none is kept", all_alerts(store) == ids("B001", 2))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    expected = dict.fromkeys(ids("B001", 2) + ids("F001", 3), 1)
    wait_until("all of them", lambda: delivered(hook) == expected)
    check("each is there once", all_alerts(store) == sorted(expected))
    server.stop()


def read_only(folder):
    """A file that may not be written: the server answers and says why; one that is started when it may raises."""
    if os.geteuid() != 0:
        return  # who is to take the right away from oneself and give it back is root
    hook, place = Hook(), path("locked")
    os.mkdir(place)
    file = os.path.join(place, "t.db")
    store = "sqlite:" + file
    simulate(store, 2)
    with contextlib.closing(sqlite3.connect(file)) as writer:  # without one SQLite could not read it either
        writer.execute("PRAGMA user_version").fetchall()
        writer.execute("SELECT count(*) FROM ev_alert").fetchall()
        names = [os.path.join(place, name) for name in os.listdir(place)]
        for name in names:
            os.chmod(name, 0o644)
        for name in (tools.folder.name, place):
            os.chmod(name, 0o755)
        os.chown(hook.file, NOBODY, NOBODY)

        def become_nobody():
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        server = watch(store, "--alert-webhook-file", hook.file, before=become_nobody)
        wait_until("it says why", lambda: is_said(server, "alerts: "))
        check("nothing is raised, and it serves", not hook.messages and server.port() and server.poll() is None)
        server.stop()
        for name in [place] + names:
            os.chown(name, NOBODY, NOBODY)
        server = watch(store, "--alert-webhook-file", hook.file, before=become_nobody)
        wait_until("they are raised", lambda: delivered(hook) == dict.fromkeys(ids("B001", 2), 1))
        server.stop()


# ---- PostgreSQL ----

def restarted(pg):
    """The server of the database is killed and comes back."""
    hook, store = Hook(), pg.database()
    simulate(store, 3)
    server = watch(store, "--alert-webhook-file", hook.file)
    wait_until("the first ones", lambda: delivered(hook) == dict.fromkeys(ids("B001", 3), 1))
    for k in range(2):
        pg.kill()
        wait_until("it is noticed", lambda n=k: server.text().count("WARNING") + server.text().count("warning") > n)
        pg.restart()
        simulate(store, 2, first=f"{'CD'[k]}001")
        expected = dict.fromkeys(ids("B001", 3) + ids("C001", 2) + (ids("D001", 2) if k else []), 1)
        wait_until("the next ones", lambda e=expected: delivered(hook).keys() == e.keys())
        check("each is there once", all_alerts(store) == sorted(expected))
        check(f"none came more than twice: {delivered(hook)}", max(delivered(hook).values()) <= 2)
    server.stop()


# ---- two of them ----

def killed_at_random(store, rounds):
    """Two watch; the one that works is killed at a random moment, and another one comes. Batteries fall silent
    all the time."""
    seed = random.randrange(1 << 32)
    print(f"{store.split(':')[0]}: moments of seed {seed}", flush=True)
    moments = random.Random(seed)
    hook, n_kills, made = Hook(), 0, []

    def start():
        return watch(store, "--alert-webhook-file", hook.file)

    simulate(store, 2, first="K000")
    made += ids("K000", 2)
    both = [start(), start()]
    for k in range(rounds):
        def works():
            return [s for s in both if metrics(s.port()).get("evtwin_alerts_watching") == 1]

        holder = wait_until("one of them works", works)
        check("and only one", len(holder) == 1)
        first = f"K{10 * (k + 1):03}"
        simulate(store, 2, first=first)
        made += ids(first, 2)
        # from before they are silent (2 s) until after they were delivered
        time.sleep(moments.uniform(0.0, 5.0))
        holder[0].kill()
        holder[0].wait()
        n_kills += 1
        both[both.index(holder[0])] = start()
    wait_until("all of them came", lambda: delivered(hook).keys() == set(made))
    wait_until("and that is noted", lambda: tools.counts(store) == {"19": len(made)})
    check("each is there once, and open", all_alerts(store) == sorted(made) and open_alerts(store) == sorted(made))
    twice = len(hook.messages) - len({tuple(sorted(a["id"] for a in m["alerts"])) for m in hook.messages})
    check(f"a kill repeats a message at most: {twice} of {n_kills}", twice <= n_kills)
    for server in both:
        server.stop()


def main():
    removed_and_replaced(tools.folder.name)
    full(tools.folder.name)
    read_only(tools.folder.name)
    killed_at_random("sqlite:" + path("killed.db"), 4)
    tools.no_secret()
    with servers.Postgres() as pg:
        restarted(pg)
        killed_at_random(pg.database(), 3)
    tools.no_secret()


if __name__ == "__main__":
    servers.run_test(main, tools.children)
