/* SPDX-License-Identifier: MIT */
/* learn/forest_objective.h: what the objective of a model file makes of a margin. */
#ifndef EVTWIN_LEARN_FOREST_OBJECTIVE_H
#define EVTWIN_LEARN_FOREST_OBJECTIVE_H

#include "evtwin/model.h"
#include "learn/slice.h"

/* By XGBoost's name; EVTWIN_E_UNSUPPORTED with those that are known. */
evtwin_status evtwin__objective_find(evtwin__slice name, evtwin_objective *out);

/* The margin that a sum starts from, of the file's base_score: "5E-1", or from XGBoost 3.1 on
 * "[5E-1]". version is that of the XGBoost that wrote it. EVTWIN_E_CORRUPT, EVTWIN_E_UNSUPPORTED.
 */
evtwin_status evtwin__objective_base_margin(evtwin_objective objective, evtwin__slice base_score,
                                            const int version[3], float *out);

#endif
