/* SPDX-License-Identifier: MIT */
/* io/postgres_result.c: values of a result, which come in PostgreSQL's binary form. */

#include "io/postgres_wire.h"

#include "core/num.h"
#include "core/status.h"

#include <libpq-fe.h>
#include <math.h>
#include <string.h>

/* An evtwin__pg_result is a PGresult under a name that needs no header of libpq. */
static const PGresult *of(const evtwin__pg_result *result) {
    return (const PGresult *)(const void *)result;
}

const struct evtwin__pg_oid evtwin__pg_oids[EVTWIN__PG_N_TYPES] = {
    [EVTWIN__PG_F64] = {EVTWIN__OID_FLOAT8, 1022},
    [EVTWIN__PG_I64] = {EVTWIN__OID_INT8, 1016},
    [EVTWIN__PG_TIME] = {EVTWIN__OID_TIMESTAMPTZ, 1185},
    [EVTWIN__PG_BOOL] = {EVTWIN__OID_BOOL, 1000},
    [EVTWIN__PG_TEXT] = {EVTWIN__OID_TEXT, 1009},
    [EVTWIN__PG_BYTES] = {EVTWIN__OID_BYTEA, 1001},
    [EVTWIN__PG_I32] = {EVTWIN__OID_INT4, 1007},
    [EVTWIN__PG_I16] = {EVTWIN__OID_INT2, 1005}};

void evtwin__pg_result_free(evtwin__pg_result *result) {
    PQclear((PGresult *)(void *)result);
}

size_t evtwin__pg_rows(const evtwin__pg_result *result) {
    return (size_t)PQntuples(of(result));
}

size_t evtwin__pg_cols(const evtwin__pg_result *result) {
    return (size_t)PQnfields(of(result));
}

int64_t evtwin__pg_changed(const evtwin__pg_result *result) {
    const char *text = PQcmdTuples((PGresult *)(void *)result);
    int64_t n = 0;
    evtwin__parse_i64(text, strlen(text), &n);
    return n;
}

/* ---- one value ---- */

typedef struct cell {
    Oid type;
    int size; /* -1 = NULL */
    const unsigned char *bytes;
} cell;

static cell cell_at(const evtwin__pg_result *result, size_t row, size_t col) {
    const PGresult *r = of(result);
    const int i = (int)row, c = (int)col;
    if (row >= evtwin__pg_rows(result) || col >= evtwin__pg_cols(result) || PQgetisnull(r, i, c)) {
        return (cell){.size = -1};
    }
    return (cell){PQftype(r, c), PQgetlength(r, i, c), (const unsigned char *)PQgetvalue(r, i, c)};
}

/* The highest byte first, with its sign. */
static int64_t integer(const unsigned char *bytes, int size) {
    uint64_t v = size > 0 && bytes[0] >= 0x80 ? UINT64_MAX : 0;
    for (int k = 0; k < size; k++) {
        v = v << 8 | bytes[k];
    }
    return (int64_t)v;
}

/* Digits to the base 10000 behind four 16-bit numbers: how many, power of the first, sign, scale.
 */
static double numeric(const cell *c) {
    enum { HEADER = 8, POSITIVE = 0, NEGATIVE = 0x4000 };
    const int64_t n = c->size >= HEADER ? integer(c->bytes, 2) : -1;
    const int64_t sign = c->size >= HEADER ? integer(c->bytes + 4, 2) & 0xffff : -1;
    if (n < 0 || c->size < HEADER + 2 * n || (sign != POSITIVE && sign != NEGATIVE)) {
        return NAN; /* NaN and infinity are signs of their own */
    }
    evtwin__text text = {.size = 0};
    char number[EVTWIN__NUM_SIZE];
    evtwin__text_put(&text, sign == NEGATIVE ? "-0" : "0");
    for (int64_t k = 0; k < n; k++) {
        const size_t length =
            evtwin__format_i64(10000 + integer(c->bytes + HEADER + 2 * k, 2), number);
        evtwin__text_add(&text, number + 1, length - 1);
    }
    evtwin__text_put(&text, "e");
    evtwin__format_i64(4 * (integer(c->bytes + 2, 2) - n + 1), number);
    evtwin__text_put(&text, number);
    double value = NAN;
    if (text.is_failed || !evtwin__parse_f64(text.data, text.size, &value)) {
        value = NAN;
    }
    evtwin__text_free(&text);
    return value;
}

double evtwin__pg_f64(const evtwin__pg_result *result, size_t row, size_t col) {
    const cell c = cell_at(result, row, col);
    double value = NAN;
    if (c.size == 8 && c.type == EVTWIN__OID_FLOAT8) {
        const int64_t bits = integer(c.bytes, 8);
        memcpy(&value, &bits, sizeof value);
    } else if (c.size == 4 && c.type == EVTWIN__OID_FLOAT4) {
        const int32_t bits = (int32_t)integer(c.bytes, 4);
        float single;
        memcpy(&single, &bits, sizeof single);
        value = (double)single;
    } else if (c.size > 0 && c.type == EVTWIN__OID_NUMERIC) {
        value = numeric(&c);
    } else if (c.size > 0 && (c.type == EVTWIN__OID_INT2 || c.type == EVTWIN__OID_INT4 ||
                              c.type == EVTWIN__OID_INT8)) {
        value = (double)integer(c.bytes, c.size);
    }
    return isfinite(value) ? value : NAN;
}

int evtwin__pg_i64(const evtwin__pg_result *result, size_t row, size_t col, int64_t *out) {
    const cell c = cell_at(result, row, col);
    const int64_t value = c.size > 0 && c.size <= 8 ? integer(c.bytes, c.size) : 0;
    if (c.size < 0) {
        return 0;
    }
    switch (c.type) {
    case EVTWIN__OID_TIMESTAMP:
    case EVTWIN__OID_TIMESTAMPTZ:
        if (value > INT64_MAX - EVTWIN__PG_EPOCH_US || value == INT64_MIN) {
            return 0; /* infinity */
        }
        *out = value + EVTWIN__PG_EPOCH_US;
        return 1;
    case EVTWIN__OID_OID:
        *out = value & INT64_C(0xffffffff);
        return 1;
    case EVTWIN__OID_BOOL:
    case EVTWIN__OID_INT2:
    case EVTWIN__OID_INT4:
    case EVTWIN__OID_INT8:
    case EVTWIN__OID_XID8:
        *out = value;
        return 1;
    default:
        return 0;
    }
}

const char *evtwin__pg_text(const evtwin__pg_result *result, size_t row, size_t col) {
    const cell c = cell_at(result, row, col);
    switch (c.type) {
    case EVTWIN__OID_CHAR:
    case EVTWIN__OID_NAME:
    case EVTWIN__OID_TEXT:
    case EVTWIN__OID_UNKNOWN:
    case EVTWIN__OID_BPCHAR:
    case EVTWIN__OID_VARCHAR:
        return c.size >= 0 ? (const char *)c.bytes : NULL;
    default:
        return NULL;
    }
}

/* ---- a column ---- */

static evtwin_status fill_cell(const evtwin__pg_result *result, size_t row, size_t col,
                               evtwin_table *table, size_t table_col) {
    const evtwin_type type = evtwin_table_type(table, table_col);
    const char *text = type == EVTWIN_TEXT ? evtwin__pg_text(result, row, col) : NULL;
    int64_t value = 0;
    if (type == EVTWIN_TEXT) {
        return text != NULL ? evtwin_table_set_text(table, table_col, row, text) : EVTWIN_OK;
    }
    if (!evtwin__pg_i64(result, row, col, &value)) {
        return EVTWIN_OK;
    }
    return type == EVTWIN_BOOL ? evtwin_table_set_bool(table, table_col, row, value != 0)
                               : evtwin_table_set_i64(table, table_col, row, value);
}

evtwin_status evtwin__pg_fill(const evtwin__pg_result *result, size_t col, evtwin_table *table,
                              size_t table_col) {
    const size_t rows = evtwin__pg_rows(result);
    EVTWIN_FAIL_IF(rows != evtwin_table_rows(table), EVTWIN_E_ARG,
                   "a result of %zu rows for a table of %zu", rows, evtwin_table_rows(table));
    if (evtwin_table_type(table, table_col) == EVTWIN_F64) {
        double *to = evtwin_table_f64_edit(table, table_col);
        EVTWIN_FAIL_IF(to == NULL && rows > 0, EVTWIN_E_STATE, "the table is shared");
        for (size_t row = 0; row < rows; row++) {
            to[row] = evtwin__pg_f64(result, row, col);
        }
        return EVTWIN_OK;
    }
    for (size_t row = 0; row < rows; row++) {
        EVTWIN_TRY(fill_cell(result, row, col, table, table_col));
    }
    return EVTWIN_OK;
}
