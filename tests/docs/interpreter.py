# SPDX-License-Identifier: MIT
"""The Python blocks of a page, one after the other in one interpreter."""
import json
import select
import subprocess

from server.base import die_with_parent

from shell import DEADLINE_S, Failed

DRIVER = """
import contextlib, io, json, sys, traceback
answers, sys.stdout = sys.stdout, sys.stderr
names = {"__name__": "__main__"}
for line in sys.stdin:
    text, place = json.loads(line)
    out, problem = io.StringIO(), None
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(text, place, "exec"), names)
        except BaseException:
            problem = traceback.format_exc()
    print(json.dumps([out.getvalue(), problem]), file=answers, flush=True)
"""


class Interpreter:
    def __init__(self, folder, env):
        self.process = subprocess.Popen(["python3", "-X", "faulthandler", "-c", DRIVER], cwd=folder, env=env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)

    def run(self, text, place):
        """What it prints."""
        self.process.stdin.write(json.dumps([text, place]) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], DEADLINE_S)[0]:
            raise Failed(f"{place}: Python has no end within {DEADLINE_S} s")
        answer = self.process.stdout.readline()
        if not answer:
            raise Failed(f"{place}: Python ended with {self.process.wait()}")
        out, problem = json.loads(answer)
        if problem:
            raise Failed(f"{place}: {problem}")
        return out

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(120)
        if code != 0:
            raise Failed(f"Python ended with {code}")
