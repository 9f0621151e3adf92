/* SPDX-License-Identifier: MIT */
/* tests/unit/test.h: what every unit test includes: cmocka, and a few helpers with clear failures.
 */
#ifndef EVTWIN_TEST_H
#define EVTWIN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evtwin/evtwin.h"

/* The call succeeded; otherwise show what the library said. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        const evtwin_status assert_ok_st = (call);                                                 \
        if (assert_ok_st < 0) {                                                                    \
            fail_msg("%s: %s: %s", #call, evtwin_status_name(assert_ok_st), evtwin_last_error());  \
        }                                                                                          \
    } while (0)

static inline int is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether the text has each of the names, "soc|percent|100": things, places, values and limits as
 * whole words, in any order. Tests ask for these and not for pieces of sentences, which may be
 * reworded. */
static inline int text_names(const char *text, const char *names) {
    char name[256];
    for (const char *end; *names != '\0'; names = *end == '|' ? end + 1 : end) {
        end = names + strcspn(names, "|");
        snprintf(name, sizeof name, "%.*s", (int)(end - names), names);
        const size_t n = strlen(name);
        const char *at = strstr(text, name);
        while (at != NULL && ((at > text && is_word(at[-1]) && is_word(name[0])) ||
                              (n > 0 && is_word(name[n - 1]) && is_word(at[n])))) {
            at = strstr(at + 1, name);
        }
        if (at == NULL) {
            return 0;
        }
    }
    return 1;
}

/* The call failed with that code and its text has each of the names. */
#define assert_fails(call, code, names)                                                            \
    do {                                                                                           \
        const evtwin_status assert_fails_st = (call);                                              \
        if (assert_fails_st != (code)) {                                                           \
            fail_msg("%s: %s instead of %s (%s)", #call, evtwin_status_name(assert_fails_st),      \
                     #code, evtwin_last_error());                                                  \
        }                                                                                          \
        if (!text_names(evtwin_last_error(), (names))) {                                           \
            fail_msg("%s: text '%s' lacks '%s'", #call, evtwin_last_error(), (names));             \
        }                                                                                          \
    } while (0)

/* |actual - expected| <= tolerance, NaN never passes. */
#define assert_near(actual, expected, tolerance)                                                   \
    do {                                                                                           \
        const double near_a = (actual), near_e = (expected), near_t = (tolerance);                 \
        if (!(fabs(near_a - near_e) <= near_t)) {                                                  \
            fail_msg("%s = %.17g, expected %.17g within %g", #actual, near_a, near_e, near_t);     \
        }                                                                                          \
    } while (0)

/* Skip, saying so, where the real data is not beside the project. */
#define skip_without_shared_data(file)                                                             \
    do {                                                                                           \
        if (access(SHARED_DATA "/" file, R_OK) != 0) {                                             \
            print_message("skipped: %s is absent\n", SHARED_DATA "/" file);                        \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* The temporary folder of this process, and whose it is: a forked child must not remove it. */
static char temp_folder[64];
static pid_t temp_owner;

static inline int temp_remove_one(const char *path, const struct stat *st, int flag,
                                  struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void temp_remove(void) {
    if (getpid() == temp_owner) {
        nftw(temp_folder, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* Path of a fresh file or folder name below a temporary folder of this process, which goes when the
 * process ends; static memory, one of 8 in turn. */
static inline const char *temp_path(const char *name) {
    static char path[8][256];
    static int turn;
    if (temp_folder[0] == '\0') {
        snprintf(temp_folder, sizeof temp_folder, "/tmp/evtwin-test-XXXXXX");
        if (mkdtemp(temp_folder) == NULL) {
            abort();
        }
        temp_owner = getpid();
        atexit(temp_remove);
    }
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", temp_folder, name);
    return path[turn];
}

/* Write text to a temporary file and give its path. */
static inline const char *temp_file(const char *name, const char *text) {
    const char *path = temp_path(name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(text, 1, strlen(text), f) != strlen(text) || fclose(f) != 0) {
        abort();
    }
    return path;
}

/* Quantities of the telemetry record: the first ones of the schema. */
__attribute__((unused)) static size_t n_telemetry(void) {
    size_t n = 0;
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        evtwin_quantity q;
        n += evtwin_quantity_get(i, &q, sizeof q) == EVTWIN_OK && q.kind == EVTWIN_KIND_TELEMETRY;
    }
    return n;
}

#endif
