# SPDX-License-Identifier: MIT
"""What the classes have in common: a C object that is used by one thread at a time and closed once, and options
as keywords."""
from __future__ import annotations

import atexit
import datetime as _dt
import difflib
import inspect
import operator
import os
import threading
import time as _time
import weakref
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Type, TypeVar, Union

import numpy as np

from . import core, errors

Time = Union[_dt.datetime, np.datetime64, int]
"""A moment: a datetime with an offset, a datetime64 (UTC), or microseconds since 1970 (UTC)."""

Path = Union[str, "os.PathLike[str]", "os.PathLike[bytes]"]

_R = TypeVar("_R")
_S = TypeVar("_S", bound="Handle")
_F = TypeVar("_F", bound=Callable[..., Any])
_EPOCH = _dt.datetime(1970, 1, 1, tzinfo=_dt.timezone.utc)
_MOST_YEARS = 292_276  # on either side of 1970, of 64 bits of microseconds
_MICROSECOND = _dt.timedelta(microseconds=1)


def to_us(time: Time) -> int:
    """Microseconds since 1970. A datetime without an offset is refused: it could be any moment of a day. So is a
    float, which may be the seconds of time.time(). NumPy's datetime64 is UTC, as in a Table."""
    if isinstance(time, (_dt.datetime, np.datetime64)) and time != time:
        raise ValueError("NaT is not a moment")
    if isinstance(time, _dt.datetime):
        if time.utcoffset() is None:
            raise ValueError(f"{time!r} has no offset: add tzinfo, as datetime.timezone.utc")
        return (time - _EPOCH) // _MICROSECOND
    if isinstance(time, np.datetime64):
        if abs(int(time.astype("datetime64[Y]").astype(np.int64))) > _MOST_YEARS:
            raise OverflowError(f"{time!r} is outside 64 bits of microseconds")
        return int(time.astype("datetime64[us]").astype(np.int64))
    try:
        return operator.index(time)
    except TypeError:
        what = "text" if isinstance(time, (str, bytes)) else f"a {type(time).__name__}"
        raise TypeError(f"{time!r} is {what}: a datetime with an offset, or whole microseconds since 1970, is needed") from None


def to_ms(seconds: float) -> int:
    """A time to wait as C takes it: at most 24 days."""
    if not seconds >= 0:
        raise ValueError(f"a time to wait is {seconds} s, not 0 or more")
    return int(min(seconds * 1000, 2**31 - 1))


def from_us(time_us: int) -> _dt.datetime:
    """The datetime (UTC) of microseconds since 1970."""
    return _EPOCH + time_us * _MICROSECOND


def choice(prefix: str, value: Union[str, int]) -> int:
    """The number of an enum's value: choice("USE", "daily") is core.USE_DAILY."""
    if isinstance(value, str):
        number = getattr(core, f"{prefix}_{value.upper()}", None)
        if not isinstance(number, int):
            known = sorted(name[len(prefix) + 1:].lower() for name in vars(core) if name.startswith(prefix + "_"))
            raise ValueError(f"'{value}' is not one of {', '.join(known)}")
        return number
    return int(value)


def known(value: Optional[_R]) -> _R:
    """What C answers where the index or name that it was asked with is there."""
    assert value is not None
    return value


def uri_of(place: Path, scheme: str) -> str:
    """A URI as it is; a path (pathlib) becomes one of the scheme."""
    if isinstance(place, bytes):
        raise TypeError(f"{place!r} is bytes: a URI is a str, a path a pathlib.Path")
    if isinstance(place, str):
        return place
    path = os.fsdecode(place)
    if "?" in path:  # another file would be opened
        raise ValueError(f"{path!r} contains '?', where the parameters of a URI begin: rename the file")
    return f"{scheme}:{path}"


def plain(function: _F, name: str) -> _F:
    """A callback as it is. A call of a coroutine or generator function would return before it has done anything."""
    if not callable(function):
        raise TypeError(f"{name} is {function!r}, not a function")
    for part in (function, type(function).__call__):
        if inspect.iscoroutinefunction(part) or inspect.isasyncgenfunction(part):
            raise TypeError(f"{name} is async, and nobody would await it: give a plain function, which may give the work to an event "
                            "loop (asyncio.run_coroutine_threadsafe(…).result())")
        if inspect.isgeneratorfunction(part):
            raise TypeError(f"{name} is a generator function (it has a yield), and nobody would iterate it: give a plain function")
    return function


# words for enums: the prefix of an option's values in C; of a name, or of one struct's
_ENUMS = {"use": "USE", "moments": "MOMENTS", "naive_time": "NAIVE", "when_full": "SPOOL",
          "sim_options.model": "SIM"}
_OTHER_NAMES = {"start": "from_us", "end": "to_us"}


def _option(name: str, value: Any, kind: Any) -> Any:
    """A value as the C struct takes it."""
    if isinstance(value, Handle):
        return value._get()
    if isinstance(value, (_dt.datetime, np.datetime64)) or name.endswith("_us"):
        return to_us(value)
    if isinstance(value, str):
        prefix = _ENUMS.get(f"{kind.__name__}.{name}", _ENUMS.get(name))
        return value if prefix is None else choice(prefix, value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:  # an array, or the columns of a frame
        value = value.tolist()
    if name == "units" and isinstance(value, Mapping):
        value = [f"{column}={unit}" for column, unit in value.items()]
    if isinstance(value, (list, tuple)):
        if not all(isinstance(part, str) for part in value):
            raise TypeError(f"{name} is {value!r}, not a list of str")
        return ",".join(value)
    return value


def _meant(kind: Any, given: str) -> str:
    """What a misspelt option may be; "" if nothing is near."""
    words = {name: word for word, name in _OTHER_NAMES.items()}
    members = [name for name, member in vars(kind).items() if isinstance(member, property) and name != "thisown"]
    names = [words.get(name, name[:-len("_us")] if name.endswith("_us") else name) for name in members]
    near = difflib.get_close_matches(given, names, 1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def options(kind: Any, values: Mapping[str, Any]) -> Any:
    """A C options struct with defaults, changed by keywords; None leaves a default as it is."""
    made = kind()
    for given, value in values.items():
        if value is None:
            continue
        name = _OTHER_NAMES.get(given, given)
        if not hasattr(kind, name) and hasattr(kind, given + "_us"):
            name = given + "_us"
        if name in ("this", "thisown"):  # SWIG's
            raise TypeError(f"unexpected option '{given}'")
        try:
            if hasattr(kind, f"set_{name}"):
                getattr(made, f"set_{name}")(value)
            else:
                setattr(made, name, _option(name, value, kind))
        except AttributeError as error:
            hint = "" if given != "units" else " (what columns are in is the table's: Table(data, units=…), read_csv(path, units=…))"
            raise TypeError(f"unexpected option '{given}'{_meant(kind, given)}: {error}{hint}") from None
    return made


class Handle:
    """A C object. Its calls are made by one thread at a time: another one waits. After close() every call raises
    StateError."""

    _survives_fork = True
    """Whether the child of a fork may use it: not what has threads, connections or locks of files."""

    def __init__(self, handle: Any) -> None:
        self._core: Optional[Any] = handle
        self._gone = "it was closed"
        self._lock = threading.Lock()
        self._owner: Optional[int] = None
        _live.add(weakref.ref(self, _live.discard))

    @classmethod
    def _of(cls: Type[_S], value: Any) -> _S:
        """The value, which must be one of these."""
        if not isinstance(value, cls):
            raise TypeError(f"an evtwin.{cls.__name__} is needed, not {value!r}")
        return value

    def _get(self) -> Any:
        """The C object; StateError if it is gone."""
        handle = self._core
        if handle is None:
            raise errors.StateError(f"{type(self).__name__}: {self._gone}")
        return handle

    def _call(self, function: Callable[..., _R], *arguments: Any) -> _R:
        """function(object, *arguments) while no other thread uses the object."""
        me = threading.get_ident()
        if self._owner == me:
            raise errors.StateError(f"{type(self).__name__}: a callback must not call the object that it serves")
        with self._lock:
            self._owner = me
            try:
                return function(self._get(), *arguments)
            finally:
                self._owner = None

    def _all(self, function: Callable[..., Optional[_R]]) -> List[_R]:
        """What function(object, i) has for i from 0 on, until it has None."""
        found: List[_R] = []
        while (one := self._call(function, len(found))) is not None:
            found.append(one)
        return found

    def _give(self, function: Callable[..., _R], *before: Any) -> _R:
        """function(*before, object), which takes the object."""
        def given(handle: Any) -> _R:
            result = function(*before, handle)
            self._core, self._gone = None, "it was given away"
            return result

        return self._call(given)

    def close(self) -> None:
        """Free the C object now; a second call does nothing."""
        if self._owner == threading.get_ident():
            raise errors.StateError(f"{type(self).__name__}: a callback must not close the object that it serves")
        with self._lock:
            handle, self._core = self._core, None
        del handle  # without the lock: a sink's own close may close this object, too

    def _end(self, until: float) -> None:
        """close(), at exit. A call that a daemon thread does not return from until then is left alone: nothing of that
        thread runs any more."""
        if self._lock.acquire(timeout=max(0.0, until - _time.monotonic())):
            handle, self._core = self._core, None
            self._lock.release()
            del handle

    @property
    def closed(self) -> bool:
        """Whether it is closed or given away."""
        return self._core is None

    def __enter__(self: _S) -> _S:
        self._get()
        return self

    def __exit__(self, *_error: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<evtwin.{type(self).__name__}{' (closed)' if self.closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: what it has (memory, threads, connections) is of this "
                        "process; make it anew in the other one")

    def _leave_behind(self) -> None:
        """In the child of a fork: its threads and connections are the parent's, as is a call that was running."""
        if self._survives_fork and not self._lock.locked():
            return
        handle, self._core = self._core, None
        self._gone = "it is of the process before the fork: open another"
        self._lock, self._owner = threading.Lock(), None
        if handle is not None:
            handle.this.disown()


_EXIT_PATIENCE_S = 10.0
"""How long the end of the program waits for calls of daemon threads, as core's own close does."""
_live: "Set[weakref.ref[Handle]]" = set()


def _all_live() -> List[Handle]:
    """Of one moment, as list() of a set is, unlike that of a WeakSet: other threads may make more."""
    return [handle for reference in list(_live) if (handle := reference()) is not None]


def _after_fork() -> None:
    for handle in _all_live():
        handle._leave_behind()


def _at_exit() -> None:
    """Threads of the library end before the interpreter does."""
    until = _time.monotonic() + _EXIT_PATIENCE_S
    for handle in _all_live():
        try:
            handle._end(until)
        except errors.Error:
            pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

Options = Dict[str, Any]
Kind = Type[Any]
