# SPDX-License-Identifier: MIT
"""How much the lives of a fleet differ, although all packs are of one model: the share that is still alive."""
import pathlib

import evtwin
import numpy as np
from figure import BLUE, GREY, Series, line, panels, save

PACKS, SEED = 200, 0


def compute() -> Series:
    """Cycles at each end of life, share of the packs alive from then on."""
    records, _ = evtwin.Fleet(PACKS, seed=SEED).run_to_failure(record_every_days=365)
    battery, end = records["battery_id"], records["truth_eol_efc"]
    lives = np.sort([end[np.flatnonzero(battery == name)[0]] for name in dict.fromkeys(battery.tolist())])
    alive = 1 - np.arange(len(lives) + 1) / len(lives)  # before the first end, and behind each
    tenth, median, ninetieth = np.quantile(lives, [0.1, 0.5, 0.9])
    return {"alive": (np.array([0.0, *np.repeat(lives, 2)]), np.repeat(alive, 2)[:-1]),
            "80 percent end here": (np.array([tenth, ninetieth]), np.array([0.9, 0.1])),
            "median": (np.array([median]), np.array([0.5]))}


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    (tenth, ninetieth), _ = series["80 percent end here"]
    return (f"{PACKS} packs: median life {series['median'][0][0]:.0f} cycles; eight of ten lives are between {tenth:.0f} and "
            f"{ninetieth:.0f} cycles, a factor of {ninetieth / tenth:.1f}.")


def draw(series: Series, path: pathlib.Path) -> None:
    """Steps down, with the quantiles."""
    figure, axes = panels(height=2.8)
    line(axes, series, "alive", color=BLUE)
    line(axes, series, "80 percent end here", color=GREY, marker="o", linestyle="none", label="10th and 90th percentile")
    line(axes, series, "median", color="black", marker="D", linestyle="none", label="median")
    axes.set(xlabel="equivalent full cycles", ylabel="share of packs alive", title="A fleet's lives", xlim=(0, None))
    axes.legend()
    save(figure, path)
