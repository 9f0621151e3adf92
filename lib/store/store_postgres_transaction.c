/* SPDX-License-Identifier: MIT */
/* store/store_postgres_transaction.c: a transaction that writes rows: how it begins and ends, and
 * what is written of batteries beside their rows. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <math.h>
#include <string.h>

/* Where revisions begin, what time it is, and the limits in force. Prepared in SQL, so that it can
 * be a part of a string of statements. */
static const char prepare_sql[] =
    "PREPARE evtwin_begin AS SELECT pg_current_xact_id()::text, " POSTGRES_FIRST_REVISION
    "::text, (extract(epoch FROM now()) * 1000000)::bigint::text, t.quantity, t.level, t.operator,"
    " t.\"limit\"::text, t.kind FROM ev_revision LEFT JOIN ev_threshold AS t"
    " ON t.kind <> 'display' ORDER BY t.rowid";
static const char begin_sql[] = "BEGIN; " POSTGRES_LOCK_ROWS "; EXECUTE evtwin_begin";

evtwin_status evtwin__postgres_prepare_writing(evtwin__pg *pg) {
    return evtwin__pg_exec(pg, prepare_sql);
}

static int64_t number_of(const evtwin__pg_result *result, size_t row, size_t col) {
    const char *text = evtwin__pg_text(result, row, col);
    int64_t value = 0;
    if (text != NULL) {
        evtwin__parse_i64(text, strlen(text), &value);
    }
    return value;
}

static void take_limits(postgres_writing *w, const evtwin__pg_result *result) {
    for (size_t i = 0; i < evtwin__pg_rows(result); i++) {
        const char *kind = evtwin__pg_text(result, i, 7), *text = evtwin__pg_text(result, i, 6);
        double limit = NAN;
        if (kind != NULL && text != NULL && evtwin__parse_f64(text, strlen(text), &limit)) {
            evtwin__limits_add(&w->limits, evtwin__pg_text(result, i, 3),
                               evtwin__pg_text(result, i, 4), evtwin__pg_text(result, i, 5), limit,
                               strcmp(kind, "alert") == 0);
        }
    }
}

/* With the answer to begin_sql, which is freed. */
static evtwin_status prepare(postgres_writing *w, evtwin__pg_result *result) {
    const size_t n = evtwin__pg_rows(result);
    if (n > 0) {
        w->xid = number_of(result, 0, 0);
        w->revision = number_of(result, 0, 1);
        w->now_us = number_of(result, 0, 2);
        take_limits(w, result);
    }
    evtwin__pg_result_free(result);
    EVTWIN_FAIL_IF(n == 0, EVTWIN_E_CORRUPT, "%s: ev_revision has lost its row",
                   evtwin__pg_name(w->s->pg));
    if (w->s->base.now != evtwin_time_now) {
        w->now_us = w->s->base.now(); /* turned by a test */
    }
    w->s->known.clock_us = w->now_us - evtwin__monotonic_us();
    EVTWIN_TRY(evtwin__judge_create(&w->limits, w->rows, &w->judge));
    return evtwin__postgres_judge_begin(w);
}

evtwin_status evtwin__postgres_writing_open(postgres_writing *w, postgres_store *s,
                                            const evtwin__rows *rows) {
    static const size_t most = (size_t)1 << POSTGRES_REVISION_SHIFT;
    *w =
        (postgres_writing){.s = s,
                           .rows = rows,
                           .n_ids = evtwin_table_dict_size(
                               rows->binding.table, rows->binding.bound[EVTWIN__Q_BATTERY_ID].col)};
    w->standing = evtwin__calloc(w->n_ids + 1, sizeof *w->standing);
    EVTWIN_FAIL_IF(w->standing == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries",
                   w->n_ids);
    EVTWIN_FAIL_IF(rows->binding.rows > most, EVTWIN_E_RANGE,
                   "%s: a batch of %zu rows is too large for a transaction, which has revisions for"
                   " %zu: write it in parts",
                   evtwin__pg_name(s->pg), rows->binding.rows, most);
    EVTWIN_TRY(evtwin__postgres_find_batteries(w));
    evtwin__postgres_look_at_known(w);
    return EVTWIN_OK;
}

evtwin_status evtwin__postgres_writing_begin(postgres_writing *w, int locks_first) {
    evtwin__pg_result *result = NULL;
    w->locks_first = locks_first;
    EVTWIN_TRY(evtwin__pg_script(w->s->pg, begin_sql, &result));
    return prepare(w, result);
}

evtwin_status evtwin__postgres_writing_begin_copy(postgres_writing *w, const char *copy_sql,
                                                  const evtwin__pg_type *type, size_t n_columns) {
    evtwin__pg_result *result = NULL;
    evtwin__text sql = {.size = 0};
    evtwin__text_put(&sql, begin_sql);
    evtwin__text_put(&sql, "; ");
    evtwin__text_put(&sql, w->ends_itself && w->along != NULL ? w->along : "");
    evtwin__text_put(&sql, copy_sql);
    evtwin__text_put(&sql, w->ends_itself ? "; COMMIT" : "");
    evtwin__text_add(&sql, "", 1);
    evtwin_status st =
        sql.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a statement")
                      : evtwin__pg_copy_begin_after(w->s->pg, sql.data, type, n_columns, &result);
    evtwin__text_free(&sql);
    EVTWIN_TRY(st);
    st = prepare(w, result);
    return st < 0 ? evtwin__pg_copy_end(w->s->pg, st) : EVTWIN_OK;
}

evtwin_status evtwin__postgres_writing_end(postgres_writing *w, evtwin_status st) {
    st = st >= 0 && w->ends_itself ? EVTWIN_OK : evtwin__pg_end(w->s->pg, st);
    if (st < 0) {
        evtwin__postgres_forget_known(w->s);
    }
    evtwin__judge_free(w->judge);
    evtwin__free(w->batteries.row);
    evtwin__free(w->standing);
    return st;
}

void evtwin__postgres_writing_note(postgres_writing *w, size_t i, const evtwin__value *value,
                                   evtwin__row_event event) {
    evtwin__judge_row(w->judge, i, value, event);
    if (!evtwin__row_is_predicted(value)) {
        return;
    }
    const evtwin__binding *rows = &w->rows->binding;
    const size_t col = rows->bound[EVTWIN__Q_BATTERY_ID].col;
    postgres_standing *standing = &w->standing[evtwin_table_codes(rows->table, col)[i]];
    const int64_t time_us = value[EVTWIN__Q_TIME].i64, seq = value[EVTWIN__Q_SEQ].i64;
    if (!standing->is_there || time_us > standing->time_us ||
        (time_us == standing->time_us && seq > standing->seq)) {
        *standing = (postgres_standing){1, time_us, seq};
    }
}

/* The latest prediction of each battery. */
static evtwin_status put_standing(postgres_writing *w) {
    static const char sql[] =
        "INSERT INTO ev_battery AS b (battery_id, predicted_time, predicted_seq)"
        " SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) ORDER BY 1"
        " ON CONFLICT (battery_id) DO UPDATE SET predicted_time = excluded.predicted_time,"
        " predicted_seq = excluded.predicted_seq WHERE (b.predicted_time, b.predicted_seq) <"
        " (excluded.predicted_time, excluded.predicted_seq)";
    evtwin__pg_params params = {.n = 0};
    const size_t id = evtwin__pg_add_array(&params, EVTWIN__PG_TEXT);
    const size_t time = evtwin__pg_add_array(&params, EVTWIN__PG_TIME);
    const size_t seq = evtwin__pg_add_array(&params, EVTWIN__PG_I64);
    const evtwin__binding *rows = &w->rows->binding;
    size_t n = 0;
    for (size_t code = 0; code < w->n_ids; code++) {
        if (w->standing[code].is_there) {
            evtwin__pg_push_text(&params, id,
                                 evtwin_table_dict_text(rows->table,
                                                        rows->bound[EVTWIN__Q_BATTERY_ID].col,
                                                        (int32_t)code));
            evtwin__pg_push_i64(&params, time, w->standing[code].time_us);
            evtwin__pg_push_i64(&params, seq, w->standing[code].seq);
            n++;
        }
    }
    const evtwin_status st = n > 0 ? evtwin__pg_query(w->s->pg, sql, &params, NULL) : EVTWIN_OK;
    evtwin__pg_params_free(&params);
    return st;
}

evtwin_status evtwin__postgres_writing_batteries(postgres_writing *w) {
    EVTWIN_TRY(
        evtwin__postgres_judge_end(w)); /* health first, as whoever predicts locks it first */
    return put_standing(w);
}
