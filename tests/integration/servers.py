#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Real servers for tests: PostgreSQL, mosquitto, Apache Kafka, MLflow and an S3, each of its own in a
temporary folder.

    with Postgres() as pg:      # on a free port of 127.0.0.1; ready, because it answered
        pg.uri, pg.port         # for the tools; pg.database() makes another, empty database
        pg.kill()               # SIGKILL to all its processes at once
        pg.restart()            # the same port, the same data
        pg.pause(), pg.resume() # SIGSTOP and SIGCONT to all its processes

    servers.py run postgres mosquitto kafka -- COMMAND...

runs COMMAND with EVTWIN_TEST_POSTGRES, EVTWIN_TEST_MQTT and EVTWIN_TEST_KAFKA set to their URIs and
ends with its exit code, or with 77 and a reason if a server cannot be had (Skip in Python).

Start servers from the main thread: they die with the thread that started them, so that nothing is
left when a test is killed. They work for root too (PostgreSQL then runs as another user). Kafka is
fetched by Maven once, MLflow by pip and versitygw (the S3) by go, into $EVTWIN_TEST_CACHE or
~/.cache/evtwin-tests.
"""
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
from server.base import (LOCALHOST, SERVERS_ALIVE, Server, Skip, accepts,  # noqa: E402, F401
                         certificates, die_with_parent, free_port, kill_group, kill_tree)
from server.kafka import Kafka  # noqa: E402
from server.mlflow import MLFLOW, Minio, MLflow, Versitygw  # noqa: E402, F401
from server.mosquitto import Mosquitto  # noqa: E402
from server.postgres import Postgres  # noqa: E402

KINDS = {"postgres": (Postgres, "EVTWIN_TEST_POSTGRES"), "mosquitto": (Mosquitto, "EVTWIN_TEST_MQTT"),
         "kafka": (Kafka, "EVTWIN_TEST_KAFKA")}
MODULES = ("jsonschema", "kafka", "paho", "psycopg2", "yaml")  # of Python, which a machine may lack


def stop_all():
    for server in list(SERVERS_ALIVE):
        server.stop()


def run(kinds, command):
    def end(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    child = None
    env = dict(os.environ)
    try:
        for kind in kinds:
            server, variable = KINDS[kind]
            env[variable] = server().uri
        child = subprocess.Popen(command, env=env, start_new_session=True, preexec_fn=die_with_parent)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # its number stays its own until then
        kill_group(child.pid)  # whom it left behind
        code = child.wait()
        return code if code >= 0 else 128 - code
    except Skip as e:
        print("skipped:", e)
        return 77
    finally:
        if child is not None:
            kill_tree(child)
        stop_all()


def run_test(main, children=()):
    """main() as a test: it skips where a server or one of MODULES cannot be had, and leaves no process behind."""
    try:
        main()
    except Skip as e:
        print("skipped:", e)
        sys.exit(77)
    except ModuleNotFoundError as e:
        if e.name.partition(".")[0] not in MODULES:
            raise
        print("skipped:", e)
        sys.exit(77)
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()
        stop_all()


def main(args):
    if args[:1] != ["run"] or "--" not in args:
        sys.exit("usage: servers.py run [postgres] [mosquitto] [kafka] -- COMMAND...")
    at = args.index("--")
    kinds, command = args[1:at], args[at + 1:]
    unknown = [k for k in kinds if k not in KINDS]
    if unknown or not command:
        sys.exit(f"servers.py: {'unknown server ' + unknown[0] if unknown else 'no command'}")
    sys.exit(run(kinds, command))


if __name__ == "__main__":
    main(sys.argv[1:])
