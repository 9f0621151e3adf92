#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mqtt_tls.py BIN: MQTT by TLS with a real broker: each way in which the two do not trust or understand
each other is an error that names the cause, and is said once; what was mended works without a restart.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
CLIENT = os.path.join(BIN, "mqtt_client")
TOPIC = "ev/battery/telemetry"
DEADLINE_S = 60
SECRET = "hush-hush"
folder = tempfile.TemporaryDirectory(prefix="evtwin-mqtt-tls.")
CA_CONFIG = """
[ca]
default_ca=authority
[authority]
database=index.txt
serial=serial
new_certs_dir=.
policy=any
default_md=sha256
unique_subject=no
[any]
commonName=supplied
[extensions]
subjectAltName=%s
"""


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def openssl(at, *args):
    subprocess.run(["openssl", *args], cwd=at, check=True, capture_output=True)


def sign(at, request, to, authority="ca", names="IP:127.0.0.1,DNS:localhost", end="20400101000000Z"):
    """A certificate of a request."""
    with open(os.path.join(at, "ca.cnf"), "w") as f:
        f.write(CA_CONFIG % names)
    with open(os.path.join(at, "index.txt"), "w"):
        pass
    openssl(at, "ca", "-batch", "-config", "ca.cnf", "-create_serial", "-cert", authority + ".crt",
            "-keyfile", authority + ".key", "-in", request, "-out", to, "-notext", "-extensions",
            "extensions", "-startdate", "20200101000000Z", "-enddate", end)


def ask(at, name):
    openssl(at, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)


def is_(what, uri, code, *words):
    """A check of the URI gives that code, and says these words."""
    done = subprocess.run([CLIENT, "check", uri], capture_output=True, text=True, timeout=DEADLINE_S)
    said = done.stdout + done.stderr
    check(f"{what}: {said}", done.returncode == 0 and said.startswith(code) and
          all(w in said.partition("127.0.0.1:")[2] for w in words) and SECRET not in said)


def tls_folder(broker):
    return os.path.join(broker.folder, "tls")


def certificate_of_the_broker():
    with servers.Mosquitto(tls=True, users={"car": SECRET}) as broker:
        at = tls_folder(broker)
        with open(os.path.join(at, "secret"), "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(SECRET + "\n")
        with open(os.path.join(at, "empty.crt"), "w") as f:
            f.write("no certificate\n")
        user = broker.uri.replace("://", "://car@") + f"/{TOPIC}?password_file={at}/secret"
        is_("its authority", f"{user}&cafile={at}/ca.crt", "EVTWIN_OK")
        is_("an authority of strangers", f"{user}&cafile={at}/other.crt", "EVTWIN_E_DENIED", "not trusted",
            "cafile=")
        is_("those of the machine", user, "EVTWIN_E_DENIED", "not trusted")
        is_("no authority", f"{user}&cafile={at}/empty.crt", "EVTWIN_E_CORRUPT", "cafile=", "PEM")
        is_("the key of another", f"{user}&cafile={at}/ca.crt&certfile={at}/server.crt&keyfile={at}/ca.key",
            "EVTWIN_E_CORRUPT", "keyfile=")
        for version in ("5", "3.1.1"):
            is_("a client without TLS", f"mqtt://127.0.0.1:{broker.port}/{TOPIC}?version={version}",
                "EVTWIN_E_AGAIN", "mqtts://")
        sign(at, "server.csr", "server.crt", names="DNS:elsewhere.example")
        broker.restart()
        is_("a certificate of another host", f"{user}&cafile={at}/ca.crt", "EVTWIN_E_DENIED",
            "another host name")
        sign(at, "server.csr", "server.crt", end="20210101000000Z")
        broker.restart()
        is_("an old certificate", f"{user}&cafile={at}/ca.crt", "EVTWIN_E_DENIED", "expired")
        mended_by_its_owner(broker, f"{user}&cafile={at}/ca.crt")
    with servers.Mosquitto() as broker:
        is_("a broker without TLS", f"mqtts://127.0.0.1:{broker.port}/{TOPIC}", "EVTWIN_E_AGAIN",
            "mqtt://")
        port = broker.port
    began = time.monotonic()
    is_("nobody there", f"mqtts://127.0.0.1:{port}/{TOPIC}", "EVTWIN_E_AGAIN", "refused")
    check("which shows at once", time.monotonic() - began < 4)


def mended_by_its_owner(broker, uri):
    """A sink is tried again and says so once; after the broker has a new certificate it works."""
    log = os.path.join(folder.name, "sim.err")

    def said():
        with open(log) as f:
            return f.read()

    def await_(what, holds):
        limit = time.monotonic() + DEADLINE_S
        while not holds():
            check(f"{what}: {said()}", time.monotonic() < limit)
            time.sleep(0.05)

    def n_tries():
        with open(broker.log) as f:
            return f.read().count("expired")

    n_before = n_tries()
    with open(log, "w") as err:
        sim = subprocess.Popen([os.path.join(BIN, "evtwin-sim"), "--interval", "0.1", "--sink", uri,
                                "--spool", os.path.join(folder.name, "spool")], cwd=folder.name,
                               stdout=subprocess.DEVNULL, stderr=err)
    try:
        await_("it tries again", lambda: n_tries() >= n_before + 4)
        check("and says so once: " + said(), said().count("has expired") == 1)
        at = tls_folder(broker)
        sign(at, "server.csr", "server.crt")
        broker.restart()
        receiver = subprocess.Popen([CLIENT, "receive", f"{uri}&client_id=mended",
                                     os.path.join(folder.name, "ledger")], stdout=subprocess.DEVNULL)
        try:
            await_("with a new one it delivers", lambda: os.path.exists(
                os.path.join(folder.name, "ledger")) and os.path.getsize(
                os.path.join(folder.name, "ledger")) > 10)
        finally:
            receiver.kill()
            receiver.wait()
        sim.send_signal(signal.SIGTERM)
        check("it ends well: " + said(), sim.wait(DEADLINE_S) == 0)
        check("no password was shown", SECRET not in said())
    finally:
        if sim.poll() is None:
            sim.kill()
            sim.wait()


def certificate_of_the_client():
    with servers.Mosquitto(tls=True, settings={"require_certificate": "true"}) as broker:
        at = tls_folder(broker)
        uri = f"{broker.uri}/{TOPIC}?cafile={at}/ca.crt"
        ask(at, "car")
        sign(at, "car.csr", "car.crt")
        sign(at, "car.csr", "stranger.crt", authority="other")
        openssl(at, "ec", "-in", "car.key", "-aes128", "-passout", "pass:" + SECRET, "-out", "locked.key")
        for _ in range(5):  # how the broker ends such a connection is a race
            is_("no certificate", uri, "EVTWIN_E_", "certfile=")
        is_("a good one", f"{uri}&certfile={at}/car.crt&keyfile={at}/car.key", "EVTWIN_OK")
        is_("one of strangers", f"{uri}&certfile={at}/stranger.crt&keyfile={at}/car.key", "EVTWIN_E_",
            "certfile=")
        is_("a key with a passphrase", f"{uri}&certfile={at}/car.crt&keyfile={at}/locked.key",
            "EVTWIN_E_CORRUPT", "keyfile=", "passphrase")


def main():
    if not os.path.exists(CLIENT):
        raise servers.Skip("built without MQTT")
    certificate_of_the_broker()
    certificate_of_the_client()


if __name__ == "__main__":
    servers.run_test(main)
