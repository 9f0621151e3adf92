#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""image.py [FOLDER]: the steps of deploy/Dockerfile without Docker, in Debian trees made by debootstrap below
FOLDER (default: a temporary one, which goes afterwards). Root, debootstrap, Debian's archive and the npm
registry are needed, some minutes and 3 GB; not part of any `make test`. Then the image's tools run as its user,
from a read-only tree.

What differs from Docker: the base is debootstrap's minbase, not Debian's image; layers are not kept; the network is the host's.
"""
import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCKERFILE = os.path.join(ROOT, "deploy", "Dockerfile")
MIRROR = "http://deb.debian.org/debian"
SUITES = {"debian:12": "bookworm", "debian:13": "trixie"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
began = time.monotonic()


def say(text):
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def instructions():
    """[(name, rest)] of the Dockerfile, lines that go on joined."""
    with open(DOCKERFILE) as f:
        lines = [line.rstrip("\n") for line in f if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def is_ignored(path, patterns):
    """By Dockerfile.dockerignore: the last pattern that matches decides."""
    ignored = False
    for pattern in patterns:
        wanted, negative = pattern.lstrip("!"), pattern.startswith("!")
        parts = path.split("/")
        heads = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        if wanted.startswith("**/"):
            hit = any(fnmatch.fnmatch(part, wanted[3:]) for part in parts)
        else:
            hit = any(fnmatch.fnmatch(head, wanted) and head.count("/") == wanted.count("/") for head in heads)
        if hit:
            ignored = not negative
    return ignored


def context(folder):
    """A copy of what Docker would be sent."""
    with open(DOCKERFILE + ".dockerignore") as f:
        patterns = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout
    for path in filter(None, listed.split("\0")):
        source, target = os.path.join(ROOT, path), os.path.join(folder, path)
        if os.path.isfile(source) and not is_ignored(path, patterns):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)
    return folder


class Tree:
    """One stage: a folder, its working directory and user."""

    def __init__(self, folder, base):
        self.folder, self.work, self.user = folder, "/", None
        subprocess.run(["cp", "-a", base, folder], check=True)

    def inside(self, path):
        return os.path.join(self.folder, os.path.join(self.work, path).lstrip("/"))

    def run(self, command, check=True, read_only=False, **how):
        """In the tree, with its own processes and mounts."""
        mounts = f"mount -t proc proc {self.folder}/proc"
        if read_only:  # as compose.yaml has it: the root cannot be written, volumes and /tmp can
            volumes = " && ".join(f"mount --bind {self.folder}/{v} {self.folder}/{v}" for v in ("tmp", "models", "cache", "spool", "data"))
            mounts = (f"mount --bind {self.folder} {self.folder} && cd {self.folder} && {mounts} && {volumes} && "
                      f"mount -o remount,bind,ro {self.folder}")
        as_user = f"--userspec={self.user} " if self.user else ""
        script = f"{mounts} && exec chroot {as_user}{self.folder} /bin/sh -c {shlex.quote(f'cd {self.work} && ' + command)}"
        env = {"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive",
               **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}}
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, **how)
        if check and done.returncode != 0:
            sys.exit(f"FAILED ({done.returncode}): {command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout + done.stderr

    def copy(self, sources, target, from_folder):
        to = self.inside(target)
        for source in sources:
            path = os.path.normpath(os.path.join(from_folder, source.lstrip("/")))
            into = os.path.isdir(path)  # of a folder its contents are copied
            os.makedirs(to if into or target.endswith("/") else os.path.dirname(to), exist_ok=True)
            subprocess.run(["cp", "-a", path + ("/." if into else ""), to], check=True)
            if not into:
                os.chmod(os.path.join(to, os.path.basename(path)) if os.path.isdir(to) else to, os.stat(path).st_mode)

    def size_mb(self):
        return int(subprocess.run(["du", "-sxm", self.folder], capture_output=True, text=True).stdout.split()[0])


def debian(folder, image):
    """A bare Debian, which stands for the base image."""
    suite = next(s for name, s in SUITES.items() if image.startswith(name))
    subprocess.run(["debootstrap", "--variant=minbase", suite, folder, MIRROR], check=True, stdout=subprocess.DEVNULL)
    shutil.copy("/etc/resolv.conf", os.path.join(folder, "etc/resolv.conf"))
    return folder


def build(work):
    """All stages; the last one is the image."""
    arguments, stages, tree = {}, {}, None
    sent = context(os.path.join(work, "context"))
    base = None
    for name, rest in instructions():
        rest = re.sub(r"\$\{(\w+)\}", lambda m: arguments.get(m[1], m[0]), rest)
        say(f"{name} {rest[:110]}")
        if name == "ARG":
            key, _, value = rest.partition("=")
            arguments[key] = value
        elif name == "FROM":
            image, _, alias = rest.partition(" AS ")
            base = base or debian(os.path.join(work, "base"), image)
            tree = stages[alias or "image"] = Tree(os.path.join(work, alias or "image"), base)
        elif name == "WORKDIR":
            tree.work = rest
            os.makedirs(tree.inside("."), exist_ok=True)
        elif name == "COPY":
            words = rest.split()
            source = stages[words.pop(0)[len("--from="):]].folder if words[0].startswith("--from=") else sent
            tree.copy(words[:-1], words[-1], source)
        elif name == "RUN":
            tree.run(rest)
        elif name == "USER":
            tree.user = rest
        elif name != "CMD":
            sys.exit(f"FAILED: {name} is not understood here")
    return tree, Tree.size_mb(tree) - int(subprocess.run(["du", "-sxm", base], capture_output=True, text=True).stdout.split()[0])


def require(what, holds):
    if not holds:
        sys.exit("FAILED: " + what)


def try_it(image):
    """The tools as compose.yaml runs them: that user, a root that cannot be written."""
    for tool in ("sim", "ingest", "train", "predict", "serve"):
        said = image.run(f"evtwin-{tool} --version", read_only=True)
        require(f"evtwin-{tool}: {said}", "libevtwin" in said)
    say(said.splitlines()[0])
    require("whose user", image.run("id -u", read_only=True).strip() == "10001")
    require("root is read-only", "Read-only" in image.run("touch /usr/x 2>&1 || true", read_only=True))
    said = image.run("FLEET=20 first-models /models && evtwin-sim --fleet 2 --speed max --interval 60 --duration 600 "
                     "--csv /tmp/new.csv -q && evtwin-predict --models /models/current --csv /tmp/new.csv --out /tmp/out.csv -q "
                     "&& head -2 /tmp/out.csv", read_only=True)
    require(f"it trains and predicts: {said}", "rul_prediction" in said)
    said = image.run("evtwin-serve --store sqlite:/tmp/e.db --listen 127.0.0.1:0 2> /tmp/log & sleep 3; "
                     "port=$(sed -n 's/.*localhost:\\([0-9]*\\).*/\\1/p' /tmp/log); "
                     "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:$port/; kill $!", read_only=True)
    require(f"it serves its page: {said}", "200" in said)
    require("no compiler is in it", image.run("command -v cc gcc cmake npm || true", read_only=True).strip() == "")


def main():
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("image.py: needs root and debootstrap (Debian: debootstrap)")
    work = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="evtwin-image.")
    try:
        image, added_mb = build(work)
        try_it(image)
        say(f"the image: {image.size_mb()} MB, {added_mb} MB of them on top of bare Debian")
    finally:
        if len(sys.argv) < 2:
            shutil.rmtree(work, ignore_errors=True)


main()
