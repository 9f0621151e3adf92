/* SPDX-License-Identifier: MIT */
/* stream/spool_codec.c: rows, their states and letters as bytes, the same on every machine.
 *
 * A number is a varint: 7 bits a byte, the lowest first, the top bit says that more follow. A
 * string is its length, its bytes and a NUL. Rows: version 1, then two tables, the second that of
 * the states, which has no column if there are none. A table: columns, rows; of each column name,
 * unit, type, whether rows are missing, if so a bitmap of those present, then their values one
 * after the other: F64 8 bytes, I64 and TIME a signed varint of the difference to the one before,
 * BOOL a bitmap, TEXT the number of strings, these, then of each value which. */

#include "stream/spool_codec.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

enum { VERSION = 1, MAX_COLUMNS = 4096, MAX_ROWS = 1 << 20, N_TYPES = EVTWIN_TEXT + 1 };

/* ---- write ---- */

static void put_u64(evtwin__text *out, uint64_t v) {
    char bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) {
        bytes[n++] = (char)(v | 0x80);
    }
    bytes[n++] = (char)v;
    evtwin__text_add(out, bytes, n);
}

/* Small numbers of either sign become small ones without. */
static void put_i64(evtwin__text *out, int64_t v) {
    put_u64(out, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

static void put_bytes(evtwin__text *out, const char *data, size_t size) {
    put_u64(out, size);
    evtwin__text_add(out, data, size);
    evtwin__text_add(out, "", 1);
}

static void put_string(evtwin__text *out, const char *text) {
    text = text != NULL ? text : "";
    put_bytes(out, text, strlen(text));
}

static void put_f64(evtwin__text *out, double v) {
    uint64_t bits;
    char bytes[8];
    memcpy(&bits, &v, sizeof bits);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(bits >> 8 * i);
    }
    evtwin__text_add(out, bytes, sizeof bytes);
}

/* The part of a column that is written. */
typedef struct part {
    const evtwin_table *table;
    size_t col, first, n;
} part;

static int is_present(const part *p, size_t i) {
    return evtwin_table_is_valid(p->table, p->col, p->first + i);
}

/* One bit a row, the first in the lowest bit; the last byte is filled up with 0. */
static void put_bits(evtwin__text *out, const part *p, int (*bit)(const part *p, size_t i)) {
    for (size_t i = 0; i < p->n; i += 8) {
        unsigned byte = 0;
        for (size_t k = i; k < p->n && k < i + 8; k++) {
            byte |= (unsigned)(bit(p, k) != 0) << (k - i);
        }
        evtwin__text_add(out, &(char){(char)byte}, 1);
    }
}

static int is_true(const part *p, size_t i) {
    return evtwin_table_number(p->table, p->col, p->first + i) == 1.0;
}

static void put_integers(evtwin__text *out, const part *p) {
    const int64_t *values = evtwin_table_i64(p->table, p->col);
    uint64_t before = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (is_present(p, i)) {
            const uint64_t v = (uint64_t)values[p->first + i];
            put_i64(out, (int64_t)(v - before));
            before = v;
        }
    }
}

/* Only the strings that occur, numbered as they do. */
static void put_texts(evtwin__text *out, const part *p) {
    const int32_t *codes = evtwin_table_codes(p->table, p->col);
    const size_t n_strings = evtwin_table_dict_size(p->table, p->col);
    uint32_t *number = evtwin__calloc(n_strings + 1, sizeof *number); /* + 1; 0 = not yet */
    evtwin__text strings = {.data = NULL};
    uint32_t n = 0;
    out->is_failed |= number == NULL;
    for (size_t i = 0; i < p->n && !out->is_failed; i++) {
        const int32_t code = codes[p->first + i];
        if (code >= 0 && number[code] == 0) {
            number[code] = ++n;
            put_string(&strings, evtwin_table_dict_text(p->table, p->col, code));
        }
    }
    out->is_failed |= strings.is_failed;
    put_u64(out, n);
    evtwin__text_add(out, strings.data != NULL ? strings.data : "", strings.size);
    for (size_t i = 0; i < p->n && !out->is_failed; i++) {
        const int32_t code = codes[p->first + i];
        if (code >= 0) {
            put_u64(out, number[code] - 1);
        }
    }
    evtwin__text_free(&strings);
    evtwin__free(number);
}

static void put_column(evtwin__text *out, const part *p) {
    const evtwin_type type = evtwin_table_type(p->table, p->col);
    put_string(out, evtwin_table_name(p->table, p->col));
    put_string(out, evtwin_table_unit(p->table, p->col));
    put_u64(out, (uint64_t)type);
    size_t n_present = 0;
    for (size_t i = 0; i < p->n; i++) {
        n_present += is_present(p, i) != 0;
    }
    put_u64(out, n_present < p->n);
    if (n_present < p->n) {
        put_bits(out, p, is_present);
    }
    switch (type) {
    case EVTWIN_F64: {
        const double *values = evtwin_table_f64(p->table, p->col);
        for (size_t i = 0; i < p->n; i++) {
            if (is_present(p, i)) {
                put_f64(out, values[p->first + i]);
            }
        }
        break;
    }
    case EVTWIN_BOOL:
        put_bits(out, p, is_true);
        break;
    case EVTWIN_TEXT:
        put_texts(out, p);
        break;
    case EVTWIN_I64:
    case EVTWIN_TIME:
    default:
        put_integers(out, p);
    }
}

static void put_table(evtwin__text *out, const evtwin_table *table, size_t first, size_t n) {
    const size_t n_cols = table != NULL ? evtwin_table_cols(table) : 0;
    put_u64(out, n_cols);
    put_u64(out, n);
    for (size_t col = 0; col < n_cols; col++) {
        put_column(out, &(part){table, col, first, n});
    }
}

void evtwin__spool_put_rows(const evtwin_table *rows, size_t first, size_t n,
                            const evtwin_table *states, size_t first_state, size_t n_states,
                            evtwin__text *out) {
    put_u64(out, VERSION);
    put_table(out, rows, first, n);
    put_table(out, n_states > 0 ? states : NULL, first_state, n_states);
}

void evtwin__spool_put_letter(const evtwin_letter *letter, evtwin__text *out) {
    put_u64(out, VERSION);
    put_i64(out, letter->received_us);
    put_i64(out, letter->status);
    put_string(out, letter->source);
    put_string(out, letter->place);
    put_string(out, letter->reason);
    put_bytes(out, letter->raw != NULL ? letter->raw : "",
              letter->raw != NULL ? letter->raw_size : 0);
}

/* ---- read: what runs over the end, or cannot be, makes the reader bad for good ---- */

typedef struct reader {
    const unsigned char *at, *end;
    int is_bad;
} reader;

static const unsigned char *take(reader *r, size_t n) {
    if (r->is_bad || (size_t)(r->end - r->at) < n) {
        r->is_bad = 1;
        return NULL;
    }
    const unsigned char *from = r->at;
    r->at += n;
    return from;
}

static uint64_t get_u64(reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const unsigned char *byte = take(r, 1);
        if (byte == NULL) {
            return 0;
        }
        if (shift == 63 && *byte > 1) {
            break;
        }
        v |= (uint64_t)(*byte & 0x7f) << shift;
        if (*byte < 0x80) {
            return v;
        }
    }
    r->is_bad = 1;
    return 0;
}

static int64_t get_i64(reader *r) {
    const uint64_t v = get_u64(r);
    return (int64_t)(v >> 1 ^ ((v & 1) != 0 ? UINT64_MAX : 0));
}

/* At most max, for what is counted or sized: nothing larger is ever asked for. */
static size_t get_size(reader *r, uint64_t max) {
    const uint64_t v = get_u64(r);
    r->is_bad |= v > max;
    return r->is_bad ? 0 : (size_t)v;
}

/* Bytes with a NUL behind them, which stay where they are. */
static const char *get_bytes(reader *r, size_t *size_out) {
    const size_t n = get_size(r, (uint64_t)(r->end - r->at));
    const unsigned char *text = take(r, n + 1);
    r->is_bad |= text == NULL || text[n] != '\0';
    *size_out = r->is_bad ? 0 : n;
    return r->is_bad ? "" : (const char *)text;
}

static const char *get_string(reader *r) {
    size_t n;
    const char *text = get_bytes(r, &n);
    r->is_bad |= strlen(text) != n;
    return text;
}

static double get_f64(reader *r) {
    const unsigned char *bytes = take(r, 8);
    uint64_t bits = 0;
    double v = 0.0;
    for (size_t i = 0; i < 8 && bytes != NULL; i++) {
        bits |= (uint64_t)bytes[i] << 8 * i;
    }
    memcpy(&v, &bits, sizeof v);
    return v;
}

static int bit_of(const unsigned char *bits, size_t i) {
    return bits[i / 8] >> i % 8 & 1;
}

/* The column being filled; present NULL = all rows are. */
typedef struct column {
    evtwin_table *table;
    size_t col, n;
    const unsigned char *present;
} column;

static int has_row(const column *c, size_t i) {
    return c->present == NULL || bit_of(c->present, i);
}

static evtwin_status fill_numbers(reader *r, const column *c) {
    double *values = evtwin_table_f64_edit(c->table, c->col);
    for (size_t i = 0; i < c->n; i++) {
        values[i] = has_row(c, i) ? get_f64(r) : (double)NAN;
    }
    return EVTWIN_OK;
}

static evtwin_status fill_integers(reader *r, const column *c) {
    int64_t *values = evtwin_table_i64_edit(c->table, c->col);
    uint64_t before = 0;
    for (size_t i = 0; i < c->n; i++) {
        before += has_row(c, i) ? (uint64_t)get_i64(r) : 0;
        values[i] = (int64_t)before;
    }
    for (size_t i = 0; i < c->n; i++) {
        EVTWIN_TRY(has_row(c, i) ? EVTWIN_OK : evtwin_table_set_missing(c->table, c->col, i));
    }
    return EVTWIN_OK;
}

static evtwin_status fill_bools(reader *r, const column *c) {
    const unsigned char *bits = take(r, (c->n + 7) / 8);
    for (size_t i = 0; i < c->n && bits != NULL; i++) {
        EVTWIN_TRY(has_row(c, i) ? evtwin_table_set_bool(c->table, c->col, i, bit_of(bits, i))
                                 : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

static evtwin_status fill_texts(reader *r, const column *c) {
    const size_t n_strings = get_size(r, c->n);
    int32_t *codes = evtwin__calloc(n_strings, sizeof *codes);
    EVTWIN_FAIL_IF(codes == NULL, EVTWIN_E_NOMEM, "out of memory for %zu strings", n_strings);
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < n_strings && st >= 0 && !r->is_bad; i++) {
        st = evtwin_table_intern(c->table, c->col, get_string(r), &codes[i]);
    }
    for (size_t i = 0; i < c->n && st >= 0 && !r->is_bad; i++) {
        if (has_row(c, i)) {
            const uint64_t k = get_u64(r);
            r->is_bad |= k >= n_strings;
            st = r->is_bad ? st : evtwin_table_set_code(c->table, c->col, i, codes[k]);
        }
    }
    evtwin__free(codes);
    return st;
}

static evtwin_status get_column(reader *r, evtwin_table *table, size_t n) {
    const char *name = get_string(r), *unit = get_string(r);
    const size_t type = get_size(r, N_TYPES - 1), has_missing = get_size(r, 1);
    column c = {.table = table, .n = n};
    c.present = has_missing ? take(r, (n + 7) / 8) : NULL;
    if (r->is_bad) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin_table_add_column(table, name, (evtwin_type)type, unit, &c.col));
    static evtwin_status (*const fill[N_TYPES])(reader * r, const column *c) = {
        [EVTWIN_F64] = fill_numbers, [EVTWIN_I64] = fill_integers, [EVTWIN_TIME] = fill_integers,
        [EVTWIN_BOOL] = fill_bools,  [EVTWIN_TEXT] = fill_texts,
    };
    return fill[type](r, &c);
}

/* Rows are made only for as many as the bytes that are left can hold: 8 a byte of a bitmap. */
static evtwin_status get_table(reader *r, evtwin_table **out) {
    const size_t n_cols = get_size(r, MAX_COLUMNS), n = get_size(r, MAX_ROWS);
    r->is_bad |= (n_cols == 0 && n > 0) || n / 8 > (size_t)(r->end - r->at) + 1;
    if (r->is_bad || n_cols == 0) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin_table_create(out));
    EVTWIN_TRY(evtwin_table_resize(*out, n));
    for (size_t i = 0; i < n_cols && !r->is_bad; i++) {
        EVTWIN_TRY(get_column(r, *out, n));
    }
    return EVTWIN_OK;
}

/* Every byte was needed. */
static evtwin_status check_end(const reader *r) {
    EVTWIN_FAIL_IF(r->is_bad || r->at != r->end, EVTWIN_E_CORRUPT,
                   "an entry of the spool is damaged: its bytes are not ours");
    return EVTWIN_OK;
}

static evtwin_status check_version(reader *r) {
    const uint64_t version = get_u64(r);
    EVTWIN_FAIL_IF(!r->is_bad && version > VERSION, EVTWIN_E_SCHEMA,
                   "an entry of the spool is of version %llu, this library knows %d",
                   (unsigned long long)version, VERSION);
    r->is_bad |= version != VERSION;
    return EVTWIN_OK;
}

evtwin_status evtwin__spool_get_rows(const void *data, size_t size, evtwin_table **rows_out,
                                     evtwin_table **states_out) {
    reader r = {.at = data, .end = (const unsigned char *)data + size};
    evtwin_table *rows = NULL, *states = NULL;
    evtwin_status st = check_version(&r);
    if (st >= 0 && (st = get_table(&r, &rows)) >= 0 && (st = get_table(&r, &states)) >= 0) {
        r.is_bad |= rows == NULL;
        st = check_end(&r);
    } else if (st != EVTWIN_E_NOMEM && st != EVTWIN_E_SCHEMA) {
        st = evtwin__fail_in(EVTWIN_E_CORRUPT, "an entry of the spool is damaged");
    }
    if (st < 0) {
        evtwin_table_free(rows);
        evtwin_table_free(states);
        return st;
    }
    *rows_out = rows;
    *states_out = states;
    return EVTWIN_OK;
}

evtwin_status evtwin__spool_get_letter(const void *data, size_t size, evtwin_letter *out) {
    reader r = {.at = data, .end = (const unsigned char *)data + size};
    EVTWIN_TRY(check_version(&r));
    evtwin_letter letter = {.size = sizeof letter, .received_us = get_i64(&r)};
    const int64_t status = get_i64(&r);
    r.is_bad |= status >= 0 || status < -1000;
    letter.status = (evtwin_status)status;
    letter.source = get_string(&r);
    letter.place = get_string(&r);
    letter.reason = get_string(&r);
    letter.raw = get_bytes(&r, &letter.raw_size);
    EVTWIN_TRY(check_end(&r));
    *out = letter;
    return EVTWIN_OK;
}
