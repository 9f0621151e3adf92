# SPDX-License-Identifier: MIT
"""What the sections of results share: running a command exactly as it is shown, files, tables."""
import csv
import os
import re
import shlex
import statistics
import subprocess

INPUTS = "soc,soh,voltage,current,temperature,charge_cycles,power_consumption"


class Failed(Exception):
    pass


class Rig:
    """A folder to work in, and the programs of a build. A command is a template: it is shown as it
    is written and run with its names filled in, so that no shown command was not run."""

    def __init__(self, build, shared, work, say):
        self.build, self.shared, self.work, self.say = build, shared, work, say
        self.programs = {}
        for folder in ("tools", "tests/bench", "tests/long"):
            path = os.path.join(build, folder)
            for name in os.listdir(path) if os.path.isdir(path) else ():
                if os.access(os.path.join(path, name), os.X_OK):
                    self.programs[name] = os.path.join(path, name)

    def run(self, template, codes=(0,), **values):
        """Its standard output; standard error with `err=True` in values."""
        with_err = values.pop("err", False)
        words = shlex.split(template.format(**values))
        if words[0] not in self.programs:
            raise Failed(f"{words[0]} is not built")
        self.say("  " + " ".join(words))
        done = subprocess.run([self.programs[words[0]], *words[1:]], cwd=self.work, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode not in codes:
            raise Failed(f"{' '.join(words)}: code {done.returncode}: {done.stderr[-2000:]}")
        return (done.stdout, done.stderr) if with_err else done.stdout

    def data(self, name):
        """A file of the shared data, or None."""
        path = os.path.join(self.shared, name)
        return path if os.path.exists(path) else None

    def path(self, name):
        return os.path.join(self.work, name)

    def columns(self, name, wanted):
        """{name: [text, …]} of a CSV in the folder."""
        with open(self.path(name), newline="") as f:
            rows = csv.reader(f)
            header = next(rows)
            at = [header.index(w) for w in wanted]
            out = [[] for _ in wanted]
            for row in rows:
                for values, i in zip(out, at):
                    values.append(row[i])
        return dict(zip(wanted, out))

    def rewrite(self, source, target, change):
        """Copy a CSV: change(row, i) gives the rows (dicts) that take the place of the i-th."""
        with open(self.path(source), newline="") as f, \
                open(self.path(target), "w", newline="") as g:
            reader = csv.DictReader(f)
            writer = None
            for i, row in enumerate(reader):
                for new in change(row, i):
                    if writer is None:
                        writer = csv.DictWriter(g, list(new), lineterminator="\n")
                        writer.writeheader()
                    writer.writerow(new)


def sparse(values, digits=6):
    """The same figures with so many significant digits, however deep: what is kept on disk."""
    if isinstance(values, float):
        return float(f"{values:.{digits}g}")
    if isinstance(values, dict):
        return {k: sparse(v, digits) for k, v in values.items()}
    if isinstance(values, (list, tuple)):
        return [sparse(v, digits) for v in values]
    return values


# ---- markdown ----

def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def code(*lines, language="sh"):
    """A block of commands; what is filled in, {S}, is a letter."""
    lines = [re.sub(r"\{([A-Z])\}", r"\1", line) for line in lines]
    return "\n".join(["```" + language, *"\n".join(lines).splitlines(), "```"])


def fixed(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def spread(values, digits):
    """mean ± deviation over seeds"""
    if any(v is None for v in values):
        return "–"
    mean = statistics.fmean(values)
    return f"{mean:.{digits}f}" if len(values) < 2 else \
        f"{mean:.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def ends(values, digits):
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def thousands(n):
    return f"{n:,}"
