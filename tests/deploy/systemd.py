#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""systemd.py BIN: the units of deploy/systemd beside systemd's own checks and the tools they start."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

BIN = os.path.abspath(sys.argv[1])
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.path.join(ROOT, "deploy", "systemd")
LIMIT = 2.0  # of exposure, docs/threat-model.md
failed = []


def check(what, holds, found=""):
    if not holds:
        failed.append(what)
        print(f"FAILED: {what}\n{found}")


def settings(text, section):
    """(name, value) of a section, in their order."""
    body = text.split(f"[{section}]\n")[1].split("\n[")[0]
    return [tuple(line.split("=", 1)) for line in body.splitlines() if line and not line.startswith("#")]


def run(*args, **more):
    return subprocess.run(args, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **more)


def environment():
    """What the example of an environment file sets, as systemd would."""
    with open(os.path.join(FOLDER, "evtwin.env")) as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line and not line.startswith("#"))


def read_by_the_tool(unit, command, variables):
    """The tool's own reading of its command line; systemd splits a $VARIABLE at blanks."""
    words = []
    for word in shlex.split(command.replace("%S", "/var/lib")):
        words += shlex.split(variables[word[1:]]) if word.startswith("$") else [word]
    done = run(os.path.join(BIN, os.path.basename(words[0])), *words[1:], "--print-config",
               env={"PATH": os.environ["PATH"], **{k: v for k, v in variables.items() if not k.endswith("_OPTIONS")}})
    check(f"{unit}: the tool takes it", done.returncode == 0, done.stderr)
    return words


def main():
    if not shutil.which("systemd-analyze"):
        print("skipped: there is no systemd-analyze")
        sys.exit(77)
    paths = sorted(glob.glob(os.path.join(FOLDER, "*.service")))
    tools = {os.path.basename(p)[:-len(".service")] for p in paths}
    check("a unit for each tool that runs on", tools == {"evtwin-serve", "evtwin-predict", "evtwin-ingest", "evtwin-sim"}, tools)
    variables, sandbox = environment(), None
    with open(os.path.join(FOLDER, "README.md")) as f:
        readme = f.read()
    with tempfile.TemporaryDirectory(prefix="evtwin-systemd.") as work:
        for path in paths:
            unit = os.path.basename(path)
            with open(path) as f:
                text = f.read()
            service = settings(text, "Service")
            name, command = service[0]
            check(f"{unit}: begins with its command", name == "ExecStart", service[0])
            words = read_by_the_tool(unit, command, variables)
            check(f"{unit}: starts its tool", words[0] == f"/usr/bin/{unit[:-len('.service')]}", words)
            check(f"{unit}: a spool is below its state", all(w.startswith("/var/lib/evtwin/") for w in words if "spool" in w and w[0] == "/"))
            sandbox = sandbox or service[1:]
            check(f"{unit}: is in the same sandbox as the others", service[1:] == sandbox)

            copy = os.path.join(work, unit)  # verify wants the program to be there
            with open(copy, "w") as f:
                f.write(text.replace("/usr/bin/", BIN + "/"))
            done = run("systemd-analyze", "verify", "--man=no", copy)
            ours = [line for line in (done.stdout + done.stderr).splitlines() if unit in line or work in line]
            check(f"{unit}: systemd-analyze verify", done.returncode == 0 and not ours, done.stdout + done.stderr)
            done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={int(10 * LIMIT)}", copy)
            score = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
            check(f"{unit}: systemd-analyze security", done.returncode == 0 and score is not None, done.stdout + done.stderr)
            if score:
                print(f"{unit}: exposure {score.group(1)}")
                check(f"{unit}: README says {score.group(1)}", f"gives each {score.group(1)} of 10" in readme)

        help_text = run(os.path.join(BIN, "evtwin-serve"), "--help").stdout
        codes = re.findall(r"^ +(\d+)  ", help_text, re.M)
        for code in dict(sandbox)["RestartPreventExitStatus"].split():
            check(f"{code} is an exit code", code in codes, codes)
        check("signs of life well within what may be waited for", float(dict(sandbox)["WatchdogSec"]) >= 60)

        # models of a registry go where the unit lets it write; systemd names the folder in the environment
        cache = dict(sandbox).get("CacheDirectory")
        done = run(os.path.join(BIN, "evtwin-predict"), "--models", "models:/evtwin-rul@champion", "--print-config",
                   env={"PATH": os.environ["PATH"], "HOME": "/", **({"CACHE_DIRECTORY": f"/var/cache/{cache}"} if cache else {})})
        check("the cache of models", f"models-cache = /var/cache/{cache}/models " in done.stdout, done.stdout + done.stderr)

        # what is installed starts what is installed
        build = os.path.dirname(BIN)
        done = run("cmake", "--install", build, "--prefix", os.path.join(work, "prefix"), "--component", "systemd")
        check("cmake --install", done.returncode == 0, done.stderr)
        for tool in tools:
            with open(os.path.join(work, "prefix", "lib", "systemd", "system", tool + ".service")) as f:
                command = dict(settings(f.read(), "Service"))["ExecStart"]
            check(f"{tool}: installed path", re.match(rf"/\S*/bin/{tool} ", command) and "@" not in command, command)
    sys.exit(1 if failed else 0)


main()
