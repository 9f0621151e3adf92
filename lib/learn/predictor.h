/* SPDX-License-Identifier: MIT */
/* learn/predictor.h: make a predictor of a bundle in memory. */
#ifndef EVTWIN_LEARN_PREDICTOR_H
#define EVTWIN_LEARN_PREDICTOR_H

#include "evtwin/predictor.h"
#include "learn/bundle.h"

/* A predictor that takes over what evtwin__bundle_read gave; *bundle is empty on success. */
evtwin_status evtwin__predictor_take(evtwin__bundle *bundle, evtwin_predictor **out);

#endif
