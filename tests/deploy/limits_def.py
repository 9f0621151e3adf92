# SPDX-License-Identifier: MIT
"""lib/core/thresholds.def as the tests of deploy/ read it, and which limit of it a value breaks."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
failed = []


def check(what, holds, detail=""):
    if not holds:
        failed.append(what)
        print(f"FAILED: {what}{': ' if detail != '' else ''}{detail}", flush=True)
    return bool(holds)


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def finish():
    sys.exit(1 if failed else 0)


def limits():
    """[{kind, quantity, level, operator, limit}], as /api/thresholds has them."""
    with open(os.path.join(ROOT, "lib/core/thresholds.def")) as f:
        rows = re.findall(r"^L\((\w+), +(\w+), +(\w+), +(\w+), +([-0-9.e]+)\)$", f.read(), re.M)
    return [{"kind": kind.lower(), "quantity": quantity.lower(), "level": level,
             "operator": "<" if direction == "BELOW" else ">", "limit": float(limit)}
            for kind, quantity, level, direction, limit in rows]


def is_beyond(rule, value):
    return value < rule["limit"] if rule["operator"] == "<" else value > rule["limit"]


def strictest(rules, quantity, operator, value):
    """The limit of status or alert that is farthest of those that the value breaks; None if it breaks none."""
    broken = [r for r in rules if r["kind"] != "display" and (r["quantity"], r["operator"]) == (quantity, operator)
              and is_beyond(r, value)]
    pick = min if operator == "<" else max
    return pick(broken, key=lambda r: r["limit"]) if broken else None
