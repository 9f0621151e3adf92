/* SPDX-License-Identifier: MIT */
/* core/json_write.c: JSON values as indented text, numbers in their shortest exact form (jansson
 * knows only a fixed number of digits: 0.10000000000000001). */

#include "core/json.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/text.h"

#include <assert.h>
#include <string.h>

/* Our own values are never deeper; also the bound of the recursion. */
enum { MAX_DEPTH = 32, INDENT = 2 };

/* What has been written; once memory is out nothing more is. */
typedef struct output {
    evtwin__text text;
    int is_out_of_memory;
} output;

static void put(output *o, const char *data, size_t size) {
    char *room = o->is_out_of_memory ? NULL : evtwin__text_room(&o->text, size);
    o->is_out_of_memory = room == NULL;
    if (room != NULL) {
        memcpy(room, data, size);
        o->text.size += size;
    }
}

static void put_line(output *o, int depth) {
    static const char blanks[INDENT * MAX_DEPTH + 2] =
        "\n                                                                ";
    put(o, blanks, 1 + (size_t)(INDENT * depth));
}

/* jansson knows all about escapes. */
static int put_chunk(const char *buffer, size_t size, void *ctx) {
    put(ctx, buffer, size);
    return 0;
}

static void put_scalar(output *o, const json_t *value) {
    char number[EVTWIN__NUM_SIZE];
    if (json_is_real(value)) {
        put(o, number, evtwin__format_f64(json_real_value(value), number));
    } else if (json_dump_callback(value, put_chunk, o, JSON_ENCODE_ANY) != 0) {
        o->is_out_of_memory = 1;
    }
}

static void put_value(output *o, const json_t *value, int depth);

static void put_array(output *o, const json_t *array, int depth) {
    const size_t n = json_array_size(array);
    put(o, "[", 1);
    for (size_t i = 0; i < n; i++) {
        put_line(o, depth + 1);
        put_value(o, json_array_get(array, i), depth + 1);
        put(o, ",", i + 1 < n);
    }
    if (n > 0) {
        put_line(o, depth);
    }
    put(o, "]", 1);
}

static void put_object(output *o, const json_t *object, int depth) {
    size_t left = json_object_size(object);
    put(o, "{", 1);

    /* jansson's iterator wants a pointer that is not const, and changes nothing */
    json_t *members = (json_t *)(uintptr_t)object;
    for (void *at = json_object_iter(members); at != NULL;
         at = json_object_iter_next(members, at)) {
        json_t *key = json_string(json_object_iter_key(at));
        o->is_out_of_memory |= key == NULL;
        put_line(o, depth + 1);
        put_scalar(o, key);
        json_decref(key);
        put(o, ": ", 2);
        put_value(o, json_object_iter_value(at), depth + 1);
        put(o, ",", --left > 0);
    }
    if (json_object_size(object) > 0) {
        put_line(o, depth);
    }
    put(o, "}", 1);
}

static void put_value(output *o, const json_t *value, int depth) {
    assert(depth < MAX_DEPTH);
    if (json_is_array(value)) {
        put_array(o, value, depth);
    } else if (json_is_object(value)) {
        put_object(o, value, depth);
    } else {
        put_scalar(o, value);
    }
}

evtwin_status evtwin__json_text(const json_t *value, char **text_out, size_t *size_out) {
    output o = {.is_out_of_memory = value == NULL};
    if (value != NULL) {
        put_value(&o, value, 0);
        put(&o, "\n", 2);
    }
    if (o.is_out_of_memory) {
        evtwin__text_free(&o.text);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a JSON text");
    }
    *text_out = o.text.data;
    *size_out = o.text.size - 1; /* the NUL does not count */
    return EVTWIN_OK;
}

evtwin_status evtwin__json_write(const char *path, const json_t *value) {
    if (!json_is_object(value) && !json_is_array(value)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s: the value is neither a JSON object nor array", path);
    }
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
