#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""serve_postgres.py BIN: evtwin-serve on a PostgreSQL that is killed, comes back, and falls silent: 503 while
it cannot answer, 200 again without a restart, and a clean end even then."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from servers import Postgres, Skip, die_with_parent

BIN = sys.argv[1]
DEADLINE_S = 100
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never over a proxy


def code(url):
    try:
        with _opener.open(url, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code
    except OSError:
        return 0  # it does not listen yet


def must_become(url, expected, when):
    deadline = time.monotonic() + DEADLINE_S
    while (got := code(url)) != expected:
        if time.monotonic() > deadline:
            sys.exit(f"{when}: {url} is {got}, not {expected}")
        time.sleep(0.1)


def port_of(server, log):
    """The one that it says it serves at."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        log.seek(0)
        found = re.search(r"at http://localhost:(\d+)", log.read())
        if found:
            return found[1]
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit("it does not say where it serves")
        time.sleep(0.05)


def try_all(pg, log):
    subprocess.run([os.path.join(BIN, "evtwin-sim"), "-q", "--fleet", "2", "--interval", "0.1", "--duration", "0.5",
                    "--sink", pg.uri], check=True)
    server = subprocess.Popen([os.path.join(BIN, "evtwin-serve"), "--store", pg.uri, "--port", "0"],
                              stderr=log, preexec_fn=die_with_parent)
    try:
        port = port_of(server, log)
        for path in ("/health", "/api/batteries/list"):
            url = f"http://127.0.0.1:{port}{path}"
            must_become(url, 200, "at first")
            pg.kill()
            must_become(url, 503, "without its server")
            pg.restart()
            must_become(url, 200, "with its server again")
            pg.pause()
            must_become(url, 503, "with a silent server")
            pg.resume()
            must_become(url, 200, "with one that speaks again")
        pg.pause()  # nor does the end wait for it
        server.send_signal(signal.SIGTERM)
        if server.wait(DEADLINE_S) != 0:
            sys.exit(f"exit code {server.returncode} at the end")
    finally:
        server.kill()
        pg.resume()


def main():
    with tempfile.TemporaryFile("w+") as log:
        try:
            with Postgres() as pg:
                try_all(pg, log)
        finally:
            log.seek(0)
            print(log.read())


if __name__ == "__main__":
    try:
        main()
    except Skip as skip:
        print(f"skipped: {skip}")
        sys.exit(77)
