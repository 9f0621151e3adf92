/* SPDX-License-Identifier: MIT */
/* stream/record_list.c: a message's payload cut into its records by its brackets and commas alone:
 * each record is parsed, and judged, by itself. */

#include "stream/record_list.h"

#include "core/status.h"
#include "core/utf8.h"

#include <string.h>

enum { MAX_PAYLOAD = 2 * 1024 * 1024 };

static int is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(evtwin__record_list *list) {
    while (list->at < list->size && is_space(list->data[list->at])) {
        list->at++;
    }
}

evtwin_status evtwin__records_begin(evtwin__record_list *list, const char *data, size_t size) {
    *list = (evtwin__record_list){.data = data};
    EVTWIN_FAIL_IF(size > MAX_PAYLOAD, EVTWIN_E_PARSE, "a message of %zu bytes; the limit is %d",
                   size, MAX_PAYLOAD);
    EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(data, size), EVTWIN_E_PARSE,
                   "the message is not UTF-8, or holds a NUL");
    list->size = size;
    list->at = evtwin__utf8_mark(data, size);
    skip_spaces(list);
    const int is_empty = list->at == list->size;
    EVTWIN_FAIL_IF(is_empty, EVTWIN_E_PARSE, "the message is empty");
    list->is_array = data[list->at] == '[';
    list->at += (size_t)list->is_array;
    return EVTWIN_OK;
}

/* Behind the value that starts here: up to a comma or bracket of the array itself. */
static size_t find_end(const evtwin__record_list *list) {
    int depth = 0, in_string = 0;
    size_t i = list->at;
    for (; i < list->size; i++) {
        const char c = list->data[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth > 0 && (c == '}' || c == ']')) {
            depth--;
        } else if (depth == 0 && (c == ',' || c == ']')) {
            break;
        }
    }
    return i < list->size ? i : list->size;
}

/* Behind the last element, and nothing may follow. */
static evtwin_status end_array(evtwin__record_list *list) {
    list->is_over = 1;
    EVTWIN_FAIL_IF(list->at == list->size, EVTWIN_E_PARSE, "the array of records has no end");
    list->at++;
    skip_spaces(list);
    EVTWIN_FAIL_IF(list->at < list->size, EVTWIN_E_PARSE,
                   "there is text after the array of records");
    return EVTWIN_DONE;
}

evtwin_status evtwin__records_next(evtwin__record_list *list, const char **text_out,
                                   size_t *length_out) {
    if (list->is_over) {
        return EVTWIN_DONE;
    }
    size_t end = list->size;
    if (list->is_array) {
        skip_spaces(list);
        if (list->at == list->size || list->data[list->at] == ']') {
            return end_array(list);
        }
        list->at += list->n_given > 0; /* the comma */
        skip_spaces(list);
        end = find_end(list);
    }
    *text_out = list->data + list->at;
    *length_out = end - list->at;
    list->at = end;
    list->is_over = !list->is_array;
    list->n_given++;
    return EVTWIN_OK;
}
