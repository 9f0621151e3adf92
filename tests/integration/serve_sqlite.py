#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""serve_sqlite.py BIN: evtwin-serve on a SQLite database that is removed, replaced, truncated, damaged, held by
another program, loses its log, and lies in a folder where nothing can be written: 503 with a reason while it cannot
be read, /health says so too, and 200 again without a restart; a live stream goes on without a gap or says that
there is one."""
import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

from servers import run_test
from server.serve import CHILDREN, DEADLINE_S, Events, Serve, Tool, Watched, await_, check

PATHS = ("/health", "/api/batteries/list", "/api/battery/history?battery_id=FIRST",
         "/api/battery/latest?battery_id=FIRST", "/api/fleet/trends")
ENDS = ("", "-wal", "-shm")


class WatchedFile(Watched):
    """On a database in that folder."""

    def __init__(self, folder, name, **how):
        self.path = os.path.join(folder, name)
        self.n_rows = 0
        if not how:
            self.write("FIRST")
        super().__init__(Serve("sqlite:" + self.path, **how), PATHS)
        self.follow(Events(self.server))

    def write(self, *batteries):
        """Rows of a program that writes and ends."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
            for battery in batteries:
                self.n_rows += 1
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                f.write(json.dumps({"timestamp": now, "battery_id": battery, "soc": 50, "seq": self.n_rows}) + "\n")
            f.flush()
            tool = Tool("evtwin-ingest", "--source", f"jsonl:{f.name}", "--sink", "sqlite:" + self.path)
            check(f"rows are written: {tool.said()}", tool.process.wait(DEADLINE_S) == 0)

    def is_well_again(self, when, resets=()):
        """Everything is answered; a new row arrives at the stream once, after no more than those resets."""
        battery = f"NEW_{self.n_rows}"
        self.write("FIRST", battery)
        self.all_become(200, when)
        if resets and battery not in self.seen:  # it may be what the new database began with
            await_(f"{when}: a reset", lambda: self.resets or battery in self.seen)
            battery = f"NEW_{self.n_rows}"
            self.write(battery)
        await_(f"{when}: {battery} arrives, after {self.seen[-5:]} and {self.resets}", lambda: battery in self.seen)
        check(f"{when}: {self.resets}", set(self.resets) <= set(resets))
        check(f"{when}: once: {self.seen}", self.seen.count(battery) == 1)
        self.resets.clear()

    def remove(self, ends=ENDS):
        for end in ends:
            if os.path.exists(self.path + end):
                os.remove(self.path + end)


def test_removed(w):
    w.remove()
    w.all_become(503, "without its file")
    w.is_well_again("with a new file", ("replaced",))


def test_replaced(w, folder):
    """A database that comes from elsewhere, under a program that has another one open."""
    other = os.path.join(folder, "other.db")
    shutil.copy(w.path, other)
    with sqlite3.connect(other) as db:
        check("no log was left", db.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
    db.close()
    w.remove(("-wal", "-shm"))
    os.rename(other, w.path)
    w.is_well_again("with a copy in its place", ("replaced",))


def test_truncated(w, to):
    keep = w.path + ".keep"
    w.write("KEPT")  # whoever writes and ends leaves everything in the file, or in the log beside it
    with sqlite3.connect(w.path) as db, sqlite3.connect(keep) as copy:
        db.backup(copy)
    copy.close()
    db.close()
    os.truncate(w.path, to)
    w.remove(("-wal",))
    w.all_become(503, f"truncated to {to} bytes")
    w.remove()
    os.rename(keep, w.path)
    w.is_well_again("with the backup in its place", ("replaced",))


def test_writer_that_holds_it(w):
    """A transaction of another program keeps writers out, not readers."""
    with sqlite3.connect(w.path, isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")
        w.all_become(200, "while another writes")
        db.execute("ROLLBACK")
    db.close()
    w.is_well_again("after another wrote")


def test_held_alone(folder):
    """A program that lets nobody else in, before the server has opened it; the server starts nevertheless."""
    path = os.path.join(folder, "held.db")
    for end in ENDS:
        if os.path.exists(os.path.join(folder, "fault.db" + end)):
            shutil.copy(os.path.join(folder, "fault.db" + end), path + end)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
         "db.execute('PRAGMA locking_mode = EXCLUSIVE')\ndb.execute('BEGIN EXCLUSIVE')\nprint('held', flush=True)\n"
         "sys.stdin.readline()", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    CHILDREN.append(holder)
    check("it is held", holder.stdout.readline() == "held\n")
    w = WatchedFile(folder, "held.db", stdin=subprocess.DEVNULL)
    w.all_become(503, "while another holds it alone")
    holder.communicate("\n", timeout=DEADLINE_S)
    w.all_become(200, "after it was let go")
    w.is_well_again("and then")
    w.server.stop()


def test_log_removed(w):
    """Beside a program that goes on writing: what it writes goes into the database."""
    rows = os.path.join(os.path.dirname(w.path), "rows.jsonl")
    with open(rows, "w") as f:
        tool = Tool("evtwin-ingest", "--source", f"jsonl:{rows}?follow=1", "--sink", "sqlite:" + w.path)

        def write(battery):
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            f.write(json.dumps({"timestamp": now, "battery_id": battery, "soc": 50, "seq": 1}) + "\n")
            f.flush()
        write("LOG_1")
        await_("it is written", lambda: "LOG_1" in w.seen)
        w.remove(("-wal",))
        for i in range(2, 5):
            write(f"LOG_{i}")
            await_(f"LOG_{i} arrives without its log: {w.seen[-3:]}", lambda: f"LOG_{i}" in w.seen)
        tool.stop()
    w.is_well_again("after the log was removed")


def test_folder_of_another(folder):
    """Read as another user, who may write nothing there: when a writer has it open, and when not."""
    if os.geteuid() != 0:
        print("not tried: a folder of another user (this is not root)", flush=True)
        return
    nobody = pwd.getpwnam("nobody")
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "theirs.db")
    shutil.copy(os.path.join(folder, "fault.db"), path)
    os.chmod(path, 0o644)
    how = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    tool = Tool("evtwin-serve", "--store", "sqlite:" + path, "--port", 0, **how)
    code = tool.process.wait(DEADLINE_S)
    check(f"without a writer it says what is wrong: {code} {tool.said()}", code == 66 and "not writable" in tool.said())
    rows = os.path.join(folder, "theirs.jsonl")
    with open(rows, "w") as f:
        writer = Tool("evtwin-ingest", "--source", f"jsonl:{rows}?follow=1", "--sink", "sqlite:" + path)
        f.write(json.dumps({"timestamp": "2026-01-01T00:00:00Z", "battery_id": "THEIRS", "soc": 50, "seq": 1}) + "\n")
        f.flush()
        await_("the writer has it open", lambda: os.path.exists(path + "-wal"))
        w = WatchedFile(folder, "theirs.db", **how)
        await_("it is read", lambda: b"THEIRS" in w.server.get("/api/batteries/list")[1])
        writer.stop()
    w.all_become(200, "when the writer has ended")
    w.is_well_again("when another writes")
    w.server.stop()


def test_other_schemas(w, folder):
    """Of an older version and of a newer one: not served, with a reason; one that takes the place of a store is
    answered with 503 until a writer has brought it up to date."""
    older, newer = (os.path.join(folder, name) for name in ("older.db", "newer.db"))
    with open(os.path.join(os.path.dirname(__file__), "..", "data", "store", "store_0.1.0.sql")) as f:
        with sqlite3.connect(older) as db:
            db.executescript(f.read())
        db.close()
    shutil.copy(w.path, newer)
    with sqlite3.connect(newer) as db:
        db.execute("INSERT INTO ev_migration VALUES (900, '900_later.sql', '')")
    db.close()
    for path, names in ((older, ("older", "writing")), (newer, ("900_later.sql", "newer libevtwin"))):
        tool = Tool("evtwin-serve", "--store", "sqlite:" + path, "--port", 0)
        code = tool.process.wait(DEADLINE_S)
        check(f"{path} is not served: {code} {tool.said()}", code == 65 and all(n in tool.said() for n in names))
    w.remove(("-wal", "-shm"))
    os.rename(older, w.path)
    w.all_become(503, "with an older one in its place")
    w.write("FIRST")
    w.is_well_again("with that one brought up to date", ("replaced",))


def main():
    with tempfile.TemporaryDirectory(prefix="evtwin-faults.") as folder:
        w = WatchedFile(folder, "fault.db")
        w.all_become(200, "at first")
        test_writer_that_holds_it(w)
        test_removed(w)
        test_replaced(w, folder)
        test_truncated(w, 0)
        test_truncated(w, 20000)
        test_log_removed(w)
        test_other_schemas(w, folder)
        test_held_alone(folder)
        test_folder_of_another(folder)
        w.server.stop()


run_test(main, CHILDREN)
