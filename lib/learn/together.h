/* SPDX-License-Identifier: MIT */
/* learn/together.h: what processes that train together have in common: options and columns, what
 * the bundle says of all data, and the predictions of all that was held out. Each process has
 * batteries of its own. */
#ifndef EVTWIN_LEARN_TOGETHER_H
#define EVTWIN_LEARN_TOGETHER_H

#include "learn/scaler.h"
#include "learn/trainer.h"

/* Before the features are made: the same options, features and targets, and no battery twice.
 * source: batteries, rows and the ends of lives of all. */
evtwin_status evtwin__together_begin(evtwin_trainer *trainer, evtwin__dataset *data);

/* The scaler and the ranges of the features as all have them. */
evtwin_status evtwin__together_features(evtwin_trainer *trainer);

/* A scaler that was fitted on what this process has, as all use it: the mean of theirs. */
evtwin_status evtwin__together_scaler(const evtwin_peers *p, evtwin__scaler *scaler);

/* In place of what this process held out of a target, what all did, by process. */
evtwin_status evtwin__together_held_out(const evtwin_peers *p, evtwin__result *result);

#endif
