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

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_RULES = 256, MAX_FILE_BYTES = 1 << 20 };

typedef struct rule {
    evtwin_threshold_kind kind;
    size_t q;
    evtwin_health level;
    int is_below;
    double limit;
} rule;

struct evtwin_thresholds {
    size_t n;
    rule rules[MAX_RULES];
};

/* The contract's limits. */
static const rule contract[] = {
#define BELOW 1
#define ABOVE 0
#define L(kind, QUANTITY, level, direction, limit)                                                 \
    {EVTWIN_THRESHOLD_##kind, EVTWIN__Q_##QUANTITY, EVTWIN_HEALTH_##level, direction, limit},
#define M(QUANTITY, margin)
#include "core/thresholds.def"
#undef L
#undef M
};

/* Those of the quantities that are listed; 0 = not listed. */
static const double margins[EVTWIN__Q_COUNT] = {
#define L(...)
#define M(QUANTITY, margin) [EVTWIN__Q_##QUANTITY] = (margin),
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
    const rule *r = &thresholds->rules[i];
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
static evtwin_status set_rule(evtwin_thresholds *t, const rule *r) {
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
    EVTWIN_FAIL_IF(i == MAX_RULES, EVTWIN_E_ARG, "the limit of %d thresholds is reached",
                   MAX_RULES);
    t->rules[i] = *r;
    t->n += i == t->n;
    return EVTWIN_OK;
}

evtwin_status evtwin_thresholds_set(evtwin_thresholds *thresholds, const evtwin_threshold *given) {
    EVTWIN_FAIL_IF(thresholds == NULL || given == NULL || given->quantity == NULL, EVTWIN_E_ARG,
                   "thresholds, rule or its quantity is NULL");
    const rule r = {given->kind, evtwin__quantity_by_name(given->quantity), given->level,
                    given->is_below != 0, given->limit};
    EVTWIN_FAIL_IF(r.q == EVTWIN__Q_COUNT || !evtwin__quantity_is_number(r.q) ||
                       !evtwin__is_of(r.q, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS),
                   EVTWIN_E_ARG,
                   "a threshold of '%.60s', which is not a number that is measured or predicted",
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
                       "a table of thresholds has to have the column %s",
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
            evtwin__log(EVTWIN_LOG_WARNING, "a threshold of '%.60s', which this version lacks",
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
        const rule *r = &thresholds->rules[i];
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

/* ---- limits that are broken, and stay so ---- */

double evtwin__limit_margin(size_t q, double limit) {
    return margins[q] > 0.0 ? margins[q] : 0.02 * fabs(limit);
}

void evtwin__limit_key(evtwin_threshold_kind kind, size_t q, int is_below, double limit,
                       evtwin_health level, char key[EVTWIN__LIMIT_KEY_SIZE]) {
    char number[EVTWIN__NUM_SIZE];
    const char *const parts[] = {kind_names[kind],
                                 " ",
                                 evtwin__schema[q].name,
                                 is_below ? " < " : " > ",
                                 evtwin__number_text(limit, number),
                                 " ",
                                 level_names[level],
                                 "="};
    char *end = key; /* not printf: it is made for every limit of every battery that breaks some */
    size_t room = EVTWIN__LIMIT_KEY_SIZE, n;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && (n = strlen(parts[i])) < room; i++) {
        memcpy(end, parts[i], n + 1);
        end += n;
        room -= n;
    }
}

int evtwin__limit_find(const char *text, const char *key, double *value_out) {
    const char *at = text != NULL ? strstr(text, key) : NULL;
    if (at == NULL) {
        return 0;
    }
    at += strlen(key);
    if (value_out != NULL && !evtwin__parse_f64(at, strcspn(at, ";"), value_out)) {
        *value_out = NAN;
    }
    return 1;
}

/* ---- judging a row ---- */

/* The values of one row, each looked up once: several rules speak of one quantity. */
typedef struct values {
    const evtwin_table *rows;
    size_t row;
    const char *broken; /* the limits that were broken until this row; NULL = not known */
    double of[EVTWIN__Q_COUNT];
    unsigned char is_read[EVTWIN__Q_COUNT];
    signed char judged[MAX_RULES]; /* of each rule: 1 broken, -1 not, 0 not judged yet */
} values;

static void open_values(values *v, const evtwin_table *rows, size_t row) {
    *v = (values){.rows = rows, .row = row};
    const char *broken =
        evtwin_table_text(rows, evtwin_table_find(rows, EVTWIN__BROKEN_COLUMN), row);
    v->broken = broken != NULL && broken[0] != '\0' ? broken : NULL;
}

static double value_of(const rule *r, values *v) {
    if (!v->is_read[r->q]) {
        v->is_read[r->q] = 1;
        v->of[r->q] = evtwin_table_number(
            v->rows, evtwin_table_find(v->rows, evtwin__schema[r->q].name), v->row);
    }
    return v->of[r->q];
}

/* Was the rule broken until this row, and by which value? */
static int was_broken(const rule *r, const values *v, double *value_out) {
    char key[EVTWIN__LIMIT_KEY_SIZE];
    if (v->broken == NULL || strstr(v->broken, evtwin__schema[r->q].name) == NULL) {
        return 0; /* as most are: without the cost of a key */
    }
    evtwin__limit_key(r->kind, r->q, r->is_below, r->limit, r->level, key);
    return evtwin__limit_find(v->broken, key, value_out);
}

static int is_beyond(const rule *r, double value) {
    return evtwin__limit_is_beyond(r->is_below, r->limit, value);
}

/* Rule i, judged once: several questions are about one rule. */
static int is_broken(const evtwin_thresholds *t, size_t i, values *v) {
    const rule *r = &t->rules[i];
    if (v->judged[i] == 0) {
        const double margin = evtwin__limit_margin(r->q, r->limit), value = value_of(r, v);
        const int is =
            evtwin__limit_is_broken(r->is_below, r->limit, margin, was_broken(r, v, NULL), value);
        v->judged[i] = is ? 1 : -1;
    }
    return v->judged[i] > 0;
}

/* Does a rule of this kind count when rules are asked for? Every status raises an alert too. */
static int counts_for(const rule *r, evtwin_threshold_kind kind) {
    return r->kind == kind ||
           (kind == EVTWIN_THRESHOLD_ALERT && r->kind == EVTWIN_THRESHOLD_STATUS);
}

static evtwin_health status_of(const evtwin_thresholds *thresholds, values *v) {
    const size_t n_rules = evtwin_thresholds_count(thresholds);
    evtwin_health level = EVTWIN_HEALTH_NORMAL;
    for (size_t i = 0; i < n_rules; i++) {
        const rule *r = &thresholds->rules[i];
        if (r->kind == EVTWIN_THRESHOLD_STATUS && r->level > level && is_broken(thresholds, i, v)) {
            level = r->level;
        }
    }
    return level;
}

evtwin_health evtwin_thresholds_status(const evtwin_thresholds *thresholds,
                                       const evtwin_table *rows, size_t row) {
    values v;
    open_values(&v, rows, row);
    return status_of(thresholds, &v);
}

int evtwin_thresholds_needs(const evtwin_thresholds *thresholds, const evtwin_table *rows,
                            size_t row) {
    values v;
    open_values(&v, rows, row);
    const size_t n_rules = evtwin_thresholds_count(thresholds);
    int needs = 0;
    for (size_t i = 0; i < n_rules; i++) {
        const rule *r = &thresholds->rules[i];
        const int need =
            r->q == EVTWIN__Q_SOC && r->is_below ? EVTWIN_NEEDS_CHARGING : EVTWIN_NEEDS_SERVICE;
        if (counts_for(r, EVTWIN_THRESHOLD_ALERT) && (needs & need) == 0 &&
            is_broken(thresholds, i, &v)) {
            needs |= need;
        }
    }
    return needs;
}

/* 1 if another rule of the same quantity is broken too and says more. */
static int is_outdone(const evtwin_thresholds *t, const rule *r, evtwin_threshold_kind kind,
                      values *v) {
    for (size_t i = 0; i < t->n; i++) {
        const rule *other = &t->rules[i];
        const int is_stricter = other->is_below ? other->limit < r->limit : other->limit > r->limit;
        if (other->q == r->q && other->is_below == r->is_below && counts_for(other, kind) &&
            is_stricter && is_broken(t, i, v)) {
            return 1;
        }
    }
    return 0;
}

size_t evtwin_thresholds_broken(const evtwin_thresholds *thresholds, evtwin_threshold_kind kind,
                                const evtwin_table *rows, size_t row, size_t *broken, size_t max) {
    values v;
    open_values(&v, rows, row);
    const evtwin_health status = status_of(thresholds, &v);
    const size_t n_rules = evtwin_thresholds_count(thresholds);
    size_t n = 0;
    for (int level = EVTWIN_HEALTH_CRITICAL; level >= EVTWIN_HEALTH_NORMAL; level--) {
        for (size_t i = 0; i < n_rules; i++) {
            const rule *r = &thresholds->rules[i];
            if ((int)r->level != level || !counts_for(r, kind) || !is_broken(thresholds, i, &v)) {
                continue;
            }
            const int is_meant = kind == EVTWIN_THRESHOLD_STATUS
                                     ? r->level == status
                                     : !is_outdone(thresholds, r, kind, &v);
            if (is_meant) {
                if (n < max) {
                    broken[n] = i;
                }
                n++;
            }
        }
    }
    return n;
}

size_t evtwin__thresholds_all_broken(const evtwin_thresholds *thresholds, const evtwin_table *rows,
                                     size_t row, size_t *broken, size_t max) {
    values v;
    open_values(&v, rows, row);
    size_t n = 0;
    for (size_t i = 0; i < thresholds->n && n < max; i++) {
        if (counts_for(&thresholds->rules[i], EVTWIN_THRESHOLD_ALERT) &&
            is_broken(thresholds, i, &v)) {
            broken[n++] = i;
        }
    }
    return n;
}

/* The value in the fewest decimals (two at least) that show which side of the limit it is on. */
static double shown_value(const rule *r, double value) {
    const int side = is_beyond(r, value);
    for (double unit = 1e2; unit <= 1e6 && fabs(value) < 1e9; unit *= 10.0) {
        const double rounded = round(value * unit) / unit;
        if (is_beyond(r, rounded) == side) {
            return rounded;
        }
    }
    return value;
}

const char *evtwin_thresholds_reason(const evtwin_thresholds *thresholds, size_t i,
                                     const evtwin_table *rows, size_t row, char *text,
                                     size_t text_size) {
    if (text == NULL || text_size == 0) {
        return text;
    }
    text[0] = '\0';
    if (i >= evtwin_thresholds_count(thresholds)) {
        return text;
    }
    const rule *r = &thresholds->rules[i];
    values v;
    open_values(&v, rows, row);
    double last = NAN;
    const double value = value_of(r, &v);
    const int is_held = was_broken(r, &v, &last) && !is_beyond(r, value);
    const double margin = evtwin__limit_margin(r->q, r->limit);
    char number[EVTWIN__NUM_SIZE], limit[EVTWIN__NUM_SIZE], until[EVTWIN__NUM_SIZE], more[64] = "";
    if (is_held && isnan(value)) {
        snprintf(more, sizeof more, " (last known)");
    } else if (is_held) {
        const double back = r->is_below ? r->limit + margin : r->limit - margin;
        snprintf(more, sizeof more, " (until %s)",
                 evtwin__number_text(round(back * 1e6) / 1e6, until));
    }
    snprintf(text, text_size, "%s %s %s%c %s%s", evtwin__schema[r->q].name,
             evtwin__number_text(shown_value(r, isnan(value) ? last : value), number),
             is_held && !isnan(value) ? "was " : "", r->is_below ? '<' : '>',
             evtwin__number_text(r->limit, limit), more);
    return text;
}
