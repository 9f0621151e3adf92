# SPDX-License-Identifier: MIT
"""Measure everything that docs/results.md says, and write it.

    python3 scripts/results BUILD SHARED_DATA [SECTION...]   measure (all sections), then write
    python3 scripts/results --render                         write again what was measured
    python3 scripts/results --check BUILD                    what is written is what was measured

Figures go to docs/results.json, with when and on what they were measured; docs/results.md and the
table of README.md are made from that file alone, so that none is typed.
"""
import datetime
import json
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import audit  # noqa: E402
import cells  # noqa: E402
import fleet  # noqa: E402
import live  # noqa: E402
import readme  # noqa: E402
import rig as rigs  # noqa: E402
import speed  # noqa: E402

SECTIONS = {"fleet": fleet, "cells": cells, "live": live, "audit": audit, "speed": speed}
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FIGURES = os.path.join(ROOT, "docs", "results.json")
PAGE = os.path.join(ROOT, "docs", "results.md")
README = os.path.join(ROOT, "README.md")
MARKS = "<!-- measured -->", "<!-- end -->"


# ---- on what ----

def first_line(*command):
    try:
        return subprocess.run(command, text=True, capture_output=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def value_in(path, pattern):
    try:
        with open(path) as f:
            found = re.search(pattern, f.read(), re.MULTILINE)
    except OSError:
        return "unknown"
    return found.group(1).strip() if found else "unknown"


def machine(rig):
    cache = os.path.join(rig.build, "CMakeCache.txt")
    compiler = value_in(cache, r"^CMAKE_C_COMPILER:[A-Z]+=(.*)$")
    versions = rig.run("evtwin-train --version").split("\n")
    processor = value_in("/proc/cpuinfo", r"^model name\s*: (.*)$")
    system = value_in("/etc/os-release", r"^PRETTY_NAME=.(.*).$")
    return {
        "when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{os.cpu_count()} × {processor}",
        "system": f"{system}, {platform.machine()}",
        "compiler": first_line(compiler, "--version"),
        "build": value_in(cache, r"^CMAKE_BUILD_TYPE:[A-Z]+=(.*)$"),
        "versions": ", ".join(v.strip() for v in versions if v.strip()),
    }


# ---- measure ----

def load():
    with open(FIGURES) as f:
        return json.load(f)


def write(path, text):
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def measure(build, shared, names):
    began = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    for name in names:
        with tempfile.TemporaryDirectory(prefix="evtwin-results.") as work:
            rig = rigs.Rig(os.path.abspath(build), os.path.abspath(shared), work, say)
            say(name)
            start = time.monotonic()
            section = {"on": machine(rig), "measured": SECTIONS[name].measure(rig),
                       "load": round(os.getloadavg()[0], 1),
                       "seconds": round(time.monotonic() - start)}
        figures = load() if os.path.exists(FIGURES) else {}
        figures[name] = section
        write(FIGURES, json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


# ---- write ----

def page_of(figures):
    parts = ["# Measured results\n<!-- test page by: cli.results -->",
             "`make results` measures all of this and writes this page from "
             "[results.json](results.json): no figure is typed by hand. Data and models depend only on "
             "seeds, so another run with the same version of XGBoost gives the same scores. Times "
             "depend on the machine."]
    for name, section in SECTIONS.items():
        on = figures[name]["on"]
        parts += [f"## {section.TITLE}", section.render(figures[name]["measured"]),
                  f"*{on['when']}, {figures[name]['seconds']} s at a load of "
                  f"{figures[name]['load']}. {on['processor']}; {on['system']}; {on['compiler']}, "
                  f"{on['build']}; {on['versions']}.*"]
    return "\n\n".join(parts) + "\n"


def readme_with(text, figures):
    before, rest = text.split(MARKS[0], 1)
    return before + MARKS[0] + "\n" + readme.render(figures) + "\n" + MARKS[1] + \
        rest.split(MARKS[1], 1)[1]


def missing(figures):
    return [name for name in SECTIONS if name not in figures]


def render():
    """Both pages, whole; not before there is a figure for everything they say."""
    figures = load()
    if missing(figures):
        print(f"results: not written: {FIGURES} lacks {', '.join(missing(figures))}",
              file=sys.stderr)
        return
    write(PAGE, page_of(figures))
    with open(README) as f:
        text = f.read()
    write(README, readme_with(text, figures))


# ---- check ----

def check(build):
    """What the files say is what results.json gives, and every command can be run."""
    if not os.path.exists(FIGURES) or missing(load()):
        print("skipped: docs/results.json does not have everything; run make results")
        return 77
    faults = []
    figures = load()
    for path, wanted in ((PAGE, page_of(figures)), (README, None)):
        with open(path) as f:
            text = f.read()
        if text != (wanted or readme_with(text, figures)):
            faults.append(f"{path} is not what results.json gives; run python3 scripts/results --render")
    rig = rigs.Rig(os.path.abspath(build), "", "/", lambda text: None)
    for section in SECTIONS.values():
        for command in section.COMMANDS:
            faults += faults_of(rig, shlex.split(command))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def faults_of(rig, words):
    program = words[0]
    if not program.startswith("evtwin-"):  # the benches and what makes noise, if they are built
        source = f"{program}.c"
        known = any(source in files for _, _, files in os.walk(os.path.join(ROOT, "tests")))
        return [] if known else [f"there is no {source}"]
    if program not in rig.programs:
        return [f"{program} is not built"]
    help_text = rig.run(f"{program} --help")
    return [f"{program} has no {w}" for w in words[1:]
            if w.startswith("--") and not re.search(rf"^ .*{re.escape(w)}\b", help_text, re.M)]


def main(words):
    if words[:1] == ["--check"] and len(words) == 2:
        return check(words[1])
    if words == ["--render"]:
        render()
        return 0
    if len(words) < 2 or not set(words[2:]) <= set(SECTIONS):
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which clears its folder
    try:
        measure(words[0], words[1], words[2:] or list(SECTIONS))
    except rigs.Failed as failed:
        print(f"results: {failed}", file=sys.stderr)
        return 1
    render()
    return 0


sys.exit(main(sys.argv[1:]))
