/* SPDX-License-Identifier: MIT */
/* stream/bdf_name.c: what the name of a Battery Data Format file says. */

#include "stream/bdf_name.h"

#include "evtwin/telemetry.h"

#include "core/time.h"

#include <string.h>

/* Behind the next double underscore; NULL if there is none. */
static const char *next_part(const char *part) {
    const char *at = part != NULL ? strstr(part, "__") : NULL;
    return at != NULL ? at + 2 : NULL;
}

/* Does the part begin with a date that is one? No further digit follows. */
static int read_date(const char *part, int64_t *out) {
    static const evtwin__time_rule rules[] = {{"%Y%m%d", EVTWIN_NAIVE_UTC},
                                              {"%Y-%m-%d", EVTWIN_NAIVE_UTC}};
    static const size_t sizes[] = {8, 10};
    const size_t length = strspn(part, "0123456789-");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        evtwin__time_kind kind;
        if (length == sizes[i] && evtwin__time_read(part, length, &rules[i], out, &kind) >= 0) {
            return 1;
        }
    }
    return 0;
}

int evtwin__bdf_name_read(const char *path, evtwin__bdf_name *out) {
    const char *slash = strrchr(path, '/');
    const char *cell = next_part(slash != NULL ? slash + 1 : path), *date = next_part(cell);
    evtwin__bdf_name name = {.cell = ""};
    const size_t length = date != NULL ? (size_t)(date - cell) - 2 : sizeof name.cell;
    if (length >= sizeof name.cell) {
        return 0;
    }
    memcpy(name.cell, cell, length);
    if (!evtwin_battery_id_is_valid(name.cell) || !read_date(date, &name.start_us)) {
        return 0;
    }
    *out = name;
    return 1;
}
