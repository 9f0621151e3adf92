/* SPDX-License-Identifier: MIT */
/* core/csv_pieces.c: a whole CSV file, so many rows at a time. */

#include "core/csv_pieces.h"

#include "core/csv_plan.h"
#include "core/mem.h"
#include "core/percent.h"
#include "core/status.h"
#include "core/table.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* What the rows so far say of a column that only all of its values decide. */
typedef struct column {
    evtwin__percent percent;
    size_t other_row; /* data row, from 1, of a number that is neither 0 nor 1; 0 = none */
    double other;
} column;

struct evtwin__csv_pieces {
    evtwin_csv *csv;  /* borrowed */
    column *column;   /* (csv->n_targets) */
    size_t rows;      /* read so far */
    size_t head_line; /* of the first record */
};

evtwin_status evtwin__csv_pieces_begin(evtwin_csv *csv, evtwin__csv_pieces **out,
                                       evtwin_table **table_out) {
    EVTWIN_FAIL_IF(csv->is_read, EVTWIN_E_STATE, "%s has been read", csv->scan.name);
    evtwin__csv_pieces *p = evtwin__calloc(1, sizeof *p);
    column *columns = evtwin__calloc(csv->n_targets, sizeof *columns);
    evtwin_status st = EVTWIN_OK;
    if (p == NULL || columns == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "%s: no memory for %zu columns", csv->scan.name,
                          csv->n_targets);
    } else if ((st = evtwin__csv_plan_table(csv)) >= 0) {
        csv->is_read = 1;
        csv->scan.keeps_all = 0; /* nothing is read twice */
        *p = (evtwin__csv_pieces){.csv = csv, .column = columns, .head_line = csv->scan.line};
        *table_out = csv->table;
        *out = p;
        csv->table = NULL;
        return EVTWIN_OK;
    }
    evtwin_table_free(csv->table);
    csv->table = NULL;
    evtwin__free(columns);
    evtwin__free(p);
    return st;
}

void evtwin__csv_pieces_free(evtwin__csv_pieces *pieces) {
    if (pieces != NULL) {
        evtwin__free(pieces->column);
        evtwin__free(pieces);
    }
}

/* A column of numbers whose first text came now cannot be read again from its start. */
static evtwin_status settle_turned(const evtwin__csv_pieces *p, evtwin__csv_target *target,
                                   evtwin_table *table) {
    if (!target->is_turned || evtwin_table_type(table, target->col) == EVTWIN_TEXT) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(!target->is_lenient, EVTWIN_E_PARSE,
                   "%s: column '%.100s' begins with numbers and has text before line %zu: name it "
                   "in text_columns, or leave it out",
                   p->csv->scan.name, target->name, p->csv->scan.line);
    return evtwin__table_retype(table, target->col, EVTWIN_TEXT);
}

/* Numbers of a column that also has true or false. */
static void look_for_others(const evtwin__csv_pieces *p, column *c, const double *value,
                            size_t rows) {
    for (size_t row = 0; value != NULL && row < rows && c->other_row == 0; row++) {
        if (!isnan(value[row]) && value[row] != 0.0 && value[row] != 1.0) {
            c->other_row = p->rows + row + 1;
            c->other = value[row];
        }
    }
}

static evtwin_status look_at_rows(const evtwin__csv_pieces *p, size_t first, evtwin_table *table) {
    const size_t rows = evtwin_table_rows(table) - first;
    for (size_t i = 0; i < p->csv->n_targets; i++) {
        evtwin__csv_target *target = &p->csv->target[i];
        if (target->kind == EVTWIN__CSV_SKIP && !target->is_turned) {
            continue;
        }
        const double *v = evtwin_table_f64(table, target->col);
        if (evtwin__csv_needs_scale(target) && v != NULL) {
            evtwin__percent_add(&p->column[i].percent, v + first, rows);
        }
        if (target->takes_words && v != NULL) {
            look_for_others(p, &p->column[i], v + first, rows);
        }
        EVTWIN_TRY(settle_turned(p, target, table));
    }
    return EVTWIN_OK;
}

/* What the columns are as a whole. */
static evtwin_status check_columns(const evtwin__csv_pieces *p) {
    EVTWIN_FAIL_IF(p->rows == 0, EVTWIN_E_DATA, "%s has a header and no rows", p->csv->scan.name);
    for (size_t i = 0; i < p->csv->n_targets; i++) {
        const evtwin__csv_target *target = &p->csv->target[i];
        const column *c = &p->column[i];
        if (evtwin__csv_needs_scale(target)) {
            EVTWIN_TRY(evtwin__percent_check(&c->percent, p->csv->scan.name, target->name,
                                             target->quantity));
        }
        EVTWIN_FAIL_IF(target->has_words && c->other_row > 0, EVTWIN_E_PARSE,
                       "%s: column '%.100s' has true or false and, in data row %zu, %g",
                       p->csv->scan.name, target->name, c->other_row, c->other);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_pieces_next(evtwin__csv_pieces *p, size_t max_rows, evtwin_table *table) {
    evtwin_csv *r = p->csv;
    const size_t first = evtwin_table_rows(table);
    r->table = table;
    r->row = first;
    const evtwin_status st = evtwin__csv_records_read(r, max_rows);
    const size_t last = r->row;
    r->table = NULL;
    EVTWIN_TRY(st);
    EVTWIN_TRY(evtwin_table_resize(table, last));
    EVTWIN_TRY(look_at_rows(p, first, table));
    p->rows += last - first;
    if (last > first) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(check_columns(p));
    return EVTWIN_DONE;
}

size_t evtwin__csv_pieces_line_of(const evtwin__csv_pieces *p, size_t row) {
    return p->csv->scan.line == p->head_line + p->rows ? p->head_line + row : 0;
}

double evtwin__csv_pieces_share(const evtwin__csv_pieces *p) {
    const evtwin__csv_scan *scan = &p->csv->scan;
    const off_t at = scan->file_size > 0 ? lseek(scan->fd, 0, SEEK_CUR) : -1;
    return at < scan->start ? -1.0 : (double)(at - scan->start) / (double)scan->file_size;
}

const char *evtwin__csv_pieces_name(const evtwin__csv_pieces *p) {
    return p->csv->scan.name;
}
