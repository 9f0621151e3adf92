# SPDX-License-Identifier: MIT
"""XGBoost's tracker, and evtwin-train as one of several processes that it brings together."""
import os
import signal
import subprocess

import longtest as t

PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's xgboost
# ranks by task: the first process of a list is process 0, whichever comes first
TRACKER = """import sys
from xgboost.tracker import RabitTracker
tracker = RabitTracker(host_ip="127.0.0.1", n_workers=int(sys.argv[1]), sortby="task")
tracker.start(int(sys.argv[1]))
for name, value in tracker.worker_envs().items():
    print(f"{name}={value}", flush=True)
print("", flush=True)
sys.stdin.read()
"""
SEED = ["--seed", "1"]


def need_tracker():
    if subprocess.run([PYTHON, "-c", "import xgboost.tracker"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        t.skip("python3-xgboost with XGBoost's tracker is not installed")


class Tracker:
    """XGBoost's tracker of some processes, in a process of its own."""

    def __init__(self, workers):
        self.process = subprocess.Popen([PYTHON, "-c", TRACKER, str(workers)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        t._children.append(self.process)
        self.environment = {}
        for line in iter(self.process.stdout.readline, "\n"):
            t.require("the tracker starts", line != "")
            name, _, value = line.strip().partition("=")
            self.environment[name] = value

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start_program(tracker, task, *command):
    environment = dict(os.environ, DMLC_TASK_ID=str(task), **tracker.environment)
    child = subprocess.Popen([*map(str, command)], env=environment, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
    t._children.append(child)
    return child


def start(tracker, task, *options):
    return start_program(tracker, task, t.tool("train"), "--together", *options)


def end(child, seconds=240):
    """(exit code, stdout, stderr)"""
    try:
        out, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        t.require("no process waits for ever", False)
    return child.returncode, out, err


def together(commands):
    """What became of each process."""
    tracker = Tracker(len(commands))
    children = [start(tracker, i, *c) for i, c in enumerate(commands)]
    ended = [end(child) for child in children]
    tracker.stop()
    return ended
