#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""live_stream.py BIN: rows that writers put into a store arrive at the clients of /api/stream: once each over
connections that break, with a reset where that cannot be, and the same at a hundred clients. On SQLite, and on
PostgreSQL, where other programs write and predict, several at once."""
import json
import os
import sqlite3
import tempfile
import threading
import time

from servers import Postgres, Skip, run_test
from server.serve import CHILDREN, Events, Serve, Tool, await_, check

try:
    import psycopg2
    import psycopg2.extras
except ImportError:
    psycopg2 = None


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Ingest:
    """A SQLite store, and evtwin-ingest that follows a file of records into it."""

    kind = "SQLite"

    def __init__(self, folder, name):
        self.folder, self.seq = folder, 0
        self.file = open(os.path.join(folder, name + ".jsonl"), "w")
        self.path = os.path.join(folder, "live.db")
        self.store = "sqlite:" + self.path
        self.tool = Tool("evtwin-ingest", "--source", f"jsonl:{self.file.name}?follow=1", "--sink", self.store)

    def write(self, *battery_ids):
        for battery_id in battery_ids:
            self.seq += 1
            self.file.write(json.dumps({"timestamp": now(), "battery_id": battery_id, "soc": 50 + self.seq % 50,
                                        "seq": self.seq}) + "\n")
        self.file.flush()

    def has(self, battery_id):
        with sqlite3.connect(self.path) as db:
            return db.execute("SELECT count(*) FROM ev_telemetry WHERE battery_id = ?", (battery_id,)).fetchone()[0]

    def another(self):
        """A new, empty store in the place of this one, and who writes there."""
        self.stop()
        for end in ("", "-wal", "-shm", "-writers"):
            if os.path.exists(self.path + end):
                os.rename(self.path + end, self.path + ".old" + end)
        return Ingest(self.folder, "second")

    def stop(self):
        self.tool.stop()


class Program:
    """A PostgreSQL database, and another program that writes its rows with a client of its own."""

    kind = "PostgreSQL"

    def __init__(self, server, uri):
        self.server, self.store, self.seq = server, uri, 0
        self.make()
        self.db = psycopg2.connect(uri)

    def make(self):
        """The tables, as the first of our programs that writes makes them."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
            f.write(json.dumps({"timestamp": now(), "battery_id": "MADE", "seq": 1}) + "\n")
            f.flush()
            tool = Tool("evtwin-ingest", "--source", f"jsonl:{f.name}", "--sink", self.store)
            check("the tables are made", tool.process.wait(100) == 0)

    def write(self, *battery_ids):
        rows = [(battery_id, 50 + i % 50, self.seq + i) for i, battery_id in enumerate(battery_ids, 1)]
        self.seq += len(rows)
        with self.db, self.db.cursor() as cursor:
            psycopg2.extras.execute_values(
                cursor, "INSERT INTO ev_telemetry (time, battery_id, soc, seq) VALUES %s", rows,
                "(clock_timestamp(), %s, %s, %s)", 1000)

    def predict(self, battery_id, rul):
        with self.db, self.db.cursor() as cursor:
            cursor.execute("UPDATE ev_telemetry SET rul_prediction = %s, failure_probability = 0.9, prediction_timestamp"
                           " = now() WHERE battery_id = %s AND time = (SELECT max(time) FROM ev_telemetry WHERE"
                           " battery_id = %s)", (rul, battery_id, battery_id))

    def has(self, battery_id):
        with self.db, self.db.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM ev_telemetry WHERE battery_id = %s", (battery_id,))
            return cursor.fetchone()[0]

    def another(self):
        self.stop()
        name = self.store.rpartition("/")[2]
        self.server.sql(f"DROP DATABASE {name} WITH (FORCE)")
        self.server.sql(f"CREATE DATABASE {name}")
        return Program(self.server, self.store)

    def stop(self):
        self.db.close()


def test_a_row_arrives(server, writer):
    client = Events(server).begin()
    only = Events(server, "?battery_id=FIRST").begin()
    writer.write("OTHER", "FIRST")
    _, row = only.next("row")
    check(f"it is the battery that was asked for: {row}", row["battery_id"] == "FIRST" and row["seq"] == writer.seq)
    check("as /api/battery/latest has it", row.keys() == json.loads(
        server.get("/api/battery/latest?battery_id=FIRST")[1])["data"].keys())
    check("the other one too, at who follows all", sorted(client.rows_until("FIRST")) == ["FIRST", "OTHER"])
    client.close()
    only.close()


def test_connections_that_break(server, writer):
    """Every battery has one row, so each must come once, however often the client comes back."""
    expected = [f"BREAK_{i:04}" for i in range(600)]
    client = Events(server).begin()
    seen = []

    def write():
        for i in range(0, len(expected), 5):
            writer.write(*expected[i:i + 5])
            time.sleep(0.01)
    thread = threading.Thread(target=write)
    thread.start()
    n_breaks = 0
    while len(seen) < len(expected):
        for _ in range(7):
            if len(seen) < len(expected):
                name, data = client.next("row", "reset")
                check(f"no reset: {data}", name == "row")
                seen.append(data["battery_id"])
        last = client.id
        client.close()
        n_breaks += 1
        client = Events(server, "" if n_breaks % 2 else "?last_event_id=" + last, last if n_breaks % 2 else None)
    thread.join()
    check(f"each once: {len(seen)} of {len(set(seen))}", sorted(seen) == expected)
    client.close()


def test_many_clients(server, writer):
    n_clients, expected = 100, [f"MANY_{i:04}" for i in range(200)]
    clients = [Events(server).begin() for _ in range(n_clients)]
    seen = [None] * n_clients

    def read(i):
        seen[i] = clients[i].rows_until("MANY_LAST")
    threads = [threading.Thread(target=read, args=(i,)) for i in range(n_clients)]
    for thread in threads:
        thread.start()
    for i in range(0, len(expected), 10):
        writer.write(*expected[i:i + 10])
        time.sleep(0.01)
    await_("the rows are read", lambda: server.get("/api/battery/latest?battery_id=MANY_0199")[0] == 200)
    writer.write("MANY_LAST")
    for thread in threads:
        thread.join()
    check("all see all", sorted(seen[0]) == sorted(expected + ["MANY_LAST"]))
    check("in the same order", all(s == seen[0] for s in seen))
    for client in clients:
        client.close()


def test_a_restart(server, writer):
    """A server that starts has no event of before. Nothing was missed if nothing has changed; else: reset."""
    client = Events(server).begin()
    writer.write("BEFORE")
    client.rows_until("BEFORE")
    server.stop()
    server = Serve(writer.store, port=server.port)
    client = Events(server, "", client.id)
    await_("the store is read", lambda: server.get("/api/batteries/list")[0] == 200)
    writer.write("AFTER")
    check("it goes on", client.rows_until("AFTER") == ["AFTER"])

    server.stop()
    writer.write("MEANWHILE")
    await_("it is stored", lambda: writer.has("MEANWHILE"))
    server = Serve(writer.store, port=server.port)
    client = Events(server, "", client.id)
    check("it says that there is a gap", client.next() == ("reset", {"reason": "unknown"}))
    check("which REST fills", server.get("/api/battery/latest?battery_id=MEANWHILE")[0] == 200)
    writer.write("ON")
    check("and goes on", client.rows_until("ON") == ["ON"])
    client.close()
    return server


def test_another_database(server, writer):
    client = Events(server).begin()
    writer = writer.another()
    writer.write("NEW_1")
    check("all are told", client.next("reset") == ("reset", {"reason": "replaced"}))
    await_("it is the new one", lambda: b"NEW_1" in server.get("/api/batteries/list")[1])
    writer.write("NEW_2")
    while client.next("row")[1]["battery_id"] != "NEW_2":
        pass
    client.close()
    return writer


def test_clients_that_do_not_read(server, writer):
    """What they do not take is kept nowhere."""
    reader = Events(server).begin()
    lazy = [Events(server).begin() for _ in range(20)]
    ids = [f"LAZY_{i:04}" for i in range(1000)]

    def pump(n):
        """n rows of each battery, one after the other; bytes of their events."""
        size = 0
        for _ in range(n):
            first = writer.seq + 1
            writer.write(*ids)
            waiting = set(ids)
            while waiting:
                row = reader.next("row")[1]
                size += len(json.dumps(row))
                if row["seq"] is not None and row["seq"] >= first:
                    waiting.discard(row["battery_id"])
        return size
    check("more than the ring keeps, so that it has all its memory", pump(15) > 10e6)
    before = server.memory_kb()
    size = pump(25)
    grown = 1024 * (server.memory_kb() - before)
    check(f"{grown} bytes more after {size} for each of {len(lazy)}", server.is_sanitized() or grown < size / 2)
    reader.close()
    for client in lazy:
        client.close()


def test_predictions(server, writer):
    """A row comes as it was inserted, then as it was predicted."""
    client = Events(server, "?battery_id=JUDGED").begin()
    writer.write("JUDGED")
    check("not predicted", client.next_row()["prediction"] is None)
    writer.predict("JUDGED", 42.5)
    row = client.next_row()
    check(f"predicted: {row}", row["prediction"]["rul_prediction"] == 42.5 and row["health"]["status"] == "CRITICAL")
    client.close()


def test_programs_that_overlap(server, writer):
    """Their transactions end in another order than they began in: no row is passed over, and none comes twice."""
    expected = [f"BOTH_{k}_{i:03}" for k in range(3) for i in range(100)]
    client = Events(server).begin()

    def write(k):
        db = psycopg2.connect(writer.store)
        for i in range(100):
            with db, db.cursor() as cursor:
                cursor.execute("INSERT INTO ev_telemetry (time, battery_id, soc, seq) VALUES (clock_timestamp(), %s, 50,"
                               " 1)", (f"BOTH_{k}_{i:03}",))
                cursor.execute("SELECT pg_sleep(%s)", (0.003 * ((i + k) % 3),))
        db.close()
    threads = [threading.Thread(target=write, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    seen = [client.next_row()["battery_id"] for _ in expected]
    for thread in threads:
        thread.join()
    check(f"each once: {len(seen)} of {len(set(seen))}", sorted(seen) == expected)

    # one that is still open holds the feed up, not the rows that others commit meanwhile
    waiting = psycopg2.connect(writer.store)
    with waiting, waiting.cursor() as cursor:
        cursor.execute("INSERT INTO ev_telemetry (time, battery_id, soc, seq) VALUES (now(), 'OPEN', 50, 1)")
        for i in range(3):
            writer.write(f"MEANTIME_{i}")
            check("it comes", client.next_row()["battery_id"] == f"MEANTIME_{i}")
            last = client.id
    check("then the other", client.next_row()["battery_id"] == "OPEN")
    waiting.close()
    writer.write("AFTER_OPEN")
    check("and no other again", client.next_row()["battery_id"] == "AFTER_OPEN")
    client.close()
    client = Events(server, "", last)
    check("who comes back misses none", client.rows_until("AFTER_OPEN") == ["OPEN", "AFTER_OPEN"])
    client.close()


def try_all(writer):
    server = Serve(writer.store)
    test_a_row_arrives(server, writer)
    test_connections_that_break(server, writer)
    test_many_clients(server, writer)
    if writer.kind == "PostgreSQL":
        test_predictions(server, writer)
        test_programs_that_overlap(server, writer)
    server = test_a_restart(server, writer)
    writer = test_another_database(server, writer)
    test_clients_that_do_not_read(server, writer)
    server.stop()
    writer.stop()
    print(writer.kind, "is well", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="evtwin-live.") as folder:
        try_all(Ingest(folder, "first"))
    if psycopg2 is None:
        raise Skip("PostgreSQL: there is no python3-psycopg2")
    with Postgres() as pg:
        try_all(Program(pg, pg.database()))


run_test(main, CHILDREN)
