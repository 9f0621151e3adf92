# SPDX-License-Identifier: MIT
"""A rig whose producer is evtwin-sim --spool, with what its spool has committed as the ledger.

A pipe that nobody reads is one more sink. It is never delivered to, so every entry stays in the
spool, where it is read and decoded here, without the library."""
import datetime
import os
import sqlite3
import struct

import oracle
from rig import Rig, Tool, Violation

FLEET, INTERVAL_S, SPEED = 7, 0.03, 2000
# sites of sources, of predictions and of a topic that is copied
NOT_OF_SIM = {"kafka.after_offsets", "mqtt.before_accept", "mqtt.before_puback", "mqtt.after_puback",
              "postgres.before_merge", "postgres.before_predictions_commit",
              "postgres.after_predictions_commit"}
_EPOCH = datetime.datetime(1970, 1, 1)


# ---- the bytes of an entry: lib/stream/spool_codec.c describes them

class _Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        assert self.at <= len(self.data), "an entry ends too early"
        return self.data[self.at - n:self.at]

    def number(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self):
        value = self.number()
        return value >> 1 ^ -(value & 1)

    def string(self):
        text = self.take(self.number()).decode()
        assert self.take(1) == b"\0"
        return text

    def bits(self, n):
        data = self.take((n + 7) // 8)
        return [bool(data[i // 8] >> i % 8 & 1) for i in range(n)]


def _values(r, kind, present):
    """Of one column, None where there is none."""
    n = sum(present)
    if kind == 0:
        found = [struct.unpack("<d", r.take(8))[0] for _ in range(n)]
    elif kind in (1, 2):
        found, value = [], 0
        for _ in range(n):
            value += r.signed()
            found.append(value)
    elif kind == 3:
        bits = r.bits(len(present))
        return [b if p else None for b, p in zip(bits, present)]
    else:
        strings = [r.string() for _ in range(r.number())]
        found = [strings[r.number()] for _ in range(n)]
    found = iter(found)
    return [next(found) if p else None for p in present]


def decode(data):
    """The records of an entry."""
    r = _Bytes(data)
    assert r.number() == 1, "another version of the spool's entries"
    n_cols, n = r.number(), r.number()
    columns = {}
    for _ in range(n_cols):
        name, _unit, kind = r.string(), r.string(), r.number()
        present = r.bits(n) if r.number() else [True] * n
        columns[name] = _values(r, kind, present)
    rows = [{name: columns.get(name, [None] * n)[i] for name in oracle.FIELDS} for i in range(n)]
    for row in rows:
        row["time"] = (_EPOCH + datetime.timedelta(microseconds=row["time"])).isoformat(" ")
    return [oracle.record(row) for row in rows]


class SpoolLedger:
    """What a spool has committed; nothing of it may ever change or go."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "spool.db")
        self.n_seen = 0

    def query(self, sql):
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def count(self):
        try:
            n = self.query("SELECT last_rows FROM spool")[0][0]
        except sqlite3.OperationalError:  # it is not there yet
            n = 0
        if n < self.n_seen:
            raise Violation(f"{self.n_seen} records were accepted, the spool knows of {n}")
        self.n_seen = n
        return n

    def records(self):
        entries = self.query("SELECT data FROM entry ORDER BY number")
        records = [record for data, in entries for record in decode(data)]
        if len(records) != self.count():
            raise Violation(f"{len(records)} of {self.count()} accepted records are in the spool")
        return records

    def is_delivered(self, but):
        """Has every sink but one all of it?"""
        behind = self.query("SELECT sink FROM cursor, spool WHERE kind = 0 AND number < last_rows")
        return all(sink == but for sink, in behind)


class SimulatorRig(Rig):
    """Started again, evtwin-sim goes on behind what the spool has accepted, while the store that
    shows it the batteries is a sink and so a moment behind: numbers and physics clock only rise."""

    def make_producer(self, sinks):
        self.committed = SpoolLedger(self.spool)
        pipe = os.path.join(self.folder, "nobody_reads")
        os.mkfifo(pipe)
        self.dead_sink = "jsonl:" + pipe
        named = [a for sink in [*sinks, self.dead_sink] for a in ("--sink", sink)]
        return Tool("simulator", self.folder, [
            self.build.tool("sim"), "-q", "--fleet", str(FLEET), "--soh", "100:78", "--interval",
            str(INTERVAL_S), "--speed", str(SPEED), "--spool", self.spool, *named])

    def n_accepted(self):
        return self.committed.count()

    def accepted(self):
        records = self.committed.records()
        keys = {(r.battery_id, r.time, r.seq) for r in records}
        if len(keys) != len(records):
            raise Violation(f"{len(records) - len(keys)} keys were given to more than one record")
        newest = {}
        for r in records:
            before = newest.get(r.battery_id)
            here = (r.seq, float.fromhex(r.sim_time_s))
            if before and (here[0] <= before[0] or here[1] <= before[1]):
                raise Violation(f"{r.battery_id} went back from seq and physics clock {before} "
                                f"to {here}")
            newest[r.battery_id] = here
        return records

    def stop_producer(self, end):
        """It accepts one more record of each battery whenever it is started to deliver the rest."""
        simulator = self.tools["simulator"]
        simulator.kill()
        simulator.command += ["--duration", "0.01"]
        while not self.committed.is_delivered(but=self.dead_sink):
            simulator.start()
            if (code := simulator.wait(end)) != 0:
                raise Violation(f"the simulator ended with {code}: {simulator.said()}")

    def send_again(self):
        """Nobody sends twice here."""
