#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the unit tests notice a small fault? mutants.py [N [SEED [SECONDS]]]

Makes N random one-token faults (default 29) in lib/, one after the other, and runs the unit tests of
the layer that each is in. A mutant is killed if a test fails, crashes or takes far too long. Works on
a copy of the tree in build/mutants; the same tree and SEED (default 1) give the same mutants. A fault
that does not compile, or to the same machine code, is replaced by the next. Progress on stderr; the
survivors and the sum on stdout. Stops after SECONDS (default 3600) with what it has by then.
"""
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the tree stays as it was
from coverage import ROOT, must, run, say

TREE = os.path.join(ROOT, "build", "mutants", "tree")
BUILD = os.path.join(ROOT, "build", "mutants", "build")
JOBS = "-j" + str(os.cpu_count())

# A fault: its name, what it changes in code without comments and strings, and into what.
OPERATORS = [
    ("< to <=", r"(?<= )<(?= )", "<="), ("<= to <", r"<=", "<"),
    ("> to >=", r"(?<= )>(?= )", ">="), (">= to >", r">=", ">"),
    ("== to !=", r"==", "!="), ("!= to ==", r"!=", "=="),
    ("+ to -", r"(?<= )\+(?= )", "-"), ("- to +", r"(?<=[\w)\]] )-(?= )", "+"),
    ("* to /", r"(?<=[\w)\]] )\*(?= )", "/"),
    ("&& to ||", r"&&", "||"), ("|| to &&", r"\|\|", "&&"),
    ("0 to 1", r"(?<![\w.])0(?![\w.])", "1"), ("1 to 0", r"(?<![\w.])1(?![\w.])", "0"),
    ("goto done removed", r"\bgoto done;", ";"),
    ("status check removed", r"(?:(?<=\bst )|(?<=\) ))< 0\b", "< -1000"),
]
NOT_CODE = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    r"|^[ \t]*#(?:\\\n|[^\n])*|\b(?:assert|_Static_assert)\(.*?\);", re.S | re.M)


def copy_tree():
    """The files of the tree as they are; unchanged ones keep their time, so that little is built."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    names = {name for name in listed if os.path.isfile(os.path.join(ROOT, name))}
    for folder, _, files in os.walk(TREE):
        for file in files:
            if os.path.relpath(os.path.join(folder, file), TREE) not in names:
                os.remove(os.path.join(folder, file))
    for name in names:
        source, copy = os.path.join(ROOT, name), os.path.join(TREE, name)
        if not os.path.isfile(copy) or read(source) != read(copy):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy(source, copy)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def object_of(name):
    return os.path.join(BUILD, "CMakeFiles", "evtwin_objects.dir", name + ".o")


def faults():
    """[[(file, place, length, new text, operator)]], a list for each operator."""
    found = [[] for _ in OPERATORS]
    for folder, _, files in sorted(os.walk(os.path.join(TREE, "lib"))):
        for file in sorted(files):
            name = os.path.relpath(os.path.join(folder, file), TREE)
            if not os.path.exists(object_of(name)):
                continue  # a header, or not in this build
            code = NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()),
                                read(os.path.join(TREE, name)).decode("latin-1"))
            for i, (operator, pattern, new) in enumerate(OPERATORS):
                found[i] += [(name, m.start(), len(m.group()), new, operator)
                             for m in re.finditer(pattern, code)]
    return found


class Layer:
    """The unit tests of a layer; green before the first fault, and how long they take."""
    known = {}

    def __init__(self, name, end):
        self.tests = [file[:-2] for file in sorted(os.listdir(os.path.join(TREE, "tests/unit", name)))
                      if re.match(r"test_.*\.c$", file)]
        self.ctest = ["ctest", "-R", "^" + name + r"\.", "-LE", "long", "--stop-on-failure",
                      "--no-tests=error", JOBS]
        say(f"{name}: its tests without a fault")
        must(self.build(), end - time.monotonic())
        began = time.monotonic()
        must(self.ctest, end - time.monotonic(), BUILD)
        self.seconds = time.monotonic() - began

    def build(self):
        return ["cmake", "--build", BUILD, JOBS, "--target"] + self.tests

    @classmethod
    def of(cls, file, end):
        name = file.split("/")[1]
        if name not in cls.known:
            cls.known[name] = cls(name, end)
        return cls.known[name]


def outcome(fault, end):
    """What noticed it; "" = nothing did; None = it is not a fault to speak of (see above)."""
    file, at, length, new, _ = fault
    layer = Layer.of(file, end)
    path = os.path.join(TREE, file)
    whole = read(path)
    machine_code = read(object_of(file))
    write(path, whole[:at] + new.encode() + whole[at + length:])
    try:
        status, text = run(layer.build(), end - time.monotonic())
        if status is None:
            sys.exit("a build took too long")
        if status != 0 or read(object_of(file)) == machine_code:
            return None
        status, text = run(layer.ctest, min(3 * layer.seconds + 30, end - time.monotonic()), BUILD)
        if status is None:
            return "a time-out"
        return "" if status == 0 else ", ".join(re.findall(r"^\s+\d+ - (\S+) \(", text, re.M))
    finally:
        write(path, whole)
        must(["cmake", "--build", BUILD, JOBS, "--target", "evtwin_objects"], 300)


def main():
    wanted, seed, seconds = [int(a) for a in sys.argv[1:4]] + [29, 1, 3600][len(sys.argv) - 1:]
    end = time.monotonic() + seconds
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # a faulty loop must not take the
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 30, 4 << 30))  # machine's memory or disk
    say("building a copy of the tree in build/mutants")
    copy_tree()
    data = os.path.join(os.path.dirname(ROOT), "shared", "data")
    must(["cmake", "-S", TREE, "-B", BUILD, "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DEVTWIN_TOOLS=OFF",
          "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1", "-DEVTWIN_SHARED_DATA=" + data], 120)
    must(["cmake", "--build", BUILD, JOBS, "--target", "evtwin_objects"], seconds)

    sample = random.Random(seed)
    found = faults()
    tried, killed, survivors = set(), 0, []
    while killed + len(survivors) < wanted:
        fault = sample.choice(sample.choice([kind for kind in found if kind]))
        if fault in tried:
            continue
        tried.add(fault)
        Layer.of(fault[0], end)
        if end - time.monotonic() < 60:
            say("no time is left for the rest")
            break
        line = read(os.path.join(TREE, fault[0])).count(b"\n", 0, fault[1]) + 1
        code = read(os.path.join(TREE, fault[0])).decode().splitlines()[line - 1].strip()
        text = f"{fault[0]}:{line}: {fault[4]}: {code}"
        noticed = outcome(fault, end)
        if noticed is None:
            say(f"no fault  {text}")
        elif noticed:
            killed += 1
            say(f"killed    {text} (by {noticed})")
        else:
            survivors.append(text)
            say(f"survived  {text}")
    for text in survivors:
        print("survived", text)
    print(f"killed {killed} of {killed + len(survivors)} mutants (seed {seed})")


if __name__ == "__main__":
    main()
