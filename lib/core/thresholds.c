/* SPDX-License-Identifier: MIT */
/* core/thresholds.c: the limits of status, alerts and colours, and which of them a row breaks. */

#include "core/thresholds.h"

#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/table.h"
#include "core/threshold_rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 20 };

/* The contract's limits. */
static const evtwin__rule contract[] = {
#define BELOW 1
#define ABOVE 0
#define L(kind, QUANTITY, level, direction, limit)                                                 \
    {EVTWIN_THRESHOLD_##kind, EVTWIN__Q_##QUANTITY, EVTWIN_HEALTH_##level, direction, limit},
#define M(QUANTITY, margin)
#include "core/thresholds.def"
#undef L
#undef M
};

static const char *const level_names[] = {"NORMAL", "WARNING", "CRITICAL"};
static const char *const kind_names[] = {"status", "alert", "display"};

enum { N_LEVELS = 3, N_KINDS = 3 };

const char *evtwin_health_name(evtwin_health health) {
    return (unsigned)health < N_LEVELS ? level_names[health] : level_names[EVTWIN_HEALTH_NORMAL];
}

const char *evtwin_threshold_kind_name(evtwin_threshold_kind kind) {
    return (unsigned)kind < N_KINDS ? kind_names[kind] : "";
}

/* ---- the set ---- */

evtwin_status evtwin_thresholds_create(evtwin_thresholds **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_thresholds *t = evtwin__calloc(1, sizeof *t);
    EVTWIN_FAIL_IF(t == NULL, EVTWIN_E_NOMEM, "out of memory for thresholds");
    t->n = sizeof contract / sizeof contract[0];
    memcpy(t->rules, contract, sizeof contract);
    *out = t;
    return EVTWIN_OK;
}

void evtwin_thresholds_free(evtwin_thresholds *thresholds) {
    evtwin__free(thresholds);
}

size_t evtwin_thresholds_count(const evtwin_thresholds *thresholds) {
    return thresholds != NULL ? thresholds->n : 0;
}

evtwin_status evtwin_thresholds_get(const evtwin_thresholds *thresholds, size_t i,
                                    evtwin_threshold *out, size_t size) {
    EVTWIN_FAIL_IF(
        i >= evtwin_thresholds_count(thresholds) || out == NULL || size < sizeof out->size,
        EVTWIN_E_ARG, "threshold %zu is out of range (there are %zu), or out is NULL or too small",
        i, evtwin_thresholds_count(thresholds));
    const evtwin__rule *r = &thresholds->rules[i];
    const evtwin_threshold full = {.size = sizeof full,
                                   .kind = r->kind,
                                   .quantity = evtwin__schema[r->q].name,
                                   .level = r->level,
                                   .is_below = r->is_below,
                                   .limit = r->limit};
    evtwin__report_copy(out, size, &full, sizeof full);
    return EVTWIN_OK;
}

/* Replace the rule that differs in the limit only, add it, or (NaN) take it away. */
static evtwin_status set_rule(evtwin_thresholds *t, const evtwin__rule *r) {
    size_t i = 0;
    while (i < t->n && !(t->rules[i].kind == r->kind && t->rules[i].q == r->q &&
                         t->rules[i].level == r->level && t->rules[i].is_below == r->is_below)) {
        i++;
    }
    if (isnan(r->limit)) {
        if (i < t->n) {
            memmove(&t->rules[i], &t->rules[i + 1], (--t->n - i) * sizeof *r);
        }
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(i == EVTWIN__MAX_RULES, EVTWIN_E_ARG, "the limit of %d thresholds is reached",
                   EVTWIN__MAX_RULES);
    t->rules[i] = *r;
    t->n += i == t->n;
    return EVTWIN_OK;
}

evtwin_status evtwin_thresholds_set(evtwin_thresholds *thresholds, const evtwin_threshold *given) {
    EVTWIN_FAIL_IF(thresholds == NULL || given == NULL || given->quantity == NULL, EVTWIN_E_ARG,
                   "thresholds, rule or its quantity is NULL");
    const evtwin__rule r = {given->kind, evtwin__quantity_by_name(given->quantity), given->level,
                            given->is_below != 0, given->limit};
    EVTWIN_FAIL_IF(r.q == EVTWIN__Q_COUNT || !evtwin__quantity_is_number(r.q) ||
                       !evtwin__is_of(r.q, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS),
                   EVTWIN_E_ARG,
                   "a threshold of '%.60s', which is not a measured or predicted number",
                   given->quantity);
    EVTWIN_FAIL_IF((unsigned)r.kind >= N_KINDS || (unsigned)r.level >= N_LEVELS ||
                       (r.kind == EVTWIN_THRESHOLD_STATUS && r.level == EVTWIN_HEALTH_NORMAL),
                   EVTWIN_E_ARG, "a threshold of %s with kind %d and level %d, which are not valid",
                   given->quantity, (int)r.kind, (int)r.level);
    EVTWIN_FAIL_IF(isinf(r.limit), EVTWIN_E_RANGE, "the limit of %s is infinite", given->quantity);
    return set_rule(thresholds, &r);
}

/* ---- words: files and tables ---- */

/* Number of a word in a list, or -1. */
static int word_index(const char *word, const char *const *words, int n) {
    for (int i = 0; i < n && word != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

/* One rule as a file or a table spells it; place names it in a message. */
static evtwin_status set_words(evtwin_thresholds *t, const char *place, const char *const word[4],
                               double limit) {
    static const char *const operators[] = {">", "<"};
    const int kind = word_index(word[0], kind_names, N_KINDS);
    const int level = word_index(word[2], level_names, N_LEVELS);
    const int is_below = word_index(word[3], operators, 2);
    EVTWIN_FAIL_IF(kind < 0 || level < 0 || is_below < 0 || word[1] == NULL, EVTWIN_E_PARSE,
                   "%s: expected kind (status, alert, display), quantity, level (NORMAL, WARNING, "
                   "CRITICAL), operator (< or >) and limit",
                   place);
    const evtwin_threshold given = {.size = sizeof given,
                                    .kind = (evtwin_threshold_kind)kind,
                                    .quantity = word[1],
                                    .level = (evtwin_health)level,
                                    .is_below = is_below,
                                    .limit = limit};
    const evtwin_status st = evtwin_thresholds_set(t, &given);
    return st < 0 ? evtwin__fail_in(st, "%s", place) : st;
}

static const char *const word_keys[4] = {"kind", "quantity", "level", "operator"};

static evtwin_status set_object(evtwin_thresholds *t, const char *path, size_t i,
                                const json_t *object) {
    char place[512];
    snprintf(place, sizeof place, "%.400s: threshold %zu", path, i + 1);
    const json_t *limit = json_object_get(object, "limit");
    EVTWIN_FAIL_IF(!json_is_number(limit) && !json_is_null(limit), EVTWIN_E_PARSE,
                   "%s: \"limit\" is not a number or null", place);
    const char *word[4];
    for (int k = 0; k < 4; k++) {
        word[k] = json_string_value(json_object_get(object, word_keys[k]));
    }
    return set_words(t, place, word, json_is_null(limit) ? NAN : json_number_value(limit));
}

evtwin_status evtwin_thresholds_load(const char *path, evtwin_thresholds **out) {
    EVTWIN_FAIL_IF(path == NULL || out == NULL, EVTWIN_E_ARG, "path or out is NULL");
    char *text = NULL;
    size_t size = 0;
    json_t *array = NULL;
    evtwin_thresholds *t = NULL;
    EVTWIN_TRY(evtwin__file_read(path, MAX_FILE_BYTES, &text, &size));
    evtwin_status st = evtwin__json_parse(path, text, size, &array);
    if (st < 0 || (st = evtwin_thresholds_create(&t)) < 0) {
        goto done;
    }
    if (!json_is_array(array)) {
        st = evtwin__fail(EVTWIN_E_PARSE, "%s: expected an array of thresholds", path);
    }
    for (size_t i = 0; i < json_array_size(array) && st == EVTWIN_OK; i++) {
        st = set_object(t, path, i, json_array_get(array, i));
    }
    if (st == EVTWIN_OK) {
        *out = t;
        t = NULL;
    }

done:
    evtwin_thresholds_free(t);
    json_decref(array);
    evtwin__free(text);
    return st;
}

evtwin_status evtwin_thresholds_from_table(const evtwin_table *table, evtwin_thresholds **out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL, EVTWIN_E_ARG, "table or out is NULL");
    size_t col[4];
    const size_t limit = evtwin_table_find(table, "limit");
    for (int k = 0; k < 4; k++) {
        col[k] = evtwin_table_find(table, word_keys[k]);
        EVTWIN_FAIL_IF(col[k] == EVTWIN_NO_COLUMN || limit == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                       "the table of thresholds has no column %s",
                       limit == EVTWIN_NO_COLUMN ? "limit" : word_keys[k]);
    }
    evtwin_thresholds *t = evtwin__calloc(1, sizeof *t);
    EVTWIN_FAIL_IF(t == NULL, EVTWIN_E_NOMEM, "out of memory for thresholds");
    evtwin_status st = EVTWIN_OK;
    for (size_t row = 0; row < evtwin_table_rows(table) && st == EVTWIN_OK; row++) {
        const char *word[4];
        size_t q;
        for (int k = 0; k < 4; k++) {
            word[k] = evtwin_table_text(table, col[k], row);
        }
        if (word[1] != NULL && evtwin_quantity_find(word[1], &q, NULL, NULL) < 0) {
            evtwin__log(EVTWIN_LOG_WARNING,
                        "the threshold of '%.60s' is left out: this version has no such quantity",
                        word[1]);
            continue;
        }
        char place[64];
        snprintf(place, sizeof place, "row %zu of the thresholds", row + 1);
        st = set_words(t, place, word, evtwin_table_number(table, limit, row));
    }
    if (st < 0) {
        evtwin_thresholds_free(t);
        return st;
    }
    *out = t;
    return EVTWIN_OK;
}

static evtwin_status fill_table(const evtwin_thresholds *thresholds, evtwin_table *table) {
    for (size_t k = 0; k < 4; k++) {
        EVTWIN_TRY(evtwin_table_add_column(table, word_keys[k], EVTWIN_TEXT, NULL, NULL));
    }
    EVTWIN_TRY(evtwin_table_add_column(table, "limit", EVTWIN_F64, NULL, NULL));
    EVTWIN_TRY(evtwin_table_resize(table, thresholds->n));
    for (size_t i = 0; i < thresholds->n; i++) {
        const evtwin__rule *r = &thresholds->rules[i];
        const char *const word[4] = {kind_names[r->kind], evtwin__schema[r->q].name,
                                     level_names[r->level], r->is_below ? "<" : ">"};
        for (size_t k = 0; k < 4; k++) {
            EVTWIN_TRY(evtwin_table_set_text(table, k, i, word[k]));
        }
        EVTWIN_TRY(evtwin_table_set_f64(table, 4, i, r->limit));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_thresholds_table(const evtwin_thresholds *thresholds, evtwin_table **out) {
    EVTWIN_FAIL_IF(thresholds == NULL || out == NULL, EVTWIN_E_ARG, "thresholds or out is NULL");
    evtwin_table *table = NULL;
    EVTWIN_TRY(evtwin_table_create(&table));
    const evtwin_status st = fill_table(thresholds, table);
    return evtwin__table_finish(st, table, out);
}
