# SPDX-License-Identifier: MIT
"""model_mutants.py BIN MODEL_MUTANTS PROJECT: model files damaged at random, JSON and UBJSON, in the loader of this
library: no crash, no hang, no answer that is not finite, memory in bounds. Beside it, the same files in XGBoost's own
loaders, each in a child process, as a measure of what hostile files these are; nothing is asked of them.
"""
import ctypes.util
import glob
import json
import os
import subprocess

from longtest import PROGRAMS, check, finish, require, say
from server.base import Skip
from server.environment import XGBOOST, xgboost_python

MUTANTS, PROJECT = PROGRAMS
OURS, THEIRS = 20000, 1000  # the same ones, as far as they go
SEED = 11
MAX_TIMES = 4  # of a file's size and 1 KiB, in memory


def measure(loader, n, form):
    files = sorted(glob.glob(f"{PROJECT}/tests/data/models/xgboost-*.{form}"))
    require(f"there are files of {form}", len(files) == 6, files)
    done = subprocess.run([MUTANTS, loader, str(n), str(SEED), *files], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    require(f"the mutants of {form} are tried", done.returncode == 0, done.stderr[-500:])
    return json.loads(done.stdout)


def libraries():
    """Debian's XGBoost and the newest, as far as they are here: (name, path)."""
    debian = ctypes.util.find_library("xgboost")
    if debian is not None:
        yield "Debian's", debian
    version = list(XGBOOST)[-1]
    try:
        folder = os.path.dirname(os.path.dirname(xgboost_python(version)))
    except Skip as e:
        say(f"XGBoost {version} is not measured: {e}")
        return
    for path in glob.glob(f"{folder}/lib/python*/site-packages/xgboost/lib/libxgboost.so"):
        yield version, path


def line(name, form, n):
    return (f"{form:4} {name:9} {n['mutants']:6} mutants: {n['loaded']:6} load, {n['crashes']:4} crashes, "
            f"{n['hangs']:3} hangs, {n['not_finite']:5} answer with NaN or infinity")


for form in ("json", "ubj"):
    n = measure("ours", OURS, form)
    say(line("evtwin", form, n) + f", at most {n['memory']:.1f} times the file's size in memory")
    check(f"{form}: no crash", n["crashes"] == 0, f"the first at mutant {n['first']} of seed {SEED}")
    check(f"{form}: no hang", n["hangs"] == 0, f"the first at mutant {n['first']} of seed {SEED}")
    check(f"{form}: what loads answers with finite numbers", n["not_finite"] == 0, n["not_finite"])
    check(f"{form}: some load, most do not", 0 < n["loaded"] < OURS / 2, n["loaded"])
    check(f"{form}: memory", 0 < n["memory"] < MAX_TIMES, n["memory"])
    for name, path in libraries():
        say(line(name, form, measure(path, THEIRS, form)))
finish()
