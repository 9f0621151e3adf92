/* SPDX-License-Identifier: MIT */
/* tools/predict_newest.c: the newest prediction of each battery, in a table of one row a battery.
 */

#include "predict_tool.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 5 };

/* The columns that are kept of a batch. A battery's code in the first one is its row. */
enum { ID, TIME, SOC, SOH, TEMPERATURE, RUL, FAILURE, N_COLUMNS };

static const struct {
    const char *name;
    evtwin_type type;
} columns[N_COLUMNS] = {
    [ID] = {"battery_id", EVTWIN_TEXT},
    [TIME] = {"time", EVTWIN_TIME},
    [SOC] = {"soc", EVTWIN_F64},
    [SOH] = {"soh", EVTWIN_F64},
    [TEMPERATURE] = {"temperature", EVTWIN_F64},
    [RUL] = {"rul_prediction", EVTWIN_F64},
    [FAILURE] = {"failure_probability", EVTWIN_F64},
};

void newest_clear(newest *n) {
    evtwin_table_free(n->batteries);
    *n = (newest){.n_rows = 0};
}

static evtwin_status make_table(evtwin_table **out) {
    evtwin_status st = evtwin_table_create(out);
    for (size_t c = 0; c < N_COLUMNS && st >= 0; c++) {
        st = evtwin_table_add_column(*out, columns[c].name, columns[c].type, NULL, NULL);
    }
    return st;
}

/* Take in one row of a batch, of which from are the columns. */
static evtwin_status observe_row(evtwin_table *t, const evtwin_table *batch, const size_t *from,
                                 size_t r) {
    int32_t code = 0;
    evtwin_status st = evtwin_table_intern(t, ID, evtwin_table_text(batch, from[ID], r), &code);
    if (st < 0) {
        return st;
    }
    const size_t row = (size_t)code;
    const int64_t time_us = evtwin_table_i64(batch, from[TIME])[r];
    if (row == evtwin_table_rows(t)) {
        if ((st = evtwin_table_resize(t, row + 1)) < 0 ||
            (st = evtwin_table_set_code(t, ID, row, code)) < 0) {
            return st;
        }
    } else if (time_us <= evtwin_table_i64(t, TIME)[row]) {
        return EVTWIN_OK;
    }
    st = evtwin_table_set_i64(t, TIME, row, time_us);
    for (size_t c = SOC; c < N_COLUMNS && st >= 0; c++) {
        st = evtwin_table_set_f64(t, c, row, evtwin_table_number(batch, from[c], r));
    }
    return st;
}

void newest_observe(newest *n, const evtwin_table *batch) {
    size_t from[N_COLUMNS];
    for (size_t c = 0; c < N_COLUMNS; c++) {
        from[c] = evtwin_table_find(batch, columns[c].name);
    }
    const size_t note = evtwin_table_find(batch, "prediction_note");
    evtwin_status st = n->batteries == NULL ? make_table(&n->batteries) : EVTWIN_OK;
    for (size_t r = 0; r < evtwin_table_rows(batch); r++) {
        n->n_rows++;
        const char *why = evtwin_table_text(batch, note, r);
        n->n_unknown += why != NULL && strncmp(why, "unknown", strlen("unknown")) == 0;
        st = st < 0 ? st : observe_row(n->batteries, batch, from, r);
    }
}

/* ---- health ---- */

/* The store whose health is shown, NULL = none, or it cannot be read just now: then the values of
 * the cycle are judged by the contract's limits. */
typedef struct judge {
    evtwin_store *store;
    evtwin_thresholds *limits;
} judge;

static void open_judge(judge *j, const char *uri) {
    *j = (judge){.store = NULL};
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.read_only = 1;
    if (uri != NULL && evtwin_store_open(uri, &options, &j->store) >= 0 &&
        evtwin_store_thresholds(j->store, &j->limits) < 0) {
        evtwin_store_free(j->store);
        j->store = NULL;
    }
    if (j->limits == NULL && evtwin_thresholds_create(&j->limits) < 0) {
        j->limits = NULL; /* breaks no limit */
    }
}

static void close_judge(judge *j) {
    evtwin_thresholds_free(j->limits);
    evtwin_store_free(j->store);
}

typedef struct shown {
    size_t row;
    evtwin_health health;
    int needs;
    const char *id;
} shown;

static void judge_battery(const judge *j, const evtwin_table *t, shown *s) {
    evtwin_table *rows = NULL, *current = NULL;
    const int is_kept =
        j->store != NULL && evtwin_store_latest(j->store, s->id, &rows, &current) == EVTWIN_OK;
    const evtwin_table *judged = is_kept ? current : t;
    s->health = evtwin_thresholds_status(j->limits, judged, is_kept ? 0 : s->row);
    s->needs = evtwin_thresholds_needs(j->limits, judged, is_kept ? 0 : s->row);
    evtwin_table_free(rows);
    evtwin_table_free(current);
}

/* ---- printing ---- */

static void print_battery(FILE *f, const evtwin_table *t, const shown *s, int is_named) {
    if (is_named) {
        fprintf(f, "[%s] ", s->id);
    }
    cli_print_value(f, "Predictions - SoC", evtwin_table_number(t, SOC, s->row), 1, "%");
    cli_print_value(f, " | SoH", evtwin_table_number(t, SOH, s->row), 1, "%");
    cli_print_value(f, " | Temp", evtwin_table_number(t, TEMPERATURE, s->row), 1, "°C");
    cli_print_value(f, " | RUL", evtwin_table_number(t, RUL, s->row), 0, " cycles");
    cli_print_value(f, " | Failure Risk", 100 * evtwin_table_number(t, FAILURE, s->row), 1, "%");
    if (s->health != EVTWIN_HEALTH_NORMAL || s->needs != 0) {
        fprintf(f, " | %s%s%s", evtwin_health_name(s->health),
                (s->needs & EVTWIN_NEEDS_CHARGING) != 0 ? ", needs charging" : "",
                (s->needs & EVTWIN_NEEDS_SERVICE) != 0 ? ", needs service" : "");
    }
    fputc('\n', f);
}

/* The worst first. */
static int by_severity(const void *a, const void *b) {
    const shown *x = a, *y = b;
    return x->health != y->health ? (int)y->health - (int)x->health : strcmp(x->id, y->id);
}

static void print_each(const judge *j, const evtwin_table *t, shown *sorted, FILE *f) {
    const size_t n = evtwin_table_rows(t);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (shown){.row = i, .id = evtwin_table_text(t, ID, i)};
        judge_battery(j, t, &sorted[i]);
    }
    qsort(sorted, n, sizeof *sorted, by_severity);
    for (size_t i = 0; i < n; i++) {
        print_battery(f, t, &sorted[i], n > 1);
    }
}

/* " | 2 critical, 5 warning", of the whole store if there is one. */
static void print_counts(const judge *j, const evtwin_table *t, FILE *f) {
    evtwin_table *rows = NULL, *current = NULL;
    if (j->store != NULL && evtwin_store_latest(j->store, NULL, &rows, &current) == EVTWIN_OK) {
        t = current;
    }
    size_t n[EVTWIN_HEALTH_CRITICAL + 1] = {0};
    for (size_t i = 0; i < evtwin_table_rows(t); i++) {
        n[evtwin_thresholds_status(j->limits, t, i)]++;
    }
    fprintf(f, " | %zu critical, %zu warning", n[EVTWIN_HEALTH_CRITICAL], n[EVTWIN_HEALTH_WARNING]);
    evtwin_table_free(rows);
    evtwin_table_free(current);
}

static void print_summary(const newest *n, const judge *j, FILE *f) {
    fprintf(f, "Predictions - %zu row%s of %zu batteries", n->n_rows, cli_s(n->n_rows),
            evtwin_table_rows(n->batteries));
    cli_print_range(f, "RUL", n->batteries, RUL, 1, 0, " cycles");
    cli_print_range(f, "Failure Risk", n->batteries, FAILURE, 100, 1, "%");
    if (n->n_unknown > 0) {
        fprintf(f, " | %zu unknown", n->n_unknown);
    }
    print_counts(j, n->batteries, f);
    fputc('\n', f);
}

void newest_print(const newest *n, const char *store, FILE *f, int all) {
    const size_t n_batteries = evtwin_table_rows(n->batteries);
    if (n_batteries == 0) {
        return;
    }
    judge j;
    open_judge(&j, store);
    shown *sorted = all || n_batteries <= MANY ? calloc(n_batteries, sizeof *sorted) : NULL;
    if (sorted == NULL) {
        print_summary(n, &j, f);
    } else {
        print_each(&j, n->batteries, sorted, f);
    }
    free(sorted);
    close_judge(&j);
}
