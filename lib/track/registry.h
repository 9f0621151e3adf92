/* SPDX-License-Identifier: MIT */
/* track/registry.h: where the files of a model or of a run are. */
#ifndef EVTWIN_TRACK_REGISTRY_H
#define EVTWIN_TRACK_REGISTRY_H

#include "track/tracker.h"

/* The place of the files that a URI means: of "models:/…" and "runs:/ID/PATH" what the server says,
 * of any other itself. */
evtwin_status evtwin__track_place_of(evtwin_tracker *tracker, const char *uri,
                                     char out[EVTWIN_TRACK_URI_SIZE]);

#endif
