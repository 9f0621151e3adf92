/* SPDX-License-Identifier: MIT */
/* evtwin/evtwin.h: all of libevtwin. Read base.h and table.h first, then the part you need. */
#ifndef EVTWIN_EVTWIN_H
#define EVTWIN_EVTWIN_H

#include "evtwin/base.h"
#include "evtwin/cell.h"
#include "evtwin/features.h"
#include "evtwin/model.h"
#include "evtwin/predictor.h"
#include "evtwin/serve.h"
#include "evtwin/session.h"
#include "evtwin/sim.h"
#include "evtwin/store.h"
#include "evtwin/stream.h"
#include "evtwin/table.h"
#include "evtwin/target.h"
#include "evtwin/telemetry.h"
#include "evtwin/thresholds.h"
#include "evtwin/train.h"

#endif
