#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kafka_delivery.py BIN: what kafka: promises, with a real broker that is killed, and with writers and
readers that are killed at random and at every crash site.

Whatever dies, a reader of committed records (kcat) finds each accepted record once. The original's
clients (kafka-python) write and read beside ours.
"""
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

CLIENT = os.path.join(sys.argv[1], "kafka_client")
DEADLINE_S = 90
SITES = ["kafka.before_produce", "kafka.after_produce", "kafka.before_commit", "kafka.after_commit"]
folder = tempfile.TemporaryDirectory(prefix="evtwin-kafka.")
children = []


class Kafka(servers.Kafka):
    """With a listener for TLS on tls_port; its authority is folder/ca.crt."""

    def prepare(self):
        servers.certificates(self.folder)
        self.tls_port = servers.free_port()
        store = os.path.join(self.folder, "server.pem")
        with open(store, "w") as f:
            for name in ("server.key", "server.crt"):
                with open(os.path.join(self.folder, name)) as part:
                    f.write(part.read())
        names = {"PLAINTEXT": self.port, "SASL_PLAINTEXT": self.sasl_port, "SSL": self.tls_port}
        public = ",".join(f"{n}://127.0.0.1:{p}" for n, p in names.items())
        self.settings = {
            "listeners": f"{public},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": public,
            "listener.security.protocol.map":
                ",".join(f"{n}:{n}" for n in names) + ",CONTROLLER:PLAINTEXT",
            "ssl.keystore.type": "PEM", "ssl.keystore.location": store}
        super().prepare()


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def await_(what, holds):
    limit = time.monotonic() + DEADLINE_S
    while not holds():
        check(what, time.monotonic() < limit)
        time.sleep(0.3)


def start(*args, crash_at=None):
    env = dict(os.environ, **({"EVTWIN_CRASH_AT": crash_at} if crash_at else {}))
    child = subprocess.Popen([CLIENT, *map(str, args)], stdout=subprocess.PIPE, text=True, env=env)
    children.append(child)
    return child


def kill(child):
    child.send_signal(signal.SIGKILL)
    child.wait()


def committed(kafka, topic, *more):
    """Count of each seq that a reader of committed records finds."""
    done = subprocess.run(["kcat", "-C", "-q", "-e", "-b", kafka.bootstrap, "-t", topic, "-X",
                           "isolation.level=read_committed", *more], capture_output=True, text=True,
                          timeout=DEADLINE_S)
    return collections.Counter(json.loads(line)["seq"] for line in done.stdout.splitlines())


def check_exact(what, counts, n):
    lost = [i for i in range(1, n + 1) if counts[i] == 0]
    doubled = [i for i, k in counts.items() if k > 1]
    check(f"{what}: {len(lost)} lost ({lost[:5]}), {len(doubled)} doubled ({doubled[:5]})",
          not lost and not doubled and len(counts) == n)


def await_exact(what, kafka, topic, n):
    """Until as many are there; then they must be the right ones."""
    await_(f"{what}: {n} records", lambda: len(committed(kafka, topic)) >= n)
    check_exact(what, committed(kafka, topic), n)


def state(uri):
    return subprocess.run([CLIENT, "check", uri], capture_output=True, text=True,
                          timeout=DEADLINE_S).stdout


def make_topic(kafka, topic, partitions):
    from kafka.admin import KafkaAdminClient, NewTopic
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    admin.close()


def publish(kafka, topic, first, last):
    """As the original's publisher does."""
    from kafka import KafkaProducer
    producer = KafkaProducer(bootstrap_servers=[kafka.bootstrap], retries=3,
                             value_serializer=lambda v: json.dumps(v).encode())
    for i in range(first, last + 1):
        producer.send(topic, {"timestamp": "2024-01-01T00:00:00+00:00", "battery_id": f"B{i % 10}",
                              "soc": 84.3, "voltage": 380.1, "is_charging": False, "seq": i})
    producer.flush()
    producer.close()


# ---- a writer that is killed ----

def killed_writers(kafka):
    n = 4000
    make_topic(kafka, "written", 3)
    uri = kafka.uri + "/written?transactional_id=writer"
    args = ("write", uri, "test", n, 50)
    has_sites = start(*args, crash_at=SITES[0]).wait(timeout=DEADLINE_S) == -signal.SIGKILL
    deaths = collections.Counter()
    for site in SITES * 2 if has_sites else ():
        deaths[start(*args, crash_at=f"{site}:{random.randint(2, 5)}").wait(
            timeout=DEADLINE_S)] += 1
    for _ in range(6):
        child = start(*args)
        time.sleep(random.uniform(0.05, 1.0))
        kill(child)
    last = start(*args)
    out, _ = last.communicate(timeout=DEADLINE_S)
    check(f"the last writer ends: {out}", last.returncode == 0)
    await_exact("killed writers", kafka, "written", n)
    print(f"writer: {n} records, each once; killed 6 times at random, "
          f"{deaths[-signal.SIGKILL]} times at a crash site")
    return has_sites


# ---- topic to topic: the offsets are in the transaction ----

def killed_copies(kafka, has_sites):
    n = 6000
    make_topic(kafka, "in", 6)
    make_topic(kafka, "out", 6)
    args = ("copy", kafka.uri + "/in?group=copies", kafka.uri + "/out")
    sites = [*SITES, "kafka.after_offsets"]
    share = n // (len(sites) + 1)
    n_deaths = 0
    for i, site in enumerate(sites):
        publish(kafka, "in", i * share + 1, (i + 1) * share)
        if has_sites:
            n_deaths += start(*args, crash_at=site + ":1").wait(timeout=DEADLINE_S) == -signal.SIGKILL
    two = [start(*args), start(*args)]
    publish(kafka, "in", len(sites) * share + 1, n)
    for _ in range(4):
        time.sleep(random.uniform(0.5, 3.0))
        kill(two.pop(0))
        two.append(start(*args))
    await_exact("killed copies", kafka, "out", n)
    for child in two:
        child.terminate()
        check("a copy ends well", child.wait(timeout=DEADLINE_S) == 0)
    print(f"topic to topic: {n} records, each once; 2 readers of a group, killed 4 times at random, "
          f"{n_deaths} times at a crash site")


# ---- a broker that is killed ----

def killed_broker(kafka):
    n = 60000
    make_topic(kafka, "outlived", 3)
    child = start("write", kafka.uri + "/outlived?transactional_id=outliver", "test", n, 100)
    for _ in range(2):
        time.sleep(random.uniform(0.5, 2.0))
        kafka.kill()
        kafka.restart()
    out, _ = child.communicate(timeout=240)
    check(f"the writer outlives its broker: {out}", child.returncode == 0)
    await_exact("killed broker", kafka, "outlived", n)
    print(f"broker: {n} records, each once; killed twice")


# ---- two of one id ----

def fenced(kafka):
    make_topic(kafka, "fenced", 1)
    uri = kafka.uri + "/fenced?transactional_id=one"
    older = start("write", uri, "a", 10 ** 9, 10)
    await_("the older writes", lambda: committed(kafka, "fenced", "-c", "1"))
    newer = start("write", uri, "b", 10, 10)
    check("the newer writes", newer.wait(timeout=DEADLINE_S) == 0)
    out, _ = older.communicate(timeout=DEADLINE_S)
    check(f"the older is told: {out}", "EVTWIN_E_BUSY" in out and "transactional id one" in out)
    print("two of one transactional id: the older gets EVTWIN_E_BUSY")


# ---- users, passwords, topics ----

def strangers(kafka):
    def properties(password):
        path = os.path.join(folder.name, "client.properties")
        with open(path, "w") as f:
            os.chmod(path, 0o600)
            f.write("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
                    f"sasl.username=alice\nsasl.password={password}\n")
        return f"kafka://127.0.0.1:{kafka.sasl_port}/{{}}?properties={path}"

    make_topic(kafka, "guarded", 1)
    said = state(properties("hunter2").format("guarded"))
    check(f"a wrong password is refused: {said}", said.startswith("EVTWIN_E_DENIED"))
    check(f"and not shown: {said}", "hunter2" not in said)
    uri = properties("wonder").format("guarded")
    said = state(uri)
    check(f"the right one is not: {said}", said.startswith("EVTWIN_OK"))
    check("writes as that user", start("write", uri, "s", 20, 20).wait(timeout=DEADLINE_S) == 0)
    check_exact("as a user", committed(kafka, "guarded"), 20)
    for _ in range(2):
        said = state(kafka.uri + "/nowhere")
        check(f"no such topic, nor after asking: {said}", said.startswith("EVTWIN_E_NOT_FOUND"))
    said = state("kafka://127.0.0.1:1/t")
    check(f"nobody there: {said}", said.startswith("EVTWIN_E_AGAIN") and "127.0.0.1:1" in said)
    tls = f"kafka://127.0.0.1:{kafka.tls_port}/guarded"
    ca = os.path.join(kafka.folder, "ca.crt")
    other = os.path.join(kafka.folder, "other.crt")
    said = state(f"{tls}?security.protocol=SSL&ssl.ca.location={ca}")
    check(f"TLS: {said}", said.startswith("EVTWIN_OK"))
    said = state(f"{tls}?security.protocol=SSL&ssl.ca.location={other}")
    check(f"a certificate of another authority: {said}", said.startswith("EVTWIN_E_DENIED"))
    said = state(tls)
    check(f"no TLS where there should be: {said}", said.startswith("EVTWIN_E_AGAIN"))
    print("SASL/PLAIN from a properties file, TLS; a wrong password, another authority, a missing "
          "topic, no broker")


# ---- the original's consumer ----

def read_to_the_end(kafka, topic):
    """Every message that kafka-python finds in a topic of 3 partitions."""
    from kafka import KafkaConsumer
    from kafka.structs import TopicPartition
    consumer = KafkaConsumer(bootstrap_servers=[kafka.bootstrap])
    partitions = [TopicPartition(topic, p) for p in range(3)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    end = consumer.end_offsets(partitions)
    limit = time.monotonic() + DEADLINE_S
    while any(consumer.position(p) < end[p] for p in partitions):
        check(f"kafka-python reads {topic} to its end", time.monotonic() < limit)
        for messages in consumer.poll(timeout_ms=500).values():
            yield from messages
    consumer.close()


def original_consumer(kafka):
    seen, markers = collections.Counter(), 0
    for message in read_to_the_end(kafka, "written"):
        # kafka-python before 2.1 shows the end of a transaction as a message
        if len(message.key or b"") == 4 and message.key[:2] == b"\x00\x00":
            markers += 1
        else:
            seen[json.loads(message.value)["seq"]] += 1
    check("kafka-python reads every record", len(seen) == 4000)
    make_topic(kafka, "untied", 3)
    child = start("write", kafka.uri + "/untied?transactions=0", "test", 1000, 50)
    check("writes without transactions", child.wait(timeout=DEADLINE_S) == 0)
    check_exact("transactions=0", collections.Counter(
        json.loads(m.value)["seq"] for m in read_to_the_end(kafka, "untied")), 1000)
    print(f"kafka-python: every record, {sum(seen.values()) - len(seen)} of aborted transactions "
          f"again, {markers} ends of transactions; with "
          "transactions=0 records only")


def main():
    with Kafka(users={"alice": "wonder"}) as kafka:
        strangers(kafka)
        has_sites = killed_writers(kafka)
        original_consumer(kafka)
        killed_copies(kafka, has_sites)
        fenced(kafka)
        killed_broker(kafka)


if __name__ == "__main__":
    servers.run_test(main, children)
