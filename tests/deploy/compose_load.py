#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Docker's own library (compose-go, in compose_go) loads deploy/compose.yaml, strictly; what it makes of it
is what the other tests read (stack.py). It finds what is wrong in changed copies.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import stack  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
failed = []


def check(what, holds):
    if not holds:
        failed.append(what)
        print("FAILED:", what)


def build(folder):
    """The loader. Go keeps what it fetched and compiled; the first time takes half a minute."""
    go = shutil.which("go", path=os.environ["PATH"] + ":/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        stack.skip("there is no go to build compose-go with")
    program = os.path.join(folder, "compose")
    try:
        done = subprocess.run([go, "build", "-o", program, "."], cwd=os.path.join(HERE, "compose_go"), timeout=600,
                              env={**os.environ, "GOFLAGS": "-mod=readonly"}, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        stack.skip("compose-go was not built within 600 s")
    if done.returncode != 0:
        said = done.stderr
        if re.search(r"proxy\.golang\.org|dial tcp|requires go|toolchain|module lookup disabled", said, re.I):
            stack.skip("compose-go cannot be built here: " + said.strip().splitlines()[-1][:300])
        sys.exit("FAILED: compose_go does not build\n" + said)
    return program


def load(program, file, env_file):
    clean = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}
    return subprocess.run([program, file, env_file], capture_output=True, text=True, env=clean, timeout=120)


def seconds(text):
    minutes, rest = re.match(r"(?:(\d+)m)?(?:(\d+)s)?$", text).groups()
    return int(minutes or 0) * 60 + int(rest or 0)


def compare(project, services):
    check(f"services: {set(project) ^ set(services)}", set(project) == set(services))
    for name, ours in services.items():
        theirs = project[name]
        check(f"{name}: image", theirs["image"] == ours["image"])
        check(f"{name}: user", theirs.get("user") == ours.get("user"))
        check(f"{name}: command", theirs["command"] == ours.get("command"))
        check(f"{name}: environment", (theirs.get("environment") or {}) == ours.get("environment", {}))
        check(f"{name}: profiles", theirs.get("profiles", []) == ours.get("profiles", []))
        check(f"{name}: health check", theirs.get("healthcheck", {}).get("test") == ours.get("healthcheck", {}).get("test"))
        check(f"{name}: waits for", {k: v["condition"] for k, v in theirs.get("depends_on", {}).items()}
              == {k: v["condition"] for k, v in ours.get("depends_on", {}).items()})
        ports = {(p["host_ip"], int(p["published"]), p["target"]) for p in theirs.get("ports", [])}
        check(f"{name}: ports {ports}", ports == {(a, int(b), int(c)) for a, b, c in
                                                 (p.split(":") for p in ours.get("ports", []))})
        for check_ in ("interval", "timeout"):
            if "healthcheck" in theirs:
                check(f"{name}: {check_}", seconds(theirs["healthcheck"][check_]) == seconds(ours["healthcheck"][check_]))
    mounted = {(name, v["source"], v["target"]) for name, s in project.items() for v in s.get("volumes", [])
               if v["type"] == "bind"}
    check(f"mounted: {mounted}", mounted == set(stack.mounts(services)))


def planted(program, folder, env_file):
    """What the loader must find: it reads the file indeed."""
    with open(stack.COMPOSE) as f:
        text = f.read()
    faults = {
        "an unknown key": ("    stop_grace_period: 60s", "    stop_grace_periode: 60s"),
        "a wait for nobody": ("s3: {condition: service_healthy}", "s4: {condition: service_healthy}"),
        "a condition that is none": ("service_completed_successfully", "service_completed"),
        "a volume that is not declared": ("mlflow:/mlflow", "mlfow:/mlflow"),
        "a variable that nobody sets": ("${EVTWIN_MODELS}", "${EVTWIN_MODEL}"),
        "a duplicate key": ("    image: grafana/", "    image: x:1.2.3\n    image: grafana/"),
    }
    for what, (old, new) in faults.items():
        check(f"{what}: the file has {old}", old in text)
        path = os.path.join(folder, "changed.yaml")
        with open(path, "w") as f:
            f.write(text.replace(old, new, 1))
        check(f"{what} is found", load(program, path, env_file).returncode != 0)
    empty = os.path.join(folder, "empty.env")
    with open(empty, "w"):
        pass
    done = load(program, stack.COMPOSE, empty)
    check(f"no passwords: {done.stderr}", done.returncode != 0 and "make-env" in done.stderr)


def main():
    with tempfile.TemporaryDirectory(prefix="evtwin-compose.") as folder:
        program = build(folder)
        env_file = os.path.join(folder, ".env")
        subprocess.run([os.path.join(stack.DEPLOY, "make-env"), env_file], check=True, capture_output=True)
        done = load(program, stack.COMPOSE, env_file)
        check("compose-go loads the file: " + done.stderr, done.returncode == 0)
        if not failed:
            project = json.loads(done.stdout)["services"]
            compare(project, stack.load(stack.read_env(env_file)))
            planted(program, folder, env_file)
            print(f"{len(project)} services as compose-go reads them")
    sys.exit(1 if failed else 0)


main()
