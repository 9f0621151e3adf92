/* SPDX-License-Identifier: MIT */
/* store/store_postgres_write.c: insert telemetry, write predictions, keep dead letters. */

#include "core/crash_site.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/utf8.h"
#include "store/store_postgres_writing.h"

#include <string.h>

enum { MAX_TRIES = 3 };

/* ---- insert ---- */

/* What an insert is about. */
typedef struct insertion {
    const evtwin__rows *rows;
    const char *source, *position;
} insertion;

#define INTO_POSITION "INSERT INTO ev_position (source, position) VALUES ("
#define OR_UPDATE ") ON CONFLICT (source) DO UPDATE SET position = excluded.position"

static void add_position(const insertion *in, evtwin__pg_params *params) {
    evtwin__postgres_add_source(params, in->source);
    evtwin__pg_add_text(params, in->position);
}

static evtwin_status put_position(evtwin__pg *pg, const insertion *in) {
    evtwin__pg_params params = {.n = 0};
    add_position(in, &params);
    const evtwin_status st = evtwin__pg_query(pg, INTO_POSITION "$1, $2" OR_UPDATE, &params, NULL);
    evtwin__pg_params_free(&params);
    return st;
}

static void put_quoted(evtwin__text *sql, const evtwin__text *value) {
    sql->is_failed |= value->is_failed;
    evtwin__text_put(sql, "E'");
    for (size_t i = 0; i < value->size; i++) {
        const char c = value->data[i];
        evtwin__text_add(sql, &c, 1);
        evtwin__text_add(sql, &c, c == '\'' || c == '\\');
    }
    evtwin__text_put(sql, "'");
}

/* The same as a statement without parameters, to go along with others; nothing without a position.
 */
static evtwin_status say_position(const insertion *in, evtwin__text *sql) {
    evtwin__pg_params params = {.n = 0};
    if (in->source == NULL) {
        return EVTWIN_OK;
    }
    add_position(in, &params);
    evtwin__text_put(sql, INTO_POSITION);
    put_quoted(sql, &params.param[0].bytes);
    evtwin__text_put(sql, ", ");
    put_quoted(sql, &params.param[1].bytes);
    evtwin__text_put(sql, OR_UPDATE "; ");
    evtwin__text_add(sql, "", 1);
    evtwin__pg_params_free(&params);
    EVTWIN_FAIL_IF(sql->is_failed, EVTWIN_E_NOMEM, "out of memory for a statement");
    return EVTWIN_OK;
}

/* How its rows get in: AT_ONCE is straight, with the COMMIT behind the rows where nothing else
 * seems to have to be written. */
typedef enum way { AT_ONCE, STRAIGHT, MERGING } way;

/* Straight into the table. */
static evtwin_status insert_straight(postgres_writing *w, const insertion *in, int may_end,
                                     evtwin_insert_report *report) {
    evtwin__text along = {.size = 0};
    if (w->rows->binding.rows == 0) {
        return evtwin__postgres_writing_begin(w, 0);
    }
    report->n_inserted = w->rows->binding.rows;
    evtwin_status st = may_end ? say_position(in, &along) : EVTWIN_OK;
    w->along = along.data;
    st = st < 0 ? st : evtwin__postgres_begin_and_copy(w, may_end);
    evtwin__text_free(&along);
    w->along = NULL;
    return st;
}

/* By way of a temporary table. */
static evtwin_status insert_merging(postgres_writing *w, evtwin_insert_report *report) {
    EVTWIN_TRY(evtwin__postgres_writing_begin(w, 1));
    return evtwin__postgres_merge_rows(w, report);
}

static evtwin_status put_others(postgres_writing *w, const insertion *in) {
    EVTWIN_TRY(evtwin__postgres_writing_batteries(w));
    EVTWIN_TRY(in->source != NULL ? put_position(w->s->pg, in) : EVTWIN_OK);
    EVTWIN__CRASH_SITE("postgres.before_commit");
    return EVTWIN_OK;
}

/* All in one transaction. EVTWIN_DONE: go STRAIGHT. */
static evtwin_status insert_once(postgres_store *s, const insertion *in, way how,
                                 evtwin_insert_report *report) {
    postgres_writing w;
    evtwin_status st = evtwin__postgres_writing_open(&w, s, in->rows);
    EVTWIN__CRASH_SITE("postgres.before_copy");
    if (st >= 0) {
        st = how == MERGING ? insert_merging(&w, report)
                            : insert_straight(&w, in, how == AT_ONCE, report);
    }
    if (st >= 0 && !w.ends_itself) {
        st = put_others(&w, in);
    }
    st = evtwin__postgres_writing_end(&w, st);
    if (st >= 0) {
        EVTWIN__CRASH_SITE("postgres.after_commit");
    }
    return w.has_news && st < 0 ? EVTWIN_DONE : st;
}

/* Two that wait for each other: the server ended this one, and it may go again at once. */
static int is_deadlock(const evtwin__pg *pg) {
    const char *state = evtwin__pg_sqlstate(pg);
    return strcmp(state, "40P01") == 0 || strcmp(state, "40001") == 0;
}

/* Most batches are new: those that are not are met by the key, and redone. */
static evtwin_status insert_or_merge(postgres_store *s, const insertion *in,
                                     evtwin_insert_report *report) {
    const evtwin_insert_report none = *report;
    evtwin_status st = insert_once(s, in, AT_ONCE, report);
    if (st == EVTWIN_DONE) {
        st = insert_once(s, in, STRAIGHT, report);
    }
    if (st >= 0 || !evtwin__pg_is_duplicate(s->pg)) {
        return st;
    }
    *report = none;
    return insert_once(s, in, MERGING, report);
}

evtwin_status evtwin__postgres_insert(evtwin_store *store, const evtwin__rows *rows,
                                      const char *source, const char *position,
                                      evtwin_insert_report *report) {
    postgres_store *s = (postgres_store *)store;
    const insertion in = {rows, source, position};
    EVTWIN_TRY(store->options.shares_batteries ? EVTWIN_OK
                                               : evtwin__postgres_lock_batteries(s, rows));
    const evtwin_insert_report none = *report;
    evtwin_status st;
    int n_tries = 0;
    while ((st = insert_or_merge(s, &in, report)) == EVTWIN_E_AGAIN && is_deadlock(s->pg) &&
           ++n_tries < MAX_TRIES) {
        *report = none;
    }
    if (st >= 0) {
        evtwin__postgres_expire_some(s, &rows->binding);
    }
    return st;
}

/* ---- predictions ---- */

/* Of equal keys the last one. The times bound which chunks of a hypertable are looked into. */
static const char predict_sql[] =
    "UPDATE ev_telemetry AS t SET @assignments, revision = $4::bigint + s.n, status = @status"
    " FROM (SELECT DISTINCT ON (battery_id, time, seq) *,"
    " count(*) OVER (PARTITION BY battery_id, time, seq) AS copies"
    " FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], @arrays) WITH ORDINALITY"
    " AS v (battery_id, time, seq, @predictions, n) ORDER BY battery_id, time, seq, n DESC) AS s"
    " WHERE t.battery_id = s.battery_id AND t.time = s.time AND t.seq = s.seq"
    " AND t.time >= $5::timestamptz AND t.time <= $6::timestamptz RETURNING s.n, s.copies";

static void push_value(evtwin__pg_params *params, size_t array, size_t q,
                       const evtwin__value *value) {
    if (!value->is_present) {
        evtwin__pg_push_null(params, array);
    } else if (evtwin__schema[q].type == EVTWIN_F64) {
        evtwin__pg_push_f64(params, array, value->f64);
    } else if (evtwin__schema[q].type == EVTWIN_TEXT) {
        evtwin__pg_push_text(params, array, value->text);
    } else {
        evtwin__pg_push_i64(params, array, value->i64);
    }
}

static evtwin__pg_type array_type(size_t q) {
    switch (evtwin__schema[q].type) {
    case EVTWIN_F64:
        return EVTWIN__PG_F64;
    case EVTWIN_TEXT:
        return EVTWIN__PG_TEXT;
    case EVTWIN_TIME:
        return EVTWIN__PG_TIME;
    default:
        return EVTWIN__PG_I64;
    }
}

/* The parameters of predict_sql: keys, the revision before the first, first and last time,
 * predictions. */
static evtwin_status fill_params(const postgres_writing *w, evtwin__pg_params *params) {
    static const size_t keys[] = {EVTWIN__Q_BATTERY_ID, EVTWIN__Q_TIME, EVTWIN__Q_SEQ};
    const evtwin__binding *rows = &w->rows->binding;
    size_t q_of[EVTWIN__PG_MAX_PARAMS], n = 0;
    for (; n < 3; n++) {
        q_of[evtwin__pg_add_array(params, array_type(keys[n]))] = keys[n];
    }
    evtwin__pg_add_i64(params, w->revision - 1);
    evtwin__postgres_add_bounds(w, params);
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (evtwin__is_of(q, EVTWIN__PREDICTIONS)) {
            q_of[evtwin__pg_add_array(params, array_type(q))] = q;
        }
    }
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    for (size_t i = 0; i < rows->rows; i++) {
        EVTWIN_TRY(evtwin__rows_get(w->rows, i, value));
        value[EVTWIN__Q_PREDICTION_TIMESTAMP] = (evtwin__value){.is_present = 1, .i64 = w->now_us};
        for (size_t k = 0; k < params->n; k++) {
            if (params->param[k].is_array) {
                push_value(params, k, q_of[k], &value[q_of[k]]);
            }
        }
    }
    return EVTWIN_OK;
}

/* The rows that the statement has found, in the order of the batch. */
static evtwin_status note_found(postgres_writing *w, const evtwin__pg_result *result, char *found,
                                size_t *n_out) {
    for (size_t k = 0; k < evtwin__pg_rows(result); k++) {
        int64_t n = 0, copies = 0;
        evtwin__pg_i64(result, k, 0, &n);
        evtwin__pg_i64(result, k, 1, &copies);
        found[n - 1] = 1;
        *n_out += (size_t)copies;
    }
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    for (size_t i = 0; i < w->rows->binding.rows; i++) {
        if (found[i]) {
            EVTWIN_TRY(evtwin__rows_get(w->rows, i, value));
            evtwin__postgres_writing_note(w, i, value, EVTWIN__ROW_PREDICTED);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status predict(postgres_writing *w, size_t *n_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_result *result = NULL;
    char *found = evtwin__calloc(w->rows->binding.rows, 1);
    evtwin_status st = found != NULL ? fill_params(w, &params)
                                     : evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu rows",
                                                    w->rows->binding.rows);
    if (st >= 0 && (st = evtwin__postgres_run(w, predict_sql, &params, &result)) >= 0) {
        st = note_found(w, result, found, n_out);
    }
    evtwin__pg_result_free(result);
    evtwin__pg_params_free(&params);
    evtwin__free(found);
    return st < 0 ? st : evtwin__postgres_writing_batteries(w);
}

static evtwin_status predict_once(postgres_store *s, const evtwin__rows *rows,
                                  const evtwin_table *states, size_t *n_updated_out) {
    postgres_writing w;
    size_t n_updated = 0;
    evtwin_status st = evtwin__postgres_writing_open(&w, s, rows);
    st = st < 0 ? st : evtwin__postgres_writing_begin(&w, 1);
    if (st >= 0 && rows->binding.rows > 0) {
        st = predict(&w, &n_updated);
    }
    if (st >= 0 && states != NULL) {
        st = evtwin__postgres_keep_rows(s->pg, EVTWIN__KEPT_STATES, states);
    }
    if (st >= 0) {
        EVTWIN__CRASH_SITE("postgres.before_predictions_commit");
    }
    EVTWIN_TRY(evtwin__postgres_writing_end(&w, st));
    EVTWIN__CRASH_SITE("postgres.after_predictions_commit");
    *n_updated_out = n_updated;
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_put_predictions(evtwin_store *store, const evtwin__rows *rows,
                                               const evtwin_table *states, size_t *n_updated_out) {
    postgres_store *s = (postgres_store *)store;
    evtwin_status st;
    int n_tries = 0;
    while ((st = predict_once(s, rows, states, n_updated_out)) == EVTWIN_E_AGAIN &&
           is_deadlock(s->pg) && ++n_tries < MAX_TRIES) {
    }
    return st;
}

/* ---- dead letters ---- */

/* Whatever was read of a stranger's record: what is not UTF-8 becomes U+FFFD. */
static void push_letter_text(evtwin__pg_params *params, size_t array, const char *text) {
    const size_t length = strlen(text);
    if (evtwin__utf8_is_valid(text, length)) {
        evtwin__pg_push_text(params, array, text);
        return;
    }
    evtwin__text valid = {.size = 0};
    for (size_t i = 0, n; i < length; i += n) {
        n = evtwin__utf8_length(text + i, length - i);
        evtwin__text_add(&valid, n > 0 ? text + i : "\xef\xbf\xbd", n > 0 ? n : 3);
        n = n > 0 ? n : 1;
    }
    evtwin__text_add(&valid, "", 1);
    evtwin__pg_push_text(params, array, valid.is_failed ? "" : valid.data);
    evtwin__text_free(&valid);
}

static evtwin_status forget_letters(evtwin__pg *pg) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_i64(&params, EVTWIN__MAX_LETTERS);
    const evtwin_status st =
        evtwin__pg_query(pg,
                         "DELETE FROM ev_dead_letter"
                         " WHERE id <= (SELECT max(id) FROM ev_dead_letter) - $1::bigint",
                         &params, NULL);
    evtwin__pg_params_free(&params);
    return st;
}

evtwin_status evtwin__postgres_put_letters(evtwin_store *store, const evtwin_letter *letters,
                                           size_t n) {
    static const evtwin__pg_type types[] = {EVTWIN__PG_TIME, EVTWIN__PG_TEXT, EVTWIN__PG_TEXT,
                                            EVTWIN__PG_TEXT, EVTWIN__PG_TEXT, EVTWIN__PG_BYTES};
    evtwin__pg *pg = ((postgres_store *)store)->pg;
    evtwin__pg_params params = {.n = 0};
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        evtwin__pg_add_array(&params, types[k]);
    }
    for (size_t i = 0; i < n; i++) {
        evtwin__pg_push_i64(&params, 0, letters[i].received_us);
        push_letter_text(&params, 1, letters[i].source);
        push_letter_text(&params, 2, letters[i].place);
        evtwin__pg_push_text(&params, 3, evtwin_status_name(letters[i].status));
        push_letter_text(&params, 4, letters[i].reason);
        evtwin__pg_push_bytes(&params, 5, letters[i].raw_size > 0 ? letters[i].raw : "",
                              letters[i].raw_size);
    }
    evtwin_status st = evtwin__pg_begin(pg, "");
    if (st >= 0) {
        st = evtwin__pg_query(pg,
                              "INSERT INTO ev_dead_letter (received_at, source, place, status,"
                              " reason, raw) SELECT * FROM unnest($1::timestamptz[], $2::text[],"
                              " $3::text[], $4::text[], $5::text[], $6::bytea[])",
                              &params, NULL);
        st = evtwin__pg_end(pg, st < 0 ? st : forget_letters(pg));
    }
    evtwin__pg_params_free(&params);
    return st;
}
