/* SPDX-License-Identifier: MIT */
/* store/lazy.h: a store that connects when it is used, for sources and sinks. */
#ifndef EVTWIN_STORE_LAZY_H
#define EVTWIN_STORE_LAZY_H

#include "evtwin/store.h"

/* As evtwin_store_open, but a server that is away is no failure: the calls on the store answer
 * EVTWIN_E_AGAIN until it is there. */
evtwin_status evtwin__store_open_lazily(const char *uri, const evtwin_store_options *options,
                                        evtwin_store **out);

/* Can it be used? A server is connected to now. EVTWIN_E_AGAIN if it does not answer in time. */
evtwin_status evtwin__store_check(evtwin_store *store, int timeout_ms);

/* Which database it is: revisions that were read from one of another identity mean nothing in it,
 * nor does one that is not below *end_out, which no row has yet (INT64_MAX: not known). */
evtwin_status evtwin__store_identity(evtwin_store *store, uint64_t *identity_out, int64_t *end_out);

/* From which revision on the change feed gives nothing yet, although later rows than after_revision
 * are visible there: a transaction that is still open may have lower ones. 0 if there are none. */
evtwin_status evtwin__store_held_back(evtwin_store *store, int64_t after_revision,
                                      int64_t *from_out);

#endif
