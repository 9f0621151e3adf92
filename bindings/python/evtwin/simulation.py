# SPDX-License-Identifier: MIT
"""Simulate battery packs: live telemetry of one or of a fleet, and run-to-failure data sets."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from . import core, reports
from ._base import Handle, Path, Time, known, options, plain, to_us
from ._table import Table, as_table

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import FleetOptions, RunToFailureOptions, SimOptions

Progress = Callable[[str, float], Optional[bool]]


class Cell(Handle):
    """A cell parameter set: a built-in one by name, or a JSON file by path."""

    def __init__(self, name: Optional[Path] = None) -> None:
        super().__init__(core.cell_load(None if name is None else os.fsdecode(name)))

    @staticmethod
    def builtin() -> Dict[str, str]:
        """Name and one-line description of each built-in set; the first is the default."""
        return {known(core.cell_builtin_name(i)): known(core.cell_builtin_description(i)) for i in range(core.cell_builtin_count())}

    @property
    def name(self) -> str:
        """Name of the set."""
        return str(core.cell_name(self._get()))

    @property
    def chemistry(self) -> str:
        """Chemistry in words."""
        return str(core.cell_chemistry(self._get()))

    @property
    def capacity_Ah(self) -> float:
        """Capacity of a new cell between its voltage limits."""
        return float(core.cell_capacity_Ah(self._get()))

    @property
    def v_min_V(self) -> float:
        """Lowest voltage the cell may be discharged to."""
        return float(core.cell_v_min_V(self._get()))

    @property
    def v_max_V(self) -> float:
        """Highest voltage the cell may be charged to."""
        return float(core.cell_v_max_V(self._get()))

    def ocv_V(self, soc_frac: float) -> float:
        """Open-circuit voltage at a state of charge."""
        return float(core.cell_ocv_V(self._get(), soc_frac))

    def r0_ohm(self, soc_frac: float, temperature_degC: float) -> float:
        """Series resistance of a new cell."""
        return float(core.cell_r0_ohm(self._get(), soc_frac, temperature_degC))

    def __repr__(self) -> str:
        return "<evtwin.Cell (closed)>" if self.closed else f"<evtwin.Cell {self.name}: {self.chemistry}>"


class Simulator(Handle):
    """Packs that are stepped together; current > 0 discharges. Keywords are the members of evtwin_sim_options:
    n_packs, seed, use ("cycle", "daily"), model ("ecm", "classic"), cell (a Cell), battery_id,
    initial_soh_percent, start_time (datetime), step_s, n_threads, … The same options and seed give the same bits."""

    def __init__(self, **sim_options: Unpack[SimOptions]) -> None:
        self._options = options(core.sim_options, sim_options)
        super().__init__(core.sim_create(self._options))

    def __len__(self) -> int:
        """Number of packs."""
        return int(core.sim_packs(self._get()))

    @property
    def battery_ids(self) -> List[str]:
        """The id of each pack (n_packs)."""
        return [known(core.sim_battery_id(self._get(), i)) for i in range(len(self))]

    @property
    def time_s(self) -> float:
        """The simulated time: seconds since the start."""
        return float(core.sim_time_s(self._get()))

    def advance(self, duration_s: float) -> None:
        """Advance every pack."""
        self._call(core.sim_advance, duration_s)

    def read(self, time: Optional[Time] = None) -> Table:
        """One telemetry row per pack, as a BMS would report it, stamped with time; by default with start_time and
        the simulated time."""
        if time is None:
            time = self._options.start_time_us + round(self.time_s * 1e6)
        handle = core.telemetry_table_create()
        self._call(core.sim_read, to_us(time), handle)
        return Table._wrap(handle)

    def run(self, duration_s: float, *, every_s: float) -> Iterator[Table]:
        """Advance by duration_s; a telemetry table every every_s."""
        if not every_s > 0:
            raise ValueError(f"every_s is {every_s}, not above 0")
        for _ in range(int(duration_s / every_s + 1e-9)):
            self.advance(every_s)
            yield self.read()

    @property
    def truth_names(self) -> List[str]:
        """The quantities whose true value the model has, with their units."""
        return [known(core.sim_truth_name(self._get(), i)) for i in range(core.sim_truth_count(self._get()))]

    def truth(self, name: str) -> "np.ndarray[Any, Any]":
        """True values (n_packs, float64) of a quantity, for tests and labels, never part of telemetry."""
        out = np.empty(len(self))
        self._call(core.sim_truth, name, out)
        return out

    def set_current(self, current_A: Any) -> None:
        """Set the current (n_packs) from now on; None returns control to the profile."""
        array = None if current_A is None else np.ascontiguousarray(current_A, np.float64)
        self._call(core.sim_set_current, array)

    def resume(self, rows: Any) -> int:
        """Continue each pack from its newest row; returns the number of packs that had one."""
        return int(self._call(core.sim_resume, as_table(rows)._handle))

    def go_on(self, time_s: float, first_seq: int) -> None:
        """Continue after an earlier run: the simulated time moves up to time_s, seq to first_seq."""
        self._call(core.sim_go_on, time_s, first_seq)

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.closed:
            return f"<evtwin.{name} (closed)>"
        return f"<evtwin.{name} of {len(self)} packs at {self.time_s:g} s>"


class Fleet(Simulator):
    """A Simulator of n_packs, which can also be run to its end of life."""

    def __init__(self, n_packs: int, **sim_options: Unpack[FleetOptions]) -> None:
        super().__init__(n_packs=n_packs, **sim_options)

    def run_to_failure(self, *, progress: Optional[Progress] = None, **run_options: Unpack[RunToFailureOptions]) -> Tuple[Table, reports.RunToFailureReport]:
        """Run twins of these packs from new to their end of life: (records with labels rul and failure, report).
        Keywords are the members of evtwin_run_to_failure_options: record_every_days, max_years,
        eol_soh_percent, moments ("active", "daily", "cycle"), … The fleet itself does not change.
        progress(what, done) may return True to stop (CancelledError)."""
        run = options(core.run_to_failure_options, run_options)
        run.progress = plain(progress or _go_on, "progress")
        table, report = core.sim_run_to_failure(self._options, run)
        return Table._wrap(table), report


def _go_on(_what: str, _done: float) -> Optional[bool]:
    """A progress that only lets Ctrl-C through."""
    return None
