#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""live_stream.py BIN: rows that a writer puts into a SQLite store arrive at the clients of /api/stream: once
each over connections that break, with a reset where that cannot be, and the same at a hundred clients."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import die_with_parent  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
DEADLINE_S = 100
running = []


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def await_(what, holds):
    end = time.monotonic() + DEADLINE_S
    while not holds():
        check("within %d s: %s" % (DEADLINE_S, what), time.monotonic() < end)
        time.sleep(0.02)


class Tool:
    def __init__(self, *args):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([os.path.join(BIN, args[0]), *map(str, args[1:])], stderr=self.log,
                                        stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        running.append(self)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE_S)
        check(f"{self.process.args} ends well: {code}\n{self.said()}", code == 0)


class Server(Tool):
    def __init__(self, store, port=0):
        super().__init__("evtwin-serve", "--store", store, "--port", port)
        await_("the server says where it is", lambda: "at http://localhost:" in self.said())
        self.port = int(re.search(r"at http://localhost:(\d+)", self.said())[1])

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])

    def is_sanitized(self):
        """Then its memory is not that of the program alone."""
        with open(f"/proc/{self.process.pid}/maps") as f:
            return re.search("lib[at]san", f.read()) is not None


class Writer:
    """A store and evtwin-ingest that follows a file of records into it."""

    def __init__(self, folder, name):
        self.file = open(os.path.join(folder, name + ".jsonl"), "w")
        self.store = "sqlite:" + os.path.join(folder, "live.db")
        self.seq = 0
        self.tool = Tool("evtwin-ingest", "--source", f"jsonl:{self.file.name}?follow=1", "--sink", self.store)

    def write(self, *battery_ids):
        for battery_id in battery_ids:
            self.seq += 1
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self.file.write(json.dumps({"timestamp": now, "battery_id": battery_id, "soc": 50 + self.seq % 50,
                                        "seq": self.seq}) + "\n")
        self.file.flush()


class Client:
    """Reads events on a connection."""

    def __init__(self, server, query="", last_event_id=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        self.connection.request("GET", "/api/stream" + query, headers=headers)
        self.answer = self.connection.getresponse()
        check(f"a stream is answered: {self.answer.status}", self.answer.status == 200)
        self.id = last_event_id

    def next(self, *names):
        """The next event of those names (none = any) as name and data."""
        name, data = None, None
        while True:
            line = self.answer.readline()
            check("the stream goes on", line.endswith(b"\n"))
            key, _, value = line.decode().rstrip("\n").partition(": ")
            if key == "event":
                name = value
            elif key == "id":
                self.id = value
            elif key == "data":
                data = json.loads(value)
            elif line == b"\n" and name is not None:
                if not names or name in names:
                    return name, data
                name = None

    def begin(self):
        check("a stream begins with a summary", self.next()[0] == "summary")
        return self

    def rows_until(self, battery_id):
        """Ids of the batteries of the rows up to that one."""
        seen = []
        while not seen or seen[-1] != battery_id:
            name, data = self.next("row", "reset")
            check(f"no reset: {data}", name == "row")
            seen.append(data["battery_id"])
        return seen

    def close(self):
        self.answer.close()
        self.connection.close()


def test_a_row_arrives(server, writer):
    client = Client(server).begin()
    only = Client(server, "?battery_id=FIRST").begin()
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
    client = Client(server).begin()
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
        client = Client(server, "" if n_breaks % 2 else "?last_event_id=" + last, last if n_breaks % 2 else None)
    thread.join()
    check(f"each once: {len(seen)} of {len(set(seen))}", sorted(seen) == expected)
    client.close()


def test_many_clients(server, writer):
    n_clients, expected = 100, [f"MANY_{i:04}" for i in range(200)]
    clients = [Client(server).begin() for _ in range(n_clients)]
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
    client = Client(server).begin()
    writer.write("BEFORE")
    client.rows_until("BEFORE")
    server.stop()
    server = Server(writer.store, server.port)
    client = Client(server, "", client.id)
    await_("the store is read", lambda: server.get("/api/batteries/list")[0] == 200)
    writer.write("AFTER")
    check("it goes on", client.rows_until("AFTER") == ["AFTER"])

    server.stop()
    writer.write("MEANWHILE")
    await_("it is stored", lambda: subprocess.run(
        [sys.executable, "-c", "import sqlite3, sys; sys.exit(not sqlite3.connect(sys.argv[1]).execute("
         "\"SELECT count(*) FROM ev_telemetry WHERE battery_id = 'MEANWHILE'\").fetchone()[0])",
         writer.store.split(":", 1)[1]]).returncode == 0)
    server = Server(writer.store, server.port)
    client = Client(server, "", client.id)
    check("it says that there is a gap", client.next() == ("reset", {"reason": "unknown"}))
    check("which REST fills", server.get("/api/battery/latest?battery_id=MEANWHILE")[0] == 200)
    writer.write("ON")
    check("and goes on", client.rows_until("ON") == ["ON"])
    client.close()
    return server


def test_another_database(server, writer, folder):
    client = Client(server).begin()
    writer.tool.stop()
    for end in ("", "-wal", "-shm", "-writers"):
        if os.path.exists(os.path.join(folder, "live.db" + end)):
            os.rename(os.path.join(folder, "live.db" + end), os.path.join(folder, "old.db" + end))
    writer = Writer(folder, "second")
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
    reader = Client(server).begin()
    lazy = [Client(server).begin() for _ in range(20)]
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


def main(folder):
    writer = Writer(folder, "first")
    server = Server(writer.store)
    test_a_row_arrives(server, writer)
    test_connections_that_break(server, writer)
    test_many_clients(server, writer)
    server = test_a_restart(server, writer)
    writer = test_another_database(server, writer, folder)
    test_clients_that_do_not_read(server, writer)
    server.stop()
    writer.tool.stop()


try:
    with tempfile.TemporaryDirectory(prefix="evtwin-live.") as folder_name:
        main(folder_name)
finally:
    for tool in running:
        if tool.process.poll() is None:
            tool.process.kill()
            tool.process.wait()
