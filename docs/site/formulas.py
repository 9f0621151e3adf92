# SPDX-License-Identifier: MIT
"""A Sphinx extension: formulas become MathML when the site is built, so a page loads no script and no font for them."""
import functools
import os
import subprocess

from docutils import nodes
from sphinx.errors import ExtensionError


# KaTeX by itself: its command wants one formula a process too, and finds its modules with Debian's node only
SCRIPT = """
const formula = require('fs').readFileSync(0, 'utf8');
const options = {output: 'mathml', displayMode: process.argv[1] === 'block', throwOnError: true, strict: 'error'};
try {
    process.stdout.write(require('katex').renderToString(formula, options));
} catch (error) {
    process.stderr.write(error.message);
    process.exit(1);
}
"""


@functools.lru_cache(maxsize=None)
def mathml(latex, form):
    done = subprocess.run(["node", "-e", SCRIPT, form], input=latex, capture_output=True, text=True, check=False,
                          env={**os.environ, "NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs"})
    if done.returncode != 0 or "<math" not in done.stdout:
        raise ExtensionError(f"KaTeX cannot read the formula {latex!r}: {done.stderr.strip()[-400:]}")
    return done.stdout


def visit_inline(translator, node):
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(translator, node):
    translator.body.append(f'<div class="math" style="margin: 1em 0">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("katex_mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
