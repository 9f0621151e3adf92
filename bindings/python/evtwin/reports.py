# SPDX-License-Identifier: MIT
"""Report structs of the C library as named tuples: copies, so that nothing in them is borrowed."""
from __future__ import annotations

import sys
from collections import namedtuple
from typing import Any, Dict

_kinds: Dict[type, Any] = {}


def _kind_of(struct: type) -> Any:
    """The named tuple with the members of a SWIG struct: insert_report -> InsertReport."""
    names = [name for name, member in vars(struct).items()
             if isinstance(member, property) and name != "thisown"]
    if struct.__name__ == "reason":
        names.append("text")
    kind = namedtuple(_name_of(struct), names)  # type: ignore[misc]
    kind.__module__ = __name__  # where pickle finds it, by __getattr__
    return kind


def _name_of(struct: type) -> str:
    return "".join(word.capitalize() for word in struct.__name__.split("_"))


def _kind(struct: type) -> Any:
    kind = _kinds.get(struct)
    if kind is None:
        kind = _kinds[struct] = _kind_of(struct)
    return kind


def __getattr__(name: str) -> Any:
    """The kind of named tuple of that name, also before the first one was made: for pickles."""
    from . import core

    for struct in vars(core).values():
        if isinstance(struct, type) and name == _name_of(struct) and name[0].isupper():
            return _kind(struct)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def _member(struct: Any, name: str) -> Any:
    from . import core

    if name == "text" and isinstance(struct, core.reason):
        return core.reason_text(struct)
    value = getattr(struct, name)
    if isinstance(value, core.refusal):
        return copy(value)
    return core.table_copy(value) if isinstance(value, core.table) else value


def copy(struct: Any) -> Any:
    """All members of a struct, structs in it too; a reason also has its words."""
    kind = _kind(type(struct))
    return kind(*(_member(struct, name) for name in kind._fields))
