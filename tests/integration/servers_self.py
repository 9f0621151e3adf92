#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The servers of the tests themselves: started, killed, back with their data; nothing is left of them."""
import glob
import os
import subprocess
import sys
import time

import servers


def check(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def processes_of(folder):
    """Whoever works in this folder or names it."""
    found = []
    for process in glob.glob("/proc/[0-9]*"):
        try:
            with open(process + "/cmdline") as f:
                named = folder in f.read()
            if named or os.readlink(process + "/cwd").startswith(folder):
                found.append(process)
        except OSError:
            continue
    return found


def postgres():
    with servers.Postgres() as pg:
        pg.sql("CREATE TABLE t (i INT); INSERT INTO t SELECT generate_series(1, 1000)")
        end = time.monotonic() + 60
        while len(processes_of(pg.folder)) <= 3:
            check("processes are found", time.monotonic() < end)
            time.sleep(0.05)
        pg.kill()
        check("none is left after kill()", processes_of(pg.folder) == [])
        began = time.monotonic()
        pg.restart()
        print(f"postgres: back {time.monotonic() - began:.2f} s after a kill")
        check("the rows are back", pg.sql("SELECT count(*) FROM t") == "1000")
        pg.pause()
        check("a paused one does not answer", subprocess.run(
            ["timeout", "0.3", os.path.join(pg.bin, "psql"), "-XAtc", "SELECT 1", pg.uri],
            capture_output=True).returncode == 124)
        pg.resume()
        check("a resumed one does", pg.sql("SELECT 1") == "1")
        check("another database is empty", pg.database() != pg.uri and
              pg.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "test_1") == "0")
        for password, text in (("open sesame", ""), ("wrong", "authentication failed")):
            done = subprocess.run(
                [os.path.join(pg.bin, "psql"), "-XAtc", "SELECT 1", pg.uri_of("evtwin", "guarded")],
                env={**os.environ, "PGPASSWORD": password}, capture_output=True, text=True)
            check("the password decides: " + done.stderr, text in done.stderr and
                  (done.returncode == 0) == (text == ""))
        folder = pg.folder
    check("its folder is removed", not os.path.exists(folder) and processes_of(folder) == [])


def mosquitto():
    with servers.Mosquitto(persistence=True, users={"car": "secret"}, settings={
            "max_queued_messages": 0}) as broker:
        def publish(password):
            return subprocess.run(
                [sys.executable, "-c", "import paho.mqtt.publish as p, sys\n"
                 f"p.single('t', 'x', qos=1, port={broker.port}, auth=dict(username='car',"
                 f" password=sys.argv[1]))", password], capture_output=True).returncode
        check("its user may publish", publish("secret") == 0)
        check("nobody else may", publish("wrong") != 0)
        broker.kill()
        check("a killed one is gone", not servers.accepts(broker.port))
        broker.restart()
        check("and back", publish("secret") == 0)
    with servers.Mosquitto(tls=True) as broker:
        check("mqtts", broker.uri.startswith("mqtts://"))


def main():
    postgres()
    mosquitto()


servers.run_test(main)
