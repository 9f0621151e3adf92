#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""frozen.py SOURCE_DIR CC [--update]: the public structs and enumerators are as frozen.def has them.

frozen.c holds each line of frozen.def against the headers. --update writes frozen.def anew, which a release does and which
is right for what no release had yet. Without it also: every struct begins with its size or is listed here as one that
never changes, and a change that breaks programs is seen.
"""
import os
import re
import subprocess
import sys
import tempfile

SOURCE, CC = sys.argv[1:3]
DEF = os.path.join(SOURCE, "tests/abi/frozen.def")
FROZEN_C = os.path.join(SOURCE, "tests/abi/frozen.c")
INCLUDE = os.path.join(SOURCE, "include")


def headers(include):
    """evtwin.h without comments, macros expanded."""
    done = subprocess.run([CC, "-std=c11", "-E", "-P", "-I", include, os.path.join(include, "evtwin/evtwin.h")],
                          capture_output=True, text=True, check=True)
    return done.stdout


def members(body):
    """Names of the members of a struct."""
    for declaration in filter(None, (" ".join(d.split()) for d in body.split(";"))):
        pointer = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(", declaration)
        if pointer:
            yield pointer[1]
            continue
        for part in declaration.split(","):
            yield re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", part)[1]


def public(text):
    """({struct: [member]}, [enumerator])"""
    structs = {name: list(members(body))
               for body, name in re.findall(r"typedef struct \w+ \{([^{}]*)\}\s*(evtwin_\w+);", text)}
    values = [name for body in re.findall(r"enum(?:\s+\w+)?\s*\{([^{}]*)\}", text)
              for name in re.findall(r"(?:^|,)\s*(EVTWIN_\w+)", " ".join(body.split()))]
    return structs, values


def made(include):
    """The lines of frozen.def for these headers."""
    structs, values = public(headers(include))
    lines = []
    for struct, names in sorted(structs.items()):
        grows = int(names[0] == "size")
        lines.append(f'printf("FROZEN_STRUCT({struct}, %zu, {grows})\\n", sizeof({struct}));')
        lines += [f'printf("FROZEN_MEMBER({struct}, {name}, %zu, %zu)\\n", offsetof({struct}, {name}), '
                  f"sizeof((({struct} *)0)->{name}));" for name in names]
    lines += [f'printf("FROZEN_VALUE({name}, %lld)\\n", (long long)({name}));' for name in values]
    with tempfile.TemporaryDirectory() as work:
        with open(work + "/a.c", "w") as f:
            f.write('#include "evtwin/evtwin.h"\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n'
                    + "\n".join(lines) + "\nreturn 0;\n}\n")
        subprocess.run([CC, "-std=c11", "-I", include, work + "/a.c", "-o", work + "/a"], check=True)
        return subprocess.run([work + "/a"], capture_output=True, text=True, check=True).stdout


def compiles(include):
    """What the compiler says of frozen.c, "" = all is as it was."""
    done = subprocess.run([CC, "-std=c11", "-fsyntax-only", "-I", include, FROZEN_C], capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def catches():
    """A copy of the headers with changes that break programs."""
    changes = {"table.h": (r"(typedef struct evtwin_csv_options \{\s*size_t size;)", r"\1 int inserted;"),
               "base.h": (r"(EVTWIN_NAIVE_LOCAL) = 1", r"\1 = 7"),
               "sim.h": (r"\bsize_t n_packs;", "int n_packs;")}
    for header, (pattern, replacement) in changes.items():
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["cp", "-r", INCLUDE, work], check=True)
            path = f"{work}/include/evtwin/{header}"
            with open(path) as f:
                text = f.read()
            changed = re.sub(pattern, replacement, text)
            assert changed != text, header
            with open(path, "w") as f:
                f.write(changed)
            assert "programs" in compiles(work + "/include"), f"a change of {header} is not seen"


def main():
    if "--update" in sys.argv:
        with open(DEF, "w") as f:
            f.write("/* SPDX-License-Identifier: MIT */\n/* Written by frozen.py --update; see frozen.c. */\n" + made(INCLUDE))
        return 0
    said = compiles(INCLUDE)
    if said:
        print(said + "\nA struct grows at its end only and an enumerator keeps its number. If no release had it yet, run\n"
              "tests/abi/frozen.py . cc --update and commit frozen.def.")
        return 1
    with open(DEF) as f:
        frozen = set(f.read().splitlines())
    lines = made(INCLUDE).splitlines()
    assert len(lines) > 400, "the headers were not understood"
    new = [line for line in lines if line not in frozen]
    print(f"{len(lines) - len(new)} sizes, places and numbers are as programs know them; {len(new)} are new or grew")
    catches()
    return 0


sys.exit(main())
