# SPDX-License-Identifier: MIT
"""Remaining life as predicted, with its interval, beside what came true: packs that the model has never seen."""
import pathlib

import evtwin
import numpy as np
from figure import BLUE, Array, Series, line, panels, save
from trained import records, trainer

SEED, PACKS = 2, 60


def covered(table: evtwin.Table) -> Array:
    """Of each pack the share of rows whose truth lies between rul_low and rul_high."""
    within = (table["rul_low"] <= table["rul"]) & (table["rul"] <= table["rul_high"])
    battery = table["battery_id"]
    return np.array([within[battery == name].mean() for name in dict.fromkeys(battery.tolist())])


def predicted() -> evtwin.Table:
    """A new fleet, with predictions."""
    return trainer().predictor().apply(records(SEED, PACKS))


def compute() -> Series:
    """Three packs (a short, a middling and a long life): cycles so far; cycles that remain, low, predicted, high and true."""
    table = predicted()
    battery, life = table["battery_id"], table["truth_eol_efc"]
    names = sorted(dict.fromkeys(battery.tolist()), key=lambda name: float(life[battery == name][0]))
    series: Series = {}
    for name in (names[len(names) // 10], names[len(names) // 2], names[9 * len(names) // 10]):
        rows = battery == name
        for what, column in {"true": "rul", "predicted": "rul_prediction", "low": "rul_low", "high": "rul_high"}.items():
            series[f"{name} {what}"] = table["truth_efc"][rows], table[column][rows]
    each = np.sort(covered(table))
    return {**series, "coverage": (np.arange(1.0, len(each) + 1), 100 * each)}


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    each = series["coverage"][1]
    return (f"Of {len(each)} packs that training did not see, {each.mean():.0f} % of the rows lie in their interval, as a mean over "
            f"packs; {100 * (each >= 80).mean():.0f} % of the packs have 80 % of their rows in it, the worst has {each.min():.0f} %.")


def draw(series: Series, path: pathlib.Path) -> None:
    """A panel a pack, and the packs' coverage."""
    figure, all_axes = panels(2, 2, 5.0)
    names = dict.fromkeys(name.rsplit(" ", 1)[0] for name in series if name != "coverage")
    for axes, name in zip(all_axes.flat, names):
        x, low = series[f"{name} low"]
        axes.fill_between(x, low, series[f"{name} high"][1], color=BLUE, alpha=0.18, linewidth=0)
        for edge in ("low", "high"):
            line(axes, series, f"{name} {edge}", color=BLUE, linewidth=0.4)
        line(axes, series, f"{name} predicted", color=BLUE, label="predicted, 90 %")
        line(axes, series, f"{name} true", color="black", linestyle="--", label="came true")
        axes.set(xlabel="cycles so far", ylabel="cycles that remain", title=name)
    all_axes.flat[0].legend()
    last = all_axes.flat[3]
    line(last, series, "coverage", color=BLUE, marker="o", markersize=3, linestyle="none")
    last.axhline(90, color="black", linewidth=0.8, linestyle="--")
    last.set(xlabel="packs, by coverage", ylabel="rows within, %", title="Coverage, pack by pack")
    save(figure, path)
