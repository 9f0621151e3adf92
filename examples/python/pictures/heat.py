# SPDX-License-Identifier: MIT
"""How warm the cells of a pack get when it is discharged at several currents, in air of 25 degrees."""
import pathlib

import evtwin
import matplotlib
import numpy as np
from figure import Series, line, panels, save

RATES = (0.25, 0.5, 1.0, 1.5, 2.0)


def compute() -> Series:
    """Time in minutes, temperature in degrees Celsius, from full until the state of charge is 5 %."""
    series: Series = {}
    capacity_Ah = evtwin.Cell().capacity_Ah * 46
    for rate in RATES:
        with evtwin.Simulator(seed=1, initial_soh_percent=100, initial_soc_percent=100, initial_temperature_degC=25) as sim:
            sim.set_current([rate * capacity_Ah])
            minutes, degC = [0.0], [25.0]
            while sim.truth("soc_frac")[0] > 0.05:
                sim.advance(30)
                minutes.append(sim.time_s / 60)
                degC.append(sim.truth("temperature_degC")[0])
        series[f"{rate:g}C"] = np.array(minutes), np.array(degC)
    return series


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    *ends, last = (f"{degC[-1] - 25:.0f} K at {name}" for name, (_, degC) in series.items())
    return f"At the end of the discharge the cells are warmer than the air by {', '.join(ends)} and {last}."


def draw(series: Series, path: pathlib.Path) -> None:
    """One line a current, the darker the more."""
    figure, axes = panels(height=3.0)
    for i, name in enumerate(series):
        line(axes, series, name, color=matplotlib.colormaps["plasma"](0.75 - 0.17 * i))
        axes.annotate(name, (series[name][0][-1], series[name][1][-1]), xytext=(4, 0), textcoords="offset points")
    axes.set(xlabel="time, min", ylabel="cells, °C", title="Discharges from full to 5 %", xlim=(0, 250))
    save(figure, path)
