/* SPDX-License-Identifier: MIT */
/* core/status.c: status names, the thread's error text, the log callback, size-stamped structs. */

#include "evtwin/base.h"

#include "core/status.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 1024 };

static _Thread_local char error_text[TEXT_SIZE];

static evtwin_log_fn log_fn;
static void *log_ctx;

const char *evtwin_version(void) {
    return EVTWIN_VERSION;
}

const char *evtwin_status_name(evtwin_status status) {
    switch ((int)status) {
#define NAME_CASE(name, value, text)                                                               \
    case value:                                                                                    \
        return "EVTWIN_" #name;
        EVTWIN_STATUS_LIST(NAME_CASE)
#undef NAME_CASE
    default:
        return "EVTWIN_?";
    }
}

const char *evtwin_status_text(evtwin_status status) {
    switch ((int)status) {
#define TEXT_CASE(name, value, text)                                                               \
    case value:                                                                                    \
        return text;
        EVTWIN_STATUS_LIST(TEXT_CASE)
#undef TEXT_CASE
    default:
        return "not a status of this library";
    }
}

int evtwin_status_is_temporary(evtwin_status status) {
    return status == EVTWIN_E_AGAIN || status == EVTWIN_E_IO || status == EVTWIN_E_EXTERNAL ||
           status == EVTWIN_E_NOMEM;
}

const char *evtwin_last_error(void) {
    return error_text;
}

/* Texts quote input; keep them to one printable line. */
static void flatten(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
}

evtwin_status evtwin__fail(evtwin_status status, const char *format, ...) {
    assert(status < 0);

    /* by way of a second buffer: an argument may be the last error text itself */
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    flatten(text);
    memcpy(error_text, text, sizeof error_text);
    return status;
}

evtwin_status evtwin_set_last_error(evtwin_status status, const char *text) {
    if (status < 0) {
        evtwin__fail(status, "%s", text != NULL ? text : evtwin_status_text(status));
    }
    return status;
}

evtwin_status evtwin__fail_in(evtwin_status status, const char *format, ...) {
    char prefix[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    return evtwin__fail(status, "%s: %s", prefix, error_text);
}

void evtwin_set_log(evtwin_log_fn fn, void *ctx) {
    log_fn = fn;
    log_ctx = ctx;
}

void evtwin__log(evtwin_log_level level, const char *format, ...) {
    if (log_fn == NULL) {
        return;
    }
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    flatten(text);
    log_fn(log_ctx, level, text);
}

evtwin_status evtwin__options_init(void *options, size_t size, const void *defaults,
                                   size_t defaults_size) {
    EVTWIN_FAIL_IF(options == NULL || size < sizeof(size_t), EVTWIN_E_ARG,
                   "options is NULL or its size is %zu", size);
    evtwin__report_copy(options, size, defaults, defaults_size);
    return EVTWIN_OK;
}

evtwin_status evtwin__options_merge(void *to, size_t to_size, const void *from, const char *init) {
    if (from == NULL) {
        return EVTWIN_OK;
    }
    size_t size;
    memcpy(&size, from, sizeof size);
    EVTWIN_FAIL_IF(size < sizeof size, EVTWIN_E_ARG, "size of the options is %zu: call %s", size,
                   init);
    evtwin__options_copy(to, to_size, from, size);
    return EVTWIN_OK;
}

void evtwin__options_copy(void *to, size_t to_size, const void *from, size_t from_size) {
    assert(to_size >= sizeof(size_t));
    memcpy(to, from, from_size < to_size ? from_size : to_size);
    memcpy(to, &to_size, sizeof to_size);
}

void evtwin__report_copy(void *to, size_t to_size, const void *from, size_t from_size) {
    const size_t n = to_size < from_size ? to_size : from_size;
    memcpy(to, from, n);
    if (to_size > from_size) {
        memset((char *)to + from_size, 0, to_size - from_size);
    }
    if (to_size >= sizeof(size_t)) {
        memcpy(to, &to_size, sizeof to_size);
    }
}
