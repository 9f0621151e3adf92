/* SPDX-License-Identifier: MIT */
/* core/naming.h: values as other namings write and read them: unit, sign, seconds for a time. */
#ifndef EVTWIN_CORE_NAMING_H
#define EVTWIN_CORE_NAMING_H

#include "core/binding.h"

/* Which way the power of a row goes, as the sign of its current says, or else is_charging: 1 out of
 * the battery, -1 into it, 0 unknown. */
int evtwin__binding_direction(const evtwin__binding *binding, size_t row);

/* The value v of quantity q, brought from our unit and sign to those of the alias. Returns 0, and
 * leaves v as it is, where that cannot be told: a power that has a sign there, of a row without a
 * direction. */
int evtwin__value_to_naming(size_t q, const evtwin__alias *alias, int direction, evtwin__value *v);

/* The same number the other way. */
double evtwin__number_from_naming(size_t q, const evtwin__alias *alias, double v);

/* Does the alias write a time as seconds since 1970? */
int evtwin__alias_is_seconds(const evtwin__alias *alias);

#endif
