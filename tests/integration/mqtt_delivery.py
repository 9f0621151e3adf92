#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mqtt_delivery.py BIN: what mqtt: promises, with a real broker that is killed, stopped, full, closed to
strangers; and with subscribers that are killed.

The ledgers of mqtt_client say what a sender or a receiver took as accepted. Receivers know records by
their key: a message may come twice, so sets are compared.
"""
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

CLIENT = os.path.join(sys.argv[1], "mqtt_client")
TOPIC = "ev/battery/telemetry"
DEADLINE_S = 60
folder = tempfile.TemporaryDirectory(prefix="evtwin-mqtt.")
children = []


def path(name):
    return os.path.join(folder.name, name)


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def start(*args):
    child = subprocess.Popen([CLIENT, *map(str, args)], stdout=subprocess.PIPE, text=True)
    children.append(child)
    return child


def end(child):
    child.terminate()
    out, _ = child.communicate(timeout=DEADLINE_S)
    check(f"it ends well: {out}", child.returncode == 0)


def ledger(name):
    try:
        with open(path(name)) as f:
            return [int(line) for line in f.read().split("\n")[:-1]]
    except FileNotFoundError:
        return []


def await_ledger(name, n):
    """Until it has n different records."""
    limit = time.monotonic() + DEADLINE_S
    while len(set(ledger(name))) < n:
        check(f"{name}: {len(set(ledger(name)))} of {n} records", time.monotonic() < limit)
        time.sleep(0.02)


def receiver(uri, name, *more):
    child = start("receive", uri, path(name), *more)
    check("the receiver is up", child.stdout.readline() == "up\n")
    return child


def send(uri, name, first, n, batch):
    done = subprocess.run([CLIENT, "send", uri, path(name), str(first), str(n), str(batch)],
                          capture_output=True, text=True, timeout=DEADLINE_S)
    check("sent: " + done.stdout, done.returncode == 0)


def state(uri):
    return subprocess.run([CLIENT, "check", uri], capture_output=True, text=True,
                          timeout=DEADLINE_S).stdout


def subscriber_killed():
    """Between read and accept the message was not acknowledged: it comes again. 20 kills lose none."""
    with servers.Mosquitto(settings={"max_queued_messages": 0}) as broker:
        uri = f"{broker.uri}/{TOPIC}"
        child = receiver(uri, "once")
        end(child)
        send(uri, "sent", 0, 5, 1)
        child = start("receive", uri, path("once"), "stop")
        check("it has read", child.stdout.readline() + child.stdout.readline() == "up\nread\n")
        child.kill()
        child.wait()
        check("nothing was accepted", ledger("once") == [])
        child = receiver(uri, "once")
        await_ledger("once", 5)
        end(child)

        rng = random.Random(7)
        n = 4000
        sender = start("send", f"{uri}?batch=2", path("many.sent"), 100, n, 20)
        for _ in range(20):
            child = start("receive", uri, path("many"))
            time.sleep(0.05 + 0.15 * rng.random())
            child.kill()
            child.wait()
        check("sent", sender.wait(DEADLINE_S) == 0)
        child = receiver(uri, "many")
        await_ledger("many", n)
        end(child)
        check("what was accepted is there", set(ledger("many")) == set(ledger("many.sent")))
        print(f"20 kills: {n} of {n}, {len(ledger('many')) - n} came again")


def broker_killed():
    """The broker forgets what it acknowledged; with receipts its receiver has every record that counts
    as accepted, and no other."""
    with servers.Mosquitto() as broker:
        uri = f"{broker.uri}/{TOPIC}"
        end(receiver(uri, "plain"))  # the broker keeps messages for it from now on
        send(uri, "plain.sent", 0, 200, 10)
        check("all were accepted by the broker", len(ledger("plain.sent")) == 200)
        broker.restart()
        child = receiver(uri, "plain")
        time.sleep(1)
        end(child)
        check("which is why it is not enough: it has lost them", ledger("plain") == [])

        child = receiver(uri, "kept")
        n = 6000
        sender = start("send", f"{uri}?confirm=receipts", path("kept.sent"), 1000, n, 100)
        for i in range(4):
            await_ledger("kept.sent", 1000 * (i + 1))
            broker.kill()
            check("it was killed while messages were on their way", sender.poll() is None)
            broker.start()
        check("sent: " + sender.communicate(timeout=DEADLINE_S)[0], sender.returncode == 0)
        end(child)
        check("accepted = received", set(ledger("kept.sent")) == set(ledger("kept")) ==
              set(range(1000, 1000 + n)))
        check("accepted once", len(ledger("kept.sent")) == n)
        print(f"broker killed 4 times: {n} of {n}, {len(ledger('kept')) - n} came again")


def broker_full():
    """mosquitto drops what exceeds 1000 waiting messages, acknowledged or not."""
    with servers.Mosquitto(settings={"max_queued_messages": 1000}) as broker:
        uri = f"{broker.uri}/{TOPIC}"
        end(receiver(uri, "full"))
        send(uri, "full.sent", 0, 1500, 100)
        child = receiver(uri, "full")
        await_ledger("full", 1000)
        time.sleep(0.5)
        check("some of what it acknowledged is gone", len(set(ledger("full"))) < 1500 and
              len(ledger("full.sent")) == 1500)
        end(child)
        sender = start("send", f"{uri}?confirm=receipts&inflight=1000", path("slow.sent"), 5000, 1500, 100)
        time.sleep(0.5)
        check("nothing counts without a receiver", ledger("slow.sent") == [])
        child = receiver(uri, "slow")
        check("sent: " + sender.communicate(timeout=DEADLINE_S)[0], sender.returncode == 0)
        end(child)
        check("all are there", set(ledger("slow")) == set(range(5000, 6500)))


def broker_stopped():
    """A broker that is there and does not answer: a write ends, and goes on where it was."""
    with servers.Mosquitto() as broker:
        uri = f"{broker.uri}/{TOPIC}"
        child = receiver(uri, "stopped")
        send(uri, "stopped.sent", 0, 10, 10)
        await_ledger("stopped", 10)
        sender = start("send", uri, path("stopped.sent"), 10, 3000, 100)
        await_ledger("stopped.sent", 500)
        broker.pause()
        line = sender.stdout.readline()
        check("the write ends: " + line, "EVTWIN_E_AGAIN" in line)
        broker.resume()
        check("sent", sender.wait(DEADLINE_S) == 0)
        await_ledger("stopped", 3010)
        end(child)
        check("none twice", len(ledger("stopped")) == 3010)


def closed_doors():
    with servers.Mosquitto(users={"car": "open sesame"}) as broker:
        for name, text in (("right", "open sesame\n"), ("wrong", "guess\n")):
            with open(path(name), "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
                f.write(text)
        user = f"mqtt://car@127.0.0.1:{broker.port}/{TOPIC}?password_file="
        check("the password opens", state(user + path("right")).startswith("EVTWIN_OK"))
        check("another does not", state(user + path("wrong")).startswith("EVTWIN_E_DENIED"))
        check("none does not", state(broker.uri + "/t").startswith("EVTWIN_E_DENIED"))
    with open(path("rules"), "w") as f:
        f.write("topic read #\ntopic write free/#\n")
    with servers.Mosquitto(settings={"acl_file": path("rules")}) as broker:
        send(f"{broker.uri}/free/x", "acl", 0, 1, 1)
        done = subprocess.run([CLIENT, "send", f"{broker.uri}/{TOPIC}", path("acl"), "1", "1", "1"],
                              capture_output=True, text=True, timeout=DEADLINE_S)
        check("no right to publish: " + done.stdout, "EVTWIN_E_DENIED" in done.stdout)
    with servers.Mosquitto(tls=True) as broker:
        tls = os.path.join(broker.folder, "tls")
        uri = f"{broker.uri}/{TOPIC}?cafile={tls}/"
        check("our authority", state(uri + "ca.crt").startswith("EVTWIN_OK"))
        for name in ("ca.crt", "other.crt"):
            by_name = uri.replace("127.0.0.1", "localhost") + name
            expected = "EVTWIN_OK" if name == "ca.crt" else "EVTWIN_E_DENIED"
            check(f"{name}: {state(by_name)}", state(by_name).startswith(expected))
        check("the machine's authorities", state(broker.uri + "/t").startswith("EVTWIN_E_DENIED"))
        plain = f"mqtt://127.0.0.1:{broker.port}/t"
        check("no TLS: " + state(plain), state(plain).startswith("EVTWIN_E_AGAIN"))
        # what it does without TLS it does with it: acknowledgements wait for the commit there too
        end(receiver(uri + "ca.crt", "tls"))
        send(uri + "ca.crt", "tls.sent", 0, 100, 100)
        child = start("receive", uri + "ca.crt", path("tls"), "stop")
        check("it has read", child.stdout.readline() + child.stdout.readline() == "up\nread\n")
        child.kill()
        child.wait()
        child = receiver(uri + "ca.crt", "tls")
        await_ledger("tls", 100)
        end(child)


def main():
    if not os.path.exists(CLIENT):
        raise servers.Skip("built without MQTT")
    for test in (subscriber_killed, broker_killed, broker_full, broker_stopped, closed_doors):
        began = time.monotonic()
        test()
        print(f"{test.__name__}: {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    servers.run_test(main, children)
