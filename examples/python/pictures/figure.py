# SPDX-License-Identifier: MIT
"""What all pictures share: series that are drawn under their names, and SVG that is the same bytes each time."""
import io
import pathlib
import re
from typing import Any, Dict, Tuple

import matplotlib
import numpy as np

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (behind the choice of the back end)

NAMES = ("voltage", "heat", "fade", "lives", "splits", "intervals", "reasons", "drift")
"""The pictures; each is a module that computes series, draws them, and says in a caption what is to be seen."""

Array = np.ndarray[Any, Any]
Series = Dict[str, Tuple[Array, Array]]
"""Name -> (x, y). Each is a line or a bar of the picture; its id in the SVG is made of its name, so it can be read back."""

BLUE, ORANGE, GREEN, RED, GREY = "#2f6db5", "#e08214", "#2a8c55", "#c0392b", "#8a8f98"
"""Told apart by those who do not see red and green alike, too: their lightness differs, and lines differ in style."""

plt.rcParams.update({
    "svg.fonttype": "none", "svg.hashsalt": "evtwin", "path.simplify": False, "axes.unicode_minus": False,
    "axes.formatter.useoffset": False, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#e4e6ea", "axes.axisbelow": True, "font.size": 9.0, "legend.frameon": False, "lines.linewidth": 1.4,
})


def panels(rows: int = 1, columns: int = 1, height: float = 3.4, **more: Any) -> Tuple[Any, Any]:
    """A figure as wide as a page, and its axes."""
    figure, axes = plt.subplots(rows, columns, figsize=(7.2, height), layout="constrained", **more)
    return figure, axes


def gid(name: str) -> str:
    """The id of a series in the SVG."""
    return "series:" + name.replace(" ", "_")


def line(axes: Any, series: Series, name: str, **style: Any) -> None:
    """Draw a series under its name."""
    axes.plot(*series[name], gid=gid(name), **style)


def bars(axes: Any, series: Series, names: Dict[str, str], left: float = 0.0) -> None:
    """Horizontal bars, the first on top: name -> colour. Of a bar x is (from, to)."""
    for i, (name, colour) in enumerate(names.items()):
        (start, end), _ = series[name]
        axes.barh(-i, end - start, left=start, color=colour, height=0.6, gid=gid(name))
    axes.set_yticks([-i for i in range(len(names))], list(names))
    axes.grid(False, axis="y")
    axes.axvline(left, color="black", linewidth=0.8)


def bar(start: float, end: float) -> Tuple[Array, Array]:
    """The series of one bar."""
    return np.array([start, end]), np.zeros(2)


def save(figure: Any, path: pathlib.Path) -> None:
    """Write the SVG, without a date and to a hundredth of a point."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    path.write_text(re.sub(r" d=\"[^\"]*\"", _rounded, text.getvalue()), encoding="utf-8")


def _rounded(path: "re.Match[str]") -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path[0])
