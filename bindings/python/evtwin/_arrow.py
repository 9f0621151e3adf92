# SPDX-License-Identifier: MIT
"""Data of others as tables: whatever has Arrow's capsules, data frames without them, NumPy arrays, lists. Names,
units and times are the library's matter (evtwin_table_from_arrow): here are only buffers."""
from __future__ import annotations

import datetime as _dt
import decimal
import os
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from . import _interchange, core

Column = Tuple[str, str, int, List[Any]]
"""Name, Arrow's format, number of nulls, buffers."""

_NUMBERS = {"int8": "c", "uint8": "C", "int16": "s", "uint16": "S", "int32": "i", "uint32": "I", "int64": "l",
            "uint64": "L", "float16": "e", "float32": "f", "float64": "g"}
_TIMES = {"s": "tss:", "ms": "tsm:", "us": "tsu:", "ns": "tsn:"}
_EPOCH = _dt.datetime(1970, 1, 1)
_MICROSECOND = _dt.timedelta(microseconds=1)
_WHAT = ("a table is needed: a DataFrame or another object with __arrow_c_stream__ or __dataframe__, a mapping of columns, a structured "
         "array or a list of dicts, not {!r}{}")


def from_arrow(data: Any, options: Any = None) -> Any:
    """The C table of anything tabular; options is a core.arrow_options."""
    data = _with_index(data)
    capsule = _capsule(data)
    return core.table_from_arrow(capsule if capsule is not None else _stream(_columns_of(data)), options)


def _with_index(data: Any) -> Any:
    """A frame of pandas without the numbers that rows keep when others are filtered out; an index with a name is a
    column, unless there is one of that name."""
    index = getattr(data, "index", None)
    names = getattr(index, "names", None)
    is_count = type(index).__name__ == "RangeIndex" and index.name is None
    if names is None or is_count or not hasattr(data, "reset_index"):
        return data
    there = [name for name in names if name is not None and name in getattr(data, "columns", ())]
    if there and len(there) < len(names):
        data = data.reset_index(level=there, drop=True)
    return data.reset_index(drop=len(there) == len(names) or all(name is None for name in names))


def _capsule(data: Any) -> Any:
    """Its Arrow stream; None if it has none."""
    if hasattr(data, "__arrow_c_stream__"):
        try:
            return data.__arrow_c_stream__()
        except ImportError:  # pandas has the method without pyarrow, too
            return None
    return None


def _columns_of(data: Any) -> Dict[str, Any]:
    """Columns by name."""
    if isinstance(data, Mapping):
        return dict(data)
    if isinstance(data, (list, tuple)) and all(isinstance(row, Mapping) for row in data):
        names: Dict[str, None] = {}
        for row in data:
            names.update(dict.fromkeys(row))
        return {name: [row.get(name) for row in data] for name in names}
    if hasattr(type(data), "collect_schema") and hasattr(type(data), "collect"):  # of polars
        raise TypeError(_WHAT.format(type(data), ": take what its collect() gives"))
    if isinstance(data, np.ndarray) and data.dtype.names is not None:
        return {name: data[name] for name in data.dtype.names}
    if hasattr(data, "columns") and hasattr(data, "__getitem__") and not isinstance(data, type):
        return {name: data[name] for name in data.columns}
    if hasattr(data, "__dataframe__") and not isinstance(data, type):
        return _interchange.columns_of(data)
    hint = (": Table.read_csv reads a file" if isinstance(data, (str, os.PathLike)) else
            ": one row of a frame is frame.iloc[[i]]" if hasattr(data, "iloc") else "")
    raise TypeError(_WHAT.format(type(data), hint))


def _stream(columns: Mapping[str, Any]) -> Any:
    arrays = {name: _array_of(name, values) for name, values in columns.items()}
    rows = len(next(iter(arrays.values()))) if arrays else 0
    for name, array in arrays.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of a column is a str, not {name!r}")
        if len(array) != rows:
            raise ValueError(f"column '{name}' has {len(array)} rows, the first has {rows}")
    return core.py_stream([_column(name, array) for name, array in arrays.items()], rows)


def _array_of(name: Any, values: Any) -> "np.ndarray[Any, Any]":
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise TypeError(f"column '{name}' is {type(values)!r}: an array or a list is needed (a dict of one row: [row])")
    if isinstance(values, np.ma.MaskedArray):
        numpy: Any = np  # some releases have types of this, others have not
        mask = numpy.ma.getmaskarray(values)
        if values.dtype.kind == "M":  # with a missing value of its own
            values = values.filled(numpy.datetime64("NaT"))
        else:
            values = numpy.where(mask, None, values.astype(object)) if mask.any() else values.data
    if isinstance(values, _interchange.Moments):
        return values
    array = np.asarray(values) if not isinstance(values, (list, tuple)) else _of_list(values)
    if array.ndim != 1:
        raise ValueError(f"column '{name}' has {array.ndim} dimensions, not one")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _of_list(values: Sequence[Any]) -> "np.ndarray[Any, Any]":
    """Without NumPy's guesses, which make strings of numbers beside strings."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _column(name: str, array: "np.ndarray[Any, Any]") -> Column:
    kind = array.dtype.kind
    if array.dtype.name in _NUMBERS:
        return name, _NUMBERS[array.dtype.name], 0, [None, np.ascontiguousarray(array)]
    if kind == "b":
        return name, "b", 0, [None, np.packbits(array, bitorder="little")]
    if kind == "M":
        return _times(name, array)
    if kind == "f":  # longer than 64 bits
        return _column(name, array.astype(np.float64))
    if kind == "U":
        return _strings(name, array.tolist())
    if kind in "OT":  # T, NumPy's own strings, may have a missing value of any type
        return _objects(name, array.tolist())
    raise TypeError(f"column '{name}': an array of {array.dtype} cannot be in a table")


def _validity(present: "np.ndarray[Any, Any]") -> Tuple[int, Any]:
    """Number of nulls, and their bitmap, if there are any."""
    n_nulls = int(len(present) - np.count_nonzero(present))
    return n_nulls, np.packbits(present, bitorder="little") if n_nulls else None


def _times(name: str, array: "np.ndarray[Any, Any]") -> Column:
    unit, count = np.datetime_data(array.dtype)
    if unit not in _TIMES or count != 1:
        array = array.astype("datetime64[s]" if unit in "YMWDhm" else "datetime64[us]")
        unit = np.datetime_data(array.dtype)[0]
    n_nulls, validity = _validity(~np.isnat(array))
    zone = "UTC" if isinstance(array, _interchange.Moments) else ""
    return name, _TIMES[unit] + zone, n_nulls, [validity, np.ascontiguousarray(array).view(np.int64)]


# ---- columns of Python objects: what the present ones are ----

def _is_missing(value: Any) -> bool:
    """None, NaN, NaT and pandas.NA: what is not equal to itself, or will not say."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ArithmeticError):  # pandas.NA, a signalling NaN of decimal
        return True
    except ValueError:  # an array, which _objects refuses
        return False


def _objects(name: str, values: List[Any]) -> Column:
    values = [None if _is_missing(value) else value for value in values]
    present = [value for value in values if value is not None]

    def all_are(*kinds: type) -> bool:
        return all(isinstance(value, kinds) for value in present)

    if not present:
        return name, "n", len(values), []
    if all_are(str):
        return _strings(name, values)
    if all_are(bool, np.bool_):
        return _packed(name, "b", values, lambda filled: np.packbits(np.array(filled, bool), bitorder="little"), False)
    is_span = any(isinstance(value, np.timedelta64) for value in present)  # an integer to NumPy
    if all_are(int, np.integer) and not is_span and not any(isinstance(value, bool) for value in present):
        return _packed(name, "l", values, lambda filled: np.array(filled, np.int64), 0)
    if all_are(int, float, np.integer, np.floating, decimal.Decimal) and not is_span:
        return _packed(name, "g", values, lambda filled: np.array(filled, np.float64), 0.0)
    if all_are(_dt.datetime):
        return _datetimes(name, values, present)
    if all_are(_dt.date) and not any(isinstance(value, _dt.datetime) for value in present):  # its first moment, as Arrow's
        return _times(name, np.array(values, "datetime64[D]"))
    if all_are(np.datetime64):  # rows of a Table's own times
        return _times(name, np.array([np.datetime64("NaT") if value is None else value for value in values]))
    kinds = sorted({type(value).__name__ for value in present})
    raise TypeError(f"column '{name}' holds {', '.join(kinds)}: numbers, bools, strings or datetimes are needed, "
                    "one kind in a column")


def _packed(name: str, form: str, values: List[Any], pack: Callable[[List[Any]], Any], filler: Any) -> Column:
    n_nulls, validity = _validity(np.array([value is not None for value in values], bool))
    try:
        data = pack([filler if value is None else value for value in values])
    except OverflowError:
        raise OverflowError(f"column '{name}': an integer is outside 64 bits") from None
    return name, form, n_nulls, [validity, data]


def _datetimes(name: str, values: List[Any], present: Sequence[_dt.datetime]) -> Column:
    """Those with an offset are moments; those without are left to naive_time. Not both in a column."""
    n_aware = sum(value.utcoffset() is not None for value in present)
    if n_aware not in (0, len(present)):
        raise ValueError(f"column '{name}': {n_aware} of {len(present)} datetimes have an offset")

    start = _EPOCH.replace(tzinfo=_dt.timezone.utc) if n_aware else _EPOCH
    return _packed(name, "tsu:UTC" if n_aware else "tsu:", [None if v is None else (v - start) // _MICROSECOND for v in values],
                   lambda filled: np.array(filled, np.int64), 0)


def _strings(name: str, values: Iterable[Optional[str]]) -> Column:
    coded = [None if value is None else value.encode() for value in values]
    n_nulls, validity = _validity(np.array([value is not None for value in coded], bool))
    offsets = np.zeros(len(coded) + 1, np.int64)
    np.cumsum([0 if value is None else len(value) for value in coded], out=offsets[1:])
    return name, "U", n_nulls, [validity, offsets, b"".join(value for value in coded if value is not None)]
