#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bad_config.py BIN: what --check says of servers that do not let us in, are not there or are other
than expected; and whether a password shows anywhere.

Each case ends with the exit code that belongs to it and a line that names the server and the reason.
kafka_bad_config.py has those of Kafka.
"""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "long")]
import longtest as t  # noqa: E402
import servers  # noqa: E402

DAMAGED, UNAVAILABLE, UNWRITABLE, DENIED = 65, 69, 73, 77
SECRET, WRONG = "planted-s3cret-Zq7", "planted-wr0ng-Xk9"


def secret_file(name, text):
    with open(name, "w") as f:
        f.write(text + "\n")
    os.chmod(name, 0o600)
    return os.path.abspath(name)


def case(what, uri, code, *says, env=None, tool="sim", option="--sink"):
    """--check of one URI. It gives a server a few seconds; on a busy machine it is asked again."""
    for _ in range(5):
        done = subprocess.run([t.tool(tool), "--check", option, uri], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, env={**os.environ, **(env or {})})
        if done.returncode != UNAVAILABLE or code == UNAVAILABLE:
            break
    text = done.stdout + done.stderr
    t.check(f"{what}: exit code {code}", done.returncode == code, f"{done.returncode}; {text}")
    for part in says:
        t.check(f"{what}: says {part}", part in text, text)
    t.check(f"{what}: no password", SECRET not in text and WRONG not in text, text)
    t.check(f"{what}: no line without the tool's name", all(
        line.startswith(f"evtwin-{tool}: ") for line in done.stderr.splitlines()), done.stderr)


def postgres_cases(pg):
    guarded = pg.uri_of("evtwin", "guarded")
    right, wrong = secret_file("right", SECRET), secret_file("wrong", WRONG)
    pg.sql(f"ALTER ROLE guarded PASSWORD '{SECRET}'; CREATE ROLE reader LOGIN; "
           "GRANT CREATE ON SCHEMA public TO guarded; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    port = f":{pg.port}"
    case("right password", f"{guarded}?password_file={right}", 0)
    case("right password in the environment", guarded, 0, env={"PGPASSWORD": SECRET})
    case("wrong password", f"{guarded}?password_file={wrong}", DENIED, "guarded", port)
    case("wrong password in the environment", guarded, DENIED, "guarded", env={"PGPASSWORD": WRONG})
    case("no password", guarded, DENIED, "password")
    case("a password on the command line", guarded.replace("guarded", f"guarded:{SECRET}"), 2,
         "password_file")
    case("unknown host", "postgresql://evtwin@no-such-host.invalid/evtwin", UNAVAILABLE,
         "no-such-host.invalid")
    nobody = servers.free_port()
    case("nobody listens", f"postgresql://evtwin@127.0.0.1:{nobody}/evtwin", UNAVAILABLE, str(nobody))
    case("unknown user", pg.uri_of("evtwin", "stranger"), DENIED, "stranger")
    case("unknown database", pg.uri_of("absent"), UNWRITABLE, "absent")
    case("no right to make tables", pg.uri_of("evtwin", "reader"), DENIED, "reader")
    case("encryption asked of a server without", pg.uri + "?sslmode=require", UNAVAILABLE, "SSL")
    case("unknown parameter", pg.uri + "?colour=red", 2, "colour")
    other = pg.database()
    pg.sql("CREATE TABLE ev_telemetry (when_was_it TEXT, what INT)", other.rpartition("/")[2])
    case("a table of another shape", other, DAMAGED, "ev_telemetry")
    t.check("which is left as it was", pg.sql(
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'ev_telemetry'",
        other.rpartition("/")[2]) == "2")


def tls_cases():
    with servers.Postgres(tls=True) as pg:
        tls = os.path.join(pg.folder, "tls")
        for name, right, code in (("our authority", "ca", 0), ("another authority", "other", None)):
            copy = os.path.abspath(f"{right}.crt")  # the server's folder is its own
            with open(os.path.join(tls, f"{right}.crt")) as f, open(copy, "w") as out:
                out.write(f.read())
            uri = f"{pg.uri}?sslmode=verify-full&sslrootcert={copy}"
            case(f"PostgreSQL, {name}", uri, code if code is not None else DENIED,
                 *(["certificate"] if right == "other" else []))
    with servers.Mosquitto(tls=True) as broker:
        tls = os.path.join(broker.folder, "tls")
        topic = "/ev/battery/telemetry"
        case("MQTT, our authority", f"{broker.uri}{topic}?cafile={tls}/ca.crt", 0)
        case("MQTT, another authority", f"{broker.uri}{topic}?cafile={tls}/other.crt", DENIED,
             str(broker.port))
        case("MQTT without encryption to a port with", f"mqtt://127.0.0.1:{broker.port}{topic}",
             UNAVAILABLE, str(broker.port))


def mqtt_cases():
    right, wrong = secret_file("right", SECRET), secret_file("wrong", WRONG)
    with servers.Mosquitto(users={"car": SECRET}) as broker:
        uri = f"mqtt://car@127.0.0.1:{broker.port}/ev/battery/telemetry"
        case("right password", f"{uri}?password_file={right}", 0)
        case("right password of a source", f"{uri}?password_file={right}", 0, tool="ingest",
             option="--source")
        case("wrong password", f"{uri}?password_file={wrong}", DENIED, str(broker.port))
        case("no password", uri.replace("car@", ""), DENIED, str(broker.port))
        case("no such file", f"{uri}?password_file=/no/such/file", UNWRITABLE, "/no/such/file")
        case("nothing known of encryption", uri.replace("mqtt:", "mqtts:"), UNAVAILABLE,
             str(broker.port))
    nobody = servers.free_port()
    case("nobody listens", f"mqtt://127.0.0.1:{nobody}/t", UNAVAILABLE, str(nobody))
    case("unknown host", "mqtt://no-such-host.invalid/t", UNAVAILABLE, "no-such-host.invalid")


def cmdlines():
    found = ""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", errors="replace") as f:
                found += f.read()
        except OSError:
            pass
    return found


def planted_secrets():
    """Everything runs with secrets that work, and with some that do not: they are shown nowhere."""
    right, wrong = secret_file("right", SECRET), secret_file("wrong", WRONG)
    with servers.Postgres() as pg, servers.Mosquitto(users={"car": SECRET}) as broker:
        pg.sql(f"ALTER ROLE guarded PASSWORD '{SECRET}'")
        guarded = pg.uri_of("evtwin", "guarded")
        mqtt = f"mqtt://car@127.0.0.1:{broker.port}/ev/battery/telemetry"
        pg.sql("GRANT CREATE ON SCHEMA public TO guarded")
        os.environ["PGPASSWORD"] = SECRET
        port, metrics = t.free_port(), t.free_port()
        tools = [
            t.start("sim", "--interval", 0.1, "--sink", guarded, "--sink",
                    f"{mqtt}?password_file={right}", "--spool", "sim.spool", "-v", err="secret.err"),
            t.start("ingest", "--source", f"{mqtt}?password_file={right}", "--sink", "sqlite:in.db",
                    "--metrics-port", metrics, "-v", err="secret.err"),
            t.start("serve", "--store", guarded, "--port", port, "-v", err="secret.err")]
        del os.environ["PGPASSWORD"]
        failing = t.start("sim", "--interval", 0.1, "--battery-id", "OTHER_001", "--sink", "jsonl:other.jsonl",
                          "--sink", f"{guarded}?password_file={wrong}", "--sink",
                          f"{mqtt}?password_file={wrong}", "--spool", "other.spool", "-v",
                          err="secret.err")
        url = f"http://127.0.0.1:{port}"
        t.await_true("rows are served", 60, lambda: t.answers(url + "/api/battery/latest?battery_id="
                                                              "BATTERY_001"))
        t.await_true("metrics are served", 60, lambda: t.answers(f"http://127.0.0.1:{metrics}/metrics"))
        time.sleep(1)
        shown = {"the command lines": cmdlines(),
                 "/metrics of evtwin-ingest": t.get(f"http://127.0.0.1:{metrics}/metrics").decode(),
                 "/metrics of evtwin-serve": t.get(url + "/metrics").decode(),
                 "/health": t.get(url + "/health").decode()}
        pg.kill()
        time.sleep(1)  # what they say of a server that went away
        for tool in tools[::-1]:
            tool.send_signal(t.signal.SIGTERM)
            tool.wait(100)
        failing.send_signal(t.signal.SIGTERM)
        failing.wait(100)
        done = subprocess.run([t.tool("sim"), "--print-config", "--sink", f"{mqtt}?password_file={right}"],
                              capture_output=True, text=True, env={**os.environ, "DB_HOST": "h",
                                                                   "DB_PASSWORD": SECRET})
        shown["--print-config"] = done.stdout + done.stderr
        shown["the logs"] = open("secret.err", errors="replace").read()
    t.check("the tools said something", len(shown["the logs"]) > 200, shown["the logs"])
    for what, text in shown.items():
        t.check(f"no secret in {what}", SECRET not in text and WRONG not in text)


def main():
    with servers.Postgres() as pg:
        postgres_cases(pg)
    mqtt_cases()
    tls_cases()
    planted_secrets()
    t.finish()


if __name__ == "__main__":
    try:
        main()
    except servers.Skip as e:
        t.skip(e)
