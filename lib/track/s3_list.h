/* SPDX-License-Identifier: MIT */
/* track/s3_list.h: what S3 answers when it is asked for a list of objects, or refuses something. */
#ifndef EVTWIN_TRACK_S3_LIST_H
#define EVTWIN_TRACK_S3_LIST_H

#include "evtwin/base.h"

/* The content of the first <name> in xml[0..size), its entities decoded, freed by evtwin__free;
 * NULL if there is none or memory is out. */
char *evtwin__s3_element(const char *xml, size_t size, const char *name);

typedef evtwin_status (*evtwin__s3_object_fn)(void *ctx, const char *key, int64_t size);

/* Call fn for each object of a ListBucketResult; *next_out is the token for the next part, NULL =
 * it was the last one, freed by evtwin__free. EVTWIN_E_PARSE if it is not one, or what fn answers.
 */
evtwin_status evtwin__s3_list(const char *xml, size_t size, evtwin__s3_object_fn fn, void *ctx,
                              char **next_out);

#endif
