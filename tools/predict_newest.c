/* SPDX-License-Identifier: MIT */
/* tools/predict_newest.c: a small hash table from battery id to its newest prediction. */

#include "predict_newest.h"

#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ID_SIZE = 52, FIRST_CAPACITY = 64, MANY = 5 };

typedef struct row {
    char id[ID_SIZE]; /* "" = a free place */
    int64_t time_us;
    double soc, soh, temperature, rul, failure;
} row;

struct newest {
    row *rows;
    size_t capacity, n_batteries; /* a power of two, at most half full */
    size_t n_rows, n_unknown;
};

newest *newest_create(void) {
    newest *n = calloc(1, sizeof *n);
    if (n != NULL) {
        n->capacity = FIRST_CAPACITY;
        n->rows = calloc(n->capacity, sizeof *n->rows);
        if (n->rows == NULL) {
            free(n);
            return NULL;
        }
    }
    return n;
}

void newest_free(newest *n) {
    if (n != NULL) {
        free(n->rows);
        free(n);
    }
}

void newest_clear(newest *n) {
    memset(n->rows, 0, n->capacity * sizeof *n->rows);
    n->n_batteries = n->n_rows = n->n_unknown = 0;
}

size_t newest_rows(const newest *n) {
    return n->n_rows;
}

/* FNV-1a. Source: Fowler, Noll, Vo; draft-eastlake-fnv, 64-bit constants. */
static size_t hash(const char *id) {
    uint64_t h = 14695981039346656037u;
    for (; *id != '\0'; id++) {
        h = (h ^ (unsigned char)*id) * 1099511628211u;
    }
    return (size_t)h;
}

static row *find_place(row *rows, size_t capacity, const char *id) {
    size_t i = hash(id) & (capacity - 1);
    while (rows[i].id[0] != '\0' && strcmp(rows[i].id, id) != 0) {
        i = (i + 1) & (capacity - 1);
    }
    return &rows[i];
}

static int grow(newest *n) {
    const size_t capacity = 2 * n->capacity;
    row *rows = calloc(capacity, sizeof *rows);
    if (rows == NULL) {
        return 0;
    }
    for (size_t i = 0; i < n->capacity; i++) {
        if (n->rows[i].id[0] != '\0') {
            *find_place(rows, capacity, n->rows[i].id) = n->rows[i];
        }
    }
    free(n->rows);
    n->rows = rows;
    n->capacity = capacity;
    return 1;
}

void newest_observe(newest *n, const evtwin_table *batch) {
    const size_t id = evtwin_table_find(batch, "battery_id");
    const size_t rul = evtwin_table_find(batch, "rul_prediction");
    const size_t failure = evtwin_table_find(batch, "failure_probability");
    const size_t note = evtwin_table_find(batch, "prediction_note");
    const int64_t *time_us = evtwin_table_i64(batch, evtwin_table_find(batch, "time"));

    for (size_t r = 0; r < evtwin_table_rows(batch); r++) {
        n->n_rows++;
        n->n_unknown += evtwin_table_text(batch, note, r) != NULL;
        const char *name = evtwin_table_text(batch, id, r);
        if (name == NULL || *name == '\0' || strlen(name) >= ID_SIZE ||
            (2 * n->n_batteries >= n->capacity && !grow(n))) {
            continue;
        }
        row *place = find_place(n->rows, n->capacity, name);
        if (place->id[0] == '\0') {
            memcpy(place->id, name, strlen(name) + 1);
            n->n_batteries++;
        } else if (time_us == NULL || time_us[r] <= place->time_us) {
            continue;
        }
        place->time_us = time_us != NULL ? time_us[r] : 0;
        place->soc = evtwin_table_number(batch, evtwin_table_find(batch, "soc"), r);
        place->soh = evtwin_table_number(batch, evtwin_table_find(batch, "soh"), r);
        place->temperature = evtwin_table_number(batch, evtwin_table_find(batch, "temperature"), r);
        place->rul = evtwin_table_number(batch, rul, r);
        place->failure = evtwin_table_number(batch, failure, r);
    }
}

/* ---- printing ---- */

static void print_battery(FILE *f, const row *b, int is_named) {
    if (is_named) {
        fprintf(f, "[%s] ", b->id);
    }
    cli_print_value(f, "Predictions - SoC", b->soc, 1, "%");
    cli_print_value(f, " | SoH", b->soh, 1, "%");
    cli_print_value(f, " | Temp", b->temperature, 1, "°C");
    cli_print_value(f, " | RUL", b->rul, 0, " cycles");
    cli_print_value(f, " | Failure Risk", 100 * b->failure, 1, "%");
    fputc('\n', f);
}

static void print_fleet(FILE *f, const newest *n) {
    double rul_low = INFINITY, rul_high = -INFINITY, risk_low = INFINITY, risk_high = -INFINITY;
    for (size_t i = 0; i < n->capacity; i++) {
        const row *b = &n->rows[i];
        if (b->id[0] != '\0') {
            rul_low = b->rul < rul_low ? b->rul : rul_low;
            rul_high = b->rul > rul_high ? b->rul : rul_high;
            risk_low = b->failure < risk_low ? b->failure : risk_low;
            risk_high = b->failure > risk_high ? b->failure : risk_high;
        }
    }
    fprintf(f, "Predictions - %zu row%s of %zu batteries", n->n_rows, cli_s(n->n_rows),
            n->n_batteries);
    if (rul_low <= rul_high) {
        fprintf(f, " | RUL: %.0f to %.0f cycles", rul_low, rul_high);
    }
    if (risk_low <= risk_high) {
        fprintf(f, " | Failure Risk: %.1f to %.1f%%", 100 * risk_low, 100 * risk_high);
    }
    if (n->n_unknown > 0) {
        fprintf(f, " | %zu unknown", n->n_unknown);
    }
    fputc('\n', f);
}

static int by_id(const void *a, const void *b) {
    return strcmp((*(const row *const *)a)->id, (*(const row *const *)b)->id);
}

void newest_print(const newest *n, FILE *f, int all) {
    if (n->n_batteries == 0) {
        return;
    }
    const row **sorted = NULL;
    if (all || n->n_batteries <= MANY) {
        sorted = malloc(n->n_batteries * sizeof *sorted);
    }
    if (sorted == NULL) {
        print_fleet(f, n);
        return;
    }
    size_t found = 0;
    for (size_t i = 0; i < n->capacity; i++) {
        if (n->rows[i].id[0] != '\0') {
            sorted[found++] = &n->rows[i];
        }
    }
    qsort(sorted, found, sizeof *sorted, by_id);
    for (size_t i = 0; i < found; i++) {
        print_battery(f, sorted[i], found > 1);
    }
    free(sorted);
}
