#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""serve_postgres.py BIN: evtwin-serve on a PostgreSQL that is killed, restarted, silent, full, locked, dropped and
made anew, and on a standby that takes over: 503 with a reason while it cannot answer, /health says so too, and 200
again without a restart; a live stream goes on without a gap or says that there is one; a clean end even then."""
import os
import signal
import subprocess
import time

from servers import Postgres, run_test
from server.serve import CHILDREN, DEADLINE_S, Events, Serve, Tool, Watched, await_, check

try:
    import psycopg2
except ImportError:
    psycopg2 = None

PATHS = ("/health", "/api/batteries/list", "/api/battery/history", "/api/battery/latest", "/api/fleet/trends")


def fill(uri):
    tool = Tool("evtwin-sim", "-q", "--fleet", "2", "--interval", "0.1", "--duration", "0.5", "--sink", uri)
    check("rows are written", tool.process.wait(DEADLINE_S) == 0)


class WatchedDatabase(Watched):
    """On that store."""

    def __init__(self, pg, uri=None):
        self.pg, self.uri, self.n_rows = pg, uri or pg.uri, 0
        super().__init__(Serve(self.uri), PATHS)
        self.all_become(200, "at first")
        self.follow(Events(self.server).begin())

    def is_well_again(self, when, resets=(), pg=None):
        """Everything is answered; a new row arrives at the stream, after no more than those resets."""
        self.all_become(200, when)
        self.n_rows += 1
        battery = f"NEW_{self.n_rows}"
        sql = (f"INSERT INTO ev_telemetry (time, battery_id, soc, seq) VALUES (now(), '{battery}', 50, 1)")
        (pg or self.pg).sql(sql, self.uri.rpartition("/")[2].partition("?")[0])
        await_(f"{when}: {battery} arrives, after {self.seen} and {self.resets}", lambda: battery in self.seen)
        check(f"{when}: {self.resets}", set(self.resets) <= set(resets))
        check(f"{when}: each once: {self.seen}", self.seen.count(battery) == 1)
        if not self.resets:
            check(f"{when}: without a gap: {self.seen}",
                  [b for b in self.seen if b.startswith("NEW_")] == [f"NEW_{i + 1}" for i in range(self.n_rows)])
        self.resets.clear()

    def backends(self):
        """Process ids of the server's connections."""
        return [int(pid) for pid in self.pg.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'evtwin%' OR application_name LIKE 'libevtwin%'"
        ).split()]


def test_killed(w):
    w.pg.kill()
    w.all_become(503, "without its server")
    w.pg.restart()
    w.is_well_again("with its server again")
    w.pg.pause()
    w.all_become(503, "with a silent server")
    w.pg.resume()
    w.is_well_again("with one that speaks again")


def test_backends_killed(w):
    """PostgreSQL itself begins anew when one of its processes is killed."""
    pids = w.backends()
    check("the server has connections", len(pids) > 0)
    os.kill(pids[0], signal.SIGKILL)
    await_("another one recovers", lambda: pids[0] not in w.backends() if w.pg.answers() else False)
    w.is_well_again("after a process was killed")
    w.pg.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type ="
             " 'client backend'")
    w.is_well_again("after its connections were ended")


def test_no_connection_left(w):
    """Others take them all."""
    taken = []

    def take():
        try:
            while True:
                taken.append(psycopg2.connect(w.pg.uri))
        except psycopg2.OperationalError as e:
            check(f"they are all taken: {e}", "connection" in str(e) or "too many" in str(e))
    take()
    one = taken[0]
    one.autocommit = True
    cursor = one.cursor()
    mine = tuple(db.get_backend_pid() for db in taken)
    deadline = time.monotonic() + DEADLINE_S
    while True:  # the server comes back for its own, and others may be first
        cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client"
                       " backend' AND NOT pid = ANY(%s)", (list(mine),))
        if cursor.fetchone()[0] == 0:
            break
        check("others are first", time.monotonic() < deadline)
        take()
        mine = tuple(db.get_backend_pid() for db in taken)
    w.all_become(503, "without a connection")
    for db in taken:
        db.close()
    w.is_well_again("with connections again")


def test_locked_table(w):
    """Statements that last: nobody waits for them beyond the time of an answer."""
    with psycopg2.connect(w.uri) as db, db.cursor() as cursor:
        cursor.execute("LOCK TABLE ev_telemetry IN ACCESS EXCLUSIVE MODE")
        w.all_become(503, "with a locked table")
        _, body = w.server.get("/api/battery/latest?battery_id=BATTERY_001")
        check(f"it is the store that is busy, not the question that is too long: {body}", b"busy" in body)
        code, _ = w.server.get("/metrics")
        check("the metrics are there", code == 200)
        db.rollback()
    db.close()
    w.is_well_again("with the table unlocked")


def test_dropped(w, name):
    w.pg.sql(f"DROP DATABASE {name} WITH (FORCE)")
    w.all_become(503, "without its database")
    w.pg.sql(f"CREATE DATABASE {name}")
    w.all_become(503, "with an empty one")
    fill(w.uri)
    w.is_well_again("with another one", ("replaced",))


def test_older(w):
    """A schema that lacks a step: not served, with a reason; a server that runs answers 503 once it has connected
    anew, until a writer has brought it up to date."""
    database = w.uri.rpartition("/")[2]
    rows = "SELECT count(*), count(rul_prediction), max(revision) FROM ev_telemetry"
    before = w.pg.sql(rows, database)
    w.pg.sql("DROP TABLE ev_alert, ev_alert_writer; DELETE FROM ev_migration WHERE name LIKE '%alert%'", database)
    tool = Tool("evtwin-serve", "--store", w.uri, "--port", 0)
    code = tool.process.wait(DEADLINE_S)
    check(f"it is not served: {code} {tool.said()}", code == 65 and "older" in tool.said())
    w.pg.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <>"
             " pg_backend_pid()")
    w.all_become(503, "with an older schema")
    check("nothing is changed by who reads", w.pg.sql(rows, database) == before)
    fill(w.uri)
    w.is_well_again("with that one brought up to date")


def test_ends(w):
    w.pg.pause()  # nor does the end wait for it
    w.server.process.send_signal(signal.SIGTERM)
    try:
        code = w.server.process.wait(DEADLINE_S)
    finally:
        w.pg.resume()
    check(f"exit code {code} at the end", code == 0)


class Standby(Postgres):
    """A hot standby of another one."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__({"hot_standby": "on"})

    def prepare(self):
        primary = self.primary
        super().prepare()
        subprocess.run(["rm", "-rf", self.data], check=True)
        conf = os.path.join(primary.data, "pg_hba.conf")
        with open(conf) as f:
            if "replication" not in f.read():
                with open(conf, "a") as more:
                    more.write("host replication all 127.0.0.1/32 trust\n")
        primary.sql("SELECT pg_reload_conf()")
        subprocess.run([os.path.join(self.bin, "pg_basebackup"), "-D", self.data, "-h", "127.0.0.1", "-p",
                        str(primary.port), "-U", "evtwin", "-R", "-X", "stream", "-c", "fast"], check=True, **self.user)
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as f:
            f.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")


def test_takeover(pg):
    """It is read on a standby, which then takes over: its history has branched off."""
    with Standby(pg) as standby:
        w = WatchedDatabase(pg, standby.uri)
        w.is_well_again("on a standby")
        pg.kill()
        w.all_become(200, "without the primary")
        standby.sql("SELECT pg_promote()")
        w.is_well_again("after it took over", ("replaced",), standby)
        w.server.stop()


def main():
    with Postgres() as pg:
        fill(pg.uri)
        w = WatchedDatabase(pg)
        test_killed(w)
        test_backends_killed(w)
        if psycopg2 is not None:
            test_no_connection_left(w)
            test_locked_table(w)
        test_ends(w)
        uri = pg.database()
        fill(uri)
        w = WatchedDatabase(pg, uri)
        test_dropped(w, uri.rpartition("/")[2])
        test_older(w)
        w.server.stop()
        test_takeover(pg)


run_test(main, CHILDREN)
