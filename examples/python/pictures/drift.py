# SPDX-License-Identifier: MIT
"""Live data that are unlike the training data: a thermometer that reads 20 K too much, bin by bin."""
import pathlib

import numpy as np
from figure import BLUE, ORANGE, Array, Series, line, panels, save
from trained import records

FAULT_K = 20.0


def psi(p: Array, q: Array) -> float:
    """Population stability index of two histograms; an empty bin counts as a ten-thousandth."""
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(np.sum((p - q) * np.log(p / q)))


def compute() -> Series:
    """Share of the rows in each tenth of the training data's temperatures: training, a new fleet, the same with the fault."""
    training, live = records()["temperature"], records(2)["temperature"]
    edges = np.quantile(training, np.arange(0.1, 1.0, 0.1))
    shares = {"training": training, "a new fleet": live, "the new fleet, 20 K too warm": live + FAULT_K}
    bins = np.arange(1.0, 11.0)
    return {name: (bins, np.bincount(np.digitize(values, edges), minlength=10) / len(values)) for name, values in shares.items()}


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    (_, p), (_, same), (_, fault) = series.values()
    return f"PSI against the training data: of the new fleet {psi(same, p):.3f}, with the fault {psi(fault, p):.1f}."


def draw(series: Series, path: pathlib.Path) -> None:
    """Three histograms as lines."""
    figure, axes = panels(height=2.8)
    styles = ({"color": "black", "marker": "s"}, {"color": BLUE, "marker": "o"}, {"color": ORANGE, "marker": "X"})
    for name, style in zip(series, styles):
        line(axes, series, name, label=name, linestyle=":", **style)
    axes.set(xlabel="temperature: tenth of the training data", ylabel="share of rows", title="Two histograms, and a fault", ylim=(0, None))
    axes.legend()
    save(figure, path)
