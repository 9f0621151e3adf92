#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_runner.py: what runs the pages notices what goes wrong in them, with tools that do nothing."""
import os
import sys
import tempfile

os.environ["EVTWIN_DOCS_DEADLINE_S"] = "60"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import interpreter  # noqa: E402
import shell as terminals  # noqa: E402
from shell import Failed, Shell  # noqa: E402

SERVE = """#!/usr/bin/python3
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(os.environ.get("TERM_CODE", 0))))
signal.signal(signal.SIGINT, lambda *_: sys.exit(int(os.environ.get("CODE", 0))))
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    time.sleep(0.01)
"""


def fails(call, *args):
    """What Failed says."""
    try:
        call(*args)
    except Failed as e:
        return str(e)
    raise AssertionError(f"{args} passes")


def shell_in(folder):
    logs = tempfile.mkdtemp(dir=folder)
    return Shell(folder, {"PATH": f"{folder}:{os.environ['PATH']}"}, logs)


def check_jobs(folder):
    """A tool in a terminal of its own is none of the jobs that a page counts and waits for."""
    shell = shell_in(folder)
    assert shell.run("evtwin-serve\n").code == 0
    assert shell.run("sleep 100 & kill %1; wait\n").code == 0
    assert len(shell.services) == 1
    shell.stop()


def check_kill(folder):
    """`kill %1 %2` is what ends these two, and no other; each has to end well by it."""
    shell = shell_in(folder)
    for _ in range(3):
        assert shell.run("CODE=3 evtwin-serve &\n").code == 0
    assert shell.run("kill %1 %2; echo both\n").out == "both\n"
    assert len(shell.services) == 1
    assert "no such job" in fails(shell.run, "kill %7; wait\n")
    assert "ended with 3" in fails(shell.stop)
    assert shell.run("TERM_CODE=4 evtwin-serve &\n").code == 0
    assert "ended with 4" in fails(shell.run, "kill %1\n")


def check_codes(folder):
    """Each command has to succeed, and a tool has to end well."""
    shell = shell_in(folder)
    assert shell.run("true | true\n").code == 0
    assert shell.run("false | true\n").code == 1
    assert shell.run("CODE=3 evtwin-serve\n").code == 0
    assert "ended with 3" in fails(shell.stop)
    python = interpreter.Interpreter(folder, dict(os.environ))
    assert python.run("print(1)", "a.md:1") == "1\n"
    assert "ZeroDivisionError" in fails(python.run, "1 / 0", "a.md:2")
    python.close()


def check_deadlines(folder):
    """What does not end fails, and is not waited for until ctest kills it."""
    shell, python = shell_in(folder), interpreter.Interpreter(folder, dict(os.environ))
    terminals.DEADLINE_S = interpreter.DEADLINE_S = 1
    assert "no end within" in fails(shell.run, "sleep 100\n")
    assert "no end within" in fails(python.run, "while True: pass", "a.md:3")
    python.process.kill()


with tempfile.TemporaryDirectory() as work:
    with open(os.path.join(work, "evtwin-serve"), "w") as f:
        f.write(SERVE)
    os.chmod(f.name, 0o755)
    check_jobs(work)
    check_kill(work)
    check_codes(work)
    check_deadlines(work)
