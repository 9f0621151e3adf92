# SPDX-License-Identifier: MIT
"""The headers of learning can be wrapped without looking at the code: check_contracts.py SOURCE_DIR

Of every function its comment says what a binding has to know: the errors of a status, who frees
what is made, that strings are borrowed, the shape of an array. No macro with parameters is part of
the API, and no parameter has a name that Python keeps for itself.
"""
import keyword
import os
import re
import sys

HEADERS = ("audit", "explain", "features", "fit", "follower", "predictor", "session", "train")
FUNCTION = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s*EVTWIN_API\s+([^;]*?)\(([^;]*)\);", re.S)


def faults_of(comment, result, parameters):
    if "evtwin_status" in result and "@return" not in comment:
        yield "which errors?"
    if re.search(r"\*\*\w*out\b", parameters) and "_free frees" not in comment:
        yield "who frees what it makes?"
    if "const char *" in result and not re.search("borrowed|static", comment, re.I):
        yield "whose is the string?"
    if re.search(r"(double|float) \*(?!out)", parameters) and "(rows" not in comment \
            and "(cols" not in comment:
        yield "which shape?"
    for word in re.findall(r"(\w+)(?:,|$)", parameters):
        if keyword.iskeyword(word):
            yield f"the parameter {word} is a word of Python"


def check(text):
    faults = [f"a macro with parameters: {m}" for m in re.findall(r"^#define (\w+\()", text, re.M)]
    functions = FUNCTION.findall(text)
    if len(functions) != len(re.findall(r"^EVTWIN_API", text, re.M)):
        faults.append("a function without a comment above it")
    for comment, result, parameters in functions:
        name = result.split()[-1].lstrip("*")
        faults += [f"{name}: {fault}" for fault in faults_of(comment, result, parameters)]
    return faults


# it finds what it looks for
BROKEN = """#define EVTWIN_TWICE(x) (x)
/** Makes one. */
EVTWIN_API evtwin_status evtwin_make(const double *lambda, evtwin_thing **out);
/** Its name. */
EVTWIN_API const char *evtwin_name(int in);
"""
assert len(check(BROKEN)) == 7, check(BROKEN)

bad = []
for header in HEADERS:
    with open(os.path.join(sys.argv[1], "include", "evtwin", header + ".h")) as f:
        bad += [f"{header}.h: {fault}" for fault in check(f.read())]
print("\n".join(bad))
sys.exit(1 if bad else 0)
