/* SPDX-License-Identifier: MIT */
/* stream/store_uri.h: the store behind a source or sink of the stream. */
#ifndef EVTWIN_STREAM_STORE_URI_H
#define EVTWIN_STREAM_STORE_URI_H

#include "evtwin/store.h"

#include "core/uri.h"

/* Open the store that a URI names, whose parameters are those of the stream. */
evtwin_status evtwin__store_open_uri(const evtwin__uri *uri, const evtwin_store_options *options,
                                     evtwin_store **out);

#endif
