#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Line and branch coverage of lib/ by the tests of `make test`: coverage.py [SECONDS [JOBS]]

Builds with --coverage in build/coverage, runs the tests, reads gcov's JSON. A line or a branch counts
once, however often it is compiled. Progress on stderr, the figures on stdout; it ends with 1 if a
test failed or SECONDS (default 2400) were not enough.
"""
import glob
import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_began = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - _began:6.1f} s] {text}", file=sys.stderr, flush=True)


def run(command, seconds, cwd=ROOT, quiet=True):
    """Exit status and output of a command; None instead of a status if it took longer. What it
    started ends with it."""
    output = subprocess.PIPE if quiet else sys.stderr
    with subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True) as child:
        try:
            text = child.communicate(timeout=max(seconds, 1))[0] or ""
            return child.returncode, text
        except BaseException as stopped:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if isinstance(stopped, subprocess.TimeoutExpired):
                return None, ""
            raise


def must(command, seconds, cwd=ROOT, quiet=True):
    status, text = run(command, seconds, cwd, quiet)
    if status != 0:
        print(text[-4000:], file=sys.stderr)
        sys.exit(f"{' '.join(command[:3])}: {'took too long' if status is None else status}")
    return text


class Coverage:
    """Counts by place: {(file, line): n}, {(file, line, function, number): n}."""

    def __init__(self):
        self.lines, self.branches = {}, {}

    def add(self, gcov):
        for source in gcov["files"]:
            path = os.path.relpath(os.path.join(gcov["current_working_directory"], source["file"]),
                                   ROOT)
            if not path.startswith("lib" + os.sep):
                continue
            for line in source["lines"]:
                place = path, line["line_number"]
                self.lines[place] = self.lines.get(place, 0) + line["count"]
                for i, branch in enumerate(line["branches"]):
                    key = place + (line.get("function_name", ""), i)
                    self.branches[key] = self.branches.get(key, 0) + branch["count"]

    def report(self, out):
        def share(counts, path):
            of_path = [n for key, n in counts.items() if path is None or key[0] == path]
            hit = sum(n > 0 for n in of_path)
            return hit, len(of_path), 100.0 * hit / max(len(of_path), 1)

        paths = sorted({path for path, _ in self.lines}, key=lambda p: share(self.branches, p)[2])
        for path in paths:
            print("%-36s %5d of %5d lines %5.1f %%  %5d of %5d branches %5.1f %%" %
                  ((path,) + share(self.lines, path) + share(self.branches, path)), file=out)
        print("%-36s %5d of %5d lines %5.1f %%  %5d of %5d branches %5.1f %%" %
              (("lib/",) + share(self.lines, None) + share(self.branches, None)), file=out)


def main():
    end = time.monotonic() + float(sys.argv[1] if len(sys.argv) > 1 else 2400)
    jobs = sys.argv[2] if len(sys.argv) > 2 else str(os.cpu_count())
    build = os.path.join(ROOT, "build", "coverage")

    say("building with --coverage in build/coverage")
    must(["cmake", "-S", ROOT, "-B", build, "-DCMAKE_BUILD_TYPE=Debug",
          "-DCMAKE_C_FLAGS_DEBUG=-O1 -g --coverage -fprofile-update=atomic"], end - time.monotonic())
    must(["cmake", "--build", build, "-j" + jobs], end - time.monotonic())
    for old in glob.glob(build + "/**/*.gcda", recursive=True):
        os.remove(old)

    say("running the tests")
    status, _ = run(["ctest", "-LE", "long", "-j" + jobs, "--no-tests=error", "--output-on-failure"],
                    end - time.monotonic(), build, quiet=False)
    if status is None:
        sys.exit("the tests took too long")

    say("reading the counts")
    coverage = Coverage()
    objects = os.path.join(build, "CMakeFiles", "evtwin_objects.dir")
    for notes in sorted(glob.glob(objects + "/lib/**/*.gcno", recursive=True)):
        text = must(["gcov", "--json-format", "--stdout", "--branch-probabilities", notes], 60, build)
        for line in text.splitlines():
            if line.startswith("{"):
                coverage.add(json.loads(line))
    coverage.report(sys.stdout)
    if status != 0:
        sys.exit("tests failed: see build/coverage/Testing/Temporary/LastTestsFailed.log")


if __name__ == "__main__":
    main()
