# SPDX-License-Identifier: MIT
"""Data frames that offer no more than __dataframe__, the interchange protocol (data-apis.org/dataframe-protocol):
their columns as arrays. Numbers without missing values stay where they are."""
from __future__ import annotations

import ctypes
from typing import Any, Dict

import numpy as np

_INT, _UINT, _FLOAT, _BOOL, _STRING, _CATEGORICAL, _DATETIME = 0, 1, 2, 20, 21, 23, 22
_NUMBERS = {_INT: "i", _UINT: "u", _FLOAT: "f"}
_NO_NULLS, _NAN, _SENTINEL, _BITS, _BYTES = range(5)
_CPU = 1


class Moments(np.ndarray[Any, Any]):
    """Times of a column with a zone, which are in UTC: what naive_time says is not of them."""


class _Memory:
    """Memory of a producer as NumPy sees it; the array keeps its owner."""

    def __init__(self, buffer: Any, kind: str, count: int, owner: Any) -> None:
        item = np.dtype(kind).itemsize
        if buffer.__dlpack_device__()[0] != _CPU:
            raise TypeError("a data frame in the memory of another device: move it to the CPU first")
        if count < 0 or count * item > buffer.bufsize:
            raise ValueError(f"a buffer of {buffer.bufsize} bytes for {count} values of {item}")
        self._owner = owner, buffer
        self.__array_interface__ = {"shape": (count,), "typestr": np.dtype(kind).str, "version": 3,
                                    "data": (buffer.ptr, True)}


def _array(buffer: Any, kind: str, count: int, owner: Any) -> "np.ndarray[Any, Any]":
    if count == 0 or buffer.ptr == 0:
        return np.empty(0, kind)
    return np.asarray(_Memory(buffer, kind, count, owner))


def _bits(buffer: Any, first: int, count: int, owner: Any) -> "np.ndarray[Any, Any]":
    packed = _array(buffer, "u1", (first + count + 7) // 8, owner)
    return np.unpackbits(packed, bitorder="little")[first:first + count].astype(bool)


def columns_of(data: Any) -> Dict[str, Any]:
    """Columns by name of whatever has __dataframe__."""
    frame = data.__dataframe__(allow_copy=True)
    found: Dict[str, Any] = {}
    for name in frame.column_names():
        parts = [_column(name, chunk.get_column_by_name(name)) for chunk in frame.get_chunks()]
        found[name] = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0)
        if parts and isinstance(parts[0], Moments):
            found[name] = found[name].view(Moments)
    return found


def _column(name: str, column: Any) -> "np.ndarray[Any, Any]":
    kind, bits, form, _order = column.dtype
    first, count, buffers = column.offset, column.size(), column.get_buffers()
    data = buffers["data"][0]
    if kind == _CATEGORICAL:
        values = _categories(name, column, _integers(data, buffers["data"][1], first, count, column))
    elif kind == _STRING:
        values = _strings(column, buffers, first, count)
    elif kind == _BOOL:
        values = _bits(data, first, count, column) if bits == 1 else _array(data, "u1", first + count, column)[first:] != 0
    elif kind == _DATETIME and form[:3] in ("tss", "tsm", "tsu", "tsn"):
        unit = {"s": "s", "m": "ms", "u": "us", "n": "ns"}[form[2]]
        values = _array(data, "i8", first + count, column)[first:].view(f"M8[{unit}]")
        values = values.view(Moments) if form[4:] else values
    elif kind in _NUMBERS:
        values = _integers(data, column.dtype, first, count, column)
    else:
        raise TypeError(f"column '{name}': the format {form!r} cannot be in a table")
    return _without_missing(values, _missing(column, buffers, values))


def _integers(data: Any, dtype: Any, first: int, count: int, owner: Any) -> "np.ndarray[Any, Any]":
    return _array(data, f"{_NUMBERS[dtype[0]]}{dtype[1] // 8}", first + count, owner)[first:]


def _strings(column: Any, buffers: Any, first: int, count: int) -> "np.ndarray[Any, Any]":
    place, dtype = buffers["offsets"]
    offsets = _array(place, f"i{dtype[1] // 8}", first + count + 1, column)[first:].tolist() if count else [0]
    data = buffers["data"][0]
    if not all(0 <= a <= b <= data.bufsize for a, b in zip(offsets, offsets[1:])):
        raise ValueError("the offsets of a column of strings are not in order")
    text = ctypes.string_at(data.ptr, offsets[-1]) if offsets[-1] else b""
    values = np.empty(count, object)
    values[:] = [text[a:b].decode() for a, b in zip(offsets, offsets[1:])]
    return values


def _categories(name: str, column: Any, codes: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    about = column.describe_categorical
    if not about["is_dictionary"]:
        raise TypeError(f"column '{name}': categories without a dictionary cannot be in a table")
    words = np.array([*_column(name, about["categories"]).tolist(), None], object)
    inside = (codes >= 0) & (codes < len(words) - 1)
    found: "np.ndarray[Any, Any]" = words[np.where(inside, codes, len(words) - 1)]
    return found


def _missing(column: Any, buffers: Any, values: "np.ndarray[Any, Any]") -> Any:
    """Which values are missing (rows); None: no more than the values say themselves (NaN, NaT, None)."""
    how, value = column.describe_null
    if how in (_NO_NULLS, _NAN):
        return None
    if how == _SENTINEL:
        return None if values.dtype.kind in "OM" and column.dtype[0] != _STRING else values == value
    if buffers["validity"] is None:
        return None
    mask, dtype = buffers["validity"]
    first, count = column.offset, column.size()
    set_ = _bits(mask, first, count, column) if dtype[1] == 1 else _array(mask, "u1", first + count, column)[first:] != 0
    return set_ == bool(value)


def _without_missing(values: "np.ndarray[Any, Any]", missing: Any) -> "np.ndarray[Any, Any]":
    if missing is None or not missing.any():
        return values
    kept = values.copy() if values.dtype.kind == "M" else values.astype(object)
    kept[missing] = np.datetime64("NaT") if values.dtype.kind == "M" else None
    return kept
