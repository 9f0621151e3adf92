/* SPDX-License-Identifier: MIT */
/* store/store_postgres_copy.c: rows on their way into a table by COPY. */

#include "core/crash_site.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

/* When a row that comes with its prediction was predicted: as it says, else now. */
static evtwin__value predicted_at(const postgres_writing *w, const evtwin__value *value) {
    const evtwin__value *at = &value[EVTWIN__Q_PREDICTION_TIMESTAMP];
    if (!evtwin__row_is_predicted(value)) {
        return (evtwin__value){.is_present = 0};
    }
    return at->is_present ? *at : (evtwin__value){.is_present = 1, .i64 = w->now_us};
}

/* What the store itself says of a row. */
static void complete(const postgres_writing *w, size_t i, evtwin__value *value) {
    const evtwin_health status = evtwin__limits_status(&w->limits, value);
    value[EVTWIN__Q_PREDICTION_TIMESTAMP] = predicted_at(w, value);
    value[EVTWIN__Q_STATUS] = (evtwin__value){.is_present = 1, .text = evtwin_health_name(status)};
    value[EVTWIN__Q_CREATED_AT] = (evtwin__value){.is_present = 1, .i64 = w->now_us};
    value[EVTWIN__Q_REVISION] = (evtwin__value){.is_present = 1, .i64 = w->revision + (int64_t)i};
}

/* The columns that are sent: those of which a row has a value, and what the store says itself. One
 * with a default is sent if the caller's table has it, as NULL. */
typedef struct columns {
    size_t n;
    uint8_t q[EVTWIN__Q_COUNT];
    evtwin__pg_type type[EVTWIN__Q_COUNT];
} columns;

static columns columns_of(const postgres_writing *w) {
    const evtwin__rows *rows = w->rows;
    const postgres_schema *schema = &w->s->schema;
    char is_sent[EVTWIN__Q_COUNT] = {[EVTWIN__Q_SEQ] = 1};
    is_sent[EVTWIN__Q_PREDICTION_TIMESTAMP] = (char)rows->has_predictions;
    for (size_t k = 0; k < rows->n_read; k++) {
        is_sent[rows->read[k]] = 1;
    }
    columns c = {.n = 0};
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const int is_bound = rows->binding.bound[q].col != EVTWIN_NO_COLUMN;
        if (is_sent[q] || evtwin__is_of(q, EVTWIN__RECORD) ||
            (is_bound && schema->has_default[q])) {
            c.q[c.n] = (uint8_t)q;
            c.type[c.n++] = schema->column[q];
        }
    }
    return c;
}

static evtwin_status copy_sql(const columns *c, const char *table, evtwin__text *sql) {
    evtwin__sql_say(sql, "COPY %s", table);
    for (size_t k = 0; k < c->n; k++) {
        evtwin__sql_say(sql, "%s%s", k > 0 ? ", " : " (", evtwin__schema[c->q[k]].name);
    }
    evtwin__text_put(sql, ") FROM STDIN (FORMAT binary)");
    evtwin__text_add(sql, "", 1);
    EVTWIN_FAIL_IF(sql->is_failed, EVTWIN_E_NOMEM, "out of memory for a statement");
    return EVTWIN_OK;
}

static evtwin_status put_rows(postgres_writing *w, const columns *c, int is_noted) {
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    for (size_t i = 0; i < w->rows->binding.rows; i++) {
        EVTWIN_TRY(evtwin__rows_get(w->rows, i, value));
        complete(w, i, value);
        EVTWIN_TRY(evtwin__pg_copy_row(w->s->pg, value, c->q));
        if (is_noted) {
            evtwin__postgres_writing_note(w, i, value, EVTWIN__ROW_INSERTED);
        }
        /* of a table without the column it would stay for the next row */
        value[EVTWIN__Q_PREDICTION_TIMESTAMP].is_present = 0;
    }
    return EVTWIN_OK;
}

/* The last moment before COMMIT, which follows the rows. */
static evtwin_status check_calm(postgres_writing *w) {
    w->has_news = evtwin__postgres_has_news(w);
    EVTWIN_FAIL_IF(w->has_news, EVTWIN_E_AGAIN, "the health of batteries has changed");
    EVTWIN__CRASH_SITE("postgres.before_commit");
    return EVTWIN_OK;
}

static evtwin_status copy(postgres_writing *w, const char *table, int is_aside, int is_begun) {
    const columns c = columns_of(w);
    evtwin__text sql = {.size = 0};
    evtwin_status st = copy_sql(&c, table, &sql);
    if (st >= 0) {
        st = is_begun ? evtwin__pg_copy_begin(w->s->pg, sql.data, c.type, c.n)
                      : evtwin__postgres_writing_begin_copy(w, sql.data, c.type, c.n);
    }
    evtwin__text_free(&sql);
    EVTWIN_TRY(st);
    st = put_rows(w, &c, !is_aside);
    return evtwin__pg_copy_end(w->s->pg, st >= 0 && w->ends_itself ? check_calm(w) : st);
}

evtwin_status evtwin__postgres_copy_aside(postgres_writing *w, const char *table) {
    return copy(w, table, 1, 1);
}

evtwin_status evtwin__postgres_begin_and_copy(postgres_writing *w, int may_end) {
    EVTWIN_TRY(w->are_known ? EVTWIN_OK : evtwin__postgres_writing_begin(w, 0));
    w->ends_itself = may_end && evtwin__postgres_expects_no_news(w);
    return copy(w, "ev_telemetry", 0, !w->are_known);
}
