/* SPDX-License-Identifier: MIT */
/* learn/pieces_read.c: a CSV, so many whole batteries at a time, becomes clean rows in a temporary
 * file and what is counted of all of them. */

#include "learn/pieces.h"

#include "core/csv_pieces.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/end_of_life.h"
#include "learn/features.h"
#include "learn/pieces_sample.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct reading {
    evtwin__pieces *p;
    evtwin__csv_pieces *csv;
    const evtwin_target *targets;
    size_t n_targets;
    const evtwin_train_options *options;
    evtwin_table *table; /* what was read and is in no piece yet, … */
    size_t first_row;    /* … from this data row on */
    evtwin__pieces_sample sample;
} reading;

/* ---- where a battery ends ---- */

/* The column that names the battery. */
static evtwin_status find_group(const reading *r, size_t *col_out) {
    const char *name = r->options->group;
    const size_t col = name != NULL ? evtwin__column_find(r->table, name)
                                    : evtwin_telemetry_find(r->table, "battery_id");
    char columns[512];
    EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN && name == NULL, EVTWIN_E_SCHEMA,
                   "%s: no column names the battery, and a single series is not trained in pieces; "
                   "the file has %s",
                   evtwin__csv_pieces_name(r->csv),
                   evtwin__column_list(r->table, columns, sizeof columns));
    EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                   "group column '%s' is absent; the table has %s", name,
                   evtwin__column_list(r->table, columns, sizeof columns));
    *col_out = col;
    return EVTWIN_OK;
}

static int is_same(const evtwin_table *table, size_t col, size_t a, size_t b) {
    const int32_t *code = evtwin_table_codes(table, col);
    const int64_t *integer = evtwin_table_i64(table, col);
    return code != NULL ? code[a] == code[b]
           : integer != NULL
               ? integer[a] == integer[b]
               : evtwin_table_number(table, col, a) == evtwin_table_number(table, col, b);
}

/* The rows before the last battery, which may go on behind them; a row without a name belongs to
 * what is before it. */
static size_t whole_rows(const evtwin_table *table, size_t col) {
    size_t start = evtwin_table_rows(table), named = SIZE_MAX;
    for (size_t row = start; row-- > 0;) {
        if (!evtwin_table_is_valid(table, col, row)) {
            continue;
        }
        if (named != SIZE_MAX && !is_same(table, col, row, named)) {
            break;
        }
        named = start = row;
    }
    return named == SIZE_MAX ? 0 : start;
}

/* ---- batteries ---- */

static evtwin_status make_room(evtwin__pieces *p, size_t n) {
    if (n <= p->capacity) {
        return EVTWIN_OK;
    }
    const size_t capacity = n > 2 * p->capacity ? n : 2 * p->capacity;
    evtwin__pieces_battery *grown = evtwin__realloc(p->battery, capacity, sizeof *grown);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", capacity);
    p->battery = grown;
    p->capacity = capacity;
    return EVTWIN_OK;
}

static evtwin_status fail_torn(const reading *r, const char *name, size_t row) {
    const size_t line = evtwin__csv_pieces_line_of(r->csv, r->first_row + row);
    char where[64];
    snprintf(where, sizeof where, line > 0 ? "line %zu" : "data row %zu",
             line > 0 ? line : r->first_row + row + 1);
    EVTWIN_FAIL(
        EVTWIN_E_DATA,
        "%s: %s: rows of battery '%s' come again after rows of others: in pieces, rows of a "
        "battery must stand together; sort the file by battery, or train it whole",
        evtwin__csv_pieces_name(r->csv), where, name);
}

/* Their names, in the order of their rows. */
static evtwin_status add_names(reading *r, const evtwin__dataset *d) {
    evtwin__pieces *p = r->p;
    const evtwin__groups *g = &d->groups;
    const size_t n_before = p->names.n;
    int32_t last = -1, code;
    for (size_t row = 0; row < d->rows; row++) {
        const int32_t group = g->of_row[row];
        if (group < 0 || group == last) {
            continue;
        }
        last = group;
        const char *name = g->names.text[group];
        const size_t n = p->names.n;
        EVTWIN_TRY(evtwin__dict_intern(&p->names, name, strlen(name), &code));
        if ((size_t)code != n || n != n_before + (size_t)group) {
            return fail_torn(r, name, row);
        }
    }
    return make_room(p, p->names.n);
}

/* ---- rows ---- */

/* What a piece becomes: v (columns, n_ordered) and its batteries. */
typedef struct piece {
    const evtwin_trainer *trainer;
    const evtwin__dataset *data;
    size_t first_row;     /* of the CSV */
    size_t first_battery; /* its number */
    double *v;
    size_t *place; /* (rows) where a row went */
} piece;

static void fill_features(const evtwin__pieces *p, const piece *c) {
    const evtwin__dataset *d = c->data;
    const size_t n = d->groups.n_ordered;
    const int64_t *time_us = evtwin_table_i64(d->table, d->groups.time_col);
    for (size_t k = 0; k < n; k++) {
        const size_t row = d->groups.order[k];
        c->place[row] = k;
        for (size_t i = 0; i < p->cols; i++) {
            c->v[i * n + k] = d->x[row * d->cols + i];
        }
        for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
            c->v[evtwin__pieces_label_col(p, t) * n + k] = NAN;
        }
        c->v[evtwin__pieces_cycles_col(p) * n + k] = d->cycles != NULL ? d->cycles[row] : NAN;
        c->v[evtwin__pieces_time_col(p) * n + k] = time_us != NULL ? (double)time_us[row] : 0.0;
        c->v[evtwin__pieces_row_col(p) * n + k] = (double)(c->first_row + row);
    }
}

static void fill_labels(const evtwin__pieces *p, const piece *c) {
    const size_t n = c->data->groups.n_ordered;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *label = &c->data->label[t];
        for (size_t k = 0; k < label->n; k++) {
            const size_t row = label->row[k];
            c->v[evtwin__pieces_label_col(p, t) * n + c->place[row]] = label->y[row];
        }
    }
}

static void count_row(evtwin__pieces *p, const piece *c, size_t k, evtwin__pieces_battery *b) {
    const size_t n = c->data->groups.n_ordered;
    int is_used = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const double y = c->v[evtwin__pieces_label_col(p, t) * n + k];
        if (!isnan(y)) {
            const int is_event = c->trainer->target[t].kind == EVTWIN_TARGET_EVENT;
            b->use.n[t][is_event && y != 0.0]++;
            is_used = 1;
        }
    }
    b->n++;
    b->n_used += (size_t)is_used;
}

static void fill_batteries(evtwin__pieces *p, const piece *c) {
    const evtwin__groups *g = &c->data->groups;
    memset(p->battery + c->first_battery, 0, g->names.n * sizeof *p->battery);
    for (size_t k = 0; k < g->n_ordered; k++) {
        evtwin__pieces_battery *b = &p->battery[c->first_battery + (size_t)g->of_row[g->order[k]]];
        if (b->n == 0) {
            b->block = p->file.n_blocks;
            b->first = k;
        }
        count_row(p, c, k, b);
    }
    for (size_t b = c->first_battery; b < p->names.n; b++) {
        if (p->battery[b].n == 1) {
            p->first_single = p->n_single++ == 0 ? b : p->first_single;
        }
    }
}

static evtwin_status write_rows(reading *r, const piece *c) {
    evtwin__pieces *p = r->p;
    const size_t n = c->data->groups.n_ordered;
    fill_features(p, c);
    fill_labels(p, c);
    fill_batteries(p, c);
    p->n_ordered += n;
    p->most_rows = n > p->most_rows ? n : p->most_rows;
    return n > 0 ? evtwin__rows_file_append(&p->file, c->v, n) : EVTWIN_OK;
}

/* ---- what is known of all rows ---- */

/* Of the first piece: what the others have too. */
static evtwin_status learn_shape(reading *r, const evtwin__dataset *d) {
    evtwin__pieces *p = r->p;
    evtwin__bundle *keep = &p->trainer->bundle;
    p->cols = d->cols;
    p->has_cycles = d->cycles != NULL;
    p->has_time = d->groups.time_col != EVTWIN_NO_COLUMN;
    p->whole.groups.kind = d->groups.kind;
    p->whole.groups.time_col = p->whole.groups.counter_col = EVTWIN_NO_COLUMN;
    p->whole.cols = p->whole.model_cols = d->cols;
    EVTWIN_TRY(d->cycles_column != NULL
                   ? evtwin__bundle_keep(keep, d->cycles_column, &p->whole.cycles_column)
                   : EVTWIN_OK);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *label = &d->label[t];
        p->whole.label[t].is_present = label->is_present;
        p->first_label[t] = NAN;
        p->is_constant[t] = p->is_constant_float[t] = 1;
        if (label->is_present) {
            EVTWIN_TRY(evtwin__bundle_keep(keep, label->column, &p->whole.label[t].column));
            EVTWIN_TRY(evtwin__bundle_keep(keep, label->unit, &p->whole.label[t].unit));
        }
    }
    p->clean = evtwin__calloc(p->cols, sizeof *p->clean);
    EVTWIN_FAIL_IF(p->clean == NULL, EVTWIN_E_NOMEM, "out of memory for %zu features", p->cols);
    return evtwin__rows_file_open(r->options->scratch_dir, evtwin__pieces_n_cols(p->cols),
                                  &p->file);
}

static void add_label(evtwin__pieces *p, size_t t, const evtwin__label *label) {
    evtwin__label *all = &p->whole.label[t];
    all->n += label->n;
    all->n_positive += label->n_positive;
    all->n_no_label += label->n_no_label;
    all->n_no_group += label->n_no_group;
    all->n_no_feature += label->n_no_feature;
    all->n_groups_used += label->n_groups_used;
    all->n_groups_without += label->n_groups_without;
    for (size_t k = 0; k < label->n; k++) {
        const double y = label->y[label->row[k]];
        p->first_label[t] = isnan(p->first_label[t]) ? y : p->first_label[t];
        p->is_constant[t] &= y == p->first_label[t];
        p->is_constant_float[t] &= (float)y == (float)p->first_label[t];
    }
}

static void add_counts(evtwin__pieces *p, const evtwin_trainer *trainer, const evtwin__dataset *d) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (d->label[t].is_present) {
            add_label(p, t, &d->label[t]);
        }
    }
    for (size_t i = 0; i < p->cols; i++) {
        p->clean[i].n_filled += trainer->clean[i].n_filled;
        p->clean[i].n_missing += trainer->clean[i].n_missing;
    }
    evtwin__dataset_span(d, &p->first_us, &p->last_us);
    p->lowest_alive = fmin(p->lowest_alive, evtwin__end_of_life_lowest(trainer, d));
}

/* ---- a piece ---- */

static evtwin_status take_data(reading *r, const evtwin_trainer *trainer,
                               const evtwin__dataset *d) {
    evtwin__pieces *p = r->p;
    if (p->clean == NULL) {
        EVTWIN_TRY(learn_shape(r, d));
    }
    piece c = {
        .trainer = trainer, .data = d, .first_row = r->first_row, .first_battery = p->names.n};
    EVTWIN_TRY(add_names(r, d));
    c.v = evtwin__calloc(d->groups.n_ordered, p->file.cols * sizeof *c.v);
    c.place = evtwin__calloc(d->rows, sizeof *c.place);
    evtwin_status st = EVTWIN_OK;
    if (c.v == NULL || c.place == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu rows", d->rows);
    } else if ((st = write_rows(r, &c)) >= 0) {
        add_counts(p, trainer, d);
        st = evtwin__pieces_sample_add(&r->sample, d->table, &d->groups, c.first_battery,
                                       p->limits.audit_rows);
    }
    evtwin__free(c.v);
    evtwin__free(c.place);
    return st;
}

/* Clean a table of whole batteries, and keep its rows. */
static evtwin_status take_piece(reading *r, const evtwin_table *table) {
    evtwin_train_options o;
    const char *column[EVTWIN__T_COUNT];
    evtwin_trainer *trainer = NULL;
    evtwin__dataset d = {.table = table, .is_piece = 1};
    EVTWIN_TRY(evtwin__trainer_begin(r->targets, r->n_targets, r->options, &o, column, &trainer));
    evtwin_status st = evtwin__dataset_load(&o, column, trainer, &d);
    if (st < 0 && r->first_row > 0) {
        st = evtwin__fail_in(st, "rows counted from data row %zu on", r->first_row + 1);
    }
    st = st < 0 ? st : take_data(r, trainer, &d);
    evtwin__dataset_clear(&d);
    evtwin_trainer_free(trainer);
    return st;
}

static evtwin_status select_rows(const evtwin_table *table, size_t first, size_t last,
                                 evtwin_table **out) {
    size_t *row = evtwin__calloc(last - first, sizeof *row);
    EVTWIN_FAIL_IF(row == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", last - first);
    for (size_t k = first; k < last; k++) {
        row[k - first] = k;
    }
    const evtwin_status st = evtwin_table_select(table, row, last - first, out);
    evtwin__free(row);
    return st;
}

/* The first n rows of what was read are a piece; the others stay. */
static evtwin_status cut_piece(reading *r, size_t n) {
    evtwin_table *part = NULL, *rest = NULL;
    const size_t rows = evtwin_table_rows(r->table);
    EVTWIN_TRY(select_rows(r->table, n, rows, &rest));
    evtwin_status st = evtwin_table_resize(r->table, n);
    part = r->table;
    r->table = rest;
    st = st < 0 ? st : take_piece(r, part);
    evtwin_table_free(part);
    r->first_row += n;
    return st;
}

static evtwin_status fail_long(const reading *r, size_t col) {
    const char *name = evtwin_table_text(r->table, col, 0);
    EVTWIN_FAIL(
        EVTWIN_E_UNSUPPORTED,
        "%s: battery '%s' has more than %zu rows: in pieces, each battery is held in memory "
        "whole; thin its rows out, or train the file whole",
        evtwin__csv_pieces_name(r->csv), name != NULL ? name : "", r->p->limits.battery_rows);
}

static evtwin_status read_pieces(reading *r) {
    size_t col = EVTWIN_NO_COLUMN;
    EVTWIN_TRY(find_group(r, &col));
    for (;;) {
        const double share = evtwin__csv_pieces_share(r->csv);
        EVTWIN_TRY(evtwin__trainer_report(r->p->trainer, "reading", share));
        const evtwin_status st =
            evtwin__csv_pieces_next(r->csv, r->p->limits.piece_rows / 4 + 1, r->table);
        EVTWIN_TRY(st);
        const size_t rows = evtwin_table_rows(r->table);
        if (st == EVTWIN_DONE) {
            return rows > 0 ? cut_piece(r, rows) : EVTWIN_OK;
        }
        if (rows >= r->p->limits.piece_rows) {
            const size_t n = whole_rows(r->table, col);
            EVTWIN_TRY(n > 0                              ? cut_piece(r, n)
                       : rows > r->p->limits.battery_rows ? fail_long(r, col)
                                                          : EVTWIN_OK);
        }
    }
}

static evtwin_status check_labels(const evtwin__pieces *p) {
    EVTWIN_FAIL_IF(p->whole.rows < 2, EVTWIN_E_DATA,
                   "%s has %zu row%s, training needs at least two", p->trainer->bundle.source_name,
                   p->whole.rows, p->whole.rows == 1 ? "" : "s");
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (p->whole.label[t].is_present) {
            EVTWIN_TRY(evtwin__label_check(&p->trainer->target[t], &p->whole.label[t],
                                           p->first_label[t], p->is_constant[t],
                                           p->is_constant_float[t]));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__pieces_read(evtwin__pieces *p, evtwin_csv *csv, const evtwin_target *targets,
                                  size_t n_targets, const evtwin_train_options *options) {
    reading r = {.p = p, .targets = targets, .n_targets = n_targets, .options = options};
    p->first_us = INT64_MAX;
    p->last_us = INT64_MIN;
    p->lowest_alive = INFINITY;
    evtwin_status st = evtwin__csv_pieces_begin(csv, &r.csv, &r.table);
    st = st < 0 ? st : read_pieces(&r);
    p->whole.rows = r.first_row;
    p->whole.groups.names = p->names; /* borrowed */
    p->sample = r.sample.table;
    p->audit_step = r.sample.step;
    p->n_audited = r.sample.n;
    r.sample.table = NULL;
    evtwin__pieces_sample_clear(&r.sample);
    evtwin_table_free(r.table);
    evtwin__csv_pieces_free(r.csv);
    return st < 0 ? st : check_labels(p);
}
