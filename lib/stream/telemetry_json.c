/* SPDX-License-Identifier: MIT */
/* stream/telemetry_json.c: telemetry records to JSON by hand (the hot path), in our names or those
 * of another naming, and back by jansson. */

#include "evtwin/screen.h"

#include "core/json.h"
#include "core/naming.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/envelope.h"
#include "stream/telemetry_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 65536, MAX_KEYS = 64 };

/* ---- encode ---- */

static char *put(char *to, const char *text, size_t n) {
    memcpy(to, text, n);
    return to + n;
}

/* The key of each quantity as it is written. */
static const struct {
    const char *text;
    size_t length;
} keys[] = {
#define Q(ID, name, json_key, ...)                                                                 \
    [EVTWIN__Q_##ID] = {"\"" #json_key "\":", sizeof("\"" #json_key "\":") - 1},
#include "core/schema.def"
#undef Q
};

/* Enough for a record without its strings: numbers and times have at most 32 bytes. */
enum {
    VALUE_SIZE = 32,
    FIXED_SIZE = 8
#define Q(ID, name, json_key, ...) +sizeof("\"" #json_key "\":,") + VALUE_SIZE
#include "core/schema.def"
#undef Q
};

/* Whose names a word of the parameter names means, and a record is read by. */
static const evtwin_naming namings[] = {EVTWIN_NAMING_EVTWIN, EVTWIN_NAMING_VSS,
                                        EVTWIN_NAMING_BDF_MACHINE};

evtwin_naming evtwin__names_naming(int word) {
    return namings[word];
}

const char *evtwin__telemetry_key(size_t q, evtwin_naming naming) {
    const evtwin__alias *alias = evtwin__alias_of(q, naming);
    return alias != NULL ? alias->name : evtwin__schema[q].json_key;
}

static char *put_key(char *to, size_t q, const evtwin__alias *alias) {
    if (alias == NULL) {
        return put(to, keys[q].text, keys[q].length);
    }
    to = put(to, "\"", 1);
    to = put(to, alias->name, strlen(alias->name)); /* needs no escapes */
    return put(to, "\":", 2);
}

/* Write a present value; NULL for a time that has no such form. */
static char *put_value(char *to, evtwin_type type, const evtwin__value *v) {
    switch (type) {
    case EVTWIN_F64:
        return to + evtwin__format_f64(v->f64, to);
    case EVTWIN_I64:
        return to + evtwin__format_i64(v->i64, to);
    case EVTWIN_BOOL:
        return v->i64 != 0 ? put(to, "true", 4) : put(to, "false", 5);
    case EVTWIN_TIME:
        *to++ = '"';
        if (evtwin_time_format(v->i64, to, EVTWIN_TIME_TEXT_SIZE) < 0) {
            return NULL;
        }
        to += strlen(to);
        *to++ = '"';
        return to;
    case EVTWIN_TEXT:
    default:
        return evtwin__json_string_write(to, v->text);
    }
}

/* Room for a row and its NUL: the length of a string is not bounded. */
static size_t row_size(const evtwin__binding *b, size_t row, unsigned kinds, evtwin_naming naming) {
    size_t size = FIXED_SIZE;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const size_t col = b->bound[q].col;
        size += naming != EVTWIN_NAMING_EVTWIN ? strlen(evtwin__telemetry_key(q, naming)) : 0;
        if (evtwin__schema[q].type == EVTWIN_TEXT && col != EVTWIN_NO_COLUMN &&
            evtwin__is_of(q, kinds)) {
            const char *text = evtwin_table_text(b->table, col, row);
            size += text != NULL ? 6 * strlen(text) : 0;
        }
    }
    return size;
}

evtwin_status evtwin__telemetry_put_json(const evtwin__binding *binding, size_t row, unsigned kinds,
                                         evtwin__text *text) {
    return evtwin__telemetry_put_named(binding, row, kinds, EVTWIN_NAMING_EVTWIN, text);
}

/* Numbers of JSON are doubles to most readers: a time that they would round keeps our form. */
static int has_exact_seconds(int64_t time_us) {
    return time_us % 1000000 == 0 ||
           (time_us > -EVTWIN__TIME_DOUBLE_US && time_us < EVTWIN__TIME_DOUBLE_US);
}

/* A present value under its key, as the naming has both; NULL as put_value. */
static char *put_pair(char *to, const evtwin__binding *b, size_t q, size_t row,
                      evtwin_naming naming, evtwin__value *v) {
    const evtwin__alias *alias =
        naming != EVTWIN_NAMING_EVTWIN ? evtwin__alias_of(q, naming) : NULL;
    if (alias != NULL && !evtwin__value_to_naming(q, alias, evtwin__binding_direction(b, row), v)) {
        alias = NULL;
    }
    const int is_seconds = alias != NULL && evtwin__alias_is_seconds(alias);
    if (is_seconds && !has_exact_seconds(v->i64)) {
        return put_value(put_key(to, q, NULL), evtwin__schema[q].type, v);
    }
    to = put_key(to, q, alias);
    return is_seconds ? to + evtwin__time_seconds(v->i64, to)
                      : put_value(to, evtwin__schema[q].type, v);
}

evtwin_status evtwin__telemetry_put_named(const evtwin__binding *binding, size_t row,
                                          unsigned kinds, evtwin_naming naming,
                                          evtwin__text *text) {
    char *start = evtwin__text_room(text, row_size(binding, row, kinds, naming));
    EVTWIN_FAIL_IF(start == NULL, EVTWIN_E_NOMEM, "out of memory for JSON beyond %zu bytes",
                   text->size);
    char *to = start;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const evtwin__bound *from = &binding->bound[q];
        const int is_missing = from->f64 != NULL && isnan(from->f64[row]); /* as many are */
        if (from->col == EVTWIN_NO_COLUMN || !evtwin__is_of(q, kinds) || is_missing) {
            continue;
        }
        evtwin__value v;
        EVTWIN_TRY(evtwin__binding_get(binding, q, row, &v));
        if (!v.is_present) {
            continue;
        }
        *to = to == start ? '{' : ',';
        EVTWIN_FAIL_IF((to = put_pair(to + 1, binding, q, row, naming, &v)) == NULL, EVTWIN_E_RANGE,
                       "row %zu: %s is not in the years 0 to 9999", row + 1,
                       evtwin__schema[q].name);
    }
    *to++ = '}';
    *to = '\0';
    text->size += (size_t)(to - start);
    return EVTWIN_OK;
}

/* What was measured is kept as it came, however impossible: who predicts from it judges it. The
 * number of a record is ours, and no store takes a negative one. */
evtwin_status evtwin__telemetry_check_number(size_t q, const evtwin__value *value) {
    return q == EVTWIN__Q_SEQ ? evtwin__value_check_range(q, value) : EVTWIN_OK;
}

/* Does the one row have what every record has? */
static evtwin_status check_row(const evtwin__binding *b, size_t row) {
    EVTWIN_FAIL_IF(b->bound[EVTWIN__Q_TIME].col == EVTWIN_NO_COLUMN ||
                       b->bound[EVTWIN__Q_BATTERY_ID].col == EVTWIN_NO_COLUMN,
                   EVTWIN_E_SCHEMA, "the table lacks the column time or battery_id");
    evtwin__value seq;
    EVTWIN_TRY(evtwin__binding_get(b, EVTWIN__Q_SEQ, row, &seq));
    EVTWIN_TRY(evtwin__telemetry_check_number(EVTWIN__Q_SEQ, &seq));
    return evtwin__binding_check_key(b, row);
}

evtwin_status evtwin_telemetry_encode(const evtwin_table *table, size_t row, char *text,
                                      size_t text_size, size_t *length_out) {
    EVTWIN_FAIL_IF(table == NULL || row >= evtwin_table_rows(table), EVTWIN_E_ARG,
                   "table is NULL or has no row %zu", row + 1);
    evtwin__binding binding;
    evtwin_status st;
    EVTWIN_TRY(evtwin__bind(table, EVTWIN__TELEMETRY, &binding));
    EVTWIN_TRY(check_row(&binding, row));
    evtwin__text whole = {.data = NULL};
    if ((st = evtwin__telemetry_put_json(&binding, row, EVTWIN__TELEMETRY, &whole)) < 0) {
        goto done;
    }
    if (length_out != NULL) {
        *length_out = whole.size;
    }
    if (text != NULL && whole.size >= text_size) {
        st = evtwin__fail(EVTWIN_E_ARG, "text has %zu bytes, the record needs %zu", text_size,
                          whole.size + 1);
    } else if (text != NULL) {
        memcpy(text, whole.data, whole.size + 1);
    }

done:
    evtwin__text_free(&whole);
    return st;
}

/* ---- decode ---- */

/* The record that the JSON is, or that is in it. */
static evtwin_status find_record(json_t *json, json_t **record_out) {
    json_t *record = NULL;
    EVTWIN_FAIL_IF(!json_is_object(json), EVTWIN_E_PARSE, "a telemetry record is a JSON object");
    EVTWIN_TRY(evtwin__envelope_open(json, &record));
    EVTWIN_FAIL_IF(json_object_size(record) > MAX_KEYS, EVTWIN_E_PARSE,
                   "a telemetry record of %zu keys; the limit is %d", json_object_size(record),
                   MAX_KEYS);
    *record_out = json_incref(record);
    return EVTWIN_OK;
}

static evtwin_status parse_object(const char *text, size_t length, json_t **out) {
    EVTWIN_FAIL_IF(length > MAX_TEXT, EVTWIN_E_PARSE,
                   "a telemetry record of %zu bytes; the limit is %d", length, MAX_TEXT);
    EVTWIN_FAIL_IF(evtwin__json_is_deeper(text, length, EVTWIN__RECORD_DEPTH), EVTWIN_E_PARSE,
                   "a telemetry record nested deeper than %d", EVTWIN__RECORD_DEPTH);
    json_t *json = NULL;
    EVTWIN_TRY(evtwin__record_parse("telemetry", text, length, &json));
    const evtwin_status st = find_record(json, out);
    json_decref(json);
    return st;
}

/* A value of a record that is to be decoded. */
typedef struct entry {
    const json_t *json;
    const char *key;            /* under which it stands */
    const evtwin__alias *alias; /* whose key that is; NULL = ours */
} entry;

static evtwin_status fail_type(const entry *e, const char *expected) {
    EVTWIN_FAIL(EVTWIN_E_PARSE, "key \"%s\" is not %s", e->key, expected);
}

static evtwin_status decode_f64(size_t q, const entry *e, evtwin__value *out) {
    if (!json_is_number(e->json)) {
        return fail_type(e, "a number");
    }
    out->f64 = json_number_value(e->json);
    if (e->alias != NULL) {
        out->f64 = evtwin__number_from_naming(q, e->alias, out->f64);
        EVTWIN_FAIL_IF(isinf(out->f64), EVTWIN_E_PARSE, "key \"%s\" is too large for our unit",
                       e->key);
    }
    return EVTWIN_OK;
}

/* 150 and 150.0 are integers, 150.5 is not. */
static evtwin_status decode_i64(const entry *e, evtwin__value *out) {
    if (json_is_integer(e->json)) {
        out->i64 = json_integer_value(e->json);
        return EVTWIN_OK;
    }
    const double v = json_is_real(e->json) ? json_real_value(e->json) : NAN;
    if (!(fabs(v) <= 0x1p53) || v != floor(v)) {
        return fail_type(e, "an integer");
    }
    out->i64 = (int64_t)v;
    return EVTWIN_OK;
}

static evtwin_status decode_text(size_t q, const entry *e, evtwin__value *out) {
    out->text = json_string_value(e->json);
    if (out->text == NULL) {
        return fail_type(e, "a string");
    }
    EVTWIN_FAIL_IF(q == EVTWIN__Q_BATTERY_ID && !evtwin_battery_id_is_valid(out->text),
                   EVTWIN_E_PARSE,
                   "key \"%s\": '%.60s' is not a valid battery id (1 to 50 of A-Z a-z 0-9 . _ : -)",
                   e->key, out->text);
    return EVTWIN_OK;
}

static evtwin_status decode_time(const entry *e, const evtwin__time_rule *rule, evtwin__value *out,
                                 evtwin__time_kind *kind_out) {
    char number[EVTWIN__NUM_SIZE]; /* since 1970: read as its text would be */
    const char *text = json_string_value(e->json);
    evtwin__time_rule its = *rule;
    if (json_is_number(e->json)) {
        json_is_integer(e->json) ? evtwin__format_i64(json_integer_value(e->json), number)
                                 : evtwin__format_f64(json_real_value(e->json), number);
        text = number;
    } else if (text == NULL) {
        return fail_type(e, "a string or a number");
    }
    if (its.format == NULL && e->alias != NULL) {
        its.format = evtwin__header_time_format(e->key);
    }
    const evtwin_status st = evtwin__time_read(text, strlen(text), &its, &out->i64, kind_out);
    return st < 0 ? evtwin__fail_in(st, "key \"%s\"", e->key) : EVTWIN_OK;
}

static evtwin_status decode_value(size_t q, const entry *e, const evtwin__time_rule *rule,
                                  evtwin__value *out, evtwin__time_kind *kind_out) {
    switch (evtwin__schema[q].type) {
    case EVTWIN_F64:
        return decode_f64(q, e, out);
    case EVTWIN_I64:
        return decode_i64(e, out);
    case EVTWIN_TEXT:
        return decode_text(q, e, out);
    case EVTWIN_TIME:
        return decode_time(e, rule, out, kind_out);
    case EVTWIN_BOOL:
    default:
        out->i64 = json_is_true(e->json);
        return json_is_boolean(e->json) ? EVTWIN_OK : fail_type(e, "true or false");
    }
}

/* Look for the quantity under the key of a naming. */
static int find_named(const json_t *object, size_t q, evtwin_naming naming, entry *out) {
    const evtwin__alias *alias = evtwin__alias_of(q, naming);
    if (naming != EVTWIN_NAMING_EVTWIN && alias == NULL) {
        return 0;
    }
    const char *key = alias != NULL ? alias->name : evtwin__schema[q].json_key;
    const json_t *json = json_object_get(object, key);
    *out = json != NULL ? (entry){json, key, alias} : *out;
    return json != NULL;
}

/* Where the record has each quantity: under our key, else under that of another naming. */
static void find_entries(const json_t *object, entry found[EVTWIN__Q_COUNT]) {
    size_t n_found = 0;
    for (size_t n = 0; n < sizeof namings / sizeof namings[0]; n++) {
        for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
            found[q] = n == 0 ? (entry){NULL, evtwin__schema[q].json_key, NULL} : found[q];
            if (found[q].json == NULL && evtwin__is_of(q, EVTWIN__TELEMETRY)) {
                n_found += (size_t)find_named(object, q, namings[n], &found[q]);
            }
        }
        if (n_found == json_object_size(object)) {
            return; /* nearly always at once: it has no further key */
        }
    }
}

/* All values, decoded and checked. */
static evtwin_status decode_object(const json_t *object, const evtwin__time_rule *rule,
                                   const evtwin__binding *b, evtwin__value *value,
                                   evtwin__time_kind *kind_out) {
    entry found[EVTWIN__Q_COUNT];
    find_entries(object, found);
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!evtwin__is_of(q, EVTWIN__TELEMETRY)) {
            continue;
        }
        const evtwin__quantity *of = &evtwin__schema[q];
        value[q].is_present = found[q].json != NULL && !json_is_null(found[q].json);
        if (!value[q].is_present) {
            EVTWIN_FAIL_IF(of->role == EVTWIN__ROLE_KEY, EVTWIN_E_SCHEMA,
                           "a telemetry record without \"%s\"", of->json_key);
            continue;
        }
        const evtwin__bound *to = &b->bound[q];
        EVTWIN_FAIL_IF(to->col == EVTWIN_NO_COLUMN || to->type != of->type || to->factor != 1.0,
                       EVTWIN_E_SCHEMA, "the table has no telemetry column '%s'", of->name);
        EVTWIN_TRY(decode_value(q, &found[q], rule, &value[q], kind_out));
        EVTWIN_TRY(evtwin__telemetry_check_number(q, &value[q]));
    }
    return EVTWIN_OK;
}

/* Only here it is known. A table without the column has no place for it. */
static void note_naive_time(evtwin__time_kind kind, const evtwin__binding *b,
                            evtwin__value *quality) {
    if (kind != EVTWIN__TIME_EXACT && b->bound[EVTWIN__Q_QUALITY].col != EVTWIN_NO_COLUMN) {
        const int64_t noted = quality->is_present && quality->i64 > 0 ? quality->i64 : 0;
        *quality = (evtwin__value){.is_present = 1, .i64 = noted | EVTWIN_QUALITY_NAIVE_TIME};
    }
}

static evtwin_status append_object(const json_t *object, const evtwin__time_rule *rule,
                                   evtwin_table *table, evtwin__time_kind *kind_out) {
    evtwin__binding binding;
    evtwin__value value[EVTWIN__Q_COUNT];
    const size_t row = evtwin_table_rows(table);
    evtwin_status st = EVTWIN_OK;
    EVTWIN_TRY(evtwin__bind(table, EVTWIN__TELEMETRY, &binding));
    EVTWIN_TRY(decode_object(object, rule, &binding, value, kind_out));
    note_naive_time(*kind_out, &binding, &value[EVTWIN__Q_QUALITY]);
    EVTWIN_TRY(evtwin_table_resize(table, row + 1));
    for (size_t q = 0; q < EVTWIN__Q_COUNT && st == EVTWIN_OK; q++) {
        if (evtwin__is_of(q, EVTWIN__TELEMETRY) && value[q].is_present) {
            st = evtwin__value_store(&value[q], table, binding.bound[q].col, row);
        }
    }
    if (st < 0) {
        evtwin_table_resize(table, row); /* shrinking does not fail */
    }
    return st;
}

evtwin_status evtwin__telemetry_decode(const char *text, size_t length,
                                       const evtwin__time_rule *rule, evtwin_table *table,
                                       evtwin__time_kind *kind_out) {
    json_t *object = NULL;
    EVTWIN_TRY(parse_object(text, length, &object));
    const evtwin_status st = append_object(object, rule, table, kind_out);
    json_decref(object);
    return st;
}

evtwin_status evtwin_telemetry_decode(const char *text, size_t length, evtwin_naive_time naive,
                                      evtwin_table *table) {
    EVTWIN_FAIL_IF(text == NULL || table == NULL, EVTWIN_E_ARG, "text or table is NULL");
    const evtwin__time_rule rule = {.naive = naive};
    evtwin__time_kind kind;
    return evtwin__telemetry_decode(text, length, &rule, table, &kind);
}
