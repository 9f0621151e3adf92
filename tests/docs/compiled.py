# SPDX-License-Identifier: MIT
"""Blocks of C, against the installed headers and library.

A block with main() is a program. One that defines functions is compiled. All else is what stands in main(), below the
lines of the hidden step above it. What is linked is run, and has nothing to complain about.
"""
import os
import re
import shlex
import subprocess

from shell import Failed

PROGRAM = re.compile(r"^int main\(", re.M)
FUNCTION = re.compile(r"^(?!if|for|while|switch|return|else|do)[A-Za-z_][\w \*]*\([^;{}]*\)\s*\{", re.M)
INCLUDES = "#include <evtwin/evtwin.h>\n#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]


def run_c(text, before, folder, env):
    """What the block prints; Failed if it does not compile, link or work."""
    def call(*args):
        done = subprocess.run(args, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        if done.returncode != 0 or done.stderr:
            raise Failed(f"{args[0]} ended with {done.returncode}: {done.stderr}\n{source}")
        return done.stdout

    flags = list(FLAGS)
    is_linked = True
    if PROGRAM.search(text):
        source = before + text
    else:
        flags.append("-Wno-unused")
        own = "".join(re.findall(r"^#include.*\n", text, re.M))
        body = re.sub(r"^#include.*\n", "", text, flags=re.M)
        is_linked = not FUNCTION.search(body)
        source = INCLUDES + own + (f"int main(void) {{\n{before}{body}return 0;\n}}\n" if is_linked else before + body)
    with open(os.path.join(folder, "block.c"), "w") as f:
        f.write(source)
    of_library = shlex.split(call("pkg-config", "--cflags", "--libs", "evtwin"))
    if not is_linked:
        return call(env.get("CC", "cc"), *flags, "-c", "block.c", "-o", "block.o", *of_library)
    call(env.get("CC", "cc"), *flags, "block.c", "-o", "block", *of_library, "-lm")
    return call("./block")
