# SPDX-License-Identifier: MIT
"""A Sphinx extension: the package's docstrings are plain text with indented code; this makes reStructuredText of it."""
import re


def literal(line):
    """Nothing in a line of text is markup: what Sphinx would take for it is escaped."""
    return re.sub(r"([\\*`|])|(?<=\w)_(?!\w)", lambda match: "\\" + match.group(), line)


def converted(lines, language="python"):
    out, code = [], False
    for line in lines:
        is_code = line.startswith("    ") and (code or not out or not out[-1].strip())
        if is_code and not code:
            out += [f".. code-block:: {language}", ""]
        elif code and line.strip() and not is_code:
            out += [""]
        code = is_code or (code and not line.strip())
        out.append(line if code else literal(line))
    return out


def process(app, what, name, thing, options, lines):
    lines[:] = converted(lines)


def setup(app):
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
