/* SPDX-License-Identifier: MIT */
/**
 * evtwin/evtwin.h: all of libevtwin. The main calls in short (every call returns an evtwin_status;
 * < 0 is a failure that evtwin_last_error describes):
 *
 *     // simulate: 50 packs from new to end of life, labelled with their outcomes
 *     evtwin_sim_options fleet;
 *     evtwin_sim_options_init(&fleet, sizeof fleet);
 *     fleet.n_packs = 50;
 *     evtwin_table *records;
 *     evtwin_sim_run_to_failure(&fleet, NULL, &records, NULL, 0);
 *
 *     // train: every target that the table has a label of; scores are held out by battery
 *     evtwin_trainer *trainer;
 *     evtwin_score score;
 *     evtwin_train(records, NULL, 0, NULL, &trainer);
 *     evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &score,
 *                          sizeof score);
 *     evtwin_trainer_save(trainer, "models");
 *
 *     // predict: adds rul_prediction, failure_probability, …; unknown stays unknown
 *     evtwin_predictor *predictor;
 *     evtwin_predictor_load("models", &predictor);
 *     evtwin_predictor_apply(predictor, records);
 *
 *     // store: rows once, whatever is retried; then ask what every battery's newest row is
 *     evtwin_store *store;
 *     evtwin_table *newest;
 *     evtwin_store_open("sqlite:evtwin.db", NULL, &store);
 *     evtwin_store_insert(store, records, NULL, 0);
 *     evtwin_store_latest(store, NULL, &newest, NULL);
 *
 * Live, a pump does the same for every batch: source -> predictor -> sinks (stream.h), and a server
 * shows the store (serve.h). An object from _create, _load or _open is freed with _free. "The
 * contract" in these headers means the names, features and limits of the original Python demo,
 * which libevtwin keeps (docs/migration.md). Read base.h and table.h first, then the part you need.
 */
#ifndef EVTWIN_EVTWIN_H
#define EVTWIN_EVTWIN_H

#include "evtwin/alert.h"
#include "evtwin/arrow.h"
#include "evtwin/audit.h"
#include "evtwin/base.h"
#include "evtwin/cell.h"
#include "evtwin/explain.h"
#include "evtwin/features.h"
#include "evtwin/fit.h"
#include "evtwin/follower.h"
#include "evtwin/model.h"
#include "evtwin/peers.h"
#include "evtwin/predictor.h"
#include "evtwin/screen.h"
#include "evtwin/serve.h"
#include "evtwin/session.h"
#include "evtwin/sim.h"
#include "evtwin/spool.h"
#include "evtwin/store.h"
#include "evtwin/stream.h"
#include "evtwin/table.h"
#include "evtwin/target.h"
#include "evtwin/telemetry.h"
#include "evtwin/thresholds.h"
#include "evtwin/track.h"
#include "evtwin/train.h"

#endif
