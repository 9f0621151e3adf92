# SPDX-License-Identifier: MIT
"""Tests that need data frames or scikit-learn run in virtual environments of the test cache, which pip fills the first
time (tests/integration/server/environment.py): in each in turn, with the evtwin of the build folder."""
import os
import subprocess
import sys

SOURCE = os.environ.get("EVTWIN_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_INSIDE = "EVTWIN_FRAMES"


def version():
    """"new" or "old" inside an environment, None outside."""
    return os.environ.get(_INSIDE)


def run_in(versions, *command):
    """Run this file (or a command of python's) in each environment; ends with 77 where one cannot be had."""
    sys.path.insert(0, os.path.join(SOURCE, "tests", "integration"))
    sys.dont_write_bytecode = True
    from server.base import Skip
    from server.environment import frames_python
    for name in versions:
        try:
            python = frames_python(name)
        except Skip as reason:
            print("skipped:", reason)
            sys.exit(77)
        print(f"in the environment {name}:", flush=True)
        # its libraries warn of themselves in development mode
        env = {**{k: v for k, v in os.environ.items() if k != "PYTHONDEVMODE"}, _INSIDE: name}
        done = subprocess.run([python, "-B", "-X", "faulthandler", *(command or sys.argv)], env=env, check=False)
        if done.returncode != 0:
            sys.exit(f"failed in the environment {name}: {done.returncode}")
