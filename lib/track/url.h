/* SPDX-License-Identifier: MIT */
/* track/url.h: percent-encoding; names that stay below a folder. */
#ifndef EVTWIN_TRACK_URL_H
#define EVTWIN_TRACK_URL_H

#include "core/text.h"

/* Add text with all but letters, digits and "-_.~" as %XX (upper case, as signatures want it);
 * keeps_slash: '/' stays. */
void evtwin__url_add(evtwin__text *url, const char *text, int keeps_slash);

/* End a text as a C string that is to be freed; NULL when memory is out. */
char *evtwin__url_end(evtwin__text *url);

/* "a/b", or the one that is not empty; to be freed, NULL when memory is out. */
char *evtwin__url_join(const char *a, const char *b);

/* 1 if path is relative and each of its names is one: not empty, ".", "..", longer than 255 bytes,
 * and without control characters and '\'. */
int evtwin__url_stays_below(const char *path);

#endif
