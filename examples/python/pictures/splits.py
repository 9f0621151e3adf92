# SPDX-License-Identifier: MIT
"""One model, judged in two ways, beside answers that need no model. Only the dark bars are what a new battery would see."""
import pathlib

import evtwin
import numpy as np
from figure import BLUE, GREY, RED, Series, bar, bars, panels, save
from trained import FEATURES, records, trainer


def leaked() -> float:
    """RMSE where rows were dealt at random, so that every battery is on both sides of the split. The audit refuses such
    data, so that it has to be allowed."""
    table = records()
    columns = {name: table[name] for name in (*FEATURES, "rul")}
    lots = np.random.default_rng(1).integers(0, 150, len(table))
    rows = evtwin.Table({**columns, "lot": [f"LOT_{i:03d}" for i in lots]})
    mixed = evtwin.train(rows, targets="rul", group="lot", features=list(FEATURES), seed=1, allow=["label-formula"])
    return float(mixed.score("rul").rmse)


def compute() -> Series:
    """RMSE in cycles, as bars from 0."""
    single = trainer().score("rul", "single")
    rmse = {"rows at random: a leak": leaked(), "batteries held out": trainer().score("rul").rmse,
            f"{single.feature} alone": single.rmse, "mean life − cycles so far": trainer().score("rul", "mean_life").rmse,
            "mean of the labels": trainer().score("rul", "mean").rmse}
    return {name: bar(0.0, value) for name, value in rmse.items()}


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    leak, honest, single, *_ = (to for (_, to), _ in series.values())
    return (f"RMSE of the remaining life. Rows dealt at random promise {leak:.0f} cycles; of batteries that were held out it is "
            f"{honest:.0f}, where the best single feature has {single:.0f}.")


def draw(series: Series, path: pathlib.Path) -> None:
    """Bars: the leak, the model, the baselines."""
    figure, axes = panels(height=2.4)
    bars(axes, series, {name: RED if "leak" in name else BLUE if "held out" in name else GREY for name in series})
    axes.set(xlabel="RMSE, cycles", title="The same model, two splits, three baselines")
    save(figure, path)
