# SPDX-License-Identifier: MIT
"""The fade of a fleet: the state of health of packs over their life, each to its end."""
import pathlib

import evtwin
import numpy as np
from figure import BLUE, RED, Series, line, panels, save

PACKS, SEED, END = 40, 1, 80.0


def compute() -> Series:
    """Equivalent full cycles, true state of health in percent: one series a pack, and the ends by their cause."""
    records, _ = evtwin.Fleet(PACKS, seed=SEED).run_to_failure(record_every_days=30, eol_soh_percent=END)
    battery, cycles, health = records["battery_id"], records["truth_efc"], records["truth_soh"]
    end, defect = records["truth_eol_efc"], records["truth_has_defect"]
    series: Series = {}
    ends = {"capacity": [], "resistance": []}  # type: dict[str, list[tuple[float, float]]]
    for name in dict.fromkeys(battery.tolist()):
        rows = np.flatnonzero(battery == name)
        series[f"{name} with a defect" if defect[rows].any() else name] = cycles[rows], health[rows]
        # capacity ends at the limit; a pack that is far above it at its last record ended by its resistance
        last = rows[-1]
        by_capacity = health[last] < END + 1.5
        ends["capacity" if by_capacity else "resistance"].append((end[last], END if by_capacity else health[last]))
    for cause, points in ends.items():
        x, y = np.array(points).reshape(-1, 2).T
        series[f"ends by {cause}"] = x, y
    return series


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    capacity, resistance = series["ends by capacity"][0], series["ends by resistance"][0]
    lives = np.concatenate([capacity, resistance])
    return (f"{PACKS} packs of one model of car: lives of {lives.min():.0f} to {lives.max():.0f} cycles, "
            f"{len(capacity)} ends by capacity, {len(resistance)} by resistance.")


def draw(series: Series, path: pathlib.Path) -> None:
    """Lines of packs, ends as marks, the limit."""
    figure, axes = panels(height=3.8)
    for name in series:
        if not name.startswith("ends"):
            bad = "defect" in name
            line(axes, series, name, color=RED if bad else BLUE, alpha=0.9 if bad else 0.45, linewidth=1.0)
    axes.plot([], [], color=RED, label="a pack that gets a defect")
    axes.axhline(END, color="black", linewidth=0.8, linestyle="--")
    line(axes, series, "ends by capacity", color="black", marker="o", markersize=3, linestyle="none", label="end: capacity below 80 %")
    line(axes, series, "ends by resistance", color=RED, marker="X", markersize=6, linestyle="none",
         label="end: resistance doubled")
    axes.set(xlabel="equivalent full cycles", ylabel="state of health, %", title="A fleet from new to its end")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.08))
    save(figure, path)
