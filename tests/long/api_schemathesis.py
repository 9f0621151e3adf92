# SPDX-License-Identifier: MIT
"""api_schemathesis.py BIN: schemathesis makes requests from the server's own description, right and wrong ones, and compares
what is answered with it. It is fetched from the package registry into an environment of its own."""
import os
import re
import subprocess
import sys

import longtest as t

VERSION = "schemathesis==4.32.5"
EXAMPLES = 150  # of each endpoint
SEED = 7
# Parameters that exclude each other cannot be described, so a valid request may be refused; integration.openapi_contract
# names those that must be accepted.
NOT_CHECKED = "positive_data_acceptance"
ENDLESS = "/api/stream"


def fetch():
    for command in ([sys.executable, "-m", "venv", "venv"], ["venv/bin/pip", "install", "-q", VERSION]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            t.skip(f"{VERSION} cannot be had: {(done.stderr or done.stdout).strip()[-200:]}")


def port_of(log):
    found = re.search(r"at http://localhost:(\d+)", open(log).read())
    return found and found[1]


def main():
    fetch()
    t.run("sim", "-q", "--fleet", 3, "--interval", 0.05, "--duration", 2, "--sink", "sqlite:fleet.db")
    server = t.start("serve", "--store", "sqlite:fleet.db", "--port", 0, err="serve.err")
    t.await_true("the server says where it serves", 60, lambda: port_of("serve.err"))
    done = subprocess.run(["venv/bin/schemathesis", "run", f"http://localhost:{port_of('serve.err')}/openapi.json", "--no-color",
                           "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--exclude-checks", NOT_CHECKED,
                           "--exclude-path", ENDLESS],
                          capture_output=True, text=True, env={**os.environ, "NO_PROXY": "localhost"}, timeout=1000)
    t.check("every answer is as described", done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:])
    found = re.search(r"Test cases:\s*(.*)", done.stdout)
    t.say(found[1].strip() if found else done.stdout[-300:])
    t.stop("the server", server)
    t.finish()


main()
