# SPDX-License-Identifier: MIT
"""Sources and sinks of telemetry, by URI or as Python objects, and the pump that delivers from a source to sinks."""
from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from . import core, errors, reports
from ._base import Handle, Path, known, options, plain, to_ms, uri_of
from ._table import Table, as_table
from .prediction import Predictor
from .simulation import Simulator

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import PumpOptions, ScreenOptions, SimSourceOptions, SpoolOptions


class Batch(NamedTuple):
    """Rows that are delivered to a sink."""

    rows: Table
    source: Optional[str]
    position: Optional[str]
    states: Optional[Table]


class _OwnSink:
    """Between the C callbacks and an object with write(batch), or a function of a batch."""

    _OPTIONAL = ("flush", "position", "states", "check", "write_letters", "interrupt", "close")

    def __init__(self, target: Any) -> None:
        self._target = target
        self._put = plain(target.write, "write") if hasattr(target, "write") else plain(target, "the function of a batch")
        _check_plain(target, *self._OPTIONAL)
        self.name = str(getattr(target, "name", None) or f"{type(target).__name__}:")

    def _write(self, rows: Any, source: Optional[str], position: Optional[str], states: Any) -> None:
        answer = self._put(Batch(Table._wrap(rows), source, position, None if states is None else Table._wrap(states)))
        if inspect.isawaitable(answer):  # of a function that does not look so
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError("write gave a coroutine, which nobody awaits: the rows would be lost")
        if inspect.isgenerator(answer) or inspect.isasyncgen(answer):
            raise TypeError("write gave a generator, which nobody iterates: the rows would be lost")

    def _recalled(self, batteries: Any) -> Any:
        states = self._target.states(Table._wrap(batteries))
        return None if states is None else as_table(states)._handle

    def __getattr__(self, name: str) -> Any:
        """flush, position, states, check, write_letters, interrupt and close where the object has them."""
        if name == "_states" and hasattr(self._target, "states"):
            return self._recalled
        if name in self._OPTIONAL and name != "states":
            return getattr(self._target, name)
        raise AttributeError(name)


def _check_plain(own: Any, *names: str) -> None:
    """The optional methods that an object has are plain functions."""
    for name in names:
        if callable(getattr(own, name, None)):
            plain(getattr(own, name), name)


def _is_row(data: Any) -> bool:
    """A mapping of values, not of columns."""
    return isinstance(data, Mapping) and not any(hasattr(value, "__len__") and not isinstance(value, str) for value in data.values())


_TABULAR = ("__arrow_c_stream__", "__dataframe__", "columns")


def _is_tabular(data: Any) -> bool:
    """One table or frame, whose iteration gives names or columns; a reader of batches gives those."""
    return isinstance(data, Mapping) or not hasattr(data, "__next__") and any(hasattr(data, name) for name in _TABULAR)


def _telemetry(data: Any) -> Table:
    """Rows as a batch of telemetry has them: names, units and types of the schema. What is no telemetry stays behind."""
    table = as_table([data] if _is_row(data) else data)
    columns: Dict[str, Any] = {}
    as_they_are = True
    for col, name in enumerate(table.columns):
        try:
            quantity = core.quantity_get(core.quantity_find(name)[0])
        except LookupError:
            quantity = None
        if quantity is None or quantity.kind != core.KIND_TELEMETRY:
            as_they_are = False
            continue
        kind, factor = core.table_type(table._handle, col), core.telemetry_factor(table._handle, col)
        as_they_are = as_they_are and (name, kind, factor) == (quantity.name, quantity.type, 1.0)
        columns[known(quantity.name)] = _values(table[name], kind, quantity.type, factor)
    return table if as_they_are else as_table(columns)


def _values(values: Any, kind: int, wanted: int, factor: float) -> Any:
    """A column in our unit and of the type that is wanted, where it can be."""
    if wanted == core.F64 and kind in (core.F64, core.I64):
        return values.astype(np.float64) * factor
    if wanted == core.I64 and values.dtype.kind == "f":  # a count with missing values
        return [None if number != number else int(number) for number in values.tolist()]
    return values


class _OwnSource:
    """Between the C callbacks and an object with read(max_rows, timeout_s), or an iterable of tables."""

    _OPTIONAL = ("commit", "seek", "check", "close")

    def __init__(self, origin: Any) -> None:
        self._origin = origin
        self._rows: Optional[Table] = None  # read and not given yet
        self._first = 0
        self.name = str(getattr(origin, "name", None) or f"{type(origin).__name__}:")
        _check_plain(origin, "read", *self._OPTIONAL)
        self._next = None if hasattr(origin, "read") else iter([origin] if _is_tabular(origin) else origin)

    def _read(self, max_rows: int, timeout_s: float) -> Any:
        if self._next is None:
            answer = self._origin.read(max_rows, timeout_s)
            if answer is None:
                return None
            if isinstance(answer, tuple):
                return _telemetry(answer[0])._handle, answer[1]
            return _telemetry(answer)._handle
        return self._page(max_rows)

    def _page(self, max_rows: int) -> Any:
        """At most max_rows of what the iterable gives."""
        while self._rows is None or self._first >= len(self._rows):
            item = next(self._next, None)  # type: ignore[arg-type]
            if item is None:
                return None
            self._rows, self._first = _telemetry(item), 0
        last = min(len(self._rows), self._first + max_rows)
        page = self._rows if last - self._first == len(self._rows) else self._rows.select(range(self._first, last))
        self._first = last
        return page._handle

    def __getattr__(self, name: str) -> Any:
        """commit, seek, check and close where the object has them."""
        if name in self._OPTIONAL:
            return getattr(self._origin, name)
        raise AttributeError(name)


class Source(Handle):
    """Where telemetry comes from; made by source()."""

    _survives_fork = False

    @property
    def uri(self) -> str:
        """Its URI, passwords hidden, or its name."""
        return str(core.source_uri(self._get()))

    @property
    def position(self) -> str:
        """The position behind the rows returned so far; "" if it has none."""
        return str(core.source_position(self._get()))

    def read(self, max_rows: int = 4096, timeout_s: float = 1.0) -> Optional[Table]:
        """At most max_rows records, waiting at most timeout_s for the first; None when none will come. A record
        that is refused is skipped: refusal() says which."""
        handle = core.telemetry_table_create()
        status = self._call(core.source_read, max_rows, to_ms(timeout_s), handle)
        return None if status == core.DONE else Table._wrap(handle)

    def refusal(self) -> Optional[reports.Refusal]:
        """The last record refused: status, place, reason, raw; None if there was none."""
        return self._call(core.source_refusal)

    def commit(self, position: str) -> None:
        """Acknowledge everything up to a position."""
        self._call(core.source_commit, position)

    def seek(self, position: str) -> None:
        """Before the first read: continue behind a position of an earlier run."""
        self._call(core.source_seek, position)

    def check(self, timeout_s: float = 5.0) -> None:
        """Raise what reading would fail with."""
        self._call(core.source_check, to_ms(timeout_s))

    def __iter__(self) -> Iterator[Table]:
        """Tables until it ends."""
        while True:
            table = self.read()
            if table is None:
                return
            if len(table) > 0:
                yield table

    def __repr__(self) -> str:
        return f"<evtwin.Source {'(closed)' if self.closed else self.uri}>"


def source(origin: Any, **sim_source_options: Unpack[SimSourceOptions]) -> Source:
    """A source: a URI ("csv:FILE", "jsonl:FILE", "sim:?fleet=20", "kafka://…", …), a path (.csv, else JSON lines), a
    Simulator (which is given away; keywords interval_s, speed, max_records, …), or your own: an object with
    read(max_rows, timeout_s) that returns rows, (rows, position) or None at the end, and optionally name, commit,
    seek, check, close; or rows, or an iterable of rows. Rows are anything that Table takes, or one row as a dict."""
    if isinstance(origin, Source):
        return origin
    if isinstance(origin, Simulator):
        how = options(core.sim_source_options, sim_source_options)
        return Source(origin._give(lambda sim: core.source_from_sim(sim, how)))
    if sim_source_options:
        raise TypeError("only a Simulator takes options; those of a URI follow its '?'")
    if isinstance(origin, (str, bytes, os.PathLike)):
        scheme = "csv" if os.fsdecode(origin).endswith(".csv") else "jsonl"
        return Source(core.source_open(uri_of(origin, scheme)))
    if isinstance(origin, type) or not any(hasattr(origin, name) for name in ("read", "__iter__", "__getitem__", *_TABULAR)):
        raise TypeError(f"a URI, a path, rows, an iterable of rows or an object with read(max_rows, timeout_s) is needed, not {origin!r}")
    return Source(core.source_create(_OwnSource(origin)))


class Sink(Handle):
    """Where telemetry goes; made by sink()."""

    _survives_fork = False

    @property
    def uri(self) -> str:
        """Its URI, passwords hidden, or its name."""
        return str(core.sink_uri(self._get()))

    def write(self, data: Any, *, source: Optional[str] = None, position: Optional[str] = None) -> None:
        """All rows, or none; with source and position, which the sink may keep with them."""
        table = as_table(data)
        if source is None and position is None:
            self._call(core.sink_write, table._handle)
            return
        batch = core.batch()
        batch.rows, batch.source, batch.position = table._handle, source, position
        self._call(core.sink_write_batch, batch)

    def flush(self) -> None:
        """After this call, everything written survives a power cut, if the sink supports that."""
        self._call(core.sink_flush)

    def position(self, source: str) -> Optional[str]:
        """The position of a source that it keeps with the rows."""
        return self._call(core.sink_position, source)

    def states(self, batteries: Any) -> Optional[Table]:
        """What it keeps of the states that Batch.states gave it, of the batteries in the column battery_id; None if it
        keeps none of them."""
        handle = self._call(core.sink_states, as_table(batteries)._handle)
        return None if handle is None else Table._wrap(handle)

    def check(self, timeout_s: float = 5.0) -> None:
        """Raise what writing would fail with."""
        self._call(core.sink_check, to_ms(timeout_s))

    def __repr__(self) -> str:
        return f"<evtwin.Sink {'(closed)' if self.closed else self.uri}>"


def sink(target: Any) -> Sink:
    """A sink: a URI ("csv:FILE", "jsonl:FILE", "sqlite:FILE", "postgresql://…", "kafka://…", "null:", …), a path (.csv,
    .jsonl, else SQLite), or your own: a function of a Batch, or an object with write(batch) and optionally name,
    flush, position, states, check, write_letters, interrupt, close. What it raises is the failure: ConnectionError and
    TimeoutError are temporary, ValueError is permanent."""
    if isinstance(target, Sink):
        return target
    if isinstance(target, (str, bytes, os.PathLike)):
        scheme = {".csv": "csv", ".jsonl": "jsonl"}.get(os.path.splitext(os.fsdecode(target))[1], "sqlite")
        return Sink(core.sink_open(uri_of(target, scheme)))
    if not callable(getattr(target, "write", target)) or isinstance(target, type) and hasattr(target, "write"):
        raise TypeError(f"a URI, a path, a function or an object with write(batch) is needed, not {target!r}")
    return Sink(core.sink_create(_OwnSink(target)))


class Screen(Handle):
    """Flags faults of records of unknown senders in the quantity quality. Keywords: late_after_s,
    future_after_s, max_batteries."""

    def __init__(self, **screen_options: Unpack[ScreenOptions]) -> None:
        super().__init__(core.screen_create(options(core.screen_options, screen_options)))

    def screened(self, origin: Any) -> Source:
        """A source that screens the rows of another source, which it takes."""
        inner = source(origin)
        return Source(inner._give(lambda handle: core.source_screened(handle, self._get())))

    @property
    def stats(self) -> reports.ScreenStats:
        """Counts: n_rows, n_flagged, n_late, …"""
        return self._call(core.screen_stats_get)


class Spool(Handle):
    """A durable queue on disk between the program that accepts records and every sink. Keywords: max_bytes, when_full ("block",
    "drop_oldest", "drop_newest"), read_only."""

    _survives_fork = False

    def __init__(self, folder: Path, **spool_options: Unpack[SpoolOptions]) -> None:
        super().__init__(core.spool_open(os.fsdecode(folder), options(core.spool_options, spool_options)))

    @property
    def id(self) -> str:
        """The name under which sinks keep their position."""
        return str(core.spool_id(self._get()))

    @property
    def stats(self) -> reports.SpoolStats:
        """Its contents: n_accepted, n_refused_full, bytes, max_bytes, n_damaged."""
        return self._call(core.spool_stats_get)

    def rename_sink(self, old: str, new: str) -> None:
        """Give the records that wait for one sink to another."""
        self._call(core.spool_rename_sink, old, new)

    def forget_sink(self, name: str) -> None:
        """Give up the records that wait for a sink."""
        self._call(core.spool_forget_sink, name)

    def losses(self) -> List[reports.SpoolLoss]:
        """Records that a sink did not get, and why."""
        return self._all(core.spool_loss_get)


class Pump(Handle):
    """Reads from a source, predicts, delivers to every sink, holds, retries, acknowledges and counts. It takes what it
    is given: source, sinks, a Predictor, a Spool and a dead-letter sink belong to it. on_event(event) is called for what
    happens. Keywords: max_batch_rows, max_held_rows, first_pause_s, longest_pause_s, drain_s, n_reasons,
    reasons_of_newest."""

    _survives_fork = False

    def __init__(self, origin: Any, *sinks: Any, predictor: Optional[Predictor] = None, spool: Optional[Spool] = None,
                 dead_letters: Any = None, on_event: Optional[Callable[[reports.PumpEvent], object]] = None,
                 **pump_options: Unpack[PumpOptions]) -> None:
        pump = core.pump_create(options(core.pump_options, pump_options))
        if on_event is not None:
            tell = plain(on_event, "on_event")
            core.pump_on_event(pump, lambda event: tell(_event(event)))
        # what is refused is refused before anything is given away
        others: List[Tuple[Callable[..., Any], Handle]] = []
        if predictor is not None:
            others.append((core.pump_take_predictor, Predictor._of(predictor)))
        if spool is not None:
            others.append((core.pump_take_spool, Spool._of(spool)))
        incoming = origin if isinstance(origin, Simulator) else source(origin)
        taken: List[Tuple[Callable[..., Any], Handle]] = [(core.pump_take_sink, sink(target)) for target in sinks]
        if dead_letters is not None:
            taken.append((core.pump_take_dead_letters, sink(dead_letters)))
        taken += others
        if len({id(handle) for _take, handle in taken}) < len(taken):
            raise errors.ArgumentError("a sink is given twice: each takes the records once")
        for _take, handle in taken:
            handle._get()
        source(incoming)._give(core.pump_take_source, pump)
        for take, handle in taken:
            handle._give(take, pump)
        super().__init__(pump)

    def run_once(self, timeout_s: float = 1.0) -> Optional[int]:
        """Move one batch, waiting at most timeout_s; the number of rows delivered or held, None at the end."""
        status, rows = self._call(core.pump_run_once, to_ms(timeout_s))
        return None if status == core.DONE else int(rows)

    def run(self, timeout_s: float = 1.0) -> int:
        """Run until the source ends, then finish; returns the number of rows."""
        total = 0
        while True:
            rows = self.run_once(timeout_s)
            if rows is None:
                self.finish()
                return total
            total += rows

    def finish(self) -> None:
        """Retry held rows once, and flush."""
        self._call(core.pump_finish)

    def swap_predictor(self, predictor: Predictor) -> int:
        """Predict with other models from the next batch on; the number of batteries whose past was dropped."""
        return int(Predictor._of(predictor)._give(lambda new: self._call(core.pump_swap_predictor, new)))

    def restore(self, states: Any) -> None:
        """Take over the states that a store keeps (Store.states), before it runs."""
        table = as_table(states)._handle
        self._call(lambda pump: core.session_restore(known(core.pump_session(pump)), table))

    @property
    def stats(self) -> reports.PumpStats:
        """Counts: n_read, n_predicted, n_written, n_held, n_lost, …"""
        return self._call(core.pump_stats_get)

    @property
    def sink_stats(self) -> List[reports.PumpSinkStats]:
        """Of each sink: uri, n_delivered, n_held, is_up, reason, …"""
        return self._all(core.pump_sink_stats_get)

    def __repr__(self) -> str:
        return "<evtwin.Pump (closed)>" if self.closed else f"<evtwin.Pump {self.stats.n_read} rows read>"


def _event(event: reports.PumpEvent) -> reports.PumpEvent:
    """The event with its batch as a Table and its kind as a word."""
    kinds = {getattr(core, name): name[len("PUMP_"):].lower() for name in vars(core)
             if name.startswith("PUMP_") and isinstance(getattr(core, name), int)}
    return event._replace(kind=kinds.get(event.kind, event.kind),
                          batch=None if event.batch is None else Table._wrap(event.batch))
