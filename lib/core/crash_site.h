/* SPDX-License-Identifier: MIT */
/* core/crash_site.h: named places at which tests end the process as SIGKILL would, to see that
 * nothing is lost or doubled. */
#ifndef EVTWIN_CORE_CRASH_SITE_H
#define EVTWIN_CORE_CRASH_SITE_H

/* Only in builds with -DEVTWIN_CRASH_SITES=ON: the n-th time that the process comes to SITE of
 * EVTWIN_CRASH_AT=SITE:N (N = 1 if not given) it ends. Elsewhere nothing is left of it. */
#ifdef EVTWIN_CRASH_SITES
void evtwin__crash_site(const char *site);
#define EVTWIN__CRASH_SITE(site) evtwin__crash_site(site)
#else
#define EVTWIN__CRASH_SITE(site) ((void)0)
#endif

#endif
