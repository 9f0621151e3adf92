/* SPDX-License-Identifier: MIT */
/* store/store.c: the public calls of store.h: check, then ask the backend that the URI's scheme
 * names. */

#include "evtwin/store.h"
#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "core/text.h"
#include "core/uri.h"
#include "store/backend.h"
#include "store/lazy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_POSITION = 1 << 16 };

#ifdef EVTWIN_HAVE_SQLITE
#define SQLITE(backend) &(backend)
#else
#define SQLITE(backend) NULL
#endif
#ifdef EVTWIN_HAVE_POSTGRESQL
#define POSTGRESQL(backend) &(backend)
#else
#define POSTGRESQL(backend) NULL
#endif

/* The kinds of store; backend is NULL in a build without one, which the option of CMake gives. */
static const struct {
    const char *scheme, *option;
    const evtwin__store_backend *backend;
} kinds[] = {{"sqlite", "EVTWIN_SQLITE", SQLITE(evtwin__store_sqlite)},
             {"postgresql", "EVTWIN_POSTGRESQL", POSTGRESQL(evtwin__store_postgres)},
             {"postgres", "EVTWIN_POSTGRESQL", POSTGRESQL(evtwin__store_postgres)}};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- open ---- */

static const evtwin_store_options defaults = {
    .size = sizeof defaults, .retention_days = 30.0, .busy_timeout_ms = 5000};

evtwin_status evtwin_store_options_init(evtwin_store_options *options, size_t size) {
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

static size_t find_kind(const char *uri) {
    size_t i = 0;
    for (; i < N_KINDS; i++) {
        const size_t length = strlen(kinds[i].scheme);
        if (strncmp(uri, kinds[i].scheme, length) == 0 && uri[length] == ':') {
            break;
        }
    }
    return i;
}

static evtwin_status unsupported(const char *uri, size_t kind) {
    EVTWIN_FAIL_IF(kind < N_KINDS, EVTWIN_E_UNSUPPORTED,
                   "this build has no %s: stores; build it with -D%s=ON", kinds[kind].scheme,
                   kinds[kind].option);
    char list[128] = "";
    for (size_t i = 0; i < N_KINDS; i++) {
        if (kinds[i].backend != NULL) {
            evtwin__text_append(list, sizeof list, "%s%s:", list[0] != '\0' ? ", " : "",
                                kinds[i].scheme);
        }
    }
    char *shown = evtwin__uri_redact(uri);
    const evtwin_status st =
        evtwin__fail(EVTWIN_E_UNSUPPORTED, "'%s' is not a store that this build has (it has: %s)%s",
                     shown != NULL ? shown : "the URI", list[0] != '\0' ? list : "none",
                     strchr(uri, ':') == NULL ? "; a file is named as sqlite:FILE" : "");
    evtwin__free(shown);
    return st;
}

evtwin_status evtwin__store_open_lazily(const char *uri, const evtwin_store_options *options,
                                        evtwin_store **out) {
    EVTWIN_FAIL_IF(uri == NULL || out == NULL, EVTWIN_E_ARG, "uri or out is NULL");
    evtwin_store_options complete = defaults;
    EVTWIN_TRY(
        evtwin__options_merge(&complete, sizeof complete, options, "evtwin_store_options_init"));
    EVTWIN_FAIL_IF(!(complete.retention_days >= 0.0 && complete.retention_days <= 1e6),
                   EVTWIN_E_ARG, "retention_days %g is not in 0 to 1000000",
                   complete.retention_days);
    EVTWIN_FAIL_IF(complete.busy_timeout_ms < 0, EVTWIN_E_ARG, "busy_timeout_ms %d is negative",
                   complete.busy_timeout_ms);
    const size_t kind = find_kind(uri);
    return kind < N_KINDS && kinds[kind].backend != NULL
               ? kinds[kind].backend->open(uri, &complete, out)
               : unsupported(uri, kind);
}

evtwin_status evtwin_store_open(const char *uri, const evtwin_store_options *options,
                                evtwin_store **out) {
    evtwin_store *store = NULL;
    EVTWIN_TRY(evtwin__store_open_lazily(uri, options, out != NULL ? &store : NULL));
    const evtwin_status st = store->backend->refresh(store, 1);
    if (st < 0) {
        evtwin_store_free(store);
        return st;
    }
    *out = store;
    return EVTWIN_OK;
}

evtwin_status evtwin__store_check(evtwin_store *store, int timeout_ms) {
    store->backend->deadline(store, 1e-3 * (timeout_ms > 0 ? timeout_ms : 1));
    evtwin_status st =
        store->backend->refresh(store, store->options.read_only ? 0 : EVTWIN__MAKES_NEW);
    store->backend->deadline(store, 0.0);
    return st == EVTWIN_E_CANCELLED
               ? evtwin__fail(EVTWIN_E_AGAIN, "no answer within %d ms", timeout_ms)
           : st == EVTWIN_DONE ? EVTWIN_OK
                               : st;
}

evtwin_status evtwin__store_identity(evtwin_store *store, uint64_t *identity_out,
                                     int64_t *end_out) {
    EVTWIN_TRY(store->backend->refresh(store, 0));
    return store->backend->identity(store, identity_out, end_out);
}

evtwin_status evtwin__store_held_back(evtwin_store *store, int64_t after_revision,
                                      int64_t *from_out) {
    EVTWIN_TRY(store->backend->refresh(store, 0));
    return store->backend->held_back(store, after_revision, from_out);
}

void evtwin_store_free(evtwin_store *store) {
    if (store != NULL) {
        store->backend->free(store);
    }
}

evtwin_status evtwin_store_deadline(evtwin_store *store, double seconds) {
    EVTWIN_FAIL_IF(store == NULL || !(seconds >= 0.0), EVTWIN_E_ARG,
                   "store is NULL, or the deadline is not 0 s or more");
    store->backend->deadline(store, seconds);
    return EVTWIN_OK;
}

int64_t evtwin_store_generation(const evtwin_store *store) {
    return store != NULL ? store->generation : 0;
}

void evtwin_store_interrupt(evtwin_store *store) {
    if (store != NULL) {
        store->backend->interrupt(store);
    }
}

/* ---- what every call checks ---- */

/* What a call does. Only inserts make a database anew that was removed while it was open. */
typedef enum kind_of_call { READS, WRITES, INSERTS } kind_of_call;

static evtwin_status check(evtwin_store *store, const void *argument, const char *name,
                           kind_of_call kind) {
    EVTWIN_FAIL_IF(store == NULL || argument == NULL, EVTWIN_E_ARG, "store or %s is NULL", name);
    EVTWIN_FAIL_IF(kind != READS && store->options.read_only, EVTWIN_E_STATE,
                   "the store was opened for reading only");
    return store->backend->refresh(store, kind == INSERTS);
}

static evtwin_status check_battery_id(const char *battery_id) {
    EVTWIN_FAIL_IF(!evtwin_battery_id_is_valid(battery_id), EVTWIN_E_ARG,
                   "'%.60s' is not a valid battery id (1 to 50 of A-Z a-z 0-9 . _ : -)",
                   battery_id != NULL ? battery_id : "NULL");
    return EVTWIN_OK;
}

static evtwin_status check_source(const char *source) {
    EVTWIN_FAIL_IF(source == NULL || source[0] == '\0', EVTWIN_E_ARG,
                   "the source of a position is NULL or empty");
    return EVTWIN_OK;
}

static void set_size(size_t *out, size_t n) {
    if (out != NULL) {
        *out = n;
    }
}

/* An answer without rows has no table: whoever frees it anyway frees NULL. */
static evtwin_status none_is_null(evtwin_status st, evtwin_table **out) {
    if (st == EVTWIN_DONE) {
        *out = NULL;
    }
    return st;
}

/* ---- rows ---- */

/* source NULL: no position to keep. */
static evtwin_status insert_rows(evtwin_store *store, const evtwin_table *table, const char *source,
                                 const char *position, evtwin_insert_report *report,
                                 size_t report_size) {
    evtwin_insert_report full = {.size = sizeof full};
    evtwin__rows rows;
    EVTWIN_TRY(check(store, table, "table", INSERTS));
    EVTWIN_TRY(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT));
    if (rows.binding.rows > 0 || source != NULL) {
        EVTWIN_TRY(store->backend->insert(store, &rows, source, position, &full));
    }
    if (report != NULL) {
        evtwin__report_copy(report, report_size, &full, sizeof full);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_insert(evtwin_store *store, const evtwin_table *table,
                                  evtwin_insert_report *report, size_t report_size) {
    return insert_rows(store, table, NULL, NULL, report, report_size);
}

evtwin_status evtwin_store_insert_from(evtwin_store *store, const evtwin_table *table,
                                       const char *source, const char *position,
                                       evtwin_insert_report *report, size_t report_size) {
    EVTWIN_TRY(check_source(source));
    EVTWIN_FAIL_IF(position == NULL || strlen(position) > MAX_POSITION, EVTWIN_E_ARG,
                   "the position in %.200s is NULL or longer than %d", source, MAX_POSITION);
    return insert_rows(store, table, source, position, report, report_size);
}

evtwin_status evtwin_store_position(evtwin_store *store, const char *source, char *text,
                                    size_t text_size) {
    /* whoever may write is about to, and must not wait for tables that he makes */
    const int may_write = store != NULL && !store->options.read_only;
    EVTWIN_TRY(check(store, text, "text", may_write ? INSERTS : READS));
    EVTWIN_TRY(check_source(source));
#ifdef EVTWIN_BREAK_NO_KEY /* tests/faults has to notice that nobody knows what is here already */
    return EVTWIN_DONE;
#endif
    return store->backend->position(store, source, text, text_size);
}

evtwin_status evtwin_store_unpredicted(evtwin_store *store, size_t max_rows, evtwin_table **out) {
    EVTWIN_TRY(check(store, out, "out", READS));
    EVTWIN_FAIL_IF(max_rows == 0, EVTWIN_E_ARG, "max_rows is 0");
    return none_is_null(store->backend->unpredicted(store, max_rows, out), out);
}

/* ---- small tables ---- */

static evtwin_status keep(evtwin_store *store, evtwin__kept_id which, const evtwin_table *table) {
    EVTWIN_TRY(check(store, table, "table", WRITES));
    EVTWIN_TRY(evtwin__kept_check(which, table));
    return store->backend->keep(store, which, table);
}

static evtwin_status kept_rows(evtwin_store *store, evtwin__kept_id which, const char *const *keys,
                               size_t n_keys, evtwin_table **out) {
    evtwin_table *table = NULL;
    EVTWIN_TRY(store->backend->kept(store, which, keys, n_keys, &table));
    if (evtwin_table_rows(table) == 0) {
        evtwin_table_free(table);
        table = NULL;
    }
    *out = table;
    return table != NULL ? EVTWIN_OK : EVTWIN_DONE;
}

static evtwin_status kept(evtwin_store *store, evtwin__kept_id which, evtwin_table **out) {
    EVTWIN_TRY(check(store, out, "out", READS));
    return kept_rows(store, which, NULL, 0, out);
}

evtwin_status evtwin_store_put_predictions(evtwin_store *store, const evtwin_table *table,
                                           const evtwin_table *states, size_t *n_updated_out) {
    size_t n_updated = 0;
    evtwin__rows rows;
    EVTWIN_TRY(check(store, table, "table", WRITES));
    EVTWIN_TRY(evtwin__rows_open(&rows, table, EVTWIN__ROWS_PREDICT));
    if (states != NULL) {
        EVTWIN_TRY(evtwin__kept_check(EVTWIN__KEPT_STATES, states));
    }
    if (rows.binding.rows > 0 || states != NULL) {
        EVTWIN_TRY(store->backend->put_predictions(store, &rows, states, &n_updated));
    }
    set_size(n_updated_out, n_updated);
    return EVTWIN_OK;
}

evtwin_status evtwin_store_states(evtwin_store *store, evtwin_table **out) {
    return kept(store, EVTWIN__KEPT_STATES, out);
}

evtwin_status evtwin_store_state(evtwin_store *store, const char *battery_id, evtwin_table **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    EVTWIN_TRY(check(store, battery_id, "battery_id", READS));
    return kept_rows(store, EVTWIN__KEPT_STATES, &battery_id, 1, out);
}

/* The strings of a column, each once; *ids_out is freed with evtwin__free. */
static evtwin_status list_ids(const evtwin_table *table, size_t col, const char ***ids_out,
                              size_t *n_out) {
    const int32_t *codes = evtwin_table_codes(table, col);
    const size_t n_texts = evtwin_table_dict_size(table, col);
    const char **ids = evtwin__calloc(n_texts, sizeof *ids);
    size_t n = 0;
    EVTWIN_FAIL_IF(ids == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", n_texts);
    for (size_t row = 0; row < evtwin_table_rows(table); row++) {
        if (codes[row] >= 0) { /* each in the place of its code first */
            ids[codes[row]] = evtwin_table_dict_text(table, col, codes[row]);
        }
    }
    for (size_t code = 0; code < n_texts; code++) {
        if (ids[code] != NULL) {
            ids[n++] = ids[code];
        }
    }
    *ids_out = ids;
    *n_out = n;
    return EVTWIN_OK;
}

evtwin_status evtwin_store_states_of(evtwin_store *store, const evtwin_table *batteries,
                                     evtwin_table **out) {
    EVTWIN_FAIL_IF(store == NULL || batteries == NULL || out == NULL, EVTWIN_E_ARG,
                   "store, batteries or out is NULL");
    size_t col;
    EVTWIN_TRY(evtwin__table_batteries(batteries, &col));
    /* who may write is about to, and must not wait for tables that he makes */
    EVTWIN_TRY(check(store, out, "out", store->options.read_only ? READS : INSERTS));
    const char **ids = NULL;
    size_t n = 0;
    EVTWIN_TRY(list_ids(batteries, col, &ids, &n));
    const evtwin_status st =
        n > 0 ? kept_rows(store, EVTWIN__KEPT_STATES, ids, n, out) : EVTWIN_DONE;
    evtwin__free(ids);
    return none_is_null(st, out);
}

evtwin_status evtwin_store_put_model(evtwin_store *store, const evtwin_table *scores) {
    return keep(store, EVTWIN__KEPT_SCORES, scores);
}

evtwin_status evtwin_store_models(evtwin_store *store, evtwin_table **out) {
    return kept(store, EVTWIN__KEPT_SCORES, out);
}

evtwin_status evtwin_store_put_thresholds(evtwin_store *store,
                                          const evtwin_thresholds *thresholds) {
    evtwin_table *limits = NULL;
    evtwin_status st = check(store, thresholds, "thresholds", WRITES);
    if (st >= 0 && (st = evtwin_thresholds_table(thresholds, &limits)) >= 0) {
        st = keep(store, EVTWIN__KEPT_LIMITS, limits);
    }
    evtwin_table_free(limits);
    return st;
}

evtwin_status evtwin_store_thresholds(evtwin_store *store, evtwin_thresholds **out) {
    evtwin_table *limits = NULL;
    evtwin_status st = check(store, out, "out", READS);
    if (st >= 0 && (st = store->backend->kept(store, EVTWIN__KEPT_LIMITS, NULL, 0, &limits)) >= 0) {
        st = evtwin_thresholds_from_table(limits, out);
    }
    evtwin_table_free(limits);
    return st;
}

/* A caller's letters, one size apart from each other, as this version has them. */
static evtwin_status check_letters(const evtwin_letter *letters, size_t n) {
    for (size_t i = 0; i < n; i++) {
        EVTWIN_FAIL_IF(letters[i].size != sizeof *letters || letters[i].source == NULL ||
                           letters[i].place == NULL || letters[i].reason == NULL ||
                           (letters[i].raw == NULL && letters[i].raw_size > 0),
                       EVTWIN_E_ARG, "letter %zu has no size, source, place, reason or raw", i + 1);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_store_put_letters(evtwin_store *store, const evtwin_letter *letters,
                                       size_t n) {
    EVTWIN_TRY(check(store, letters, "letters", INSERTS));
    EVTWIN_TRY(check_letters(letters, n));
    return n > 0 ? store->backend->put_letters(store, letters, n) : EVTWIN_OK;
}

/* ---- upkeep ---- */

evtwin_status evtwin_store_expire(evtwin_store *store, size_t *n_deleted_out) {
    size_t n_deleted = 0;
    EVTWIN_TRY(check(store, store, "store", WRITES));
    if (store->options.retention_days > 0.0) {
        EVTWIN_TRY(store->backend->expire(store, &n_deleted));
    }
    set_size(n_deleted_out, n_deleted);
    return EVTWIN_OK;
}

evtwin_status evtwin_store_backup(evtwin_store *store, const char *path) {
    EVTWIN_TRY(check(store, path, "path", READS));
    EVTWIN_FAIL_IF(path[0] == '\0', EVTWIN_E_ARG, "the path of the backup is empty");
    return store->backend->backup(store, path);
}

/* ---- read ---- */

evtwin_status evtwin_store_latest(evtwin_store *store, const char *battery_id,
                                  evtwin_table **rows_out, evtwin_table **current_out) {
    EVTWIN_TRY(check(store, rows_out, "rows_out", READS));
    if (battery_id != NULL) {
        EVTWIN_TRY(check_battery_id(battery_id));
    }
    const evtwin_status st =
        none_is_null(store->backend->latest(store, battery_id, rows_out, current_out), rows_out);
    return current_out != NULL ? none_is_null(st, current_out) : st;
}

evtwin_status evtwin_store_oldest(evtwin_store *store, int64_t from_us, evtwin_table **out) {
    EVTWIN_TRY(check(store, out, "out", READS));
    return none_is_null(store->backend->oldest(store, from_us, out), out);
}

static const evtwin_history_options whole_history = {.size = sizeof whole_history,
                                                     .from_us = INT64_MIN,
                                                     .to_us = INT64_MAX,
                                                     .limit = 1000,
                                                     .before_time_us = INT64_MAX,
                                                     .before_seq = INT64_MAX,
                                                     .after_time_us = INT64_MIN,
                                                     .after_seq = INT64_MIN};

evtwin_status evtwin_history_options_init(evtwin_history_options *options, size_t size) {
    return evtwin__options_init(options, size, &whole_history, sizeof whole_history);
}

evtwin_status evtwin_store_history(evtwin_store *store, const char *battery_id,
                                   const evtwin_history_options *options, evtwin_table **out) {
    evtwin_history_options complete = whole_history;
    EVTWIN_TRY(
        evtwin__options_merge(&complete, sizeof complete, options, "evtwin_history_options_init"));
    EVTWIN_FAIL_IF(complete.limit == 0, EVTWIN_E_ARG, "the limit of a history is 0 rows");
    EVTWIN_TRY(check(store, out, "out", READS));
    EVTWIN_TRY(check_battery_id(battery_id));
    return none_is_null(store->backend->history(store, battery_id, &complete, out), out);
}

evtwin_status evtwin_store_stats_get(evtwin_store *store, const char *battery_id, int64_t from_us,
                                     int64_t to_us, evtwin_store_stats *out, size_t out_size) {
    evtwin_store_stats full = {.size = sizeof full};
    EVTWIN_TRY(check(store, out_size < sizeof full.size ? NULL : out, "out", READS));
    EVTWIN_TRY(check_battery_id(battery_id));
    const evtwin_status st = store->backend->stats(store, battery_id, from_us, to_us, &full);
    if (st >= 0) {
        evtwin__report_copy(out, out_size, &full, sizeof full);
    }
    return st;
}

static const evtwin_buckets_options whole_in_buckets = {
    .size = sizeof whole_in_buckets, .from_us = INT64_MIN, .to_us = INT64_MAX, .max_buckets = 500};

evtwin_status evtwin_buckets_options_init(evtwin_buckets_options *options, size_t size) {
    return evtwin__options_init(options, size, &whole_in_buckets, sizeof whole_in_buckets);
}

evtwin_status evtwin_store_buckets(evtwin_store *store, const char *battery_id,
                                   const evtwin_buckets_options *options, evtwin_table **out,
                                   int64_t *width_us_out) {
    evtwin_buckets_options complete = whole_in_buckets;
    evtwin__buckets buckets;
    EVTWIN_TRY(
        evtwin__options_merge(&complete, sizeof complete, options, "evtwin_buckets_options_init"));
    EVTWIN_TRY(evtwin__buckets_cut(&complete, &buckets));
    EVTWIN_TRY(check(store, out, "out", READS));
    EVTWIN_TRY(check_battery_id(battery_id));
    const evtwin_status st =
        none_is_null(store->backend->buckets(store, battery_id, &buckets, out), out);
    if (st >= 0 && width_us_out != NULL) {
        *width_us_out = buckets.width_us;
    }
    return st;
}

evtwin_status evtwin_store_changes(evtwin_store *store, int64_t after_revision, size_t max_rows,
                                   evtwin_table **out, int64_t *revision_out) {
    EVTWIN_TRY(check(store, out, "out", READS));
    EVTWIN_FAIL_IF(revision_out == NULL || max_rows == 0, EVTWIN_E_ARG,
                   "revision_out is NULL or max_rows is 0");
    return none_is_null(store->backend->changes(store, after_revision, max_rows, out, revision_out),
                        out);
}

evtwin_status evtwin_store_count(evtwin_store *store, int64_t *rows_out) {
    EVTWIN_TRY(check(store, rows_out, "rows_out", READS));
    return store->backend->count(store, rows_out);
}
