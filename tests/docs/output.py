# SPDX-License-Identifier: MIT
"""Is what was printed what a page shows? A number stands for any number, blanks for any blanks, `…` for anything; a line that is
`…` alone, for any lines.
"""
import re

NUMBER = r"-?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"
ANY_LINES = "…"


def pattern(line):
    made = ""
    for piece in re.split(rf"({NUMBER}|,?…|\s+)", line.strip()):
        if re.fullmatch(NUMBER, piece):
            made += NUMBER
        elif piece.endswith("…"):
            made += ".*" if piece == "…" else "(?:,.*)?"
        else:
            made += r"\s+" if piece and piece.isspace() else re.escape(piece)
    return made


def difference(shown, printed):
    """What line of the page was not printed, or None."""
    expected = [line for line in shown.splitlines() if line.strip()]
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    at, is_open = 0, False
    for line in expected:
        if line.strip() == ANY_LINES:
            is_open = True
            continue
        while at < len(lines) and not re.fullmatch(pattern(line), lines[at]):
            if not is_open:
                return line
            at += 1
        if at == len(lines):
            return line
        at, is_open = at + 1, False
    return None if is_open or at == len(lines) else f"nothing below, but also: {lines[at]}"


# it can tell
assert difference("a 1\n…\nb", "a 27.5\nx\ny\nb\n") is None
assert difference('{"a":1,…}', '{"a":-2e5,"b":0}') is None and difference('[1,…]', "[3]") is None
assert difference("a  1", "a b") and difference("a", "a\nb") and difference("a\nb", "a") and difference("…\nb", "a\nc")
