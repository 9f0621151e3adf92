#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""asyncapi.py BIN: what AsyncAPI's own parser says of docs/asyncapi.yaml: neither an error nor a warning. And it is
asked a document with an error, which it has to find.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "integration"))
from server import environment  # noqa: E402
from server.base import Skip  # noqa: E402

DOCUMENT = os.path.join(HERE, os.pardir, os.pardir, "docs", "asyncapi.yaml")


def parse(folder, document):
    return subprocess.run(["node", os.path.join(HERE, "asyncapi_parse.mjs"), os.path.abspath(document)], cwd=folder,
                          capture_output=True, text=True, timeout=300)


def main():
    folder = environment.asyncapi_parser()
    done = parse(folder, DOCUMENT)
    if done.returncode != 0:
        sys.exit(f"FAILED: {done.stdout}{done.stderr}")
    print(done.stdout.strip())
    with open(DOCUMENT) as f, tempfile.NamedTemporaryFile("w", suffix=".yaml") as broken:
        broken.write(f.read().replace("'#/channels/mqttStatus'", "'#/channels/none'"))
        broken.flush()
        done = parse(folder, broken.name)
    if done.returncode != 1 or "error" not in done.stdout:
        sys.exit(f"FAILED: a reference to nothing is not found: {done.stdout}{done.stderr}")


try:
    main()
except Skip as e:
    print(f"skipped: {e}")
    sys.exit(77)
