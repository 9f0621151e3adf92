/* SPDX-License-Identifier: MIT */
/* stream/telemetry_json.c: telemetry records to JSON by hand (the hot path), and back by jansson.
 */

#include "evtwin/stream.h"

#include "core/json.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/telemetry_json.h"

#include <math.h>
#include <string.h>

enum { MAX_TEXT = 65536, MAX_DEPTH = 16, MAX_KEYS = 64 };

/* ---- encode ---- */

static char *put(char *to, const char *text, size_t n) {
    memcpy(to, text, n);
    return to + n;
}

/* A JSON string: at most six bytes for one, and the quotes. */
static char *put_string(char *to, const char *text) {
    static const char hex[] = "0123456789abcdef";
    *to++ = '"';
    for (const char *c = text; *c != '\0'; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\') {
            *to++ = '\\';
            *to++ = *c;
        } else if (byte < 0x20) {
            to = put(to, "\\u00", 4);
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        } else {
            *to++ = *c;
        }
    }
    *to++ = '"';
    return to;
}

/* NULL if the value has no form in JSON. */
static char *put_value(char *to, evtwin_type type, const evtwin__value *v) {
    switch (type) {
    case EVTWIN_F64:
        /* adding 0 makes 0 of -0, which a reader would take for the integer 0 anyway */
        return isfinite(v->f64) ? to + evtwin__format_f64(v->f64 + 0.0, to) : NULL;
    case EVTWIN_I64:
        return to + evtwin__format_i64(v->i64, to);
    case EVTWIN_BOOL:
        return v->i64 != 0 ? put(to, "true", 4) : put(to, "false", 5);
    case EVTWIN_TEXT:
        return put_string(to, v->text);
    case EVTWIN_TIME: {
        *to++ = '"';
        if (evtwin_time_format(v->i64, to, EVTWIN_TIME_TEXT_SIZE) < 0) {
            return NULL;
        }
        to += strlen(to);
        *to++ = '"';
        return to;
    }
    default:
        return NULL;
    }
}

size_t evtwin__record_json_size(const evtwin__record *record, size_t row, int with_predictions) {
    size_t size = EVTWIN_TELEMETRY_JSON_SIZE;
    for (size_t i = record->n_quantities; i < record->n_fields && with_predictions; i++) {
        const evtwin__field *f = &record->field[i];
        evtwin__value v;
        size += 64;
        if (f->type == EVTWIN_TEXT && evtwin__record_get(record, f, row, &v)) {
            size += 6 * strlen(v.text);
        }
    }
    return size;
}

evtwin_status evtwin__record_encode(const evtwin__record *record, size_t row, int with_predictions,
                                    char *text, size_t *length_out) {
    const evtwin_status st = evtwin__record_check_row(record, row);
    if (st < 0) {
        return st;
    }
    const size_t n_fields = with_predictions ? record->n_fields : record->n_quantities;
    char *to = text;
    for (size_t i = 0; i < n_fields; i++) {
        const evtwin__field *f = &record->field[i];
        evtwin__value v;
        if (!evtwin__record_get(record, f, row, &v)) {
            continue;
        }
        *to = to == text ? '{' : ',';
        to[1] = '"';
        to = put(to + 2, f->json_key, f->json_key_length);
        to = put(to, "\":", 2);
        to = put_value(to, f->type, &v);
        if (to == NULL) {
            EVTWIN_FAIL(EVTWIN_E_RANGE, "row %zu: %s is a value that JSON cannot hold", row + 1,
                        f->name);
        }
    }
    *to++ = '}';
    *to = '\0';
    *length_out = (size_t)(to - text);
    return EVTWIN_OK;
}

evtwin_status evtwin_telemetry_encode(const evtwin_table *table, size_t row, char *text,
                                      size_t text_size, size_t *length_out) {
    if (table == NULL || text == NULL || row >= evtwin_table_rows(table)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "table or text is NULL, or the table has no row %zu", row + 1);
    }
    evtwin__record record;
    evtwin_status st = evtwin__record_bind(table, &record);
    if (st < 0) {
        return st;
    }
    char whole[EVTWIN_TELEMETRY_JSON_SIZE];
    size_t length = 0;
    st = evtwin__record_encode(&record, row, 0, whole, &length);
    if (st < 0) {
        return st;
    }
    if (length >= text_size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "text has %zu bytes, the record needs %zu", text_size,
                    length + 1);
    }
    memcpy(text, whole, length + 1);
    if (length_out != NULL) {
        *length_out = length;
    }
    return EVTWIN_OK;
}

/* ---- decode ---- */

/* Brackets open at once, outside of strings; jansson's own cap is far above ours. */
static int is_too_deep(const char *text, size_t length) {
    int depth = 0, in_string = 0;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH) {
                return 1;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

static evtwin_status parse_object(const char *text, size_t length, json_t **out) {
    if (length > MAX_TEXT) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "a telemetry record of %zu bytes; the limit is %d", length,
                    MAX_TEXT);
    }
    if (is_too_deep(text, length)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "a telemetry record nested deeper than %d", MAX_DEPTH);
    }
    json_t *object = NULL;
    evtwin_status st = evtwin__json_parse("telemetry", text, length, &object);
    if (st < 0) {
        return st;
    }
    if (!json_is_object(object)) {
        st = evtwin__fail(EVTWIN_E_PARSE, "a telemetry record is a JSON object");
    } else if (json_object_size(object) > MAX_KEYS) {
        st = evtwin__fail(EVTWIN_E_PARSE, "a telemetry record of %zu keys; the limit is %d",
                          json_object_size(object), MAX_KEYS);
    }
    if (st < 0) {
        json_decref(object);
        return st;
    }
    *out = object;
    return EVTWIN_OK;
}

static evtwin_status fail_type(const evtwin__field *f, const char *expected) {
    EVTWIN_FAIL(EVTWIN_E_PARSE, "key \"%s\" is not %s", f->json_key, expected);
}

static evtwin_status check_range(const evtwin__field *f, double v) {
    if (v < f->min || v > f->max) {
        char text[EVTWIN__NUM_SIZE], min[EVTWIN__NUM_SIZE], max[EVTWIN__NUM_SIZE];
        evtwin__format_f64(v, text);
        evtwin__format_f64(f->min, min);
        if (isnan(f->max)) {
            EVTWIN_FAIL(EVTWIN_E_RANGE, "key \"%s\": %s is below %s", f->json_key, text, min);
        }
        evtwin__format_f64(f->max, max);
        EVTWIN_FAIL(EVTWIN_E_RANGE, "key \"%s\": %s is outside %s to %s", f->json_key, text, min,
                    max);
    }
    return EVTWIN_OK;
}

static evtwin_status decode_f64(const evtwin__field *f, const json_t *json, evtwin__value *out) {
    if (!json_is_number(json)) {
        return fail_type(f, "a number");
    }
    out->f64 = json_number_value(json);
    return check_range(f, out->f64);
}

/* 150 and 150.0 are integers, 150.5 is not. */
static evtwin_status decode_i64(const evtwin__field *f, const json_t *json, evtwin__value *out) {
    if (json_is_integer(json)) {
        out->i64 = json_integer_value(json);
        return check_range(f, (double)out->i64);
    }
    const double v = json_is_real(json) ? json_real_value(json) : NAN;
    if (!(fabs(v) <= 0x1p53) || v != floor(v)) {
        return fail_type(f, "an integer");
    }
    out->i64 = (int64_t)v;
    return check_range(f, v);
}

static evtwin_status decode_text(const evtwin__field *f, const json_t *json, evtwin__value *out) {
    out->text = json_string_value(json);
    if (out->text == NULL) {
        return fail_type(f, "a text");
    }
    if (!evtwin_battery_id_is_valid(out->text)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE,
                    "key \"%s\": '%.60s' is no battery id (1 to 50 of A-Z a-z 0-9 . _ : -)",
                    f->json_key, out->text);
    }
    return EVTWIN_OK;
}

static evtwin_status decode_time(const evtwin__field *f, const json_t *json,
                                 evtwin_naive_time naive, evtwin__value *out) {
    const char *text = json_string_value(json);
    if (text == NULL) {
        return fail_type(f, "a text");
    }
    const evtwin_status st = evtwin_time_parse(text, naive, &out->i64);
    return st < 0 ? evtwin__fail_in(st, "key \"%s\"", f->json_key) : EVTWIN_OK;
}

static evtwin_status decode_value(const evtwin__field *f, const json_t *json,
                                  evtwin_naive_time naive, evtwin__value *out) {
    switch (f->type) {
    case EVTWIN_F64:
        return decode_f64(f, json, out);
    case EVTWIN_I64:
        return decode_i64(f, json, out);
    case EVTWIN_TEXT:
        return decode_text(f, json, out);
    case EVTWIN_TIME:
        return decode_time(f, json, naive, out);
    case EVTWIN_BOOL:
    default:
        out->i64 = json_is_true(json);
        return json_is_boolean(json) ? EVTWIN_OK : fail_type(f, "true or false");
    }
}

static evtwin_status set_value(evtwin_table *table, size_t col, size_t row, evtwin_type type,
                               const evtwin__value *v) {
    switch (type) {
    case EVTWIN_F64:
        return evtwin_table_set_f64(table, col, row, v->f64);
    case EVTWIN_I64:
    case EVTWIN_TIME:
        return evtwin_table_set_i64(table, col, row, v->i64);
    case EVTWIN_TEXT:
        return evtwin_table_set_text(table, col, row, v->text);
    case EVTWIN_BOOL:
    default:
        return evtwin_table_set_bool(table, col, row, v->i64 != 0);
    }
}

/* All values are decoded and checked before the first is written. */
static evtwin_status append_object(const json_t *object, evtwin_naive_time naive,
                                   evtwin_table *table) {
    evtwin__record record;
    evtwin_status st = evtwin__record_bind(table, &record);
    if (st < 0) {
        return st;
    }
    evtwin__value value[EVTWIN__RECORD_MAX_FIELDS];
    uint64_t present = 0;
    for (size_t i = 0; i < record.n_quantities; i++) {
        const evtwin__field *f = &record.field[i];
        const json_t *json = json_object_get(object, f->json_key);
        if (json == NULL || json_is_null(json)) {
            if (f->type == EVTWIN_TIME || f->type == EVTWIN_TEXT) {
                EVTWIN_FAIL(EVTWIN_E_SCHEMA, "a telemetry record without \"%s\"", f->json_key);
            }
            continue;
        }
        if (f->col == EVTWIN_NO_COLUMN || evtwin_table_type(table, f->col) != f->type ||
            f->factor != 1.0) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "the table has no telemetry column '%s'", f->name);
        }
        st = decode_value(f, json, naive, &value[i]);
        if (st < 0) {
            return st;
        }
        present |= UINT64_C(1) << i;
    }

    const size_t row = evtwin_table_rows(table);
    st = evtwin_table_resize(table, row + 1);
    if (st < 0) {
        return st;
    }
    for (size_t i = 0; i < record.n_quantities && st == EVTWIN_OK; i++) {
        if ((present >> i & 1) != 0) {
            const evtwin__field *f = &record.field[i];
            st = set_value(table, f->col, row, f->type, &value[i]);
        }
    }
    if (st < 0) {
        evtwin_table_resize(table, row); /* shrinking does not fail */
    }
    return st;
}

evtwin_status evtwin_telemetry_decode(const char *text, size_t length, evtwin_naive_time naive,
                                      evtwin_table *table) {
    if (text == NULL || table == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "text or table is NULL");
    }
    json_t *object = NULL;
    evtwin_status st = parse_object(text, length, &object);
    if (st < 0) {
        return st;
    }
    st = append_object(object, naive, table);
    json_decref(object);
    return st;
}
