# SPDX-License-Identifier: MIT
"""Run a script in the percent format (# %% cells, as jupytext and editors have it) and make a page of it: text, code, what
each cell printed, and its pictures."""
import contextlib
import io
import pathlib
import re
import warnings

HEAD = "<!-- Made by `make pictures` from {source}: change that, not this. -->\n<!-- test page by: python.tour -->"


def cells(source):
    """(is text, content) of each cell; what stands before the first one is no cell."""
    for part in re.split(r"^# %%", source, flags=re.MULTILINE)[1:]:
        mark, _, body = part.partition("\n")
        is_text = mark.strip() == "[markdown]"
        yield is_text, re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip() if is_text else body.strip()


def run(source, path, pictures):
    """The parts of the page: ("text" | "python" | "output" | "picture", content) in order; pictures are saved in the
    folder as tour-N.svg, and shown."""
    import figure
    import matplotlib.pyplot as plt

    namespace = {"__name__": "__main__", "__file__": str(path)}
    parts, n_pictures = [], 0
    for is_text, content in cells(source):
        parts.append(("text" if is_text else "python", content))
        if is_text:
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*non-interactive.*")  # plt.show() has nothing to show it on
            exec(compile(content, f"{path}: cell {len(parts)}", "exec"), namespace)
        if printed.getvalue().strip():
            parts.append(("output", printed.getvalue().rstrip()))
        for number in plt.get_fignums():
            n_pictures += 1
            name, drawn = f"tour-{n_pictures}.svg", plt.figure(number)
            title = "; ".join(axes.get_title() for axes in drawn.axes)
            figure.save(drawn, pathlib.Path(pictures, name))
            parts.append(("picture", f"![{title}](pictures/{name})"))
    return parts


def page(parts, source):
    """The Markdown of these parts."""
    made = [HEAD.format(source=source)]
    for kind, content in parts:
        if kind in ("text", "picture"):
            made.append(content)
        else:
            made.append(f"```{'python' if kind == 'python' else 'text'}\n{content}\n```")
    return "\n".join(line.rstrip() for line in "\n\n".join(made).split("\n")) + "\n"


def make(script, pictures):
    """The page of a script; its pictures go to the folder."""
    path = pathlib.Path(script)
    return page(run(path.read_text(encoding="utf-8"), path, pictures), "examples/python/" + path.name)


def write(script, docs):
    """Write the page and its pictures into docs/."""
    text = make(script, pathlib.Path(docs, "pictures"))
    pathlib.Path(docs, "tour.md").write_text(text, encoding="utf-8")
    print("docs/tour.md", flush=True)
