#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""prepare.py SOURCE BUILD DATA: what the pages have in common, made once: the installation DATA/prefix and the example data.

    fleet.csv    a run-to-failure data set of 40 batteries, as evtwin-sim writes it
    models       a bundle trained on it
    live.csv     an hour of 12 batteries, without labels
    evtwin.db    that hour in a store, with predictions
"""
import os
import shutil
import subprocess
import sys

SOURCE, BUILD, DATA = map(os.path.abspath, sys.argv[1:4])


def main():
    shutil.rmtree(DATA, ignore_errors=True)
    os.makedirs(DATA)
    prefix = os.path.join(DATA, "prefix")

    def run(*args):
        done = subprocess.run(args, cwd=DATA, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            sys.exit(f"FAILED: {args} ended with {done.returncode}\n{done.stdout}{done.stderr}")

    def tool(name, *args):
        run(os.path.join(prefix, "bin", "evtwin-" + name), *args)

    run("cmake", "--install", BUILD, "--prefix", prefix)
    for folder, _, names in os.walk(prefix):
        if "libevtwin.so" in names:
            os.environ["LD_LIBRARY_PATH"] = folder
    tool("sim", "--fleet", "40", "--until-eol", "--record-days", "10", "--moments", "daily", "--seed", "1", "--csv", "fleet.csv")
    tool("train", "fleet.csv", "--out", "models", "--seed", "1")
    live = ("--fleet", "12", "--soh", "99:81", "--speed", "max", "--interval", "60", "--duration", "3600", "--seed", "7")
    tool("sim", *live, "--csv", "live.csv")
    tool("sim", *live, "--sink", "sqlite:evtwin.db")
    tool("predict", "--models", "models", "--store", "sqlite:evtwin.db", "--once", "--metrics-port", "0")


main()
