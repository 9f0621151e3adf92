# SPDX-License-Identifier: MIT
"""A machine of its own for a page: no network but its loopback, so that every port is free and the servers have their usual
ones; its own processes, which end with it; its own copy of /etc, in which the hosts of the documents are this machine.
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys

from server.base import Skip, die_with_parent

HOSTS = ("db", "db.example", "broker", "broker.example", "kafka", "b1", "b2", "k1", "k2", "db.example.com", "mail.example.com", "twin.example.org")
STAGE = "EVTWIN_DOCS_MACHINE"  # who the user is, then "ready"
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41


def is_entered():
    return STAGE in os.environ


def run_there(env):
    """This program again, in such a machine: its exit code."""
    root = os.geteuid() == 0
    command = ["unshare", "-nmpf", "--kill-child", "--mount-proc", *([] if root else ["-r"])]
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    except OSError as e:
        raise Skip(f"a page needs a machine of its own: {e}") from None
    if tried.returncode != 0:
        raise Skip(f"a page needs a machine of its own, and the kernel does not let us: {tried.stderr.strip()}")
    user = "root" if root else f"{os.geteuid()}:{os.getegid()}"
    return subprocess.run([*command, sys.executable, "-B", *sys.argv], env={**os.environ, **env, STAGE: user},
                          preexec_fn=die_with_parent).returncode


def set_up(folder):
    """The rest, from within; nobody stays root who was not."""
    user = os.environ[STAGE]
    if user == "ready":
        return
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))
    etc = os.path.join(folder, "etc")
    subprocess.run(["cp", "-r", "--no-dereference", "/etc", etc], stderr=subprocess.DEVNULL)  # but for what others may not read
    with open(os.path.join(etc, "hosts"), "w") as f:
        f.write(f"127.0.0.1 localhost {' '.join(HOSTS)}\n::1 localhost\n")
    subprocess.run(["mount", "--bind", etc, "/etc"], check=True)
    os.environ[STAGE] = "ready"
    if user != "root":
        uid, gid = user.split(":")
        os.execvp("unshare", ["unshare", f"--map-user={uid}", f"--map-group={gid}", sys.executable, "-B", *sys.argv])
