# SPDX-License-Identifier: MIT
"""A user's terminals: commands are typed in one by one. A tool that runs until it is stopped has a terminal of its own, one for
each tool: the next command comes once it has said that it is ready (NOTIFY_SOCKET). At the end of a page there is a Ctrl-C in
each.
"""
import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import termios
import time

from server.base import _processes_below, die_with_parent

DEADLINE_S = float(os.environ.get("EVTWIN_DOCS_DEADLINE_S", 300))
SERVICE = re.compile(r"(?:\w+=\S* +)*evtwin-(?:sim|ingest|predict|serve)\b")
TOOL = re.compile(r"\bevtwin-(?:sim|ingest|predict|serve)\b")
IN_BACKGROUND = re.compile(r"&\s*(?: #.*)?$")
BOUNDED = re.compile(r" --(?:once|duration|until-eol|check|dry-run)\b")
HELPERS = """
set -o pipefail
await() { # COMMAND until it succeeds
    for _ in $(seq 1200); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
    echo "not within two minutes: $*" >&2; return 1
}
"""


class Failed(Exception):
    """A command did not do what the page says."""


def commands(text):
    """The commands of some lines, each as the shell needs it whole."""
    whole = ""
    for line in text.splitlines(keepends=True):
        if not whole and (not line.strip() or line.lstrip().startswith("#")):
            continue
        whole += line
        if line.rstrip("\n").endswith("\\"):
            continue
        done = subprocess.run(["bash", "-n"], input=whole, capture_output=True, text=True)
        if not done.stderr:
            yield whole
            whole = ""
    if whole:
        raise Failed(f"the shell does not take:\n{whole}")


def is_ready(manager):
    """Has a tool said so?"""
    try:
        return b"READY=1" in manager.recv(4096)
    except TimeoutError:
        return False


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


class Service:
    """A command that goes on: its job, the number of its files, where it says that it is ready; that of a terminal has done so."""

    def __init__(self, command, n, job, manager=None):
        self.command, self.n, self.job, self.manager = command, n, job, manager
        self.in_foreground = manager is None
        self.tools = set(TOOL.findall(command))
        self.not_ready = len(TOOL.findall(command)) if manager else 0

    def await_ready(self):
        """Until all of it is, or has ended: before that a Ctrl-C is not for the tool."""
        end = time.monotonic() + DEADLINE_S
        while self.not_ready and time.monotonic() < end and os.path.exists(f"/proc/{self.job}"):
            self.not_ready -= is_ready(self.manager)


class Shell:
    def __init__(self, folder, env, logs):
        self.logs, self.n, self.services, self.jobs = logs, 0, [], set()
        self.answers, answers_of_shell = os.pipe()
        log = open(os.path.join(logs, "shell"), "w")
        self.terminal, slave = os.openpty()  # job control needs one: kill %1
        self.process = subprocess.Popen(["bash", "--norc", "--noprofile", "-m"], stdin=subprocess.PIPE, stdout=log, stderr=log,
                                        cwd=folder, env=env, text=True, pass_fds=[answers_of_shell, slave],
                                        preexec_fn=lambda: self.take_terminal(slave))
        os.close(slave)
        os.close(answers_of_shell)
        if answers_of_shell != 9:
            self.process.stdin.write(f"exec 9>&{answers_of_shell} {answers_of_shell}>&-\n")
        self.run(HELPERS)

    @staticmethod
    def take_terminal(slave):
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        die_with_parent()

    def listen(self):
        """Where the tools of the next command say that they are ready."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(self.path("sock"))
        manager.settimeout(0.05)
        return manager

    def path(self, kind, n=None):
        return os.path.join(self.logs, f"{n or self.n}.{kind}")

    def read(self, path):
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as f:
            return f.read()

    def ask(self, line):
        """Type a line whose last command writes a line to 9: the words of that."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = b""
        while not answer.endswith(b"\n"):
            if not select.select([self.answers], [], [], DEADLINE_S)[0]:
                raise Failed(f"no end within {DEADLINE_S} s; so far: {self.read(self.path('err'))[-2000:]}")
            piece = os.read(self.answers, 1000)
            if not piece:
                raise Failed("the shell ended: " + self.read(os.path.join(self.logs, "shell")))
            answer += piece
        return answer.decode().split()

    def run(self, command, until=None):
        """One command, whole: what became of it. until: what it has printed is enough, then Ctrl-C."""
        words = command.split()
        if words[:1] == ["kill"] and words[1:2] and words[1].startswith("%"):
            return self.kill(command)
        if words[:1] == ["stop"]:
            self.stop(words[1:])
            return Result(0, "", "")
        self.n += 1
        with open(self.path("cmd"), "w") as f:
            f.write(command)
        if until or SERVICE.match(command) and not IN_BACKGROUND.search(command) and not BOUNDED.search(command):
            code = self.run_until(command, until)
        else:
            manager = self.listen()
            code, *jobs = self.ask(f'export NOTIFY_SOCKET={self.path("sock")}; eval "$(<{self.path("cmd")})" </dev/null '
                                   f'>{self.path("out")} 2>{self.path("err")} 9>&-; echo "$?" $(jobs -p) >&9')
            new = [job for job in jobs if job not in self.jobs]
            self.services += [Service(command if len(new) == 1 else TOOL.findall(command)[i], self.n, job, manager)
                              for i, job in enumerate(new)] if TOOL.search(command) else []
            self.jobs |= set(jobs)
        return Result(int(code), self.read(self.path("out")), self.read(self.path("err")))

    def kill(self, command):
        """`kill %1 …; MORE`: it is typed, each of these tools has to end well by it; then the rest of the line."""
        line, _, rest = command.partition(";")
        for service in self.services:
            service.await_ready()
        code, *killed = self.ask(f'evtwin_jobs=$(jobs -p {" ".join(line.split()[1:])} 2>&1); {line.strip()} </dev/null >&2; '
                                 f'echo "$?" $evtwin_jobs >&9')
        if code != "0":
            raise Failed(f"{line.strip()}: {' '.join(killed)}")
        for service in [s for s in self.services if s.job in killed]:
            self.services.remove(service)
            self.judge(service)
        return self.run(rest.lstrip()) if rest.strip() else Result(0, "", "")

    def run_until(self, command, until):
        """In a terminal of its own, in which what the same tool did before is stopped: 0 if it goes on, else how it ended."""
        if not until:
            self.stop(TOOL.findall(command), in_foreground=True)
        ended = self.path("code")
        with self.listen() as manager:
            job, = self.ask(f'(export NOTIFY_SOCKET={self.path("sock")}; eval "$(<{self.path("cmd")})"; echo $? >{ended}.new; mv {ended}.new {ended})'
                            f' </dev/null >{self.path("out")} 2>{self.path("err")} 9>&- & echo $! >&9; disown $!')  # it is no %1 of the page, nor does `wait` wait for it
            service = Service(command, self.n, job)
            end = time.monotonic() + DEADLINE_S
            while time.monotonic() < end:
                if os.path.exists(ended):
                    return int(self.read(ended))
                ready = is_ready(manager)
                if until and until(self.read(self.path("out"))):
                    self.interrupt(service, "")
                    return 0
                if ready and not until:
                    self.services.append(service)
                    return 0
        raise Failed(f"neither ended nor got ready within {DEADLINE_S} s: {command}"
                     f"{self.read(self.path('out'))[-2000:]}{self.read(self.path('err'))[-2000:]}")

    def interrupt(self, service, kind):
        """Ctrl-C for the programs of this kind."""
        for pid in _processes_below(int(service.job)):
            if self.read(f"/proc/{pid}/comm").startswith(kind):
                try:
                    os.kill(pid, signal.SIGINT)
                except ProcessLookupError:
                    pass

    def stop(self, tools=(), in_foreground=False):
        """Ctrl-C in the terminals of these tools (all), which have to end well then, or have done so before."""
        chosen = [s for s in self.services if s.tools and (not tools or s.tools & set(tools)) and (s.in_foreground or not in_foreground)]
        for service in chosen:
            self.services.remove(service)
            service.await_ready()
            self.interrupt(service, "evtwin-")
        for service in chosen:
            self.judge(service)

    def judge(self, service):
        code = self.end_of(service)
        if code != 0:
            raise Failed(f"ended with {code}: {service.command}{self.read(self.path('err', service.n))[-3000:]}")

    def end_of(self, service):
        if not service.in_foreground:
            code = int(self.ask(f'wait {service.job}; echo "$?" >&9')[0])
            return 0 if code == 127 else code  # the shell knows it no more: the page has waited for it
        ended = self.path("code", service.n)
        end = time.monotonic() + DEADLINE_S
        while not os.path.exists(ended):
            if time.monotonic() > end:
                raise Failed(f"does not end after Ctrl-C: {service.command}")
            time.sleep(0.02)
        return int(self.read(ended))
