/* SPDX-License-Identifier: MIT */
/* evtwin/base.h: what every other header needs: export mark, version, status and error text, log,
 * allocator, time. */
#ifndef EVTWIN_BASE_H
#define EVTWIN_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(SWIG) || !defined(__GNUC__)
#define EVTWIN_API
#else
#define EVTWIN_API __attribute__((visibility("default")))
#endif

#define EVTWIN_VERSION_MAJOR 0
#define EVTWIN_VERSION_MINOR 2
#define EVTWIN_VERSION_PATCH 0
#define EVTWIN_VERSION "0.2.0"

#ifdef __cplusplus
extern "C" {
#endif

/* Every function accepts NULL for an object: a function with a status returns EVTWIN_E_ARG, one
   that frees or counts does nothing, an accessor returns NULL, "", 0 or NaN. */

/**
 * Every fallible call returns one of these: 0 is success, > 0 is an outcome to react to, < 0 is a
 * failure.
 * X(name, value, what it means). The enum, evtwin_status_name() and evtwin_status_text() are made
 * from this list.
 */
#define EVTWIN_STATUS_LIST(X)                                                                      \
    X(OK, 0, "success")                                                                            \
    X(DONE, 1, "nothing more to read")                                                             \
    X(REFUSED, 2, "a record was refused; the source says which and why")                           \
    X(E_ARG, -1, "an argument is not valid")                                                       \
    X(E_NOMEM, -2, "out of memory")                                                                \
    X(E_IO, -3, "input or output error")                                                           \
    X(E_NOT_FOUND, -4, "no such file, column, battery or row")                                     \
    X(E_PARSE, -5, "the input is not in the expected format")                                      \
    X(E_RANGE, -6, "a value is outside its valid range")                                           \
    X(E_SCHEMA, -7, "columns, features or versions do not match")                                  \
    X(E_DATA, -8, "insufficient or unusable data")                                                 \
    X(E_CORRUPT, -9, "a file is damaged or does not match its hash")                               \
    X(E_UNSUPPORTED, -10, "not supported by this build or version")                                \
    X(E_BUSY, -11, "held by another process")                                                      \
    X(E_STATE, -12, "the object is shared, closed or not ready for this call")                     \
    X(E_CANCELLED, -13, "cancelled by the caller, or by a deadline")                               \
    X(E_EXTERNAL, -14, "a library or server behind the call reported an error")                    \
    X(E_AGAIN, -15, "locked or not reachable at the moment: the same call may succeed later")      \
    X(E_DENIED, -16, "a server refused the user, password, certificate or permission")

typedef enum evtwin_status {
#define EVTWIN_STATUS_ENUM(name, value, text) EVTWIN_##name = value,
    EVTWIN_STATUS_LIST(EVTWIN_STATUS_ENUM)
#undef EVTWIN_STATUS_ENUM
} evtwin_status;

/** "MAJOR.MINOR.PATCH" of the library that is loaded (EVTWIN_VERSION is that of the headers). */
EVTWIN_API const char *evtwin_version(void);

/**
 * Versions of the client libraries in this build, e.g. "xgboost 1.7.4, jansson 2.14"; static text.
 */
EVTWIN_API const char *evtwin_build_info(void);

/** "EVTWIN_E_PARSE"; static text; "EVTWIN_?" for a number that is not a status. */
EVTWIN_API const char *evtwin_status_name(evtwin_status status);

/** What the code means in general; static text. */
EVTWIN_API const char *evtwin_status_text(evtwin_status status);

/** 1 for a failure that can pass by itself (EVTWIN_E_AGAIN, EVTWIN_E_IO, EVTWIN_E_EXTERNAL,
 * EVTWIN_E_NOMEM); after any other the same call would fail again. Since 0.2. */
EVTWIN_API int evtwin_status_is_temporary(evtwin_status status);

/**
 * One line about the last failure on this thread: names the thing and the limit.
 * Valid until the next evtwin call on this thread; "" if no call has failed yet.
 */
EVTWIN_API const char *evtwin_last_error(void);

/**
 * For callbacks (custom sources and sinks, checks): set the text of a failure.
 * @param text  one line; copied, cut at 1023 bytes; NULL = what the status means.
 * @return status, for the callback to return. A status that is not a failure does not change the
 * text. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_set_last_error(evtwin_status status, const char *text);

/* ---- log ---- */

typedef enum evtwin_log_level {
    EVTWIN_LOG_DEBUG = 0,
    EVTWIN_LOG_INFO = 1,
    EVTWIN_LOG_WARNING = 2,
    EVTWIN_LOG_ERROR = 3
} evtwin_log_level;

/**
 * text is one line without a newline, valid during the call only. May be called from any thread.
 */
typedef void (*evtwin_log_fn)(void *ctx, evtwin_log_level level, const char *text);

/** The library never prints; it calls this. NULL (the default) drops messages. Set it before other
 * threads run. */
EVTWIN_API void evtwin_set_log(evtwin_log_fn fn, void *ctx);

/**
 * A URI that may be shown: passwords (user:password@, password=, secret=, token=, …) and possible
 * passwords (key=) are replaced by ***.
 * @param text (size) receives it, cut off to fit; may be NULL.
 * @return 1 if the URI has a password (which others can read on a command line); 0 if not, or if
 * uri is NULL (text is then ""). Since 0.2.
 */
EVTWIN_API int evtwin_uri_redact(const char *uri, char *text, size_t size);

/* ---- allocator ---- */

/** Like realloc: ptr NULL allocates, new_size 0 frees and returns NULL; NULL otherwise means out of
 * memory. */
typedef void *(*evtwin_realloc_fn)(void *ctx, void *ptr, size_t new_size);

/**
 * The library requests all its own memory through this function. So does jansson, unless the
 * program gave jansson other functions (json_set_alloc_funcs) before the library was loaded; the
 * other client libraries keep their own allocators. NULL restores that of the C library. Call it
 * before any other call of the library or of jansson.
 */
EVTWIN_API void evtwin_set_allocator(evtwin_realloc_fn fn, void *ctx);

/* ---- progress ---- */

/**
 * Called repeatedly during long work. what is static text; done is in [0, 1] (or < 0 if the end is
 * not known). Return non-zero to stop the work: the call then returns EVTWIN_E_CANCELLED.
 */
typedef int (*evtwin_progress_fn)(void *ctx, const char *what, double done);

/* ---- time: int64 microseconds since 1970-01-01T00:00:00Z, leap seconds not counted ---- */

#define EVTWIN_TIME_TEXT_SIZE 32

/** What a time without an offset means. */
typedef enum evtwin_naive_time {
    EVTWIN_NAIVE_UTC = 0,
    EVTWIN_NAIVE_LOCAL = 1,
    EVTWIN_NAIVE_REJECT = 2
} evtwin_naive_time;

/** Now, from the system's real-time clock. */
EVTWIN_API int64_t evtwin_time_now(void);

/**
 * Parse a time in one of the forms used in files; the result depends only on the text (and the
 * machine's time zone):
 *  - RFC 3339 ("2024-01-01T12:00:00.5+01:00"), also with a space for the T, without seconds or time
 *    of day (midnight), with the offset as +hh, +hhmm, UTC or GMT, a blank before it or not; also
 *    "20240101T120000Z". Digits beyond the microsecond are cut off;
 *  - a number since 1970 whose number of digits gives the unit: 10 are seconds, 13 milliseconds, 16
 *    microseconds, 19 nanoseconds. A fraction is rounded to the nearest microsecond.
 * naive says what a missing offset means. A local time that occurs twice (when summer time ends) is
 * the first of the two; one that is skipped is refused.
 * @return EVTWIN_E_PARSE if the format is another or the date does not exist.
 */
EVTWIN_API evtwin_status evtwin_time_parse(const char *text, evtwin_naive_time naive,
                                           int64_t *time_us_out);

/** Write "YYYY-MM-DDThh:mm:ss.uuuuuuZ" (27 characters) into text.
 * @return EVTWIN_E_RANGE outside the years 0 to 9999. */
EVTWIN_API evtwin_status evtwin_time_format(int64_t time_us, char *text, size_t text_size);

/** SHA-256 of a file's bytes as 64 lower-case hex digits and a NUL.
 * @param hex  (hex_size), at least 65 bytes; untouched on failure.
 * @return EVTWIN_E_ARG if hex_size is too small, EVTWIN_E_NOT_FOUND, EVTWIN_E_IO,
 * EVTWIN_E_UNSUPPORTED (a pipe or device, because its bytes can be read only once). Since 0.2. */
EVTWIN_API evtwin_status evtwin_file_sha256(const char *path, char *hex, size_t hex_size);

#ifdef __cplusplus
}
#endif
#endif
