# SPDX-License-Identifier: MIT
"""What the servers of tests have in common: ports, folders, process trees, certificates."""
import ctypes
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time


LOCALHOST = "127.0.0.1"
SERVERS_ALIVE = []


class Skip(Exception):
    """A server cannot be had here; the text says why."""


class PortTaken(RuntimeError):
    """A server did not start because somebody has its port."""


def cache_folder():
    """Where what is made or fetched once is kept for the next time."""
    home = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                        "evtwin-tests")
    of_machine = os.path.join(tempfile.gettempdir(), f"evtwin-tests-{os.geteuid()}")
    for folder in filter(None, (os.environ.get("EVTWIN_TEST_CACHE"), home, of_machine)):
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK) and os.stat(folder).st_uid == os.geteuid():
            return folder
    raise Skip("no folder to keep what is fetched (set EVTWIN_TEST_CACHE)")


_marks = []


def free_port():
    """Below the range that outgoing connections use: it stays free while its server is down. No other
    test gets it as long as this process lives: a name of the kernel's, without a file, says so."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0evtwin-test-port-{port}")
            with socket.socket() as s:
                s.bind((LOCALHOST, port))
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        return port


def _processes_below(pid):
    """pid and all its descendants, as they are now."""
    children = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as f:
                text = f.read()
        except OSError:  # it has ended meanwhile
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(text.split()[0]))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _freeze(pid):
    """Stop the whole tree: the root first, then whoever was born meanwhile, until nobody is new."""
    stopped = []
    while True:
        new = [p for p in _processes_below(pid) if p not in stopped]
        if not new:
            return stopped
        _signal(new, signal.SIGSTOP)
        stopped += new


def kill_tree(child):
    """SIGKILL to a process and all its descendants: nobody acts after another has died."""
    if child.poll() is None:
        pids = _freeze(child.pid)
        _signal(pids, signal.SIGKILL)
        child.wait()
        for pid in pids:
            while _runs(pid):
                time.sleep(0.001)


def kill_group(pgid):
    try:
        os.killpg(pgid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


_libc = ctypes.CDLL(None)


def die_with_parent():
    """For preexec_fn: SIGKILL when the thread that started this process has ended."""
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """What all have in common; a subclass says how it is prepared, started and asked."""

    name = None
    ready_s = 120
    names = ("localhost",)  # those of its certificate

    def __init__(self):
        SERVERS_ALIVE.append(self)
        for tries_left in (2, 1, 0):
            self.take_ports()
            self.folder = tempfile.mkdtemp(prefix=f"evtwin-{self.name}.")
            self.log = os.path.join(self.folder, "server.log")
            self.child = None
            self.user = {}
            try:
                self.prepare()
                self.start()
                return
            except PortTaken:  # by another, after it was found free
                if tries_left == 0:
                    self.stop()
                    raise
                self.remove()
            except BaseException:
                self.stop()
                raise

    def take_ports(self):
        self.port = free_port()

    def prepare(self):
        pass

    def command(self):
        raise NotImplementedError

    def answers(self):
        raise NotImplementedError

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True, preexec_fn=die_with_parent, **self.user)
        self.await_answer()

    def await_answer(self):
        end = time.monotonic() + self.ready_s
        while not self.answers():
            if self.child.poll() is not None or time.monotonic() > end:
                state = "it ended" if self.child.poll() is not None else "no answer"
                with open(self.log, errors="replace") as log:
                    said = log.read()[-2000:]
                self.kill()
                kind = PortTaken if "ddress already in use" in said else RuntimeError
                raise kind(f"{self.name} did not start: {state}\n{said}")
            time.sleep(0.01)

    def kill(self):
        if self.child is not None:
            kill_tree(self.child)

    def restart(self):
        """Start again on the same port and data; a running one is killed before."""
        self.kill()
        self.start()

    def shut_down(self):
        """End it as its operator would (SIGTERM; subclasses may differ)."""
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(60)

    def pause(self):
        _freeze(self.child.pid)

    def resume(self):
        _signal(_processes_below(self.child.pid), signal.SIGCONT)

    def stop(self):
        """Kill it and remove its folder."""
        self.remove()
        if self in SERVERS_ALIVE:
            SERVERS_ALIVE.remove(self)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def accepts(port):
    try:
        socket.create_connection((LOCALHOST, port), timeout=1).close()
        return True
    except OSError:
        return False


def certificates(folder, host=LOCALHOST, names=("localhost",)):
    """Make folder/{ca,server,other}.{crt,key}: an authority, a server's certificate signed by it, and
    one of another authority, which nobody should trust."""
    if shutil.which("openssl") is None:
        raise Skip("there is no openssl to make certificates")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    for authority in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", f"{authority}.key", "-out", f"{authority}.crt", "-days", "30",
                "-subj", f"/CN=evtwin test {authority}")
    with open(os.path.join(folder, "server.ext"), "w") as f:
        f.write(f"subjectAltName=IP:{host},{','.join(f'DNS:{n}' for n in names)}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", "server.ext", "-out", "server.crt")
