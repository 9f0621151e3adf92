/* SPDX-License-Identifier: MIT */
/* core/status.h: set the error text and return the code in one step; send a line to the log
 * callback. */
#ifndef EVTWIN_CORE_STATUS_H
#define EVTWIN_CORE_STATUS_H

#include "evtwin/base.h"

/* Format the thread's error text and give back status, so that text and code cannot disagree. */
__attribute__((format(printf, 2, 3))) evtwin_status evtwin__fail(evtwin_status status,
                                                                 const char *format, ...);

#define EVTWIN_FAIL(status, ...) return evtwin__fail((status), __VA_ARGS__)

/* The same where a condition holds: one line for what is checked and what is said. */
#define EVTWIN_FAIL_IF(condition, status, ...)                                                     \
    do {                                                                                           \
        if (condition) {                                                                           \
            return evtwin__fail((status), __VA_ARGS__);                                            \
        }                                                                                          \
    } while (0)

/* Leave the function with the status of a call that failed. */
#define EVTWIN_TRY(call)                                                                           \
    do {                                                                                           \
        const evtwin_status evtwin_try_status = (call);                                            \
        if (evtwin_try_status < 0) {                                                               \
            return evtwin_try_status;                                                              \
        }                                                                                          \
    } while (0)

/* Put "prefix: " before the text of the last failure, for a caller that knows the file or the row.
 */
__attribute__((format(printf, 2, 3))) evtwin_status evtwin__fail_in(evtwin_status status,
                                                                    const char *format, ...);

__attribute__((format(printf, 2, 3))) void evtwin__log(evtwin_log_level level, const char *format,
                                                       ...);

/* The body of every evtwin_…_options_init. EVTWIN_E_ARG if options is NULL or size cannot be. */
evtwin_status evtwin__options_init(void *options, size_t size, const void *defaults,
                                   size_t defaults_size);

/* A caller's options (NULL = none) over the defaults already in *to. EVTWIN_E_ARG naming init, the
 * function that fills them in, if their size was never set. */
evtwin_status evtwin__options_merge(void *to, size_t to_size, const void *from, const char *init);

/* Options structs grow at the end only: copy what an older or newer caller's struct has, the rest
 * keeps the defaults already in *to. size is the caller's first member. */
void evtwin__options_copy(void *to, size_t to_size, const void *from, size_t from_size);

/* Fill a caller's report struct, whose size may be smaller than ours; sets its size member. */
void evtwin__report_copy(void *to, size_t to_size, const void *from, size_t from_size);

#endif
