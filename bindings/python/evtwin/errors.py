# SPDX-License-Identifier: MIT
"""Exceptions: one class for each status of the library, each also the built-in kind it is closest to."""
from __future__ import annotations

from typing import Dict, Type


class Error(Exception):
    """Any failure of the library. The text names thing, place and limit."""

    status: int = 0
    """The C status, EVTWIN_E_…; below 0."""


class ArgumentError(Error, ValueError):
    """An argument is not valid."""

    status = -1


class NoMemoryError(Error, MemoryError):
    """Out of memory."""

    status = -2


class InputOutputError(Error, OSError):
    """Input or output error."""

    status = -3


class NotFoundError(Error, FileNotFoundError, LookupError):
    """No such file, column, battery or row."""

    status = -4


class ParseError(Error, ValueError):
    """The input is not in the expected format."""

    status = -5


class RangeError(Error, ValueError):
    """A value is outside its valid range."""

    status = -6


class SchemaError(Error, ValueError):
    """Columns, features or versions do not match."""

    status = -7


class DataError(Error, ValueError):
    """Insufficient or unusable data."""

    status = -8


class CorruptError(Error, ValueError):
    """A file is damaged or does not match its hash."""

    status = -9


class UnsupportedError(Error, NotImplementedError):
    """Not supported by this build or version."""

    status = -10


class BusyError(Error, OSError):
    """Held by another process."""

    status = -11


class StateError(Error, RuntimeError):
    """The object is shared, closed or not ready for this call."""

    status = -12


class CancelledError(Error, TimeoutError):
    """Cancelled by the caller, or by a deadline."""

    status = -13


class ExternalError(Error, RuntimeError):
    """A library or server behind the call reported an error."""

    status = -14


class AgainError(Error, TimeoutError):
    """Locked or not reachable at the moment: the same call may succeed later."""

    status = -15


class DeniedError(Error, PermissionError):
    """A server refused the user, password, certificate or permission."""

    status = -16


BY_STATUS: Dict[int, Type[Error]] = {kind.status: kind for kind in Error.__subclasses__()}
"""The class of each status (a test holds it against the library's list)."""


def error(status: int, text: str) -> Error:
    """A new exception for a status below 0."""
    return BY_STATUS.get(status, Error)(text)


__all__ = [  # spelled out for type checkers; a test holds it against BY_STATUS
    "Error", "ArgumentError", "NoMemoryError", "InputOutputError", "NotFoundError", "ParseError", "RangeError",
    "SchemaError", "DataError", "CorruptError", "UnsupportedError", "BusyError", "StateError", "CancelledError",
    "ExternalError", "AgainError", "DeniedError"]
