# SPDX-License-Identifier: MIT
"""Keep telemetry and predictions; answer the queries of dashboards; follow changes. Limits of the status."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from . import core, reports
from ._base import Handle, Time, choice, options, to_us, uri_of
from ._table import Table, as_table
from .prediction import Path, _optional

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import AlertHistoryOptions, BucketsOptions, HistoryOptions, StoreOptions


class Thresholds(Handle):
    """The limits that make a status, an alert or a colour: the contract's, or changed by a JSON file."""

    def __init__(self, path: Optional[Path] = None) -> None:
        super().__init__(core.thresholds_create() if path is None else core.thresholds_load(os.fsdecode(path)))

    @classmethod
    def _wrap(cls, handle: Any) -> "Thresholds":
        thresholds = cls.__new__(cls)
        Handle.__init__(thresholds, handle)
        return thresholds

    def __len__(self) -> int:
        return int(core.thresholds_count(self._get()))

    def table(self) -> Table:
        """The rules: kind, quantity, level, operator, limit."""
        return Table._wrap(core.thresholds_table(self._get()))

    def set(self, quantity: str, limit: float, *, level: str, kind: str = "status", below: bool = True) -> None:
        """Set the limit of a rule, or add it; NaN removes it. level "normal", "warning", "critical"; kind "status",
        "alert", "display"."""
        rule = core.threshold()
        rule.quantity, rule.limit = quantity, limit
        rule.level, rule.kind, rule.is_below = choice("HEALTH", level), choice("THRESHOLD", kind), int(below)
        self._call(core.thresholds_set, rule)

    def status(self, rows: Any) -> List[str]:
        """The status of each row: NORMAL, WARNING or CRITICAL."""
        table = as_table(rows)
        return [core.health_name(self._call(core.thresholds_status, table._handle, i)) for i in range(len(table))]

    def reasons(self, rows: Any, row: int, *, kind: str = "status") -> List[str]:
        """The rules that a row breaks, in words, the worst first."""
        handle = as_table(rows)._handle
        _, broken = self._call(core.thresholds_broken, choice("THRESHOLD", kind), handle, row, 256)
        return [self._call(core.thresholds_reason, i, handle, row) for i in broken]

    def __repr__(self) -> str:
        return "<evtwin.Thresholds (closed)>" if self.closed else f"<evtwin.Thresholds of {len(self)} rules>"


class Store(Handle):
    """A database of telemetry and predictions: a path (SQLite) or a URI "sqlite:FILE", "postgresql://…". Keywords:
    read_only, retention_days, busy_timeout_ms, shares_batteries. Results are Tables, or None if there are no rows."""

    _survives_fork = False

    def __init__(self, place: Path, **store_options: Unpack[StoreOptions]) -> None:
        uri = uri_of(place, "sqlite")
        self._name = core.uri_redact(uri)[1]
        super().__init__(core.store_open(uri, options(core.store_options, store_options)))

    def __len__(self) -> int:
        """Number of rows."""
        return int(self._call(core.store_count))

    def insert(self, data: Any, *, source: Optional[str] = None, position: Optional[str] = None) -> reports.InsertReport:
        """Insert rows in one transaction that is on the disk when this returns: n_inserted, n_repeated,
        n_conflicting. With source and position, the position of the source is stored too."""
        table = as_table(data)._handle
        if source is None:
            return self._call(core.store_insert, table)
        return self._call(core.store_insert_from, table, source, position or "")

    def position(self, source: str) -> Optional[str]:
        """The last stored position of a source."""
        return self._call(core.store_position, source)

    def unpredicted(self, max_rows: int = 4096) -> Optional[Table]:
        """Rows without a prediction."""
        return _optional(self._call(core.store_unpredicted, max_rows))

    def put_predictions(self, data: Any, states: Any = None) -> int:
        """Write predictions to exactly these rows; the number of rows updated."""
        kept = None if states is None else as_table(states)._handle
        return int(self._call(core.store_put_predictions, as_table(data)._handle, kept))

    def states(self, battery_id: Optional[str] = None) -> Optional[Table]:
        """The states of sessions: of all batteries, or of one."""
        if battery_id is None:
            return _optional(self._call(core.store_states))
        return _optional(self._call(core.store_state, battery_id))

    def put_model(self, scores: Any) -> None:
        """Keep a model's held-out scores (Predictor.scores)."""
        self._call(core.store_put_model, as_table(scores)._handle)

    def models(self) -> Optional[Table]:
        """The held-out scores of the models, the latest first."""
        return _optional(self._call(core.store_models))

    def put_thresholds(self, thresholds: Thresholds) -> None:
        """Replace the limits that give rows their status."""
        self._call(core.store_put_thresholds, Thresholds._of(thresholds)._get())

    def thresholds(self) -> Thresholds:
        """The limits in force."""
        return Thresholds._wrap(self._call(core.store_thresholds))

    def latest(self, battery_id: Optional[str] = None) -> Optional[Table]:
        """The newest row of one battery, or of each."""
        return _optional(self._call(core.store_latest, battery_id)[0])

    def current(self, battery_id: Optional[str] = None) -> Optional[Table]:
        """The same with each battery's latest prediction and its health."""
        return _optional(self._call(core.store_latest, battery_id)[1])

    def oldest(self, start: Time = 0) -> Optional[Table]:
        """The oldest row of every battery from start on."""
        return _optional(self._call(core.store_oldest, to_us(start)))

    def history(self, battery_id: str, **history_options: Unpack[HistoryOptions]) -> Optional[Table]:
        """Rows of one battery, newest first. Keywords: start, end (datetime), limit, predicted_only, oldest_first,
        before_time, before_seq, after_time, after_seq."""
        return _optional(self._call(core.store_history, battery_id, options(core.history_options, history_options)))

    def stats(self, battery_id: str, *, start: Time = -2**63, end: Time = 2**63 - 1) -> reports.StoreStats:
        """Statistics of one battery: total_records, avg_soc, …"""
        return self._call(core.store_stats_get, battery_id, to_us(start), to_us(end))

    def buckets(self, battery_id: str, **buckets_options: Unpack[BucketsOptions]) -> Optional[Table]:
        """History thinned for a chart: time, n, Q_min, Q_mean, Q_max. Keywords: start, end, max_buckets,
        quantities (a list)."""
        return _optional(self._call(core.store_buckets, battery_id,
                                    options(core.buckets_options, buckets_options))[0])

    def changes(self, after_revision: int = 0, max_rows: int = 4096) -> Tuple[Optional[Table], int]:
        """Rows inserted or predicted after a revision, and the revision to pass next time."""
        rows, revision = self._call(core.store_changes, after_revision, max_rows)
        return _optional(rows), int(revision)

    @property
    def generation(self) -> int:
        """How often the database was replaced since it was opened."""
        return int(core.store_generation(self._get()))

    def expire(self) -> int:
        """Delete rows older than the retention period; returns their number."""
        return int(self._call(core.store_expire))

    def backup(self, path: Path) -> None:
        """Copy the whole database as it is at one moment to a new file."""
        self._call(core.store_backup, os.fsdecode(path))

    def alerts(self, *, states: int = core.ALERT_ANY, **alert_options: Unpack[AlertHistoryOptions]) -> Optional[Table]:
        """Alerts, the newest first. Keywords: battery_id, start, end, limit, before_id, after_change."""
        wanted: Dict[str, Any] = {"states": states, **alert_options}
        return _optional(self._call(core.store_alerts, options(core.alert_history_options, wanted)))

    def alert_counts(self, *, start: Time, end: Time, n_buckets: int, battery_id: Optional[str] = None) -> Table:
        """How many alerts were raised and cleared in each of n_buckets equal parts of a time range."""
        return Table._wrap(self._call(core.store_alert_counts, battery_id, to_us(start), to_us(end), n_buckets))

    def acknowledge_alert(self, alert_id: int, by: str) -> None:
        """Acknowledge an alert."""
        self._call(core.store_acknowledge_alert, alert_id, by)

    def deadline(self, seconds: float) -> None:
        """Later calls raise CancelledError (a TimeoutError) if they still run after that many seconds; 0 = no deadline."""
        self._call(core.store_deadline, seconds)

    def interrupt(self) -> None:
        """From any thread: the running call, and every later one, raises CancelledError."""
        core.store_interrupt(self._get())

    def __repr__(self) -> str:
        return f"<evtwin.Store {self._name}{' (closed)' if self.closed else ''}>"
