/* SPDX-License-Identifier: MIT */
/* learn/features.c: from a table to the numbers a model sees; the one code path of training and
 * prediction. */

#include "learn/features.h"

#include "core/binding.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "learn/history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- columns ---- */

size_t evtwin__column_find(const evtwin_table *table, const char *name) {
    const size_t col = evtwin_table_find(table, name);
    evtwin__meaning meaning;
    return col != EVTWIN_NO_COLUMN || !evtwin__meaning_find(name, EVTWIN__ALL_KINDS, &meaning)
               ? col
               : evtwin_telemetry_find(table, evtwin__schema[meaning.q].name);
}

int evtwin__column_is_number(const evtwin_table *table, size_t col) {
    const evtwin_type type = evtwin_table_type(table, col);
    return type == EVTWIN_F64 || type == EVTWIN_I64 || type == EVTWIN_BOOL;
}

const char *evtwin__column_list(const evtwin_table *table, char *text, size_t text_size) {
    static const char more[] = ", …";
    size_t used = 0;
    text[0] = '\0';
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *name = evtwin_table_name(table, col);
        const char *comma = col > 0 ? ", " : "";
        if (used + strlen(comma) + strlen(name) + sizeof more > text_size) {
            snprintf(text + used, text_size - used, "%s", col > 0 ? more : "…");
            break;
        }
        used += (size_t)snprintf(text + used, text_size - used, "%s%s", comma, name);
    }
    return text;
}

/* ---- the list ---- */

typedef struct feature {
    char *name;   /* ours if a quantity, else the column's; with ".level" or so of a past */
    char *column; /* the same without */
    char *unit;
    int is_telemetry;
    size_t quantity;
    evtwin__statistic statistic; /* of the column's past */
    evtwin__derived derived;     /* which no column has; EVTWIN__D_COUNT = a column has it */
} feature;

struct evtwin_features {
    size_t n;
    feature *list; /* (n) */
};

static void clear_feature(feature *f) {
    evtwin__free(f->name);
    evtwin__free(f->column);
    evtwin__free(f->unit);
}

void evtwin_features_free(evtwin_features *features) {
    if (features == NULL) {
        return;
    }
    for (size_t i = 0; i < features->n; i++) {
        clear_feature(&features->list[i]);
    }
    evtwin__free(features->list);
    evtwin__free(features);
}

/* A feature is what the schema says may be one: outcomes are what is to be predicted, keys name a
 * row. A record's number and its clock start with the recording: in a run-to-failure data set that
 * is the battery's age, so a model would lean on it, and then misread every live record. */
static evtwin_status check_role(const char *name, evtwin__role role) {
    switch (role) {
    case EVTWIN__ROLE_OUTCOME:
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "'%s' is an outcome, so it cannot be a feature", name);
    case EVTWIN__ROLE_BOOKKEEPING:
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "'%s' counts from the start of a recording, so it cannot be a feature", name);
    case EVTWIN__ROLE_KEY:
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "'%s' names a row, so it cannot be a feature", name);
    case EVTWIN__ROLE_FEATURE:
    default:
        return EVTWIN_OK;
    }
}

evtwin__statistic evtwin__statistic_of(const char *name, size_t *length_out) {
    const char *point = strrchr(name, '.');
    for (int i = 0; point != NULL && point > name && i < (int)EVTWIN__H_COUNT; i++) {
        if (strcmp(point + 1, evtwin__statistics[i].suffix) == 0) {
            *length_out = (size_t)(point - name);
            return (evtwin__statistic)i;
        }
    }
    *length_out = strlen(name);
    return EVTWIN__H_NONE;
}

/* What a column's name means; a telemetry quantity is kept by our name. */
static evtwin_status resolve_column(char *column, feature *out) {
    evtwin__meaning meaning;
    const int is_known = evtwin__meaning_find(column, EVTWIN__ALL_KINDS, &meaning);
    const int is_truth = strncmp(column, "truth_", 6) == 0; /* also those that we do not know */
    EVTWIN_TRY(check_role(column, is_truth   ? EVTWIN__ROLE_OUTCOME
                                  : is_known ? evtwin__schema[meaning.q].role
                                             : EVTWIN__ROLE_FEATURE));
    out->is_telemetry = is_known;
    out->quantity = is_known ? meaning.q : 0;
    out->column = evtwin__strdup(is_known ? evtwin__schema[meaning.q].name : column);
    return EVTWIN_OK;
}

/* Name and unit, from the column's. */
static void name_feature(feature *f) {
    const char *unit = f->is_telemetry                 ? evtwin__schema[f->quantity].unit
                       : f->derived != EVTWIN__D_COUNT ? evtwin__derived_list[f->derived].unit
                                                       : "";
    const evtwin__statistic_info *s =
        f->statistic != EVTWIN__H_NONE ? &evtwin__statistics[f->statistic] : NULL;
    char text[64];
    snprintf(text, sizeof text, "%s%s", unit,
             s != NULL && s->is_rate && unit[0] != '\0' ? "/cycle" : "");
    f->unit = evtwin__strdup(text);
    const size_t size = f->column != NULL ? strlen(f->column) + 32 : 0;
    f->name = evtwin__calloc(size, 1);
    if (f->name != NULL && size > 0) {
        snprintf(f->name, size, "%s%s%s", f->column, s != NULL ? "." : "",
                 s != NULL ? s->suffix : "");
    }
}

/* What a name given by the caller means; the past of a column only where that is asked for. */
static evtwin_status resolve(char *name, int with_past, feature *out) {
    feature f = {.statistic = EVTWIN__H_NONE, .derived = EVTWIN__D_COUNT};
    size_t length;
    if (with_past) {
        f.statistic = evtwin__statistic_of(name, &length);
        name[length] = '\0';
    }
    if (f.statistic != EVTWIN__H_NONE) {
        f.derived = evtwin__derived_find(name);
    }
    EVTWIN_TRY(resolve_column(name, &f));
    name_feature(&f);
    if (f.name == NULL || f.column == NULL || f.unit == NULL) {
        clear_feature(&f);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for feature '%s'", name);
    }
    *out = f;
    return EVTWIN_OK;
}

/* Append the feature that text[0..length) names, blanks around it aside. */
static evtwin_status add_name(evtwin_features *features, const char *text, size_t length,
                              int with_past) {
    while (length > 0 && text[0] == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ') {
        length--;
    }
    EVTWIN_FAIL_IF(length == 0, EVTWIN_E_ARG, "feature %zu of the list has no name",
                   features->n + 1);
    char *name = evtwin__strndup(text, length);
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "out of memory for the list of features");
    feature *f = &features->list[features->n];
    const evtwin_status st = resolve(name, with_past, f);
    evtwin__free(name);
    EVTWIN_TRY(st);
    features->n++;
    for (size_t i = 0; i + 1 < features->n; i++) {
        EVTWIN_FAIL_IF(strcmp(features->list[i].name, f->name) == 0, EVTWIN_E_ARG,
                       "duplicate feature '%s'", f->name);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_features_create(const char *names, evtwin_features **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    return evtwin__features_create(names, 0, out);
}

evtwin_status evtwin__features_create(const char *names, int with_past, evtwin_features **out) {
    const char *text = names != NULL ? names : EVTWIN_DEFAULT_FEATURES;
    EVTWIN_FAIL_IF(*text == '\0', EVTWIN_E_ARG, "the list of features is empty");
    size_t n_names = 1;
    for (const char *c = text; *c != '\0'; c++) {
        n_names += *c == ',';
    }

    evtwin_features *f = evtwin__calloc(1, sizeof *f);
    if (f != NULL) {
        f->list = evtwin__calloc(n_names, sizeof *f->list);
    }
    if (f == NULL || f->list == NULL) {
        evtwin__free(f);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for %zu features", n_names);
    }
    for (size_t i = 0; i < n_names; i++) {
        const size_t length = strcspn(text, ",");
        const evtwin_status st = add_name(f, text, length, with_past);
        if (st < 0) {
            evtwin_features_free(f);
            return st;
        }
        text += length + 1;
    }
    *out = f;
    return EVTWIN_OK;
}

size_t evtwin_features_count(const evtwin_features *features) {
    return features != NULL ? features->n : 0;
}

const char *evtwin_features_name(const evtwin_features *features, size_t i) {
    return i < evtwin_features_count(features) ? features->list[i].name : NULL;
}

const char *evtwin_features_unit(const evtwin_features *features, size_t i) {
    return i < evtwin_features_count(features) ? features->list[i].unit : NULL;
}

const char *evtwin_features_column(const evtwin_features *features, size_t i) {
    return i >= evtwin_features_count(features)           ? NULL
           : features->list[i].derived != EVTWIN__D_COUNT ? ""
                                                          : features->list[i].column;
}

evtwin__derived evtwin__feature_derived(const evtwin_features *features, size_t i) {
    return features->list[i].derived;
}

evtwin__statistic evtwin__feature_statistic(const evtwin_features *features, size_t i) {
    return features->list[i].statistic;
}

size_t evtwin__feature_first_of(const evtwin_features *features, size_t i) {
    size_t k = 0;
    while (strcmp(features->list[k].column, features->list[i].column) != 0) {
        k++;
    }
    return k;
}

/* ---- the matrix ---- */

/* " (nor SoC, …)": what else the column of a quantity could have been called; "" for any other
 * name. */
static const char *other_names(const feature *f, char *text, size_t text_size) {
    size_t used = 0;
    text[0] = '\0';
    for (int naming = 0; f->is_telemetry && naming < (int)evtwin_naming_count(); naming++) {
        const char *name = evtwin_quantity_name(f->quantity, (evtwin_naming)naming);
        if (name == NULL || strcmp(name, f->column) == 0 || used >= text_size) {
            continue;
        }
        const int n =
            snprintf(text + used, text_size - used, "%s%s", used > 0 ? ", " : " (nor ", name);
        used += (size_t)n;
    }
    if (used > 0 && used + 1 < text_size) {
        snprintf(text + used, text_size - used, ")");
    }
    return text;
}

static size_t find_column(const feature *f, const evtwin_table *table) {
    return f->is_telemetry ? evtwin_telemetry_find(table, f->column)
                           : evtwin_table_find(table, f->column);
}

evtwin_status evtwin__feature_column(const evtwin_features *features, size_t i,
                                     const evtwin_table *table, size_t *col_out) {
    const feature *f = &features->list[i];
    const size_t col = find_column(f, table);
    char others[256], columns[512];
    EVTWIN_FAIL_IF(f->derived != EVTWIN__D_COUNT, EVTWIN_E_SCHEMA,
                   "feature '%s' is derived from several rows, no column has it", f->name);
    EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                   "feature '%s' has no column%s; the table has %s", f->column,
                   other_names(f, others, sizeof others),
                   evtwin__column_list(table, columns, sizeof columns));
    EVTWIN_FAIL_IF(!evtwin__column_is_number(table, col), EVTWIN_E_SCHEMA,
                   "column '%s' holds %s, a feature must be numeric", evtwin_table_name(table, col),
                   evtwin_table_type(table, col) == EVTWIN_TIME ? "times" : "text");
    *col_out = col;
    return EVTWIN_OK;
}

/* One column into every stride-th place of x; the row of the first infinite value, or rows. */
static size_t copy_column(const evtwin_table *table, size_t col, double factor, size_t first_row,
                          size_t rows, double *x, size_t stride) {
    const double *v = evtwin_table_f64(table, col);
    size_t infinite_row = rows;
    for (size_t r = 0; r < rows; r++) {
        const double value =
            v != NULL ? v[first_row + r] : evtwin_table_number(table, col, first_row + r);
        x[r * stride] = evtwin__scale(value, factor);
        if (isinf(value) && infinite_row == rows) {
            infinite_row = r;
        }
    }
    return infinite_row;
}

/* No quantity has a second column, of which one would be passed over in silence. */
static evtwin_status check_duplicates(const evtwin_features *features, const evtwin_table *table) {
    for (size_t i = 0; i < features->n; i++) {
        const feature *f = &features->list[i];
        const size_t col = f->is_telemetry ? evtwin_telemetry_find(table, f->column) : 0;
        for (int naming = 0; f->is_telemetry && naming < (int)evtwin_naming_count(); naming++) {
            const char *name = evtwin_quantity_name(f->quantity, (evtwin_naming)naming);
            const size_t other = name != NULL ? evtwin_table_find(table, name) : EVTWIN_NO_COLUMN;
            EVTWIN_FAIL_IF(other != EVTWIN_NO_COLUMN && other != col, EVTWIN_E_SCHEMA,
                           "columns '%s' and '%s' are both %s", evtwin_table_name(table, col), name,
                           f->column);
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_features_compute(const evtwin_features *features, const evtwin_table *table,
                                      size_t first_row, size_t rows, double *x) {
    EVTWIN_FAIL_IF(features == NULL || table == NULL || (x == NULL && rows > 0), EVTWIN_E_ARG,
                   "features, table or x is NULL");
    const size_t n_rows = evtwin_table_rows(table);
    EVTWIN_FAIL_IF(first_row > n_rows || rows > n_rows - first_row, EVTWIN_E_ARG,
                   "%zu rows from row %zu requested from a table with %zu", rows, first_row,
                   n_rows);
    EVTWIN_TRY(check_duplicates(features, table));
    EVTWIN_TRY(evtwin__features_compute(features, table, first_row, rows, 1, x));
    for (size_t i = 0; i < features->n; i++) {
        for (size_t r = 0; r < rows && features->list[i].statistic != EVTWIN__H_NONE; r++) {
            x[r * features->n + i] = NAN; /* a row does not know the past */
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__feature_check(const evtwin_features *features, size_t i, double value) {
    const feature *f = &features->list[i];
    if (f->is_telemetry) {
        return evtwin__number_check_range(f->quantity, value);
    }
    EVTWIN_FAIL_IF(isinf(value), EVTWIN_E_RANGE, "%s is infinite", f->column);
    return EVTWIN_OK;
}

evtwin_status evtwin__features_compute(const evtwin_features *features, const evtwin_table *table,
                                       size_t first_row, size_t rows, int refuse_infinite,
                                       double *x) {
    for (size_t i = 0; i < features->n; i++) {
        size_t col;
        double factor;
        if (features->list[i].derived != EVTWIN__D_COUNT) {
            for (size_t r = 0; r < rows; r++) {
                x[r * features->n + i] = NAN;
            }
            continue;
        }
        EVTWIN_TRY(evtwin__feature_column(features, i, table, &col));
        EVTWIN_TRY(evtwin_telemetry_factor(table, col, &factor));
        const size_t bad = copy_column(table, col, factor, first_row, rows, x + i, features->n);
        EVTWIN_FAIL_IF(bad < rows && refuse_infinite, EVTWIN_E_RANGE,
                       "data row %zu of column '%s' is infinite", first_row + bad + 1,
                       evtwin_table_name(table, col));
    }
    return EVTWIN_OK;
}

void evtwin__features_read(const evtwin_features *features, const evtwin_table *table,
                           size_t first_row, size_t rows, double *x) {
    for (size_t i = 0; i < features->n; i++) {
        const size_t col = find_column(&features->list[i], table);
        double factor;
        if (col != EVTWIN_NO_COLUMN && evtwin__column_is_number(table, col) &&
            evtwin_telemetry_factor(table, col, &factor) >= 0) {
            copy_column(table, col, factor, first_row, rows, x + i, features->n);
        } else {
            for (size_t r = 0; r < rows; r++) {
                x[r * features->n + i] = NAN;
            }
        }
    }
}
