# SPDX-License-Identifier: MIT
"""Tables: named, typed columns of equal length in Arrow's layout, immutable."""
from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Union

import numpy as np

from . import core
from ._base import options

_TYPES = {core.F64: "f64", core.I64: "i64", core.TIME: "time", core.BOOL: "bool", core.TEXT: "text"}


class Table:
    """Columns (rows) with names, units and types f64, i64, time, bool, text. Columns as NumPy arrays share the
    table's memory where the layout is the same, and are read-only."""

    __slots__ = ("_handle", "__weakref__")

    def __init__(self, data: Any) -> None:
        self._handle: Any = as_table(data)._handle

    @classmethod
    def _wrap(cls, handle: Any) -> "Table":
        table = cls.__new__(cls)
        table._handle = handle
        return table

    @classmethod
    def read_csv(cls, path: Union[str, "os.PathLike[str]"], **csv_options: Any) -> "Table":
        """Read a CSV file; keywords are the members of evtwin_csv_options: delimiter, decimal, units, …"""
        return cls._wrap(core.table_read_csv(os.fspath(path), options(core.csv_options, csv_options)))

    def write_csv(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Write a CSV file, whole or not at all."""
        core.table_write_csv(self._handle, os.fspath(path))

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(core.table_rows(self._handle))

    @property
    def columns(self) -> List[str]:
        """Names of the columns, in order."""
        return [core.table_name(self._handle, i) for i in range(core.table_cols(self._handle))]

    @property
    def units(self) -> Dict[str, str]:
        """Unit of each column, "" if unknown."""
        return {name: core.table_unit(self._handle, i) for i, name in enumerate(self.columns)}

    @property
    def types(self) -> Dict[str, str]:
        """Type of each column: f64, i64, time, bool or text."""
        return {name: _TYPES[core.table_type(self._handle, i)] for i, name in enumerate(self.columns)}

    def __len__(self) -> int:
        return self.num_rows

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> "np.ndarray[Any, Any]":
        """A column (rows) as an array: float64, int64 (float64 where values are missing), datetime64[us], bool
        (object where values are missing) or object (str, None)."""
        col = core.table_find(self._handle, name)
        if col == core.NO_COLUMN:
            raise KeyError(f"no column '{name}'; there are {', '.join(self.columns)}")
        return _array(self._handle, col)

    def select(self, rows: Union[Sequence[int], "np.ndarray[Any, Any]"]) -> "Table":
        """A new table of these rows, in this order; as a mask of bools or as numbers (n)."""
        index = np.asarray(rows)
        if index.dtype == np.bool_:
            if index.shape != (self.num_rows,):
                raise IndexError(f"a mask of {index.shape} for {self.num_rows} rows")
            index = np.flatnonzero(index)
        elif index.size == 0:
            index = np.empty(0, np.int64)
        return Table._wrap(core.table_select(self._handle, np.ascontiguousarray(index, np.int64)))

    def __repr__(self) -> str:
        shown = ", ".join(self.columns[:8]) + (", …" if len(self.columns) > 8 else "")
        return f"<evtwin.Table {self.num_rows} rows x {len(self.columns)} columns: {shown}>"


def _present(handle: Any, col: int) -> Any:
    """Which rows are present, a bool array; None if all are."""
    bits = core.table_validity(handle, col)
    if bits is None:
        return None
    return np.unpackbits(np.asarray(bits), bitorder="little", count=core.table_rows(handle)).astype(bool)


def _array(handle: Any, col: int) -> "np.ndarray[Any, Any]":
    kind = core.table_type(handle, col)
    if kind == core.F64:
        return np.asarray(core.table_f64(handle, col))
    present = _present(handle, col)
    if kind == core.I64:
        values = np.asarray(core.table_i64(handle, col))
        return values if present is None else np.where(present, values, np.nan)
    if kind == core.TIME:
        times = np.asarray(core.table_i64(handle, col)).view("datetime64[us]")
        return times if present is None else np.where(present, times, np.datetime64("NaT", "us"))
    if kind == core.BOOL:
        bits = np.unpackbits(np.asarray(core.table_bits(handle, col)), bitorder="little",
                             count=core.table_rows(handle)).astype(bool)
        if present is None:
            return bits
        answers = bits.astype(object)
        answers[~present] = None
        return answers
    words: "np.ndarray[Any, Any]" = np.array([core.table_dict_text(handle, col, i) for i in range(core.table_dict_size(handle, col))] + [None],
                     dtype=object)
    codes: "np.ndarray[Any, Any]" = np.asarray(core.table_codes(handle, col))
    found: "np.ndarray[Any, Any]" = words[codes]  # -1, missing, is the last: None
    return found


def _add(handle: Any, name: str, values: Any, known: Any) -> None:
    """Add a column of an array; a quantity of telemetry gets the type and unit of the schema."""
    array = np.asarray(values)
    rows = core.table_rows(handle)
    if array.shape != (rows,):
        raise ValueError(f"column '{name}' has the shape {array.shape}, not ({rows},)")
    kind, unit = known if known is not None else (None, None)
    if array.dtype.kind == "M":
        kind = core.TIME
    elif kind is None:
        kind = {"b": core.BOOL, "i": core.I64, "u": core.I64, "f": core.F64}.get(array.dtype.kind, core.TEXT)
    col = core.table_add_column(handle, name, kind, unit)
    if kind == core.TIME:
        _fill_times(handle, col, array)
    elif kind in (core.F64, core.I64):
        if array.dtype.kind == "O":
            array = np.array([np.nan if value is None else value for value in array.tolist()], np.float64)
        _fill_numbers(handle, col, array, kind)
    else:
        for row, value in enumerate(array.tolist()):
            if value is not None and value == value:
                (core.table_set_bool if kind == core.BOOL else core.table_set_text)(handle, col, row, value)


def _fill_times(handle: Any, col: int, array: "np.ndarray[Any, Any]") -> None:
    if array.dtype.kind == "M":
        missing = np.isnat(array)
        times = array.astype("datetime64[us]").view(np.int64)
    elif array.dtype.kind in "iu":
        missing, times = np.zeros(len(array), bool), array
    else:
        from ._base import to_us

        texts = array.tolist()
        missing = np.array([value is None for value in texts], bool)
        times = np.array([0 if value is None else core.time_parse(value, core.NAIVE_UTC) if isinstance(value, str)
                          else to_us(value) for value in texts], np.int64)
    core.fill_i64(handle, col, np.ascontiguousarray(times, np.int64))
    for row in np.flatnonzero(missing):
        core.table_set_missing(handle, col, int(row))


def _fill_numbers(handle: Any, col: int, array: "np.ndarray[Any, Any]", kind: int) -> None:
    numbers = np.ascontiguousarray(array, np.float64 if kind == core.F64 else None)
    if kind == core.F64:
        core.fill_f64(handle, col, numbers)
        return
    missing = np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(len(numbers), bool)
    core.fill_i64(handle, col, np.ascontiguousarray(np.where(missing, 0, numbers), np.int64))
    for row in np.flatnonzero(missing):
        core.table_set_missing(handle, col, int(row))


def _known(name: str) -> Any:
    """Type and unit of a quantity under any of its names; None if it is none."""
    try:
        index, unit, _factor = core.quantity_find(name)
    except LookupError:
        return None
    return core.quantity_get(index).type, unit


def _from_columns(columns: Mapping[str, Any]) -> Table:
    handle = core.table_create()
    rows = max((len(values) for values in columns.values()), default=0)
    core.table_resize(handle, rows)
    for name, values in columns.items():
        _add(handle, name, values, _known(name))
    return Table._wrap(handle)


def as_table(data: Any) -> Table:
    """A Table as it is; else one from a mapping of columns, or from records (a list of dicts)."""
    if isinstance(data, Table):
        return data
    if isinstance(data, Mapping):
        return _from_columns(data)
    if isinstance(data, (list, tuple)) and all(isinstance(row, Mapping) for row in data):
        names: Dict[str, None] = {}
        for row in data:
            names.update(dict.fromkeys(row))
        return _from_columns({name: [row.get(name) for row in data] for name in names})
    raise TypeError(f"a table, a DataFrame, a mapping of columns or a list of dicts is needed, not {type(data)!r}")
