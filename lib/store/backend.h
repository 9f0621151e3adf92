/* SPDX-License-Identifier: MIT */
/* store/backend.h: what a kind of database must do to be a store. One file, and one line in
 * store.c. */
#ifndef EVTWIN_STORE_BACKEND_H
#define EVTWIN_STORE_BACKEND_H

#include "evtwin/store.h"

#include "store/store_row.h"

/* store.c has checked pointers, sizes and states before it calls these; options are complete. A
 * "none" answer is EVTWIN_DONE with *out untouched. */
typedef struct evtwin__store_backend {
    const char *scheme; /* of the URI, without the colon */

    /* Make an object that begins with struct evtwin_store; uri is the whole text. */
    evtwin_status (*open)(const char *uri, const evtwin_store_options *options, evtwin_store **out);
    void (*free)(evtwin_store *store);

    /* source NULL = no position to keep; rows may then not be empty */
    evtwin_status (*insert)(evtwin_store *store, const evtwin__rows *rows, const char *source,
                            const char *position, evtwin_insert_report *report);
    evtwin_status (*position)(evtwin_store *store, const char *source, char *text,
                              size_t text_size);
    evtwin_status (*unpredicted)(evtwin_store *store, size_t max_rows, evtwin_table **out);
    /* states NULL = none; else its columns are known to be right */
    evtwin_status (*put_predictions)(evtwin_store *store, const evtwin__rows *rows,
                                     const evtwin_table *states, size_t *n_updated_out);
    evtwin_status (*states)(evtwin_store *store, evtwin_table **out);
    evtwin_status (*put_model)(evtwin_store *store, const evtwin_table *scores);
    evtwin_status (*put_thresholds)(evtwin_store *store, const evtwin_table *limits);
    evtwin_status (*expire)(evtwin_store *store, size_t *n_deleted_out);
    evtwin_status (*backup)(evtwin_store *store, const char *path);

    evtwin_status (*latest)(evtwin_store *store, const char *battery_id, evtwin_table **rows_out,
                            evtwin_table **current_out);
    evtwin_status (*history)(evtwin_store *store, const char *battery_id,
                             const evtwin_history_options *options, evtwin_table **out);
    evtwin_status (*stats)(evtwin_store *store, const char *battery_id, int64_t from_us,
                           int64_t to_us, evtwin_store_stats *out);
    evtwin_status (*models)(evtwin_store *store, evtwin_table **out);
    evtwin_status (*changes)(evtwin_store *store, int64_t after_revision, size_t max_rows,
                             evtwin_table **out, int64_t *revision_out);
    evtwin_status (*thresholds)(evtwin_store *store, evtwin_table **out);
    evtwin_status (*count)(evtwin_store *store, int64_t *rows_out);
} evtwin__store_backend;

struct evtwin_store {
    const evtwin__store_backend *backend;
    evtwin_store_options options;
    int64_t (*now)(void); /* evtwin_time_now; tests turn the clock here */
};

extern const evtwin__store_backend evtwin__store_sqlite;

#endif
