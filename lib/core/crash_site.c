/* SPDX-License-Identifier: MIT */
/* core/crash_site.c: end the process where the environment says so; not in builds for use. */

#include "core/crash_site.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef EVTWIN_CRASH_SITES
void evtwin__crash_site(const char *site) {
    static atomic_int n_come;
    const char *at = getenv("EVTWIN_CRASH_AT");
    const size_t length = strlen(site);
    if (at == NULL || strncmp(at, site, length) != 0 || (at[length] != ':' && at[length] != '\0')) {
        return;
    }
    const int n = at[length] == ':' ? (int)strtol(at + length + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&n_come, 1) + 1 == n) {
        kill(getpid(), SIGKILL);
        _exit(137);
    }
}
#else
typedef int evtwin__no_crash_sites; /* a file is not empty */
#endif
