# SPDX-License-Identifier: MIT
"""Cases from outside, where they are beside the project: files of public bug reports by people who do
this job, and attacks. Each is a script that is given an installed product and ends with 0 (it behaves
right), 77 (it cannot be tried here) or something else. The project's other tests hold the same
behaviour in its own words; this run shows that none of it got lost on the way."""
import glob
import os
import subprocess

from longtest import PROGRAMS, WORK, check, finish, require, say, skip

BUILD, PROJECT = PROGRAMS
PREFIX = os.path.join(WORK, "prefix")
SCRIPTS = sorted(script for kind in ("fieldcases", "attackcases")
                 for script in glob.glob(os.path.join(PROJECT, os.pardir, "shared", kind, "*", "run.sh")))


def output_of(command, seconds):
    """(exit code, what it printed); its process group is ended with it."""
    done = subprocess.run(["timeout", "-k", "5", str(seconds), *command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    return done.returncode, done.stdout


if not SCRIPTS:
    skip("no cases stand beside the project (../shared/fieldcases, ../shared/attackcases)")
os.chmod(WORK, 0o755)  # some cases run the tools as another user
code, text = output_of(["cmake", "--install", BUILD, "--prefix", PREFIX], 60)
require("the build can be installed", code == 0, text[-500:])

n_right = 0
for script in SCRIPTS:
    name = os.path.basename(os.path.dirname(script))
    for _ in range(2):  # some cases have limits in seconds: a second look on a busy machine
        code, text = output_of(["bash", script, PREFIX], 180)
        if code in (0, 77):
            break
    if code == 77:
        say(f"{name} cannot be tried here: {text.strip()[-200:]}")
    else:
        n_right += check(name, code == 0, text[-1500:])
say(f"{n_right} of {len(SCRIPTS)} cases are right")
finish()
