/* SPDX-License-Identifier: MIT */
/* abi/frozen.c: the layout of every public struct and the number of every enumerator, as programs
 * that are built have them (64 bits). frozen.py writes frozen.def and compiles this.
 *
 * A struct that begins with its size may grow at its end: what programs know of it stays in place.
 */
#include "evtwin/evtwin.h"

#include <stddef.h>

#ifdef __LP64__
#define FROZEN_STRUCT(type, size, may_grow)                                                        \
    _Static_assert((may_grow) ? sizeof(type) >= (size) : sizeof(type) == (size),                   \
                   #type " has another size than programs know");
#define FROZEN_MEMBER(type, member, offset, size)                                                  \
    _Static_assert(offsetof(type, member) == (offset) && sizeof(((type *)0)->member) == (size),    \
                   #type "." #member " is not where programs look for it");
#define FROZEN_VALUE(name, value)                                                                  \
    _Static_assert((name) == (value), #name " has another number than programs know");
#include "frozen.def"
#endif
