#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""machine.py [--build FOLDER]

A bad machine below the spool and the sinks: a full disk (of the spool, of the sinks), a folder that
cannot be written, no file descriptor left, a wall clock that jumps. What was accepted arrives, once
and unaltered; what cannot be accepted is not.
"""
import argparse
import glob
import os
import resource
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import rig as r  # noqa: E402

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
IN_NAMESPACE = "FAULTS_IN_NAMESPACE"  # a name of ours alone: tools do not get EVTWIN_*
DRAIN_S = 120
began = time.monotonic()
failed = []


def say(text):
    print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)


def check(what, holds):
    if not holds:
        failed.append(what)
        say("FAILED: " + what)


def grows(what, measure, seconds=60):
    """Wait until a number has become more."""
    before, end = measure(), time.monotonic() + seconds
    while measure() <= before:
        if time.monotonic() > end:
            raise r.Violation(f"{what}: nothing within {seconds} s")
        time.sleep(0.02)


def judged(what, rig):
    rig.drain(DRAIN_S)
    verdicts = rig.verdicts()
    for sink, verdict in verdicts.items():
        check(f"{what}: {sink}: {verdict}", bool(verdict))
    say(f"{what}: {rig.n_accepted()} accepted, in {', '.join(verdicts)}")


def with_rig(what, build, channels, act, **options):
    rig = r.Rig(build, channels, **options)
    try:
        grows("records are accepted", rig.n_accepted)
        act(rig)
        judged(what, rig)
    except r.Violation as e:
        check(f"{what}: {e}", False)
    finally:
        rig.close()


# ---- a full disk, in a namespace where it may be mounted

def mount_disk(folder, kib, *options):
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([f"size={kib}k", *options]), "none", folder],
                   check=True)


def fill(disk):
    with open(disk + "/filler", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 4096)
        except OSError:
            pass


def spool_disk_full(rig):
    disk = rig.spool
    for _ in range(2):
        fill(disk)
        time.sleep(1)
        before = rig.n_accepted()
        time.sleep(1)
        check("nothing is accepted that the disk cannot hold", rig.n_accepted() == before)
        rig.tools["generator"].expect_running()
        os.remove(disk + "/filler")
        grows("records are accepted when there is room", rig.n_accepted)
    fill(disk)
    time.sleep(0.3)
    rig.tools["generator"].kill()  # and comes back on a full disk
    rig.tools["generator"].start()
    time.sleep(1)
    os.remove(disk + "/filler")
    if rig.tools["generator"].child.poll() is not None:  # it may refuse to start on a full disk
        rig.tools["generator"].start()
    grows("records are accepted after a kill on the full disk", rig.n_accepted)


def sink_disk_full(rig):
    fill(rig.sinks)
    time.sleep(1)
    grows("the spool accepts though the sinks' disk is full", rig.n_accepted)
    time.sleep(1)
    os.remove(rig.sinks + "/filler")


def read_only_folder(build):
    """A spool that cannot be written is an error at once, which names it."""
    mount_disk("/mnt/sealed", 1024, "ro")
    done = subprocess.run([build.generator, "/mnt/ledger", "/mnt/sealed/spool", "10", "null:"],
                          capture_output=True, text=True, timeout=60)
    check(f"a read-only folder for the spool is refused: {done.returncode} {done.stderr}",
          done.returncode == 1 and "sealed" in done.stderr)
    source = "/mnt/empty.jsonl"
    open(source, "w").close()
    done = subprocess.run([build.tool("ingest"), "--source", "jsonl:" + source, "--sink", "null:",
                           "--spool", "/mnt/sealed/spool"], capture_output=True, text=True, timeout=60)
    check(f"evtwin-ingest says which folder: {done.returncode} {done.stderr}",
          done.returncode not in (0, 1) and "sealed" in done.stderr and done.stderr.count("\n") == 1)


def disks(build):
    mount_disk("/mnt", 65536)
    mount_disk("/mnt/spool", 8192)
    with_rig("the spool's disk is full", build, ["sqlite", "jsonl"], spool_disk_full,
             spool="/mnt/spool")
    mount_disk("/mnt/sinks", 4096)
    with_rig("the sinks' disk is full", build, ["sqlite", "jsonl"], sink_disk_full, sinks="/mnt/sinks")
    read_only_folder(build)


def disks_in_namespace():
    """This script again, where it may mount."""
    probe = subprocess.run(["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        print("skipped: full disks (no user namespace to mount one in):", probe.stderr.strip())
        return
    done = subprocess.run(["unshare", "-rm", sys.executable, *sys.argv],
                          env={**os.environ, IN_NAMESPACE: "1"})
    check("full and read-only disks", done.returncode == 0)


# ---- no file descriptor left

def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def no_descriptor(rig):
    """Every new one fails; meanwhile the server goes away, so connections have to be made anew."""
    tools = [t.child.pid for t in rig.tools.values()]
    hard = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE)[1] for pid in tools}
    for pid in tools:
        lowest_free = next(n for n in range(10 ** 6) if not os.path.exists(f"/proc/{pid}/fd/{n}"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, hard[pid]))
    rig.servers["postgres"].restart()
    time.sleep(2)
    for tool in rig.tools.values():
        tool.expect_running()
    for pid in tools:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard[pid], hard[pid]))
    grows("records are accepted", rig.n_accepted)


# ---- a wall clock that jumps

def clock_jumps(rig):
    for offset in ("+3600", "-7200", "+86400", "-1"):
        with open(rig.env["FAKETIME_TIMESTAMP_FILE"], "w") as f:
            f.write(offset)
        grows(f"records are accepted after the clock went to {offset} s", rig.n_accepted)
        time.sleep(0.7)
        rig.tools["generator"].kill()
        rig.tools["generator"].start()


def clock(build):
    library = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not library:
        print("skipped: a clock that jumps (no libfaketime; Debian: faketime)")
        return
    offset = os.path.join(build.folder, "tests", "faults", "clock")
    with open(offset, "w") as f:
        f.write("+0")
    with_rig("the clock jumps", build, ["sqlite", "jsonl", "postgres", "mosquitto"], clock_jumps, env={
        "LD_PRELOAD": library[0], "FAKETIME_TIMESTAMP_FILE": offset, "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1"})


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", default=os.path.join(SOURCE, "build", "faults"))
    a = parser.parse_args()
    build = r.Build(SOURCE, a.build)
    if os.environ.pop(IN_NAMESPACE, None):
        disks(build)
    else:
        disks_in_namespace()
        with_rig("no descriptor left", build, ["sqlite", "jsonl", "postgres"], no_descriptor)
        clock(build)
    sys.exit(1 if failed else 0)


r.servers.run_test(main)
