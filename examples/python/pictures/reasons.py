# SPDX-License-Identifier: MIT
"""Why one prediction is what it is: from the training mean to the answer, feature by feature."""
import pathlib

import numpy as np
from figure import BLUE, GREY, ORANGE, Series, bar, bars, panels, save
from trained import records, trainer

BATTERY, ROW = "BATTERY_003", 40


def compute() -> Series:
    """Cycles: where each bar begins and ends. The first is the mean, the last the answer."""
    predictor, fleet = trainer().predictor(), records(2)
    row = np.flatnonzero(fleet["battery_id"] == BATTERY)[ROW]
    x = np.array([[fleet[name][row] for name in predictor.features]])
    *effects, at = predictor.contributions("rul", x)[0]
    series = {"mean of the training": bar(0.0, at)}
    for i in np.argsort(-np.abs(effects)):
        name, unit = list(predictor.features.items())[i]
        series[f"{name} {x[0, i]:.4g} {unit}".strip()] = bar(at, at + effects[i])
        at += effects[i]
    return {**series, "answer": bar(0.0, at)}


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    (mean, *steps, answer) = ((name, span) for name, (span, _) in series.items())
    largest, (start, end) = steps[0]
    return (f"The training mean is {mean[1][1]:.0f} cycles, the answer {answer[1][1]:.0f}: {largest} alone moves it by "
            f"{end - start:+.0f}.")


def draw(series: Series, path: pathlib.Path) -> None:
    """A cascade."""
    figure, axes = panels(height=3.2)
    colours = {name: GREY if i in (0, len(series) - 1) else ORANGE if end < start else BLUE
               for i, (name, ((start, end), _)) in enumerate(series.items())}
    bars(axes, series, colours)
    axes.set(xlabel="remaining useful life, cycles", title=f"Reasons of one prediction ({BATTERY} of a new fleet)")
    save(figure, path)
