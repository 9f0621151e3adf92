# SPDX-License-Identifier: MIT
"""The voltage of a pack on a drive in the city, and of one cell in a pulse: what the equivalent circuit computes."""
import pathlib
import tempfile
from typing import List

import evtwin
import numpy as np
from figure import BLUE, GREEN, GREY, ORANGE, Series, line, panels, save

STOPS = [(12, 25, 15), (16, 40, 20), (9, 15, 10), (20, 60, 25), (14, 30, 15), (25, 70, 30)]
"""A drive: speed in m/s, seconds at it, seconds of rest behind it; 1.2 m/s2 up, 1.5 down."""


def speeds() -> List[float]:
    """The drive, second by second."""
    v: List[float] = []
    for speed, hold, rest in STOPS:
        up, down = np.arange(0, speed, 1.2), np.arange(speed, 0, -1.5)
        v += [*up, *[speed] * hold, *down, *[0.0] * rest]
    return v


def compute() -> Series:
    """Drive: t in s, of the pack. Pulse: t in s, of one of its cells, 1C for a minute."""
    cell = evtwin.Cell()
    drive = speeds()
    with tempfile.TemporaryDirectory() as folder:
        csv = pathlib.Path(folder, "drive.csv")
        csv.write_text("cycSecs,cycMps\n" + "".join(f"{i},{v:g}\n" for i, v in enumerate(drive)))
        with evtwin.Simulator(seed=1, initial_soh_percent=100, initial_soc_percent=80, drive_cycle=csv) as sim:
            voltage, current, rest = [], [], []
            for _ in drive[1:]:
                sim.advance(1)
                voltage.append(sim.truth("voltage_V")[0])
                current.append(sim.truth("current_A")[0])
                rest.append(96 * cell.ocv_V(sim.truth("soc_frac")[0]))
    t = np.arange(1.0, len(drive))
    series = {"drive voltage": (t, np.array(voltage)), "drive at rest": (t, np.array(rest)),
              "drive current": (t, np.array(current))}

    with evtwin.Simulator(seed=1, initial_soh_percent=100, initial_soc_percent=60, initial_temperature_degC=25) as sim:
        current_A = cell.capacity_Ah * 46
        values = []
        for second in range(-20, 320):
            sim.set_current([current_A if 0 <= second < 60 else 0.0])
            sim.advance(1)
            branches = sim.truth("v1_V")[0] + sim.truth("v2_V")[0]
            values.append((second + 1, sim.truth("voltage_V")[0] / 96, cell.ocv_V(sim.truth("soc_frac")[0]), branches))
    t, v, ocv, branches = np.array(values).T
    return {**series, "pulse voltage": (t, v), "pulse at rest": (t, ocv), "pulse with branches": (t, ocv + branches),
            "pulse branches": (t, 1e3 * branches)}


def caption(series: Series) -> str:
    """What is to be seen, in numbers."""
    v, current, pulse = series["drive voltage"][1], series["drive current"][1], series["pulse voltage"]
    start, at_1, at_60 = (float(np.interp(t, *pulse)) for t in (0, 1, 60))
    return (f"A drive of {len(v) / 60:.0f} minutes: {current.min():.0f} to {current.max():.0f} A, {v.min():.0f} to {v.max():.0f} V. "
            f"In the pulse the cell's voltage falls by {1e3 * (start - at_1):.0f} mV in the first second and by "
            f"{1e3 * (start - at_60):.0f} mV within the minute.")


def draw(series: Series, path: pathlib.Path) -> None:
    """Drive above, current below it, pulse on the right."""
    figure, ((top, pulse), (below, zoom)) = panels(2, 2, 4.4, sharex="col")
    line(top, series, "drive at rest", color=GREY, linestyle="--", label="at rest: U(z)")
    line(top, series, "drive voltage", color=BLUE, label="terminals: V")
    top.set(ylabel="pack, V", title="A drive")
    line(below, series, "drive current", color=ORANGE)
    below.set(xlabel="time, s", ylabel="current, A (> 0 discharges)")
    line(pulse, series, "pulse at rest", color=GREY, linestyle="--", label="U(z)")
    line(pulse, series, "pulse with branches", color=GREEN, linestyle="-.", label="U(z) + v1 + v2")
    line(pulse, series, "pulse voltage", color=BLUE, label="V")
    pulse.set(ylabel="cell, V", title="A pulse of 1C for 60 s")
    line(zoom, series, "pulse branches", color=GREEN, linestyle="-.")
    zoom.set(xlabel="time, s", ylabel="v1 + v2, mV")
    for axes in (top, pulse):
        axes.legend()
    save(figure, path)
