#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_words.py SOURCE_DIR: what lib/learn says of options is for users of C and Python too: members of the option structs, in
the words "option MEMBER", each of which tools/cli/cli_words.c knows as an option of the tools."""
import glob
import os
import re
import sys

os.chdir(sys.argv[1])


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def strings(path):
    """The string literals of a file, those that stand side by side as one; comments hold none."""
    code = re.sub(r"/\*.*?\*/", " ", text_of(path), flags=re.S)
    for run in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', code):
        yield "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', run))


known = dict(re.findall(r'\{"([a-z_ ]+)", "(--[a-z -]+)"\}', text_of("tools/cli/cli_words.c")))
members = set(re.findall(r"\b(\w+)(?:\[[^]]*\])?;", "".join(map(text_of, glob.glob("include/evtwin/*.h"))))) | {"targets"}
options = set(re.findall(r"--[a-z-]+", text_of("docs/cli.md")))
faults = [f"cli_words.c: '{member}' is no member of an option struct" for member in known if member.split()[0] not in members]
faults += [f"cli_words.c: {name} is no option of a tool" for name in known.values() if name.split()[0] not in options]
n_seen = 0
for path in sorted(glob.glob("lib/learn/*.c") + glob.glob("lib/learn/*.def")):
    for string in strings(path):
        if re.search(r"(?<![\w-])--[a-z]", string):
            faults.append(f"{path}: \"{string}\" names an option of a tool: say \"option MEMBER\"")
        for word in re.findall(r"\boption ((?:targets without )?[a-z_]+)", string):
            n_seen += 1
            if word not in known:
                faults.append(f"{path}: \"{string}\": cli_words.c does not know '{word}'")
if len(known) < 10 or n_seen < 20:
    faults.append(f"{len(known)} options known, {n_seen} named: this test does not see them")
sys.exit("\n".join(faults) or None)
