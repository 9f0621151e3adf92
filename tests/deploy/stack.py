# SPDX-License-Identifier: MIT
"""deploy/compose.yaml as the tests read it: YAML, then variables as compose fills them in.

deploy.compose_load compares this with what Docker's own library makes of the file.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
COMPOSE = os.path.join(DEPLOY, "compose.yaml")
VARIABLE = re.compile(r"\$(?:\$|\{([A-Z][A-Z0-9_]*)(?:(:?[?-])([^}]*))?\})")


def skip(why):
    print("skipped:", why)
    sys.exit(77)


try:
    import yaml
except ImportError:
    skip("there is no module yaml (Debian: python3-yaml)")


def make_env():
    """What deploy/make-env writes, as a dictionary."""
    with tempfile.TemporaryDirectory(prefix="evtwin-env.") as folder:
        path = os.path.join(folder, ".env")
        subprocess.run([os.path.join(DEPLOY, "make-env"), path], check=True, capture_output=True)
        return read_env(path)


def read_env(path):
    with open(path) as f:
        lines = [line.rstrip("\n") for line in f]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _fill(text, env):
    """A string with its variables, as compose fills them in; `$$` is a dollar."""
    def one(match):
        name, operator, rest = match.groups()
        if name is None:
            return "$"
        if env.get(name):
            return env[name]
        if operator in ("?", ":?"):
            raise ValueError(f"{name}: {rest}")
        if operator is None:
            raise ValueError(f"{name} is not set")
        return rest
    return VARIABLE.sub(one, text)


def _fill_all(value, env):
    if isinstance(value, dict):
        return {key: _fill_all(v, env) for key, v in value.items()}
    if isinstance(value, list):
        return [_fill_all(v, env) for v in value]
    return _fill(value, env) if isinstance(value, str) else value


def load(env):
    """The services by name, with their variables filled in."""
    with open(COMPOSE) as f:
        return _fill_all(yaml.safe_load(f), env)["services"]


def variables():
    """Names of all variables of the file."""
    with open(COMPOSE) as f:
        text = "\n".join(line for line in f.read().splitlines() if not line.lstrip().startswith("#"))
    return {match[1] for match in VARIABLE.finditer(text) if match[1]}


def published(services):
    """{(service, port of the host): port of the container}; every one on the address of EVTWIN_BIND."""
    found = {}
    for name, service in services.items():
        for text in service.get("ports", []):
            _, host, container = text.rsplit(":", 2)
            found[(name, int(host))] = int(container)
    return found


def mounts(services):
    """[(service, path on the host, path in the container)] of what is mounted from this folder."""
    found = []
    for name, service in services.items():
        for text in service.get("volumes", []):
            source, target = text.split(":")[:2]
            if source.startswith("."):
                found.append((name, os.path.normpath(os.path.join(DEPLOY, source)), target))
    return found


def contract():
    """The table of deploy/README.md: {(service, port): what it is}, which is the contract's list."""
    rows = {}
    with open(os.path.join(DEPLOY, "README.md")) as f:
        for line in f:
            row = re.match(r"\| `([a-z0-9-]+)` \| ([0-9]+) \| (.+) \|$", line)
            if row:
                rows[(row[1], int(row[2]))] = row[3]
    return rows
