#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""grafana_schema.py: the dashboard is one by the types that Grafana publishes (npm: @grafana/schema), its panels' options and
fields too. tsc is the judge; what is wrong on purpose has to be found by it. npm installs both once, into the cache of tests."""
import copy
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "integration"))
from limits_def import DEPLOY, check, finish, skip  # noqa: E402
from server.base import Skip, cache_folder  # noqa: E402

BOARD = os.path.join(DEPLOY, "grafana/dashboards/ev-battery-twin.json")
KINDS = ("timeseries", "gauge", "table", "piechart")
# JSON has the values of enums, not their names; what Grafana fills in by itself may be left out of options
HEAD = """\
import type { Dashboard } from '@grafana/schema';
import type { Threshold, ThresholdsConfig } from '@grafana/schema';
%s
type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
""" % "\n".join(f"import type * as {k} from '@grafana/schema/dist/types/raw/composable/{k}/panelcfg/x/types.gen';" for k in KINDS)


def packages():
    """The folder that npm has installed both into."""
    source = os.path.join(HERE, "grafana_schema")
    with open(os.path.join(source, "package-lock.json"), "rb") as f:
        name = "grafana-schema-" + hashlib.sha256(f.read()).hexdigest()[:16]
    folder = os.path.join(cache_folder(), name)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(folder):
            return folder
        if shutil.which("npm") is None:
            skip("there is no npm")
        half = folder + ".half"
        shutil.rmtree(half, ignore_errors=True)
        os.mkdir(half)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(source, file), half)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=half, capture_output=True,
                              text=True, timeout=600)
        if done.returncode != 0:
            skip(f"npm cannot install @grafana/schema: {(done.stderr or done.stdout).splitlines()[:1]}")
        os.rename(half, folder)
    return folder


def as_type_script(board):
    """One constant a line: the dashboard, and what its type leaves open of each panel."""
    lines = [f"const board: Plain<Dashboard> = {json.dumps(board)};"]
    for p in board["panels"]:
        kind, n = p["type"], p["id"]
        lines.append(f"const options{n}: Plain<Partial<{kind}.Options>> = {json.dumps(p['options'])};")
        defaults = p["fieldConfig"]["defaults"]
        if "custom" in defaults:
            lines.append(f"const custom{n}: Plain<Partial<{kind}.FieldConfig>> = {json.dumps(defaults['custom'])};")
        for i, override in enumerate(p["fieldConfig"]["overrides"]):
            for prop in override["properties"]:
                if prop["id"] == "thresholds":
                    lines.append(f"const steps{n}_{i}: Plain<ThresholdsConfig> = {json.dumps(prop['value'])};")
                if prop["id"].startswith("custom."):
                    field = prop["id"].split(".")[1]
                    lines.append(f"const field{n}_{i}_{field}: Plain<{kind}.FieldConfig>['{field}'] = {json.dumps(prop['value'])};")
    return lines


def errors(folder, blocks):
    """[[what tsc says of a line]] for each block, which stands by itself."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        for i, lines in enumerate(blocks):
            with open(os.path.join(work, f"block{i}.ts"), "w") as f:
                f.write(HEAD + "\n".join(lines) + "\nexport {};\n")
        done = subprocess.run(
            ["node", os.path.join(folder, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext",
             "--moduleResolution", "node10", "--target", "es2022",
             *(os.path.join(work, f"block{i}.ts") for i in range(len(blocks)))],
            cwd=folder, capture_output=True, text=True, timeout=600)
        said = done.stdout + done.stderr
    found = [[] for _ in blocks]
    for line in said.splitlines():
        match = re.search(r"block(\d+)\.ts\(", line)
        if match:
            found[int(match[1])].append(line)
    if done.returncode != 0 and not any(found):
        sys.exit(f"FAILED: tsc: {said[-2000:]}")
    return found


def broken(board):
    """Dashboards with one thing wrong each."""
    def panel(b, kind):
        return next(p for p in b["panels"] if p["type"] == kind)
    faults = {
        "a number as refresh": lambda b: b.update(refresh=5),
        "no schema version": lambda b: b.pop("schemaVersion"),
        "a key that there is not": lambda b: b.update(refreshes="5s"),
        "a unit that is no text": lambda b: b["panels"][0]["fieldConfig"]["defaults"].update(unit=3),
        "a mode of colours that there is not": lambda b: b["panels"][0]["fieldConfig"]["defaults"]["color"].update(mode="bands"),
        "a step without a colour": lambda b: b["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"][0].pop("color"),
        "a place without a width": lambda b: b["panels"][0]["gridPos"].pop("w"),
        "a kind of variable that there is not": lambda b: b["templating"]["list"][1].update(type="querry"),
        "a style of lines that there is not": lambda b: panel(b, "timeseries")["fieldConfig"]["defaults"]["custom"].update(
            drawStyle="lines"),
        "an option that there is not": lambda b: panel(b, "gauge")["options"].update(showNeedle=True),
        "a header that is a text": lambda b: panel(b, "table")["options"].update(showHeader="yes"),
        "a pie that is a cake": lambda b: panel(b, "piechart")["options"].update(pieType="cake")}
    for what, fault in faults.items():
        wrong = copy.deepcopy(board)
        fault(wrong)
        yield what, wrong


def main():
    try:
        folder = packages()
    except Skip as e:
        skip(str(e))
    with open(BOARD) as f:
        board = json.load(f)
    wrong = list(broken(board))
    found = errors(folder, [as_type_script(board)] + [as_type_script(b) for _, b in wrong])
    check("the dashboard is of Grafana's type", not found[0], "\n".join(line[:1500] for line in found[0][:5]))
    for (what, _), lines in zip(wrong, found[1:]):
        check(f"tsc finds {what}", lines)
    print(f"{len(as_type_script(board))} values checked; {len(wrong)} faults found")
    finish()


main()
