/* SPDX-License-Identifier: MIT */
/* core/record_seq.h: the number of a record that came without one: the same wherever it goes. */
#ifndef EVTWIN_CORE_RECORD_SEQ_H
#define EVTWIN_CORE_RECORD_SEQ_H

#include "core/binding.h"

/* Does it tell the record from others: battery, time, seq? */
int evtwin__is_key(size_t q);

/* Is it a part of what the record says? Not its key, nor what was noted of it on its way: the same
 * record again may come late. */
int evtwin__is_payload(size_t q);

/* The seq of a record that came without one: a 62-bit hash of what it says, so that a retry of the
 * same record gives the same key. Absent values do not count: quantities added later change
 * nothing. */
int64_t evtwin__row_seq(const evtwin__value *value);

#endif
