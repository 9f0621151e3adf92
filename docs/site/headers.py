# SPDX-License-Identifier: MIT
"""Doxygen's filter: headers.py HEADER prints it in the form that Doxygen reads.

The docstrings of our headers are plain text with three marks: @param, @return, and a further indentation, which
is a list (lines with "- ") or code. Everything else that Doxygen would take for markup is escaped, and each
public name becomes a link. The number of lines stays as it is, so that Doxygen's line numbers are the header's.
"""
import functools
import pathlib
import re
import sys

NAME = re.compile(r"\b(?:evtwin|EVTWIN)_\w+\b(?!\([^)])")  # with arguments it is no name, but a call
DOC = re.compile(r"/\*\*(<?)(.*?)\*/", re.S)
STATUS = re.compile(r"^    X\((\w+), (-?\d+), +\"(.*)\"\)", re.M)
# the enum of status codes, which a macro makes of their list
STATUS_ENUM = re.compile(r"#define EVTWIN_STATUS_ENUM.*?#undef EVTWIN_STATUS_ENUM", re.S)
ESCAPES = str.maketrans({"\\": "\\\\", "<": "&lt;", ">": "&gt;", "&": "&amp;", "#": "\\#", "%": "\\%", "@": "\\@"})


@functools.lru_cache(maxsize=None)
def public_names(folder):
    """What the headers declare: only that can be a link."""
    names = set()
    for path in folder.glob("*.h"):
        text = path.read_text()
        names |= {"EVTWIN_" + name for name, _, _ in STATUS.findall(text)}
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        names |= set(re.findall(r"^EVTWIN_API[^;(]*?\b(evtwin_\w+)\(", code, re.M))
        names |= set(re.findall(r"\}\s*(evtwin_\w+);", code))
        names |= set(re.findall(r"^typedef struct (evtwin_\w+) \1;", code, re.M))
        names |= set(re.findall(r"^typedef .*\(\*(evtwin_\w+)\)", code, re.M))
        names |= set(re.findall(r"^#define (EVTWIN_\w+)", code, re.M))
        for body in re.findall(r"typedef enum \w+ \{(.*?)\}", code, re.S):
            names |= set(re.findall(r"\b(EVTWIN_\w+)(?= *[=,\n}])", body))
    return names


def escaped(line, names):
    """One line of text: marks of our own kept, public names linked, all else as it stands."""
    # Breathe cannot read the name of two parameters
    line = re.sub(r"(@param +\w+), (\w+(?:, \w+)*)", r"\1 with \2:", line)
    parts = re.split(r"(@param\b +\w+|@return\b)", line)
    for i in range(0, len(parts), 2):
        text = parts[i].translate(ESCAPES)
        parts[i] = NAME.sub(lambda match: ("#" if match.group() in names else "") + match.group(), text)
    return "".join(parts)


def docstring(match, names):
    behind, body = match.groups()
    lines = body.split("\n")
    out, code = [], False
    for number, line in enumerate(lines):
        text = re.sub(r"^\s*\* ?", "", line) if number else line.strip()
        inner = len(text) - len(text.lstrip())
        is_code = inner >= 4 and (code or (out and not out[-1].strip()))
        if is_code and not code:
            out[-1] = "@code{.c}"  # the empty line above
            code = True
        elif code and text.strip() and not is_code:
            out.append("@endcode " + escaped(text, names))
            code = False
            continue
        out.append(text if code else escaped(text, names))
    text = "\n".join(out) + ("\n@endcode " if code else "")
    return "/**" + behind + " " + text + " */"


def status_enum(text):
    """The enum of the codes, each with what it means, on as many lines as the macro takes."""
    entries = ", ".join(f"EVTWIN_{name} = {value} /**< {value}: {meaning} */" for name, value, meaning in STATUS.findall(text))
    # a comment behind a value belongs to it once the comma has passed
    entries = re.sub(r" (/\*\*< [^*]* \*/),", r", \1", entries)
    return STATUS_ENUM.sub(lambda match: entries + "\n" * match.group().count("\n"), text)


def filtered(path):
    names = public_names(path.parent)
    text = status_enum(path.read_text())
    return DOC.sub(lambda match: docstring(match, names), text)


if __name__ == "__main__":
    sys.stdout.write(filtered(pathlib.Path(sys.argv[1])))
