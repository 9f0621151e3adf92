/* SPDX-License-Identifier: MIT */
/* evtwin.i: the SWIG interface: the public headers as they are. The Python package of a later version
 * grows from it; until then tests/abi/check_headers.sh keeps the headers fit for it. */
%module evtwin
%{
#include "evtwin/evtwin.h"
%}
%include <stdint.i>
%include "evtwin/base.h"
%include "evtwin/table.h"
%include "evtwin/arrow.h"
%include "evtwin/telemetry.h"
%include "evtwin/thresholds.h"
%include "evtwin/target.h"
%include "evtwin/cell.h"
%include "evtwin/sim.h"
%include "evtwin/features.h"
%include "evtwin/train.h"
%include "evtwin/audit.h"
%include "evtwin/model.h"
%include "evtwin/fit.h"
%include "evtwin/predictor.h"
%include "evtwin/explain.h"
%include "evtwin/session.h"
%include "evtwin/store.h"
%include "evtwin/stream.h"
%include "evtwin/spool.h"
%include "evtwin/screen.h"
%include "evtwin/alert.h"
%include "evtwin/track.h"
%include "evtwin/follower.h"
%include "evtwin/serve.h"
