/* SPDX-License-Identifier: MIT */
/* store/backend.h: what a kind of database must do to be a store. One folder of files, and one line
 * in store.c. */
#ifndef EVTWIN_STORE_BACKEND_H
#define EVTWIN_STORE_BACKEND_H

#include "evtwin/store.h"

#include "core/text.h"
#include "store/alerts.h"
#include "store/buckets.h"
#include "store/store_row.h"
#include "store/uptime.h"

/* Small tables that are kept as they come and given back: states of sessions, scores of models,
 * limits. */
typedef enum evtwin__kept_id {
    EVTWIN__KEPT_STATES,
    EVTWIN__KEPT_SCORES,
    EVTWIN__KEPT_LIMITS,
    EVTWIN__N_KEPT
} evtwin__kept_id;

typedef struct evtwin__kept_column {
    const char *name;
    evtwin_type type;
} evtwin__kept_column;

enum { EVTWIN__KEPT_MAX_COLUMNS = 10 };

typedef struct evtwin__kept {
    const char *sql_table, *sql_order;
    int is_replaced; /* what is put takes the place of all that was there, not of equal keys */
    size_t n_columns, n_required; /* the first n_required are texts that no row may lack */
    size_t n_ordered; /* of the columns behind them: what is lesser by these than what is kept of
                         its key does not take its place */
    evtwin__kept_column column[EVTWIN__KEPT_MAX_COLUMNS];
} evtwin__kept;

extern const evtwin__kept evtwin__kept_tables[EVTWIN__N_KEPT];

/* What is known of a battery beside its newest row and standing prediction: the extra columns of
 * evtwin_store_latest. */
enum { EVTWIN__N_STANDING = 9 };
extern const evtwin__kept_column evtwin__standing_columns[EVTWIN__N_STANDING];

/* EVTWIN_E_SCHEMA if a column is absent or of another type, EVTWIN_E_ARG if a required one is
 * empty. */
evtwin_status evtwin__kept_check(evtwin__kept_id which, const evtwin_table *table);

enum { EVTWIN__MAX_LETTERS = 100000 }; /* that ev_dead_letter keeps, the newest */

/* Which alerts are wanted: their history, or with is_due those of evtwin__store_due_alerts. */
typedef struct evtwin__alert_query {
    evtwin_alert_history_options of;
    int is_due;
} evtwin__alert_query;

extern const evtwin__kept_column evtwin__alert_columns[EVTWIN__A_COUNT];

/* The statement of a query, with a NUL, and its parameters, numbered behind mark: ?1 or $1. */
typedef struct evtwin__alert_sql {
    evtwin__text text;
    size_t n;
    struct {
        evtwin_type type; /* TEXT, I64 or TIME */
        const char *string;
        int64_t number;
    } param[8];
} evtwin__alert_sql;

void evtwin__alert_select(const evtwin__alert_query *query, char mark, evtwin__alert_sql *out);

/* The names of the columns, quoted, with a comma between: before each the prefix. */
void evtwin__alert_names(evtwin__text *sql, const char *prefix);

/* What an alert that is there takes from one that is put: "a = excluded.a, …" */
#define EVTWIN__ALERT_UPDATE                                                                       \
    " ON CONFLICT (id) DO UPDATE SET change = excluded.change, cleared_at = excluded.cleared_at,"  \
    " worst = excluded.worst, webhook = excluded.webhook, mail = excluded.mail"
/* Forget what was cleared before a time, the parameter, and what is not of the newest million; some
 * at a time. What is open stays, and the last one, so that no id is given twice. */
#define EVTWIN__ALERT_FORGET(parameter)                                                            \
    "DELETE FROM ev_alert WHERE id IN (SELECT id FROM (SELECT id FROM ev_alert WHERE cleared_at"   \
    " < " parameter " AND id < (SELECT max(id) FROM ev_alert) ORDER BY cleared_at LIMIT 1000)"     \
    " AS a UNION ALL SELECT id FROM (SELECT id FROM ev_alert WHERE cleared_at IS NOT NULL AND"     \
    " id <= (SELECT max(id) FROM ev_alert) - 1000000 ORDER BY id LIMIT 1000) AS b)"

/* Open ones, and what is to be delivered of any, by level and kind. */
#define EVTWIN__ALERT_GROUPS                                                                       \
    "SELECT level, CASE WHEN quantity IS NULL THEN rule ELSE 'limit' END,"                         \
    " sum(CASE WHEN cleared_at IS NULL THEN 1 ELSE 0 END),"                                        \
    " sum(CASE WHEN webhook < CASE WHEN cleared_at IS NULL THEN 1 ELSE 2 END THEN 1 ELSE 0 END),"  \
    " sum(CASE WHEN mail < CASE WHEN cleared_at IS NULL THEN 1 ELSE 2 END THEN 1 ELSE 0 END)"      \
    " FROM ev_alert WHERE (cleared_at IS NULL OR webhook < 2 OR mail < 2) GROUP BY 1, 2"
extern const evtwin__kept_column evtwin__alert_group_columns[EVTWIN__G_COUNT];

/* The operations: X(name, parameters after the store). store.c has checked pointers, sizes, columns
 * and whether the handle may write before it calls one; options are complete. An answer of none is
 * EVTWIN_DONE with *out untouched. */
#define EVTWIN__STORE_OPERATIONS(X)                                                                \
    /* source NULL: no position to keep */                                                         \
    X(insert, const evtwin__rows *rows, const char *source, const char *position,                  \
      evtwin_insert_report *report)                                                                \
    X(position, const char *source, char *text, size_t text_size)                                  \
    X(unpredicted, size_t max_rows, evtwin_table **out)                                            \
    /* states NULL: none */                                                                        \
    X(put_predictions, const evtwin__rows *rows, const evtwin_table *states,                       \
      size_t *n_updated_out)                                                                       \
    /* kept gives a table without rows if nothing is; keys NULL: all, in the order of the table,   \
       else the rows whose first column is one of these (n_keys) different ones */                 \
    X(keep, evtwin__kept_id which, const evtwin_table *table)                                      \
    X(kept, evtwin__kept_id which, const char *const *keys, size_t n_keys, evtwin_table **out)     \
    X(put_letters, const evtwin_letter *letters, size_t n)                                         \
    X(expire, size_t *n_deleted_out)                                                               \
    X(backup, const char *path)                                                                    \
    /* current_out may be NULL */                                                                  \
    X(latest, const char *battery_id, evtwin_table **rows_out, evtwin_table **current_out)         \
    X(oldest, int64_t from_us, evtwin_table **out)                                                 \
    X(history, const char *battery_id, const evtwin_history_options *options, evtwin_table **out)  \
    X(stats, const char *battery_id, int64_t from_us, int64_t to_us, evtwin_store_stats *out)      \
    X(buckets, const char *battery_id, const evtwin__buckets *buckets, evtwin_table **out)         \
    X(changes, int64_t after_revision, size_t max_rows, evtwin_table **out, int64_t *revision_out) \
    X(count, int64_t *rows_out)                                                                    \
    X(alert_lease, const char *holder, double seconds)                                             \
    X(put_alerts, const char *holder, const evtwin_table *alerts)                                  \
    X(alert_groups, evtwin_table **out, int64_t *n_raised_out)                                     \
    X(alert_change, int64_t *change_out)                                                           \
    X(acknowledge_alert, int64_t id, const char *by)                                               \
    X(alerts, const evtwin__alert_query *query, evtwin_table **out)                                \
    X(alert_counts, const char *battery_id, int64_t from_us, int64_t to_us, size_t n_buckets,      \
      evtwin_table **out)                                                                          \
    X(identity, uint64_t *identity_out, int64_t *end_out)                                          \
    X(held_back, int64_t after_revision, int64_t *from_out)

enum { EVTWIN__MAKES_ALL = 1, EVTWIN__MAKES_NEW = 2 };

typedef struct evtwin__store_backend {
    /* Make an object that begins with struct evtwin_store; uri is the whole text. A server is not
     * connected to: refresh does that. */
    evtwin_status (*open)(const char *uri, const evtwin_store_options *options, evtwin_store **out);
    void (*free)(evtwin_store *store);
    /* Before every operation: if the database was replaced or removed, open what has its name now,
     * or with may_create make it (EVTWIN__MAKES_NEW: change none that is there; EVTWIN_DONE if it
     * would have to be). EVTWIN_E_AGAIN if that does not work: the next one tries again. */
    evtwin_status (*refresh)(evtwin_store *store, int may_create);
    void (*deadline)(evtwin_store *store, double seconds); /* 0 = none */
    void (*interrupt)(evtwin_store *store);                /* from any thread */

#define EVTWIN__STORE_POINTER(name, ...) evtwin_status (*name)(evtwin_store * store, __VA_ARGS__);
    EVTWIN__STORE_OPERATIONS(EVTWIN__STORE_POINTER)
#undef EVTWIN__STORE_POINTER
} evtwin__store_backend;

struct evtwin_store {
    const evtwin__store_backend *backend;
    evtwin_store_options options;
    int64_t generation; /* how often the database was replaced: revisions begin anew with each */
    /* evtwin_time_now, evtwin__uptime_us; tests turn the clocks here */
    int64_t (*now)(void);
    int64_t (*uptime)(char boot[EVTWIN__BOOT_SIZE]);
};

extern const evtwin__store_backend evtwin__store_sqlite, evtwin__store_postgres;

#endif
