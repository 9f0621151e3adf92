/* SPDX-License-Identifier: MIT */
/* core/json.c: the little that we add to jansson: errors in our form, and values as indented text
 * with numbers in their shortest exact form (jansson knows only a fixed number of digits:
 * 0.10000000000000001). */

#include "core/json.h"

#include "core/file.h"
#include "core/file_kind.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"
#include "core/utf8.h"

#include <assert.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* ---- jansson's memory is ours ----
 *
 * When memory runs out while jansson reads, it drops a byte of the token it is at and goes on: to
 * another value, or to an assertion that ends the process. So it gets our allocator (unless the
 * program has given it another one), from which a refused request leaves jansson at once; what it
 * holds by then is known and given back. */

enum { N_BLOCKS = 256 }; /* of a telemetry record there are fewer */

typedef struct reading {
    jmp_buf out_of_memory;
    void **block; /* what jansson has requested and not given back */
    size_t n_blocks, capacity;
    void *few[N_BLOCKS];
} reading;

static _Thread_local reading *now; /* of this thread; NULL: jansson is not reading */

static int has_room(reading *r) {
    if (r->n_blocks < r->capacity) {
        return 1;
    }
    const int is_few = r->block == r->few;
    void **grown = evtwin__realloc(is_few ? NULL : r->block, 2 * r->capacity, sizeof *grown);
    if (grown == NULL) {
        return 0;
    }
    if (is_few) {
        memcpy(grown, r->few, sizeof r->few);
    }
    r->block = grown;
    r->capacity *= 2;
    return 1;
}

static void *allocate(size_t size) {
    reading *r = now;
    void *memory = r == NULL || has_room(r) ? evtwin__realloc(NULL, size, 1) : NULL;
    if (r != NULL && memory == NULL) {
        longjmp(r->out_of_memory, 1);
    }
    if (r != NULL) {
        r->block[r->n_blocks++] = memory;
    }
    return memory;
}

static void release(void *memory) {
    reading *r = now;
    for (size_t i = r != NULL ? r->n_blocks : 0; i > 0; i--) { /* mostly the last */
        if (r->block[i - 1] == memory) {
            r->block[i - 1] = r->block[--r->n_blocks];
            break;
        }
    }
    evtwin__free(memory);
}

/* json_loadb; NULL without an error's text if memory ran out. r is the caller's, so that it keeps
 * its values through the jump. */
static json_t *load_value(reading *r, const char *text, size_t size, size_t flags,
                          json_error_t *error) {
    json_t *volatile value = NULL;
    now = r;
    if (setjmp(r->out_of_memory) == 0) {
        value = json_loadb(text, size, flags, error);
    } else {
        error->text[0] = '\0';
        for (size_t i = 0; i < r->n_blocks; i++) {
            evtwin__free(r->block[i]);
        }
    }
    now = NULL;
    if (r->block != r->few) {
        evtwin__free(r->block);
    }
    return value;
}

static int has_allocator(json_malloc_t wanted_malloc, json_free_t wanted_free) {
    json_malloc_t its_malloc;
    json_free_t its_free;
    json_get_alloc_funcs(&its_malloc, &its_free);
    return its_malloc == wanted_malloc && its_free == wanted_free;
}

/* Before any value is made, and again before this code may be unloaded. */
__attribute__((constructor)) static void lend_allocator(void) {
    if (has_allocator(malloc, free)) {
        json_set_alloc_funcs(allocate, release);
    }
}

__attribute__((destructor)) static void take_allocator_back(void) {
    if (has_allocator(allocate, release)) {
        json_set_alloc_funcs(malloc, free);
    }
}

/* ---- reading ---- */

static evtwin_status fail_at(const char *name, const char *text, const char *at,
                             const char *problem) {
    int line = 1, column = 1;
    for (const char *c = text; c < at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%d:%d: %s", name, line, column, problem);
}

int evtwin__json_is_deeper(const char *text, size_t size, int limit) {
    int depth = 0, in_string = 0;
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            if (++depth > limit) {
                return 1;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

/* jansson alone, with the errors that it gives. */
static evtwin_status load(const char *name, const char *text, size_t size, size_t flags,
                          json_t **out) {
    json_error_t error = {.text = ""};
    reading r;
    r.block = r.few;
    r.n_blocks = 0;
    r.capacity = N_BLOCKS;
    json_t *value = load_value(&r, text, size, flags, &error);
    EVTWIN_FAIL_IF(value == NULL && (error.text[0] == '\0' ||
                                     json_error_code(&error) == json_error_out_of_memory),
                   EVTWIN_E_NOMEM, "%s: out of memory for %zu bytes of JSON", name, size);
    EVTWIN_FAIL_IF(value == NULL, EVTWIN_E_PARSE, "%s:%d:%d: %s", name, error.line, error.column,
                   error.text);
    *out = value;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_parse(const char *name, const char *text, size_t size, json_t **out) {
    const size_t mark = evtwin__utf8_mark(text, size); /* jansson would refuse it */
    text += mark;
    size -= mark;
    /* jansson passes over a NUL that stands behind a number */
    const char *nul = memchr(text, '\0', size);
    const evtwin_status st = nul != NULL ? fail_at(name, text, nul, "a NUL byte")
                                         : load(name, text, size, JSON_REJECT_DUPLICATES, out);
    const evtwin_status kind =
        st == EVTWIN_E_PARSE ? evtwin__file_kind(name, text, size, "give it as JSON") : EVTWIN_OK;
    return kind < 0 ? kind : st;
}

evtwin_status evtwin__json_parse_string(const char *name, const char *quoted, size_t size,
                                        char **out) {
    json_t *value;
    EVTWIN_TRY(load(name, quoted, size, JSON_DECODE_ANY, &value));
    char *text = evtwin__strdup(json_string_value(value));
    json_decref(value);
    EVTWIN_FAIL_IF(text == NULL, EVTWIN_E_NOMEM, "%s: out of memory for %zu bytes", name, size);
    *out = text;
    return EVTWIN_OK;
}

/* Member key of object, if it is of one type, which type says in words; a JSON null counts as
 * missing. */
static evtwin_status find(const char *name, const json_t *object, const char *key, json_type wanted,
                          const char *type, json_t **out) {
    json_t *value = json_object_get(object, key);
    EVTWIN_FAIL_IF(value == NULL || json_is_null(value), EVTWIN_E_PARSE,
                   "%s: key \"%s\" is missing", name, key);
    EVTWIN_FAIL_IF(json_typeof(value) != wanted && !(wanted == JSON_REAL && json_is_integer(value)),
                   EVTWIN_E_PARSE, "%s: key \"%s\" is not %s", name, key, type);
    *out = value;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_number(const char *name, const json_t *object, const char *key,
                                      double *out) {
    json_t *value = NULL;
    EVTWIN_TRY(find(name, object, key, JSON_REAL, "a number", &value));
    *out = json_number_value(value);
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_number_in(const char *name, const json_t *object, const char *key,
                                         double least, double most, double *out) {
    double v;
    EVTWIN_TRY(evtwin__json_get_number(name, object, key, &v));
    EVTWIN_FAIL_IF(!(v >= least && v <= most), EVTWIN_E_SCHEMA,
                   "%s: key \"%s\" is %g, it must be %g to %g", name, key, v, least, most);
    *out = v;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_count_in(const char *name, const json_t *object, const char *key,
                                        double least, double most, size_t *out) {
    double v;
    EVTWIN_TRY(evtwin__json_get_number_in(name, object, key, least, most, &v));
    EVTWIN_FAIL_IF(!json_is_integer(json_object_get(object, key)), EVTWIN_E_PARSE,
                   "%s: key \"%s\" is not a count", name, key);
    *out = (size_t)v;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_text(const char *name, const json_t *object, const char *key,
                                    const char **out) {
    json_t *value = NULL;
    EVTWIN_TRY(find(name, object, key, JSON_STRING, "a string", &value));
    *out = json_string_value(value);
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_object(const char *name, const json_t *object, const char *key,
                                      json_t **out) {
    return find(name, object, key, JSON_OBJECT, "an object", out);
}

evtwin_status evtwin__json_get_array(const char *name, const json_t *object, const char *key,
                                     json_t **out) {
    return find(name, object, key, JSON_ARRAY, "an array", out);
}

json_t *evtwin__json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *evtwin__json_numbers(const double *v, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(array, evtwin__json_number(v[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* ---- writing ---- */

/* Our own values are never deeper; also the bound of the recursion. */
enum { MAX_DEPTH = 32, INDENT = 2 };

static void put_line(evtwin__text *text, int depth) {
    static const char blanks[INDENT * MAX_DEPTH + 2] =
        "\n                                                                ";
    evtwin__text_add(text, blanks, 1 + (size_t)(INDENT * depth));
}

static void put_value(evtwin__text *text, const json_t *value, int depth);

/* A member (with its key) or an element, on its own line. */
static void put_item(evtwin__text *text, const char *key, const json_t *value, int depth) {
    put_line(text, depth);
    if (key != NULL) {
        evtwin__text_string(text, NULL, key);
        evtwin__text_put(text, ": ");
    }
    put_value(text, value, depth);
}

/* An object or array: its items between brackets, each on its own line. */
static void put_items(evtwin__text *text, const json_t *value, int depth) {
    /* jansson's iterator wants a pointer that is not const, and changes nothing */
    json_t *object = json_is_object(value) ? (json_t *)(uintptr_t)value : NULL;
    const size_t n = object != NULL ? json_object_size(object) : json_array_size(value);
    void *member = json_object_iter(object);
    evtwin__text_put(text, object != NULL ? "{" : "[");
    for (size_t i = 0; i < n; i++) {
        evtwin__text_put(text, i > 0 ? "," : "");
        if (object != NULL) {
            put_item(text, json_object_iter_key(member), json_object_iter_value(member), depth + 1);
            member = json_object_iter_next(object, member);
        } else {
            put_item(text, NULL, json_array_get(value, i), depth + 1);
        }
    }
    if (n > 0) {
        put_line(text, depth);
    }
    evtwin__text_put(text, object != NULL ? "}" : "]");
}

static void put_value(evtwin__text *text, const json_t *value, int depth) {
    assert(depth < MAX_DEPTH);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        put_items(text, value, depth);
        break;
    case JSON_STRING:
        evtwin__text_string(text, NULL, json_string_value(value));
        break;
    case JSON_INTEGER:
        evtwin__text_integer(text, NULL, json_integer_value(value));
        break;
    case JSON_REAL:
        evtwin__text_number(text, NULL, json_real_value(value));
        break;
    default:
        evtwin__text_word(text, NULL,
                          json_is_null(value)   ? "null"
                          : json_is_true(value) ? "true"
                                                : "false");
    }
}

evtwin_status evtwin__json_text(const json_t *value, char **text_out, size_t *size_out) {
    evtwin__text text = {.is_failed = value == NULL};
    if (value != NULL) {
        put_value(&text, value, 0);
        evtwin__text_add(&text, "\n", 2);
    }
    if (text.is_failed) {
        evtwin__text_free(&text);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a JSON text");
    }
    *text_out = text.data;
    *size_out = text.size - 1; /* the NUL does not count */
    return EVTWIN_OK;
}

evtwin_status evtwin__json_write(const char *path, const json_t *value) {
    EVTWIN_FAIL_IF(!json_is_object(value) && !json_is_array(value), EVTWIN_E_ARG,
                   "%s: the value is neither a JSON object nor array", path);
    char *data = NULL;
    size_t size = 0;
    evtwin_status st = evtwin__json_text(value, &data, &size);
    if (st < 0) {
        return evtwin__fail_in(st, "%s", path);
    }
    st = evtwin__file_write(path, data, size);
    evtwin__free(data);
    return st;
}
