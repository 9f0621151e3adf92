# SPDX-License-Identifier: MIT
"""Tables: named, typed columns of equal length in Arrow's layout, immutable."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

import numpy as np

from . import core, errors
from ._arrow import _strings, from_arrow
from ._base import Path, options

if TYPE_CHECKING:  # they are types only
    from typing_extensions import Unpack

    from ._options import CsvOptions

_NAMINGS = {"evtwin": core.NAMING_EVTWIN, "ev30": core.NAMING_EV30, "bdf": core.NAMING_BDF,
            "bdf_machine": core.NAMING_BDF_MACHINE, "vss": core.NAMING_VSS}
_TYPES = {core.F64: "f64", core.I64: "i64", core.TIME: "time", core.BOOL: "bool", core.TEXT: "text"}


class Table:
    """Columns (rows) with names, units and types f64, i64, time, bool, text. Columns as NumPy arrays share the
    table's memory where the layout is the same, and are read-only.

    Table(data) takes another Table; whatever has __arrow_c_stream__ (pandas, polars, pyarrow, DuckDB …); a data frame
    without it; a mapping of columns (arrays, lists), a structured array, or a list of dicts. Columns are known by
    name, in any naming that a CSV file may have (the data set's, BDF, VSS, ours), and their units come with it.
    float64, int64 and microsecond columns without nulls, in one chunk, are not copied: do not write to their arrays
    while the table lives. None, NaN, NaT and nulls are missing.

    units  what columns really are in: {"soc": "fraction"}, or "soc=fraction".
    naive_time  what a time without an offset is: "utc" (default), "local" or "reject" (ParseError).
    name  of the data, for messages.

    pyarrow.table(t), polars.DataFrame(t), duckdb.sql("select … from t") take a table as it is, without a copy.
    """

    __slots__ = ("_handle", "__weakref__")

    def __init__(self, data: Any, *, units: Union[Mapping[str, str], Sequence[str], str, None] = None, naive_time: str = "utc",
                 name: Optional[str] = None) -> None:
        self._handle: Any = from_arrow(data, options(core.arrow_options, {"units": units, "naive_time": naive_time,
                                                                          "name": name}))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The table as an Arrow stream of one batch, which shares its memory. requested_schema is a wish that the
        protocol allows to pass over."""
        return core.table_to_arrow(self._handle)

    def __arrow_c_schema__(self) -> Any:
        """The schema of that stream; the unit of a column is in its metadata, under "unit"."""
        return core.table_arrow_schema(self._handle)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame of its own memory; times have the zone UTC. Needs pandas, not pyarrow."""
        import pandas

        types = self.types
        return pandas.DataFrame({name: pandas.Series(self[name], copy=True).dt.tz_localize("UTC")
                                 if types[name] == "time" else self[name] for name in self.columns})

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> "np.ndarray[Any, Any]":
        """TypeError: pandas.DataFrame(t) and numpy.asarray(t), which know no more than this, would take the names for
        the data."""
        raise TypeError("a Table is columns of several types, not one array: take a column, table[name]; a frame of pandas "
                        "is table.to_pandas(), or pyarrow.table(table).to_pandas()")

    def __reduce__(self) -> Any:
        """Columns as arrays, which protocol 5 of pickle passes on without a copy."""
        names = self.columns
        return _rebuilt, (names, [self.units[name] for name in names], self.num_rows,
                          [_exported(self._handle, i) for i in range(len(names))])

    def __copy__(self) -> "Table":
        return self  # immutable

    def __deepcopy__(self, _memo: Any) -> "Table":
        return self

    @classmethod
    def _wrap(cls, handle: Any) -> "Table":
        table = cls.__new__(cls)
        table._handle = handle
        return table

    @classmethod
    def read_csv(cls, path: Path, **csv_options: Unpack[CsvOptions]) -> "Table":
        """Read a CSV file; keywords are the members of evtwin_csv_options: delimiter, decimal, units (as of
        Table), time_format ("%d.%m.%Y %H:%M"), number_columns (names: what is not a number there is a ParseError that
        names its line; elsewhere it makes the column text), text_columns, …"""
        return cls._wrap(core.table_read_csv(os.fsdecode(path), options(core.csv_options, csv_options)))

    def convert(self, names: str) -> "Table":
        """A new table in the names, units and signs of a naming: evtwin, ev30 (the 30-column data set), bdf (Battery Data
        Format, preferred labels), bdf_machine or vss. Raises DataError where bdf cannot hold the rows: it is one test of
        one battery, with a voltage and a current in each row."""
        if names not in _NAMINGS:
            raise errors.ArgumentError(f"'{names}' is not a naming; there are {', '.join(_NAMINGS)}")
        return Table._wrap(core.telemetry_convert(self._handle, _NAMINGS[names]))

    def write_csv(self, path: Path, names: Optional[str] = None) -> None:
        """Write a CSV file, completely or not at all; names as in convert, None = unchanged."""
        table = self if names is None else self.convert(names)
        core.table_write_csv(table._handle, os.fsdecode(path))

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

    def _ipython_key_completions_(self) -> List[str]:
        return self.columns

    def __getitem__(self, name: str) -> "np.ndarray[Any, Any]":
        """A column (rows) as an array: float64, int64 (float64 where values are missing), datetime64[us], bool
        (object where values are missing) or object (str, None)."""
        if not isinstance(name, str):
            raise TypeError(f"a column is named by a str, not {name!r}; rows are select(rows)")
        col = core.table_find(self._handle, name)
        if col == core.NO_COLUMN:
            raise KeyError(f"no column '{name}'; there are {', '.join(self.columns)}")
        return _array(self._handle, col)

    def select(self, rows: Union[Sequence[int], "np.ndarray[Any, Any]"]) -> "Table":
        """A new table of these rows, in this order; as a mask of bools or as numbers (n)."""
        if isinstance(rows, np.ma.MaskedArray) and np.any(rows.mask):
            raise TypeError("some of the rows are masked: mask.filled(False) leaves them out")
        index = np.asarray(rows)
        if index.dtype == np.bool_:
            if index.shape != (self.num_rows,):
                raise IndexError(f"a mask of {index.shape} for {self.num_rows} rows")
            index = np.flatnonzero(index)
        elif index.size == 0:
            index = np.empty(0, np.int64)
        elif index.dtype.kind not in "iu":
            raise TypeError(f"rows are a mask of bools or integers, not {index.dtype}")
        elif index.min() < 0 or index.max() >= self.num_rows:
            raise errors.ArgumentError(f"rows {index.min()} to {index.max()} of a table of {self.num_rows}")
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


# ---- pickles: columns in Arrow's layout ----

_FORMATS = {core.F64: "g", core.I64: "l", core.TIME: "tsu:UTC", core.BOOL: "b"}


def _exported(handle: Any, col: int) -> Any:
    """Format, number of nulls, and buffers as arrays."""
    kind = core.table_type(handle, col)
    if kind == core.TEXT:
        return _strings("", _array(handle, col).tolist())[1:]
    look = {core.F64: core.table_f64, core.BOOL: core.table_bits}.get(kind, core.table_i64)
    present = None if kind == core.F64 else _present(handle, col)
    return _FORMATS[kind], *((0, [None, np.asarray(look(handle, col))]) if present is None else
                             (int((~present).sum()), [np.asarray(core.table_validity(handle, col)), np.asarray(look(handle, col))]))


def _rebuilt(names: List[str], units: List[str], rows: int, columns: Sequence[Any]) -> Table:
    """The table of a pickle. Under neutral names first: they must not be looked up again."""
    handle = core.table_from_arrow(core.py_stream([(f"{i}", *column) for i, column in enumerate(columns)], rows), None)
    for i, (name, unit) in enumerate(zip(names, units)):
        core.table_rename(handle, i, name)
        core.table_set_unit(handle, i, unit)
    return Table._wrap(handle)


def as_table(data: Any, **options_of_table: Any) -> Table:
    """A Table as it is; else one of what Table() takes, with its keywords."""
    return data if isinstance(data, Table) else Table(data, **options_of_table)


def to_extend(data: Any) -> Any:
    """The C table of anything tabular, for new columns: a copy of a Table, which others may hold; else the one that
    was made of the data, whose columns stay where they are."""
    return core.table_copy(data._handle) if isinstance(data, Table) else Table(data)._handle
