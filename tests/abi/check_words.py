#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_words.py SOURCE_DIR: what lib/ says of options is for users of C and Python too: members of the option structs, in the
words "option MEMBER", each of which tools/cli/cli_words.c knows as an option of the tools and, where it can, as a parameter of a
source's URI. Options of other programs are named with their program."""
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


table = re.findall(r'\{"([a-z_ ]+)", "(--[a-z -]+)"(?:, NULL|, "([a-z_]+)")\}', text_of("tools/cli/cli_words.c"))
known = {member: name for member, name, _ in table}
parameters = set(re.findall(r'EVTWIN__PARAM\("(\w+)"', text_of("lib/stream/source_csv.c")))
OTHERS = {"--serve-artifacts": "tracking server", "--default-artifact-root": "tracking server", "--experiment-id": "mlflow", "--time-fix": "bdf"}
members = set(re.findall(r"\b(\w+)(?:\[[^]]*\])?;", "".join(map(text_of, glob.glob("include/evtwin/*.h"))))) | {"targets"}
options = set(re.findall(r"--[a-z-]+", text_of("docs/cli.md")))
faults = [f"cli_words.c: '{member}' is no member of an option struct" for member in known if member.split()[0] not in members]
faults += [f"cli_words.c: {name} is no option of a tool" for name in known.values() if name.split()[0] not in options]
faults += [f"cli_words.c: {key}= is no parameter of csv:" for _, _, key in table if key and key not in parameters]
faults += [f"cli_words.c: csv: takes {member}= too" for member, _, key in table if not key and member in parameters]
faults += [f"{name} is an option of a tool" for name in OTHERS if name in options]
n_seen = 0
for path in sorted(glob.glob("lib/**/*.[ch]", recursive=True) + glob.glob("lib/**/*.def", recursive=True)):
    for string in strings(path):
        for name in re.findall(r"(?<![\w-])--[a-z][a-z-]*", string):
            if OTHERS.get(name, "\n") not in string:
                faults.append(f"{path}: \"{string}\" names {name}: say \"option MEMBER\"")
        for word in re.findall(r"\boption ((?:targets without )?[a-z_]+)", string):
            n_seen += 1
            if word not in known:
                faults.append(f"{path}: \"{string}\": cli_words.c does not know '{word}'")
if len(known) < 10 or n_seen < 20:
    faults.append(f"{len(known)} options known, {n_seen} named: this test does not see them")
sys.exit("\n".join(faults) or None)
