/* SPDX-License-Identifier: MIT */
/* store/writer_lock.h: one writer for each battery, across processes, without anything to clean up.
 */
#ifndef EVTWIN_STORE_WRITER_LOCK_H
#define EVTWIN_STORE_WRITER_LOCK_H

#include "evtwin/base.h"

/* The batteries that one store handle writes. */
typedef struct evtwin__writer_locks evtwin__writer_locks;

/* Locks on single bytes of the file "<database>-writers", made here if absent. They end
 * with the handle or its process, whatever way that goes. */
evtwin_status evtwin__writer_locks_open(const char *database, evtwin__writer_locks **out);
void evtwin__writer_locks_free(evtwin__writer_locks *locks); /* NULL is fine */

/* Lock a battery; at no cost if this handle holds it already. EVTWIN_E_BUSY if another does. */
evtwin_status evtwin__writer_locks_take(evtwin__writer_locks *locks, const char *battery_id);

#endif
