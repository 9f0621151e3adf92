#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""debian.py SOURCE_DIR [FOLDER]: the Debian packages, from the source archive: built by dpkg-buildpackage, read by lintian, installed
by apt in a bare tree of debootstrap and used there. With FOLDER those that were built there are tried. Root, debootstrap and Debian's archive are needed; skipped
otherwise."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

SOURCE = sys.argv[1]
MIRROR = "http://deb.debian.org/debian"
WANTED = {"libevtwin0", "libevtwin-dev", "evtwin-tools", "python3-evtwin"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
began = time.monotonic()


def say(text):
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def run(command, **how):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    if done.returncode != 0:
        sys.exit(f"FAILED ({done.returncode}): {' '.join(command)}\n{done.stdout[-4000:]}")
    return done.stdout


def inside(tree, script):
    """In the tree, with its own processes and mounts."""
    mounts = f"mount -t proc proc {tree}/proc && exec chroot {tree} /bin/sh -ec \"$0\""
    env = {"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive",
           **{k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}}
    return run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", mounts, script], env=env)


def build(work):
    if len(sys.argv) > 2:
        for path in glob.glob(sys.argv[2] + "/*.deb") + glob.glob(sys.argv[2] + "/*.changes") + glob.glob(sys.argv[2] + "/*.buildinfo"):
            shutil.copy(path, work)
        return named(work)
    run([SOURCE + "/scripts/dist", work])
    run(["tar", "-xJf", glob.glob(work + "/*.tar.xz")[0], "-C", work])
    (folder,) = glob.glob(work + "/evtwin-*/")
    env = dict(os.environ, DEB_BUILD_OPTIONS=f"parallel={os.cpu_count()}", CCACHE_BASEDIR=folder)
    if shutil.which("ccache"):
        env["PATH"] = "/usr/lib/ccache:" + env["PATH"]
    run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=folder, env=env)
    return named(work)


def named(work):
    """The packages in a folder, all that are wanted."""
    packages = [p for p in glob.glob(work + "/*.deb") if "-dbgsym_" not in p]
    names = {os.path.basename(p).split("_")[0] for p in packages}
    if not WANTED <= names:
        sys.exit(f"FAILED: packages {names}")
    say("built: " + ", ".join(f"{os.path.basename(p)} {os.path.getsize(p) // 1024} KiB" for p in sorted(packages)))
    return packages


def lint(work):
    (changes,) = glob.glob(work + "/*.changes")
    said = run(["lintian", "--allow-root", "--fail-on", "error", changes])
    say(f"lintian: no error, {said.count('W: ')} warnings\n{said.rstrip()}")


USE = """
cd /root
evtwin-sim --version | grep -q libevtwin
evtwin-sim --until-eol --fleet 20 --csv fleet.csv -q
evtwin-train fleet.csv --out models -q
evtwin-sim --fleet 2 --speed max --interval 60 --duration 600 --csv new.csv -q
evtwin-predict --models models --csv new.csv --out out.csv -q
head -1 out.csv | grep -q rul_prediction
[ $(wc -l < out.csv) -eq 21 ]
evtwin-sim --speed max --duration 60 --sink sqlite:a.db -q
evtwin-serve --store sqlite:a.db --listen 127.0.0.1:0 2> log & server=$!
for i in $(seq 600); do grep -q 'localhost:[0-9]' log && break; sleep 0.1; done
kill $server; wait $server
test -s /usr/share/bash-completion/completions/evtwin-sim
test -s /usr/share/zsh/vendor-completions/_evtwin-sim
test -s /usr/lib/systemd/system/evtwin-serve.service || test -s /lib/systemd/system/evtwin-serve.service
test -s /usr/share/doc/libevtwin0/copyright
test ! -e /etc/systemd/system/multi-user.target.wants/evtwin-serve.service
echo used
"""
PYTHON = """
cd /root
python3 -W error - << 'END'
import evtwin
import numpy as np

assert evtwin.__file__.startswith("/usr/lib/python3/dist-packages/"), evtwin.__file__
records = evtwin.Table.read_csv("fleet.csv")
evtwin.train(records).save("python-models")
predictor = evtwin.Predictor.load("python-models")
assert np.isfinite(predictor.apply(evtwin.Table.read_csv("new.csv"))["rul_prediction"]).all()
evtwin.Pump("sim:?rows=3&speed=max", "sqlite:python.db", predictor=predictor).run()
assert len(evtwin.Store("sqlite:python.db")) == 3
print("used")
END
"""
DEVELOP = """
cd /root
cc -Wall -Werror /usr/share/doc/libevtwin-dev/examples/01_simulate.c -o one $(pkg-config --cflags --libs evtwin)
./one
"""


def try_it(work, packages):
    tree = work + "/tree"
    run(["debootstrap", "--variant=minbase", "--include=ca-certificates", codename(), tree, MIRROR])
    say("a bare tree")
    for package in packages:
        shutil.copy(package, tree + "/root")
    files = " ".join(f"/root/{os.path.basename(p)}" for p in packages)
    inside(tree, f"apt-get install -q -y --no-install-recommends {files}")
    say("installed")
    for script, who in ((USE, "its tools simulate, train, predict and serve"), (PYTHON, "its Python package trains, predicts and stores")):
        said = inside(tree, script)
        if not said.endswith("used\n"):
            sys.exit("FAILED: " + said)
        say(who)
    inside(tree, "apt-get install -q -y --no-install-recommends gcc libc6-dev pkg-config")
    said = inside(tree, DEVELOP)
    with open(SOURCE + "/examples/expected/01_simulate.txt") as f:
        if said != f.read():
            sys.exit("FAILED: the example prints " + said)
    say("an example was compiled with libevtwin-dev")
    inside(tree, "apt-get purge -q -y libevtwin0 libevtwin-dev evtwin-tools python3-evtwin")
    left = [p for p in run(["find", tree, "-xdev", "-iname", "*evtwin*"]).split() if not p.startswith(tree + "/root/")]
    if left:
        sys.exit(f"FAILED: after their removal there are {left}")
    say("removed without a trace")


def codename():
    with open("/etc/os-release") as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)["VERSION_CODENAME"].strip('"')


def main():
    missing = [p for p in ("dpkg-buildpackage", "dh", "lintian", "debootstrap", "unshare", "npm") if shutil.which(p) is None]
    if missing or os.geteuid() != 0:
        skip("needs root, and " + ", ".join(missing or ["nothing else"]))
    if not os.path.exists(SOURCE + "/.git"):
        skip("this is no checkout of git")
    with open("/etc/os-release") as f:
        if "ID=debian\n" not in f.read():
            skip("this is not Debian")
    try:
        urllib.request.urlopen(f"{MIRROR}/dists/{codename()}/Release", timeout=30).close()
    except OSError as why:
        skip(f"{MIRROR} is not reachable: {why}")
    work = tempfile.mkdtemp(prefix="evtwin-debian.")
    try:
        packages = build(work)
        lint(work)
        try_it(work, packages)
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
