# SPDX-License-Identifier: MIT
"""evtwin-serve and a client of its live stream, for tests."""
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

from .base import LOCALHOST, die_with_parent

BIN = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
DEADLINE_S = 100
CHILDREN = []  # what was started and may still run


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def await_(what, holds, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not holds():
        check("within %d s: %s" % (deadline_s, what), time.monotonic() < end)
        time.sleep(0.02)


class Tool:
    """A tool that runs beside the test."""

    def __init__(self, *args, **how):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([os.path.join(BIN, args[0]), *map(str, args[1:])], stderr=self.log,
                                        stdout=subprocess.DEVNULL, preexec_fn=die_with_parent, **how)
        CHILDREN.append(self.process)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE_S)
        check(f"{self.process.args} ends well: {code}\n{self.said()}", code == 0)


class Serve(Tool):
    """evtwin-serve, on a free port unless it shall have one."""

    def __init__(self, store, *options, port=0, **how):
        super().__init__("evtwin-serve", "--store", store, "--port", port, *options, **how)
        await_("the server says where it is", self.is_ready)
        self.port = int(re.search(r"at http://localhost:(\d+)", self.said())[1])

    def is_ready(self):
        check(f"the server runs\n{self.said()}", self.process.poll() is None)
        return "at http://localhost:" in self.said()

    def get(self, path):
        """Code and body; it answers whatever happens."""
        connection = http.client.HTTPConnection(LOCALHOST, self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, path):
        code, body = self.get(path)
        check(f"{path}: {code} {body[:300]}", code == 200)
        return json.loads(body)

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])

    def is_sanitized(self):
        """Then its memory is not that of the program alone."""
        with open(f"/proc/{self.process.pid}/maps") as f:
            return re.search("lib[at]san", f.read()) is not None


class Events:
    """Reads the live stream on a connection."""

    def __init__(self, server, query="", last_event_id=None):
        self.connection = http.client.HTTPConnection(LOCALHOST, server.port, timeout=DEADLINE_S)
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

    def next_row(self):
        name, data = self.next("row", "reset")
        check(f"no reset: {data}", name == "row")
        return data

    def rows_until(self, battery_id):
        """Ids of the batteries of the rows up to that one."""
        seen = []
        while not seen or seen[-1] != battery_id:
            seen.append(self.next_row()["battery_id"])
        return seen

    def close(self):
        self.answer.close()
        self.connection.close()


class Watched:
    """A server, and somebody who follows its live stream: batteries of rows in seen, reasons of resets in resets."""

    ANSWER_S = 40  # far above the 2 s of its turn and 3 to 5 s of an answer, for a loaded machine

    def __init__(self, server, paths):
        self.server, self.paths = server, paths
        self.seen, self.resets = [], []

    def follow(self, events):
        self.events = events
        threading.Thread(target=self.note_events, daemon=True).start()

    def note_events(self):
        while True:
            name, data = self.events.next("row", "reset")
            (self.resets if name == "reset" else self.seen).append(data["reason" if name == "reset" else "battery_id"])

    def all_become(self, expected, when):
        for path in self.paths:
            self.becomes(path, expected, when)

    def becomes(self, path, expected, when):
        end = time.monotonic() + DEADLINE_S
        while True:
            began = time.monotonic()
            code, body = self.server.get(path)
            took_s = time.monotonic() - began
            check(f"{when}: {path} is answered within {self.ANSWER_S} s: {took_s:.1f}", took_s < self.ANSWER_S)
            message = json.loads(body).get("message", "")
            check(f"{when}: {path} says why: {body}", code == 200 or len(message) > 10)
            if code == expected:
                return
            check(f"{when}: {path} becomes {expected}, is {code} {message}", time.monotonic() < end)
            time.sleep(0.1)
