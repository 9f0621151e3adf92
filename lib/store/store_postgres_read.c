/* SPDX-License-Identifier: MIT */
/* store/store_postgres_read.c: what readers ask. */

#include "core/status.h"
#include "store/store_postgres.h"

evtwin_status evtwin__postgres_unpredicted(evtwin_store *store, size_t max_rows,
                                           evtwin_table **out) {
    (void)store, (void)max_rows, (void)out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "read waiting rows from PostgreSQL");
}

evtwin_status evtwin__postgres_latest(evtwin_store *store, const char *battery_id,
                                      evtwin_table **rows_out, evtwin_table **current_out) {
    (void)store, (void)battery_id, (void)rows_out, (void)current_out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "read the newest rows from PostgreSQL");
}

evtwin_status evtwin__postgres_history(evtwin_store *store, const char *battery_id,
                                       const evtwin_history_options *options, evtwin_table **out) {
    (void)store, (void)battery_id, (void)options, (void)out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "read a history from PostgreSQL");
}

evtwin_status evtwin__postgres_stats(evtwin_store *store, const char *battery_id, int64_t from_us,
                                     int64_t to_us, evtwin_store_stats *out) {
    (void)store, (void)battery_id, (void)from_us, (void)to_us, (void)out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "read statistics from PostgreSQL");
}

evtwin_status evtwin__postgres_changes(evtwin_store *store, int64_t after_revision, size_t max_rows,
                                       evtwin_table **out, int64_t *revision_out) {
    (void)store, (void)after_revision, (void)max_rows, (void)out, (void)revision_out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "read changes from PostgreSQL");
}

evtwin_status evtwin__postgres_count(evtwin_store *store, int64_t *rows_out) {
    return evtwin__pg_query_i64(((postgres_store *)store)->pg, "SELECT count(*) FROM ev_telemetry",
                                NULL, 0, rows_out);
}

evtwin_status evtwin__postgres_backup(evtwin_store *store, const char *path) {
    (void)path;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: is backed up by pg_dump, not by a copy of a file",
                evtwin__pg_name(((postgres_store *)store)->pg));
}
