# SPDX-License-Identifier: MIT
"""Report structs of the C library as named tuples: copies, so that nothing in them is borrowed."""
from __future__ import annotations

from collections import namedtuple
from typing import Any, Dict

_kinds: Dict[type, Any] = {}


def _kind_of(struct: type) -> Any:
    """The named tuple with the members of a SWIG struct: insert_report -> InsertReport."""
    names = [name for name, member in vars(struct).items()
             if isinstance(member, property) and name != "thisown"]
    if struct.__name__ == "reason":
        names.append("text")
    return namedtuple("".join(word.capitalize() for word in struct.__name__.split("_")), names)


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
    kind = _kinds.get(type(struct))
    if kind is None:
        kind = _kinds[type(struct)] = _kind_of(type(struct))
    return kind(*(_member(struct, name) for name in kind._fields))
