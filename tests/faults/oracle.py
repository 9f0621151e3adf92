# SPDX-License-Identifier: MIT
"""What was accepted against what a sink has: exactly the same records, each once, to the last bit."""
import collections
import hashlib
import json
import sqlite3
import subprocess

FLOATS = ["soc", "soh", "voltage", "current", "temperature", "power_consumption", "sim_time_s",
          "resistance_mohm", "mean_temperature", "throughput_ah_per_day"]
FIELDS = ["battery_id", "time", "seq", *FLOATS, "charge_cycles", "is_charging"]

Record = collections.namedtuple("Record", FIELDS)


def record(values):
    """A record of a mapping or of a row in the order of FIELDS; numbers in one form, which tells any
    two different doubles apart."""
    if not isinstance(values, dict):
        values = dict(zip(FIELDS, values))
    kept = {name: values[name] for name in FIELDS}
    kept["time"] = six_digits(kept["time"])
    for name in FLOATS:
        kept[name] = None if kept[name] is None else float(kept[name]).hex()
    kept["is_charging"] = None if kept["is_charging"] is None else bool(kept["is_charging"])
    return Record(**kept)


def six_digits(time):
    """A time of JSON or SQL, UTC, as 2026-01-01T00:00:00.000000Z."""
    text = str(time).replace(" ", "T").replace("+00:00", "").rstrip("Z")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<6}Z"


def of_json(line):
    values = json.loads(line)
    values["time"] = values.pop("timestamp")
    return record({name: values.get(name) for name in FIELDS})


# ---- readers: records() has every record of a sink, as often as it is there; count() is cheap

class Lines:
    """JSON lines. A torn last line is not a record."""

    def __init__(self, path):
        self.path = path

    def records(self):
        with open(self.path, encoding="utf-8") as f:
            return [of_json(line) for line in f.read().split("\n")[:-1]]

    def count(self):
        try:
            with open(self.path, "rb") as f:
                return f.read().count(b"\n")
        except FileNotFoundError:
            return 0


class Sqlite:
    def __init__(self, path):
        self.path = path

    def query(self, what):
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)
        try:
            return db.execute(f"SELECT {what} FROM ev_telemetry").fetchall()
        finally:
            db.close()

    def records(self):
        return [record(row) for row in self.query(", ".join(FIELDS))]

    def count(self):
        try:
            return self.query("COUNT(*)")[0][0]
        except sqlite3.OperationalError:  # the table is not there yet
            return 0


class Postgres:
    def __init__(self, uri):
        self.uri = uri

    def query(self, what):
        import psycopg2
        db = psycopg2.connect(self.uri, options="-c timezone=UTC")
        try:
            with db, db.cursor() as cursor:
                cursor.execute(f"SELECT {what} FROM ev_telemetry")
                return cursor.fetchall()
        finally:
            db.close()

    def records(self):
        return [record(row) for row in self.query(", ".join(FIELDS))]

    def count(self):
        import psycopg2
        try:
            return self.query("COUNT(*)")[0][0]
        except psycopg2.Error:  # the table or the server is not there
            return 0


class Kafka:
    """What a consumer gets that reads committed records only, from the beginning to the end."""

    def __init__(self, bootstrap, topic):
        self.bootstrap, self.topic = bootstrap, topic

    def messages(self):
        done = subprocess.run(
            ["kcat", "-C", "-e", "-q", "-b", self.bootstrap, "-t", self.topic, "-o", "beginning",
             "-X", "isolation.level=read_committed"], capture_output=True, timeout=120, check=True)
        return done.stdout.decode().splitlines()

    def records(self):
        values = [json.loads(message) for message in self.messages()]
        flat = [v for value in values for v in (value if isinstance(value, list) else [value])]
        return [of_json(json.dumps(v)) for v in flat]

    def count(self):  # not that cheap
        try:
            return len(self.records())
        except subprocess.CalledProcessError:  # the topic is not there yet
            return 0


# ---- the judgement

class Verdict:
    """Records lost, doubled (there more than once, under another seq too), altered, or invented."""

    def __init__(self, accepted, found):
        accepted, found = collections.Counter(accepted), collections.Counter(found)
        missing, surplus = accepted - found, found - accepted  # EXCEPT ALL, both ways
        where = collections.Counter((r.battery_id, r.time) for r in missing.elements())
        known = {(r.battery_id, r.time) for r in accepted}
        self.n = sum(accepted.values())
        self.doubled, self.altered, self.invented = [], [], []
        for extra in surplus.elements():
            place = (extra.battery_id, extra.time)
            if where[place] > 0:  # one is missing there, and this came instead
                where[place] -= 1
                self.altered.append(extra)
            elif place in known:
                self.doubled.append(extra)
            else:
                self.invented.append(extra)
        altered = collections.Counter((r.battery_id, r.time) for r in self.altered)
        self.lost = []
        for one in missing.elements():
            place = (one.battery_id, one.time)
            if altered[place] > 0:
                altered[place] -= 1
            else:
                self.lost.append(one)

    def __bool__(self):
        return not (self.lost or self.doubled or self.altered or self.invented)

    def __str__(self):
        counts = {k: getattr(self, k) for k in ("lost", "doubled", "altered", "invented")}
        text = ", ".join(f"{len(records)} {what}" for what, records in counts.items()
                         if records or what != "invented")
        examples = [f"{what}, e.g. {records[0]}" for what, records in counts.items() if records]
        return "; ".join([text, *examples])


def digest(records):
    """One hash of a set of records, whatever their order."""
    return hashlib.sha256("\n".join(sorted(map(repr, records))).encode()).hexdigest()[:16]


def check_itself(accepted):
    """Faults planted into what a sink has are found, each as what it is."""
    some = list(accepted)
    assert len(some) > 10 and Verdict(some, reversed(some)), "the same records are the same"
    last_bit = float.fromhex(some[3].soc)
    altered = some[3]._replace(soc=(last_bit + 2 ** -44).hex())
    for what, found, n in (
            ("lost", some[:5] + some[6:], 1),
            ("doubled", some + [some[7]], 1),
            ("doubled", some + [some[7]._replace(seq=some[7].seq + 10 ** 9)], 1),
            ("altered", some[:3] + [altered] + some[4:], 1),
            ("invented", some + [some[2]._replace(time="1999-01-01T00:00:00.000000Z")], 1)):
        verdict = Verdict(some, found)
        wrong = [k for k in ("lost", "doubled", "altered", "invented")
                 if len(getattr(verdict, k)) != (n if k == what else 0)]
        assert not wrong, f"the oracle does not see what is {what}: {verdict}"
