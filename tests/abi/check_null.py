#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every function of the headers takes NULL: check_null.py SOURCE_DIR LIBRARY CC

Calls each with a pointer in a child of its own: with NULL, 0 and NaN alone, and with NULL for objects
only. A call that returns a status fails with EVTWIN_E_ARG, an accessor answers NULL, 0 or NaN, or what
its comment says.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE, LIBRARY, CC = sys.argv[1:]

# What the comments of the headers say of NULL, where it is not the rule.
SAYS = {
    "evtwin_set_log": "", "evtwin_set_allocator": "",  # NULL restores the default
    "evtwin_set_last_error": "r == 0",  # it answers the status that it was given
    "evtwin_table_find": "r == EVTWIN_NO_COLUMN", "evtwin_telemetry_find": "r == EVTWIN_NO_COLUMN",
}

HEAD = """
#include "evtwin/evtwin.h"
#include <math.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static char room[8192];
static int failed, calls;
static void tell(const char *call, int status) {
    calls++;
    if (status != 0) {
        failed++;
        printf("%s: %s\\n", call, WIFSIGNALED(status) ? "crashes" : "answers something else");
    }
}
#define TRY(call, answer) do { fflush(stdout); const pid_t p = fork(); \\
    if (p == 0) { answer; } int w; waitpid(p, &w, 0); tell(call, w); } while (0)
int main(void) {
"""


def declarations():
    """(return type, name, parameter types) of every public function."""
    for header in sorted(pathlib.Path(SOURCE, "include/evtwin").glob("*.h")):
        text = re.sub(r"/\*.*?\*/|^ *#(?:[^\n]*\\\n)*[^\n]*", " ", header.read_text(), flags=re.S | re.M)
        for found in re.finditer(r"EVTWIN_API\s+([^;(]*?)(\w+)\(([^;]*)\);", text):
            result, name, parameters = (" ".join(x.split()) for x in found.groups())
            types = [re.match(r"(.*?)\w*$", p.strip()).group(1).strip() for p in parameters.split(",")]
            yield result, name, [] if parameters == "void" else types


def argument(kind, only_objects):
    """One argument of this type: NULL, 0 or NaN, or something where only objects are NULL."""
    if kind.endswith("*"):
        target = kind[:-1].replace("const", "").strip()
        is_object = target.startswith("evtwin_") and (kind.startswith("const") or target + " *" == kind)
        return f"({kind})room" if only_objects and not is_object else "NULL"
    if kind in ("double", "float"):
        return "1.0" if only_objects else "NAN"
    return f"({kind})0" if kind.endswith("_fn") else f"({kind}){1 if only_objects else 0}"


def answer(result, name):
    """The C condition on the result r."""
    if name in SAYS:
        return SAYS[name]
    if result == "evtwin_status":
        return "r == EVTWIN_E_ARG" if not name.endswith(("_code", "_name")) else ""
    if result.endswith("*"):
        return 'r == NULL || *(const char *)r == 0' if "char" in result else "r == NULL"
    return "isnan(r)" if result == "double" else "r == 0" if result != "void" else ""


def main():
    functions = [d for d in declarations() if any(p.endswith("*") for p in d[2])]
    body = []
    for result, name, kinds in functions:
        for only_objects in (False, True):
            if only_objects and not (kinds[0].endswith("*") and argument(kinds[0], True) == "NULL"):
                continue  # it has no object
            if only_objects and "_options" in kinds[0]:
                continue  # NULL stands for the defaults
            call = f"{name}({', '.join(argument(k, only_objects) for k in kinds)})"
            wanted = answer(result, name)
            run = f"{call}; _exit(0)" if result == "void" or not wanted else \
                f"const {result} r = {call}; _exit(!({wanted}))" if not result.endswith("*") else \
                f"{result} r = {call}; _exit(!({wanted}))"
            body.append(f'    TRY("{call}", {run});')
    tail = '\n    printf("%d calls of %d functions\\n", calls, ' + str(len(functions)) + ");\n    return failed != 0;\n}\n"
    with tempfile.TemporaryDirectory() as work:
        program = pathlib.Path(work, "null.c")
        # commas of a declaration are not those of a macro's arguments: none is left outside brackets
        program.write_text(HEAD + "\n".join(body) + tail)
        subprocess.run([CC, "-std=gnu11", "-w", "-I", SOURCE + "/include", str(program), "-o", work + "/null", LIBRARY,
                        "-Wl,-rpath," + str(pathlib.Path(LIBRARY).parent), "-lm"], check=True)
        return subprocess.run([work + "/null"], cwd=work, check=False).returncode


sys.exit(main())
