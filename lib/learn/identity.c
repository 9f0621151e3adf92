/* SPDX-License-Identifier: MIT */
/* learn/identity.c: names that are alike, batteries in two groups, rows that are there twice,
 * counters that restart. */

#include "learn/identity.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static int is_blank_at_an_end(const char *id) {
    const size_t n = strlen(id);
    return n > 0 && (id[0] == ' ' || id[0] == '\t' || id[n - 1] == ' ' || id[n - 1] == '\t');
}

evtwin_status evtwin__check_battery_ids(const evtwin_table *table, size_t col) {
    const int32_t *code = evtwin_table_codes(table, col);
    int32_t last = -1;
    for (size_t r = 0; code != NULL && r < evtwin_table_rows(table); r++) {
        if (code[r] == last || !evtwin_table_is_valid(table, col, r)) {
            continue;
        }
        last = code[r];
        const char *id = evtwin_table_dict_text(table, col, code[r]);
        EVTWIN_FAIL_IF(!evtwin_battery_id_is_valid(id), EVTWIN_E_SCHEMA,
                       "data row %zu of column '%s': '%.60s'%s is not a valid battery id (1 to 50 "
                       "of A-Z a-z 0-9 . _ : -); correct it, or give the column another name and "
                       "group by that",
                       r + 1, evtwin_table_name(table, col), id,
                       is_blank_at_an_end(id) ? ", with a blank at an end," : "");
    }
    return EVTWIN_OK;
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Is the zero one that a spreadsheet drops: at the start of a number, behind no point? */
static int is_leading_zero(const char *name, const char *to, size_t n) {
    return *name == '0' && is_digit(name[1]) &&
           (n == 0 || (!is_digit(to[n - 1]) && to[n - 1] != '.'));
}

/* What tools that take names for numbers make of one: 7 of 07, 7.0 and 7e0; its length, 0 if the
 * name is not such a number. */
static size_t fold_number(const char *name, char *to) {
    double v;
    if (!evtwin__parse_f64(name, strlen(name), &v) || floor(v) != v || fabs(v) >= 0x1p53) {
        return 0;
    }
    return evtwin__format_f64(v, to);
}

/* The letter of ASCII that a character of UTF-8 is taken for, its bytes in *bytes_out: of full
 * width, or with an accent (in Latin-1; '\0' for an accent by itself, a no-break space). -1: none.
 */
static int fold_character(const unsigned char *c, size_t *bytes_out) {
    static const char latin_1[] =
        "aaaaaaaceeeeiiiidnooooo?ouuuuyt?aaaaaaaceeeeiiiidnooooo?ouuuuyty";
    *bytes_out = 2;
    if (c[0] == 0xc2 && c[1] == 0xa0) {
        return '\0';
    }
    if (c[0] == 0xc3 && c[1] >= 0x80 && c[1] <= 0xbf && latin_1[c[1] - 0x80] != '?') {
        return latin_1[c[1] - 0x80];
    }
    if ((c[0] == 0xcc && c[1] >= 0x80 && c[1] <= 0xbf) ||
        (c[0] == 0xcd && c[1] >= 0x80 && c[1] <= 0xaf)) {
        return '\0';
    }
    *bytes_out = 3;
    if (c[0] == 0xef && c[1] == 0xbc && c[2] >= 0x81 && c[2] <= 0xbf) {
        return c[2] - 0x60;
    }
    return c[0] == 0xef && c[1] == 0xbd && c[2] >= 0x80 && c[2] <= 0x9e ? c[2] - 0x20 : -1;
}

/* The name in lower case, without blanks, leading zeros and accents, with one kind of dash; its
 * length. */
static size_t fold(const char *name, char *to) {
    size_t n = fold_number(name, to);
    if (n > 0) {
        return n;
    }
    while (*name != '\0') {
        size_t bytes = 1;
        int c = (unsigned char)*name < 0x80 ? *name
                                            : fold_character((const unsigned char *)name, &bytes);
        if (c < 0) { /* another character: byte by byte as it is */
            c = *name;
            bytes = 1;
        }
        if (c != '\0' && strchr(" \t\r\n", c) == NULL && !is_leading_zero(name, to, n)) {
            to[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '-' ? '_' : c);
        }
        name += bytes;
    }
    return n;
}

evtwin_status evtwin__find_similar_names(const evtwin__dict *names, evtwin__similar_names *out) {
    evtwin_status st = EVTWIN_OK;
    evtwin__dict folded = {0};
    size_t longest = 0;
    for (size_t i = 0; i < names->n; i++) {
        const size_t length = strlen(names->text[i]);
        longest = length > longest ? length : longest;
    }
    char *text = evtwin__calloc(longest + EVTWIN__NUM_SIZE, 1);
    size_t *first = evtwin__calloc(names->n, sizeof *first); /* of a folded name */
    if (text == NULL || first == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu names", names->n);
    }
    *out = (evtwin__similar_names){.n = 0};
    for (size_t i = 0; i < names->n && st >= 0; i++) {
        int32_t code = -1;
        const size_t n_before = folded.n, length = fold(names->text[i], text);
        if ((st = evtwin__dict_intern(&folded, text, length, &code)) < 0) {
            break;
        }
        if (folded.n > n_before) {
            first[code] = i;
        } else if (out->n++ == 0) {
            out->first[0] = names->text[first[code]];
            out->first[1] = names->text[i];
        }
    }
    evtwin__dict_free(&folded);
    evtwin__free(first);
    evtwin__free(text);
    return st;
}

/* ---- batteries and groups ---- */

evtwin_status evtwin__find_torn_batteries(const evtwin_table *table, const evtwin__groups *groups,
                                          evtwin__torn_batteries *out) {
    const size_t col = evtwin_telemetry_find(table, "battery_id");
    const int32_t *code = evtwin_table_codes(table, col);
    const size_t n = evtwin_table_dict_size(table, col);
    *out = (evtwin__torn_batteries){.n = 0};
    if (code == NULL) {
        return EVTWIN_OK;
    }
    enum { UNSEEN = -1, TORN = -2 };
    int32_t *group = evtwin__calloc(n, sizeof *group); /* of a battery */
    EVTWIN_FAIL_IF(group == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", n);
    for (size_t i = 0; i < n; i++) {
        group[i] = UNSEEN;
    }
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        if (groups->of_row[r] < 0 || !evtwin_table_is_valid(table, col, r)) {
            continue;
        }
        int32_t *of = &group[code[r]];
        if (*of == UNSEEN) {
            *of = groups->of_row[r];
            out->n_all++;
        } else if (*of != TORN && *of != groups->of_row[r]) {
            *of = TORN;
            out->first = out->n++ == 0 ? evtwin_table_dict_text(table, col, code[r]) : out->first;
        }
    }
    evtwin__free(group);
    return EVTWIN_OK;
}

/* ---- rows that are there twice ---- */

typedef struct hashed_row {
    uint64_t hash;
    size_t k; /* of the label's rows */
} hashed_row;

static int compare_hashes(const void *a, const void *b) {
    const hashed_row *x = a, *y = b;
    const int order = (x->hash > y->hash) - (x->hash < y->hash);
    return order != 0 ? order : (x->k > y->k) - (x->k < y->k);
}

static uint64_t mix(uint64_t hash, double v) {
    uint64_t bits;
    v += 0.0; /* -0 is 0 */
    memcpy(&bits, &v, sizeof bits);
    hash = (hash ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static int is_same(const evtwin__dataset *data, const evtwin__label *label, size_t a, size_t b) {
    int same = label->y[a] == label->y[b];
    for (size_t i = 0; same && i < data->cols; i++) {
        same = data->x[a * data->cols + i] == data->x[b * data->cols + i];
    }
    return same;
}

/* twin[k] = k of a row of another part that is the same, of the rows list[0..n) with one hash; left
 * alone where there is none. Two neighbours that differ by a collision only end the search. */
static void match(const evtwin__dataset *data, const evtwin__label *label, const hashed_row *list,
                  size_t n, size_t *twin) {
    for (size_t i = 1; i < n; i++) {
        const size_t a = list[0].k, b = list[i].k;
        if (is_same(data, label, label->row[a], label->row[b]) &&
            label->part[a] != label->part[b]) {
            twin[b] = a;
            twin[a] = twin[a] == SIZE_MAX ? b : twin[a];
        }
    }
    /* those in the part of the first have the twin of the first */
    for (size_t i = 1; i < n && twin[list[0].k] != SIZE_MAX; i++) {
        const size_t a = list[0].k, b = list[i].k;
        if (twin[b] == SIZE_MAX && is_same(data, label, label->row[a], label->row[b])) {
            twin[b] = twin[a];
        }
    }
}

static void match_all(const evtwin__dataset *data, const evtwin__label *label, hashed_row *list,
                      size_t *twin) {
    for (size_t k = 0; k < label->n; k++) {
        const double *x = data->x + label->row[k] * data->cols;
        uint64_t hash = mix(0, label->y[label->row[k]]);
        for (size_t i = 0; i < data->cols; i++) {
            hash = mix(hash, x[i]);
        }
        list[k] = (hashed_row){hash, k};
        twin[k] = SIZE_MAX;
    }
    qsort(list, label->n, sizeof *list, compare_hashes);
    for (size_t first = 0, end; first < label->n; first = end) {
        for (end = first + 1; end < label->n && list[end].hash == list[first].hash; end++) {
        }
        match(data, label, list + first, end - first, twin);
    }
}

/* The rows of a group come one after another. */
static void judge_groups(const evtwin__dataset *data, const evtwin__label *label,
                         const size_t *twin, evtwin__repeated_rows *out) {
    enum { ENOUGH_ROWS = 5, ENOUGH_SMALL = 20 };
    const int32_t *of_row = data->groups.of_row;
    size_t n_small_held = 0, n_small_twins = 0, small_example = SIZE_MAX;
    for (size_t k = 0, end; k < label->n; k = end) {
        size_t n_held = 0, n_twins = 0, example = SIZE_MAX;
        for (end = k; end < label->n && of_row[label->row[end]] == of_row[label->row[k]]; end++) {
            const int is_held = label->part[end] >= 0;
            n_held += (size_t)is_held;
            n_twins += is_held && twin[end] != SIZE_MAX;
            example = example == SIZE_MAX && is_held && twin[end] != SIZE_MAX ? end : example;
        }
        if (n_held < ENOUGH_ROWS) {
            n_small_held += n_held;
            n_small_twins += n_twins;
            small_example = small_example == SIZE_MAX ? example : small_example;
        }
        if (n_twins >= ENOUGH_ROWS && 2 * n_twins >= n_held) {
            out->first = out->n_groups == 0 ? label->row[example] : out->first;
            out->twin = out->n_groups == 0 ? label->row[twin[example]] : out->twin;
            out->n_groups++;
            out->n_rows += n_twins;
        }
    }
    /* batteries of a few rows are judged together */
    if (n_small_twins >= ENOUGH_SMALL && 2 * n_small_twins >= n_small_held) {
        out->first = out->n_groups == 0 ? label->row[small_example] : out->first;
        out->twin = out->n_groups == 0 ? label->row[twin[small_example]] : out->twin;
        out->n_groups++;
        out->n_rows += n_small_twins;
    }
}

evtwin_status evtwin__find_repeated_rows(const evtwin__dataset *data, const evtwin__label *label,
                                         evtwin__repeated_rows *out) {
    *out = (evtwin__repeated_rows){.n_rows = 0};
    hashed_row *list = evtwin__calloc(label->n, sizeof *list);
    size_t *twin = evtwin__calloc(label->n, sizeof *twin);
    const int has_memory = list != NULL && twin != NULL;
    if (has_memory) {
        match_all(data, label, list, twin);
        judge_groups(data, label, twin, out);
    }
    evtwin__free(list);
    evtwin__free(twin);
    EVTWIN_FAIL_IF(!has_memory, EVTWIN_E_NOMEM, "out of memory to compare %zu rows", label->n);
    return EVTWIN_OK;
}

/* ---- counters that restart ---- */

static int has_fallen(const evtwin_table *table, size_t col, size_t row) {
    return evtwin_table_number(table, col, row) < evtwin_table_number(table, col, row - 1);
}

/* How often a column falls; 0 if that is in more than a tenth of the rows: no counter. */
static size_t count_falls(const evtwin_table *table, size_t col) {
    size_t n_falls = 0, n_rises = 0;
    for (size_t r = 1; r < evtwin_table_rows(table); r++) {
        n_falls += (size_t)has_fallen(table, col, r);
        n_rises += evtwin_table_number(table, col, r) > evtwin_table_number(table, col, r - 1);
    }
    return n_rises > n_falls && 10 * n_falls <= evtwin_table_rows(table) ? n_falls : 0;
}

/* Does the name hold one of the words of a counter? */
static int is_counter_name(const char *name) {
    static const char *const words[] = {"cycle", "index", "time", "count", "second"};
    char folded[128];
    if (strlen(name) >= sizeof folded) {
        return 0;
    }
    folded[fold(name, folded)] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(folded, words[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* Cycles so far where they are known, else what is called like a counter and behaves like one. */
static size_t find_counter(const evtwin__dataset *data, size_t *n_falls_out) {
    const evtwin_table *table = data->table;
    size_t col = data->cycles_column != NULL ? evtwin_table_find(table, data->cycles_column)
                                             : EVTWIN_NO_COLUMN;
    if (col != EVTWIN_NO_COLUMN && (*n_falls_out = count_falls(table, col)) > 0) {
        return col;
    }
    for (col = 0; col < evtwin_table_cols(table); col++) {
        const evtwin_type type = evtwin_table_type(table, col);
        if ((type == EVTWIN_F64 || type == EVTWIN_I64) &&
            is_counter_name(evtwin_table_name(table, col)) &&
            (*n_falls_out = count_falls(table, col)) > 0) {
            return col;
        }
    }
    return EVTWIN_NO_COLUMN;
}

/* Is the value in this row another than in the row before? */
static int has_changed(const evtwin_table *table, size_t col, size_t row) {
    const int32_t *code = evtwin_table_codes(table, col);
    return code != NULL
               ? code[row] != code[row - 1]
               : evtwin_table_number(table, col, row) != evtwin_table_number(table, col, row - 1);
}

static int names_the_series(const evtwin_table *table, size_t col, size_t counter) {
    const evtwin_type type = evtwin_table_type(table, col);
    int names = col != counter && (type == EVTWIN_TEXT || type == EVTWIN_I64);
    for (size_t r = 1; names && r < evtwin_table_rows(table); r++) {
        names = has_changed(table, col, r) == has_fallen(table, counter, r);
    }
    return names;
}

evtwin__restarts evtwin__find_restarts(const evtwin__dataset *data) {
    evtwin__restarts found = {.counter = EVTWIN_NO_COLUMN, .name_col = EVTWIN_NO_COLUMN};
    if (data->groups.kind != EVTWIN__GROUP_NONE) {
        return found;
    }
    found.counter = find_counter(data, &found.n);
    for (size_t col = 0; found.counter != EVTWIN_NO_COLUMN && col < evtwin_table_cols(data->table);
         col++) {
        if (names_the_series(data->table, col, found.counter)) {
            found.name_col = col;
            break;
        }
    }
    return found;
}
