# SPDX-License-Identifier: MIT
"""Pages of the C reference: one a header, in the order of the header, from what Doxygen read."""
import re
import xml.etree.ElementTree as ET

import docstrings

DIRECTIVE = {"enum": "doxygenenum", "typedef": "doxygentypedef", "function": "doxygenfunction",
             "define": "doxygendefine", "struct": "doxygenstruct"}
# macros that only serve the headers themselves
PRIVATE = re.compile(r"EVTWIN_\w+_H$|EVTWIN_API$|EVTWIN_STATUS_ENUM$")


def items(xml, header):
    """(line, kind, name) of everything that a header declares, in its order."""
    found = []
    root = ET.parse(xml / f"{header.stem}_8h.xml").getroot()
    for member in root.iter("memberdef"):
        name = member.find("name").text
        if not PRIVATE.match(name):
            found.append((int(member.find("location").get("line")), member.get("kind"), name))
    for inner in root.iter("innerclass"):
        struct = ET.parse(xml / f"{inner.get('refid')}.xml").getroot().find("compounddef")
        found.append((int(struct.find("location").get("line")), "struct", inner.text))
    return sorted(found)


def literal(text):
    """Plain text of a comment as reStructuredText: names as code, nothing else is markup."""
    text = re.sub(r"([*_`|\\])", r"\\\1", text)
    return re.sub(r"\b((?:evtwin|EVTWIN)(?:\\_\w+?)+)(?=\W|$)", lambda m: "``" + m.group().replace("\\", "") + "``", text)


def comments(text):
    """(line, heading or None, words) of each comment that stands for itself: "---- heading ----", or prose that no
    declaration follows. The first two (licence, what the header is) are the page's own."""
    for match in re.finditer(r"^/\*(?!\*)((?:(?!\*/).)*)\*/[ \t]*\n(?=\n)", text, re.M | re.S):
        line = text.count("\n", 0, match.start()) + 1
        words = " ".join(re.sub(r"^\s*\* ?", "", row).strip() for row in match.group(1).split("\n")).strip()
        heading = re.fullmatch(r"-{4} (.*) -{4}", words)
        if line > 4:
            yield line, heading and heading.group(1), words


def purpose(text):
    """What the header's second comment says of it: ("sim.h", "simulate …")."""
    match = re.search(r"^/\*\*?\s*(?:\* )?evtwin/(\w+\.h): (.*?)(?:\*/|\. )", text, re.M | re.S)
    return match.group(1), re.sub(r"\s*\n \* ?", " ", match.group(2)).strip().rstrip(".")


def overview(text):
    """The whole comment on top of evtwin.h, which has code in it."""
    body = re.search(r"^/\*\*\n(.*?)\n \*/", text, re.M | re.S).group(1)
    lines = [re.sub(r"^ \* ?", "", line) for line in body.split("\n")]
    return docstrings.converted([re.sub(r"^evtwin/evtwin.h: all of libevtwin. ", "", line) for line in lines], "c")


def page(header, xml):
    text = header.read_text()
    name, words = purpose(text)
    title = f"evtwin/{name}"
    out = [title, "=" * len(title), "", literal(words[0].upper() + words[1:]) + ".", "", f"``#include <evtwin/{name}>``", ""]
    if header.stem == "evtwin":
        return "\n".join(out + overview(text) + [""])
    parts = [(line, "comment", (heading, said)) for line, heading, said in comments(text)]
    parts += items(xml, header)
    for _, kind, what in sorted(parts, key=lambda part: part[0]):
        if kind == "comment":
            heading, said = what
            heading = heading and literal(heading[0].upper() + heading[1:])
            out += [heading, "-" * len(heading), ""] if heading else [literal(said), ""]
        else:
            out += [f".. {DIRECTIVE[kind]}:: {what}"]
            if kind == "struct":
                out += ["   :members:", "   :undoc-members:"]
            out += [""]
    return "\n".join(out)


def write(include, xml, out):
    """Write the pages of all headers of a folder to out/*.rst, and out/index.rst that lists them."""
    out.mkdir(parents=True, exist_ok=True)
    headers = sorted(include.glob("*.h"), key=lambda header: (header.stem != "evtwin", header.stem))
    rows = []
    for header in headers:
        (out / f"{header.stem}.rst").write_text(page(header, xml))
        name, words = purpose(header.read_text())
        rows.append(f"* :doc:`{name} <{header.stem}>`: {literal(words)}")
    index = ["C reference", "===========", "",
             "Made from the headers in ``include/evtwin``. ``#include <evtwin/evtwin.h>`` includes them all.", "", *rows, "",
             ".. toctree::", "   :hidden:", "", *[f"   {header.stem}" for header in headers], ""]
    (out / "index.rst").write_text("\n".join(index))
