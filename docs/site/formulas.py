# SPDX-License-Identifier: MIT
"""A Sphinx extension: formulas become MathML when the site is built, so a page loads no script and no font for them."""
import functools
import subprocess

from docutils import nodes
from sphinx.errors import ExtensionError


@functools.lru_cache(maxsize=None)
def mathml(latex, display):
    command = ["katex", "--format", "mathml"] + (["--display-mode"] if display else [])
    done = subprocess.run(command, input=latex, capture_output=True, text=True, check=False)
    if done.returncode != 0 or "<math" not in done.stdout:
        raise ExtensionError(f"katex cannot read the formula {latex!r}: {done.stderr.strip()[:300]}")
    return done.stdout.strip()


def visit_inline(translator, node):
    translator.body.append(mathml(node.astext(), False))
    raise nodes.SkipNode


def visit_block(translator, node):
    translator.body.append(f'<div class="math">{mathml(node.astext(), True)}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("katex_mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
