#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kubernetes_schema.py BIN: every manifest of deploy/kubernetes by the API's own schemas (kubernetes-validate)."""
import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from server import environment  # noqa: E402
from server.base import Skip  # noqa: E402


def validate(program, *paths):
    done = subprocess.run([program, "--strict", "-k", "1.31", *paths], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


try:
    program = environment.kubernetes_validate()
except Skip as e:
    print("skipped:", e)
    sys.exit(77)
manifests = sorted(glob.glob(os.path.join(HERE, "..", "..", "deploy", "kubernetes", "*.yaml")))
code, text = validate(program, *manifests)
print(text)
if code != 0 or not manifests:
    sys.exit("FAILED")
with tempfile.TemporaryDirectory() as folder:  # the judge finds what is wrong
    for old, new in (("periodSeconds: 10", "periodSecond: 10"), ("minReplicas: 3", "minReplicas: three")):
        with open([m for m in manifests if "predict" in m][0]) as f:
            before = f.read()
        bad = os.path.join(folder, "bad.yaml")
        with open(bad, "w") as f:
            f.write(before.replace(old, new))
        if old not in before or validate(program, bad)[0] == 0:
            sys.exit(f"FAILED: '{new}' was not found")
print(f"{len(manifests)} manifests")
