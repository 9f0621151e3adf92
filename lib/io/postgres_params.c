/* SPDX-License-Identifier: MIT */
/* io/postgres_params.c: parameters of statements in PostgreSQL's binary form. */

#include "io/postgres_wire.h"

#include "core/bits.h"

#include <math.h>
#include <string.h>

/* ---- values ---- */

void evtwin__pg_wire_int(evtwin__text *to, int64_t value, size_t size) {
    unsigned char bytes[8];
    for (size_t k = 0; k < size; k++) {
        bytes[k] = (unsigned char)((uint64_t)value >> 8 * (size - 1 - k));
    }
    evtwin__text_add(to, (const char *)bytes, size);
}

void evtwin__pg_wire_f64(evtwin__text *to, double value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    evtwin__pg_wire_int(to, bits, 8);
}

/* ---- scalars ---- */

static evtwin__pg_param *next(evtwin__pg_params *params, evtwin__pg_type type) {
    static evtwin__pg_param none; /* never read: n says that there were too many */
    if (params->n >= EVTWIN__PG_MAX_PARAMS) {
        params->n = EVTWIN__PG_MAX_PARAMS + 1;
        none.bytes.size = 0;
        return &none;
    }
    evtwin__pg_param *p = &params->param[params->n++];
    p->type = type;
    p->is_array = p->is_null = p->has_null = 0;
    p->n = 0;
    p->bytes.size = 0;
    return p;
}

void evtwin__pg_add_null(evtwin__pg_params *params, evtwin__pg_type type) {
    next(params, type)->is_null = 1;
}

void evtwin__pg_add_f64(evtwin__pg_params *params, double value) {
    evtwin__pg_param *p = next(params, EVTWIN__PG_F64);
    p->is_null = !isfinite(value);
    evtwin__pg_wire_f64(&p->bytes, value);
}

void evtwin__pg_add_i64(evtwin__pg_params *params, int64_t value) {
    evtwin__pg_wire_int(&next(params, EVTWIN__PG_I64)->bytes, value, 8);
}

void evtwin__pg_add_time(evtwin__pg_params *params, int64_t time_us) {
    evtwin__pg_wire_int(&next(params, EVTWIN__PG_TIME)->bytes, evtwin__pg_wire_time(time_us), 8);
}

void evtwin__pg_add_bool(evtwin__pg_params *params, int value) {
    evtwin__pg_wire_int(&next(params, EVTWIN__PG_BOOL)->bytes, value != 0, 1);
}

void evtwin__pg_add_text(evtwin__pg_params *params, const char *text) {
    evtwin__pg_param *p = next(params, EVTWIN__PG_TEXT);
    p->is_null = text == NULL;
    evtwin__text_put(&p->bytes, text != NULL ? text : "");
}

void evtwin__pg_add_bytes(evtwin__pg_params *params, const void *data, size_t size) {
    evtwin__pg_param *p = next(params, EVTWIN__PG_BYTES);
    p->is_null = data == NULL;
    evtwin__text_add(&p->bytes, data != NULL ? data : "", data != NULL ? size : 0);
}

/* ---- arrays: dimensions 1, whether one is NULL, element type; length, first index; each element
 *      with its size ---- */

enum { HAS_NULL = 7 /* its last byte */, LENGTH = 12 };

size_t evtwin__pg_add_array(evtwin__pg_params *params, evtwin__pg_type type) {
    evtwin__pg_param *p = next(params, type);
    p->is_array = 1;
    evtwin__pg_wire_int(&p->bytes, 1, 4);
    evtwin__pg_wire_int(&p->bytes, 0, 4);
    evtwin__pg_wire_int(&p->bytes, evtwin__pg_oids[type].scalar, 4);
    evtwin__pg_wire_int(&p->bytes, 0, 4);
    evtwin__pg_wire_int(&p->bytes, 1, 4);
    return params->n - 1;
}

static evtwin__pg_param *element(evtwin__pg_params *params, size_t array, int64_t size) {
    evtwin__pg_param *p = &params->param[array < EVTWIN__PG_MAX_PARAMS ? array : 0];
    p->n++;
    p->has_null |= size < 0;
    evtwin__pg_wire_int(&p->bytes, size, 4);
    if (!p->bytes.is_failed) {
        p->bytes.data[HAS_NULL] = (char)p->has_null;
        for (size_t k = 0; k < 4; k++) {
            p->bytes.data[LENGTH + k] = (char)(p->n >> 8 * (3 - k));
        }
    }
    return p;
}

void evtwin__pg_push_null(evtwin__pg_params *params, size_t array) {
    element(params, array, -1);
}

void evtwin__pg_push_f64(evtwin__pg_params *params, size_t array, double value) {
    if (!isfinite(value)) {
        evtwin__pg_push_null(params, array);
        return;
    }
    evtwin__pg_wire_f64(&element(params, array, 8)->bytes, value);
}

void evtwin__pg_push_i64(evtwin__pg_params *params, size_t array, int64_t value) {
    const evtwin__pg_type type = params->param[array < EVTWIN__PG_MAX_PARAMS ? array : 0].type;
    const size_t size = type == EVTWIN__PG_BOOL ? 1 : 8;
    evtwin__pg_wire_int(&element(params, array, (int64_t)size)->bytes,
                        type == EVTWIN__PG_TIME   ? evtwin__pg_wire_time(value)
                        : type == EVTWIN__PG_BOOL ? value != 0
                                                  : value,
                        size);
}

void evtwin__pg_push_bytes(evtwin__pg_params *params, size_t array, const void *data, size_t size) {
    if (data == NULL) {
        evtwin__pg_push_null(params, array);
        return;
    }
    evtwin__text_add(&element(params, array, (int64_t)size)->bytes, data, size);
}

void evtwin__pg_push_text(evtwin__pg_params *params, size_t array, const char *text) {
    evtwin__pg_push_bytes(params, array, text, text != NULL ? strlen(text) : 0);
}

void evtwin__pg_push_cell(evtwin__pg_params *params, size_t array, const evtwin_table *table,
                          size_t col, size_t row) {
    if (!evtwin_table_is_valid(table, col, row)) {
        evtwin__pg_push_null(params, array);
        return;
    }
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_F64:
        evtwin__pg_push_f64(params, array, evtwin_table_f64(table, col)[row]);
        break;
    case EVTWIN_TEXT:
        evtwin__pg_push_text(params, array, evtwin_table_text(table, col, row));
        break;
    case EVTWIN_BOOL:
        evtwin__pg_push_i64(params, array, evtwin__bit(evtwin_table_bits(table, col), row));
        break;
    default:
        evtwin__pg_push_i64(params, array, evtwin_table_i64(table, col)[row]);
        break;
    }
}

/* ---- all of them ---- */

void evtwin__pg_params_clear(evtwin__pg_params *params) {
    params->n = 0;
}

void evtwin__pg_params_free(evtwin__pg_params *params) {
    for (size_t i = 0; i < EVTWIN__PG_MAX_PARAMS; i++) {
        evtwin__text_free(&params->param[i].bytes);
    }
    params->n = 0;
}
