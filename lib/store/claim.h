/* SPDX-License-Identifier: MIT */
/* store/claim.h: one writer for each battery, across processes, without anything to clean up. */
#ifndef EVTWIN_STORE_CLAIM_H
#define EVTWIN_STORE_CLAIM_H

#include "evtwin/base.h"

/* The batteries that one store handle writes. */
typedef struct evtwin__claims evtwin__claims;

/* Claims are locks on single bytes of the file "<database>-writers", made here if absent. They end
 * with the handle or its process, whatever way that goes. */
evtwin_status evtwin__claims_open(const char *database, evtwin__claims **out);
void evtwin__claims_free(evtwin__claims *claims); /* NULL is fine */

/* Claim a battery; at no cost if this handle has it already. EVTWIN_E_BUSY if another has it. */
evtwin_status evtwin__claims_take(evtwin__claims *claims, const char *battery_id);

#endif
