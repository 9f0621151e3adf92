/* SPDX-License-Identifier: MIT */
/* stream/record.c: a table's rows as telemetry records. */

#include "stream/record.h"

#include "core/status.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    evtwin_type type;
} predictions[EVTWIN__RECORD_PREDICTIONS] = {
    {"rul_prediction", EVTWIN_F64},
    {"failure_probability", EVTWIN_F64},
    {"model_version", EVTWIN_TEXT},
    {"prediction_note", EVTWIN_TEXT},
};

static void add_field(evtwin__record *r, const evtwin_quantity *q) {
    assert(r->n_fields < EVTWIN__RECORD_MAX_FIELDS);
    r->field[r->n_fields++] = (evtwin__field){.name = q->name,
                                              .json_key = q->json_key,
                                              .unit = q->unit,
                                              .json_key_length = strlen(q->json_key),
                                              .type = q->type,
                                              .col = EVTWIN_NO_COLUMN,
                                              .factor = 1.0,
                                              .min = q->min,
                                              .max = q->max};
}

void evtwin__record_init(evtwin__record *record) {
    record->table = NULL;
    record->n_fields = 0;
    record->n_quantities = 0;
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        evtwin_quantity q;
        evtwin_quantity_get(i, &q, sizeof q);
        if (q.kind == EVTWIN_KIND_TELEMETRY) {
            add_field(record, &q);
            record->n_quantities++;
        }
    }
    for (size_t i = 0; i < EVTWIN__RECORD_PREDICTIONS; i++) {
        const evtwin_quantity q = {.name = predictions[i].name,
                                   .json_key = predictions[i].name,
                                   .unit = "",
                                   .type = predictions[i].type,
                                   .min = NAN,
                                   .max = NAN};
        add_field(record, &q);
    }
}

/* Telemetry tables have their columns in our order: look there before searching. */
static size_t find_column(const evtwin_table *table, const evtwin__record *r, size_t i) {
    const char *name = r->field[i].name;
    if (strcmp(evtwin_table_name(table, i), name) == 0) {
        return i;
    }
    return i < r->n_quantities ? evtwin_telemetry_find(table, name)
                               : evtwin_table_find(table, name);
}

/* Our name and our unit need no look into the schema: a record of one row is bound, too. */
static int is_ours(const evtwin_table *table, const evtwin__field *f, size_t col) {
    const char *tag = evtwin_table_unit(table, col);
    return strcmp(evtwin_table_name(table, col), f->name) == 0 &&
           (tag[0] == '\0' || strcmp(tag, f->unit) == 0);
}

static evtwin_status bind_field(const evtwin_table *table, evtwin__field *f, size_t col) {
    const evtwin_status st =
        is_ours(table, f, col) ? EVTWIN_OK : evtwin_telemetry_factor(table, col, &f->factor);
    if (st < 0) {
        return st;
    }
    f->col = col;
    f->f64 = evtwin_table_f64(table, col);
    f->i64 = evtwin_table_i64(table, col);
    f->validity = f->f64 == NULL ? evtwin_table_validity(table, col) : NULL;

    /* power in a naming that gives it a direction; ours is absolute */
    f->is_absolute = f->factor < 0.0 && f->min == 0.0;
    return EVTWIN_OK;
}

evtwin_status evtwin__record_bind(const evtwin_table *table, evtwin__record *record) {
    evtwin__record_init(record);
    record->table = table;
    for (size_t i = 0; i < record->n_fields; i++) {
        const size_t col = find_column(table, record, i);
        if (col == EVTWIN_NO_COLUMN) {
            continue;
        }
        const evtwin_status st = bind_field(table, &record->field[i], col);
        if (st < 0) {
            return st;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const evtwin__field *f = &record->field[i];
        if (f->col == EVTWIN_NO_COLUMN || evtwin_table_type(table, f->col) != f->type) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "no column holds %s%s", f->name,
                        f->col != EVTWIN_NO_COLUMN ? " in a usable form" : "");
        }
    }
    return EVTWIN_OK;
}

int evtwin__record_has_predictions(const evtwin__record *record) {
    for (size_t i = record->n_quantities; i < record->n_fields; i++) {
        if (record->field[i].col != EVTWIN_NO_COLUMN) {
            return 1;
        }
    }
    return 0;
}

static int get_f64(const evtwin__record *r, const evtwin__field *f, size_t row, double *out) {
    const double theirs = f->f64 != NULL ? f->f64[row] : evtwin_table_number(r->table, f->col, row);
    const double v = f->factor * theirs;
    *out = f->is_absolute ? fabs(v) : v;
    return !isnan(v);
}

static int get_i64(const evtwin__record *r, const evtwin__field *f, size_t row, int64_t *out) {
    if (f->i64 != NULL) {
        *out = f->i64[row];
        return f->validity == NULL || (f->validity[row / 8] >> (row % 8) & 1) != 0;
    }

    /* a count of another maker may have a fraction: ours is the floor */
    double v;
    if (!get_f64(r, f, row, &v) || !(fabs(v) < 0x1p63)) {
        return 0;
    }
    *out = (int64_t)floor(v);
    return 1;
}

int evtwin__record_get(const evtwin__record *record, const evtwin__field *field, size_t row,
                       evtwin__value *out) {
    if (field->col == EVTWIN_NO_COLUMN) {
        return 0;
    }
    switch (field->type) {
    case EVTWIN_F64:
        return get_f64(record, field, row, &out->f64);
    case EVTWIN_I64:
    case EVTWIN_TIME:
        return get_i64(record, field, row, &out->i64);
    case EVTWIN_BOOL: {
        const double v = evtwin_table_number(record->table, field->col, row);
        out->i64 = v != 0.0;
        return !isnan(v);
    }
    case EVTWIN_TEXT:
        out->text = evtwin_table_text(record->table, field->col, row);
        return out->text != NULL;
    default:
        return 0;
    }
}

evtwin_status evtwin__record_check_row(const evtwin__record *record, size_t row) {
    evtwin__value v;
    for (size_t i = 0; i < 2; i++) {
        const evtwin__field *f = &record->field[i];
        if (!evtwin__record_get(record, f, row, &v)) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "row %zu has no %s", row + 1, f->name);
        }
        if (f->type == EVTWIN_TEXT && !evtwin_battery_id_is_valid(v.text)) {
            EVTWIN_FAIL(EVTWIN_E_ARG,
                        "row %zu: '%.60s' is no battery id (1 to 50 of A-Z a-z 0-9 . _ : -)",
                        row + 1, v.text);
        }
    }
    return EVTWIN_OK;
}

/* One field of rows first to first + n - 1 to the column of its name, from row at on. */
static evtwin_status append_field(const evtwin__record *r, const evtwin__field *f, size_t first,
                                  size_t n, evtwin_table *to, size_t at) {
    const size_t col = evtwin_table_find(to, f->name);
    if (col == EVTWIN_NO_COLUMN || evtwin_table_type(to, col) != f->type) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "the table to append to has no telemetry column '%s'",
                    f->name);
    }
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < n && st == EVTWIN_OK; i++) {
        evtwin__value v;
        if (!evtwin__record_get(r, f, first + i, &v)) {
            continue; /* new rows are missing until they are set */
        }
        switch (f->type) {
        case EVTWIN_F64:
            st = evtwin_table_set_f64(to, col, at + i, v.f64);
            break;
        case EVTWIN_I64:
        case EVTWIN_TIME:
            st = evtwin_table_set_i64(to, col, at + i, v.i64);
            break;
        case EVTWIN_BOOL:
            st = evtwin_table_set_bool(to, col, at + i, v.i64 != 0);
            break;
        case EVTWIN_TEXT:
            st = evtwin_table_set_text(to, col, at + i, v.text);
            break;
        }
    }
    return st;
}

evtwin_status evtwin__record_append(const evtwin__record *record, size_t first, size_t n,
                                    int with_predictions, evtwin_table *to) {
    const size_t at = evtwin_table_rows(to);
    evtwin_status st = evtwin_table_resize(to, at + n);
    if (st < 0) {
        return st;
    }
    const size_t n_fields = with_predictions ? record->n_fields : record->n_quantities;
    for (size_t i = 0; i < n_fields && st == EVTWIN_OK; i++) {
        st = append_field(record, &record->field[i], first, n, to, at);
    }
    if (st < 0) {
        evtwin_table_resize(to, at); /* shrinking does not fail */
    }
    return st;
}

evtwin_status evtwin__record_table_create(int with_predictions, evtwin_table **out) {
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_telemetry_table_create(&t);
    for (size_t i = 0; i < EVTWIN__RECORD_PREDICTIONS && with_predictions && st == EVTWIN_OK; i++) {
        st = evtwin_table_add_column(t, predictions[i].name, predictions[i].type, NULL, NULL);
    }
    if (st < 0) {
        evtwin_table_free(t);
        return st;
    }
    *out = t;
    return EVTWIN_OK;
}
