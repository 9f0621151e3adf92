#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""golden.py EXPECTED GOT: is GOT what EXPECTED says, line by line?

What varies, such as a model by another XGBoost, is masked, not left out: {} is any number, {LOW..HIGH} one in that range,
{text} some words; all else stands for itself.
"""
import re
import sys

NUMBER = r"(-?\d+(?:\.\d+)?)"


def difference(expected, got):
    """Why the line is not as expected, or None."""
    pieces = re.split(r"\{((?:-?\d[\d.]*\.\.-?\d[\d.]*)?|text)\}", expected)
    masks = [r"(.+?)" if mask == "text" else NUMBER for mask in pieces[1::2]] + [""]
    pattern = "".join(re.escape(text) + mask for text, mask in zip(pieces[::2], masks))
    found = re.fullmatch(pattern, got)
    if found is None:
        return "differs"
    for value, limits in zip(found.groups(), pieces[1::2]):
        low, is_range, high = limits.partition("..")
        if is_range and not float(low) <= float(value) <= float(high):
            return f"{value} is not from {low} to {high}"
    return None


def compare(expected, got):
    """[text of a difference]"""
    wanted, lines = expected.splitlines(), got.splitlines()
    found = [f"line {i + 1}: {why}\n  expected: {w}\n  printed:  {g}"
             for i, (w, g) in enumerate(zip(wanted, lines)) if (why := difference(w, g))]
    if len(wanted) != len(lines):
        found.append(f"{len(lines)} lines instead of {len(wanted)}")
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as f, open(sys.argv[2], encoding="utf-8") as g:
        found = compare(f.read(), g.read())
    # it can tell: a change of one character is seen
    for line, other in (("a {1..3} b", "a 4 b"), ("a {} b", "a x b"), ("a", "b"), ("{}", ""), ("a {text} b", "a  b")):
        assert compare(line, other), (line, other)
    assert not compare("a {1..3} {} {text}", "a 2.5 -7 b c")
    for text in found:
        print(text)
    return bool(found)


sys.exit(main())
