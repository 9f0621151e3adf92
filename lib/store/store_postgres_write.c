/* SPDX-License-Identifier: MIT */
/* store/store_postgres_write.c: insert telemetry, write predictions. */

#include "core/status.h"
#include "store/store_postgres.h"

evtwin_status evtwin__postgres_insert(evtwin_store *store, const evtwin__rows *rows,
                                      const char *source, const char *position,
                                      evtwin_insert_report *report) {
    (void)store, (void)rows, (void)source, (void)position, (void)report;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "insert into PostgreSQL");
}

evtwin_status evtwin__postgres_put_predictions(evtwin_store *store, const evtwin__rows *rows,
                                               const evtwin_table *states, size_t *n_updated_out) {
    (void)store, (void)rows, (void)states, (void)n_updated_out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "put predictions into PostgreSQL");
}

evtwin_status evtwin__postgres_expire(evtwin_store *store, size_t *n_deleted_out) {
    (void)store, (void)n_deleted_out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "expire rows in PostgreSQL");
}
