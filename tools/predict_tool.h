/* SPDX-License-Identifier: MIT */
/* tools/predict_tool.h: the options of evtwin-predict, its two ways to run, and what its files
 * share. */
#ifndef EVTWIN_TOOLS_PREDICT_TOOL_H
#define EVTWIN_TOOLS_PREDICT_TOOL_H

#include "cli/cli.h"
#include "delivery.h"
#include "scrape.h"

#include "evtwin/follower.h"
#include "evtwin/store.h"
#include "evtwin/stream.h"

/* Index of each option in the table of evtwin-predict.c. */
enum {
    PREDICT_MODELS,
    PREDICT_MLFLOW,
    PREDICT_MODELS_POLL,
    PREDICT_MODELS_CACHE,
    PREDICT_STORE,
    PREDICT_SOURCE,
    PREDICT_SINK,
    PREDICT_INTERVAL,
    PREDICT_ONCE,
    PREDICT_CHECK,
    PREDICT_SPOOL,                                        /* the first of them */
    PREDICT_METRICS = PREDICT_SPOOL + DELIVERY_N_OPTIONS, /* likewise */
    PREDICT_COVER = PREDICT_METRICS + SCRAPE_N_OPTIONS,
    PREDICT_CSV,
    PREDICT_OUT,
    PREDICT_EXPLAIN,
    PREDICT_RUL_ROW,
    PREDICT_CSV_OPTIONS, /* the first of them */
    PREDICT_N_OPTIONS = PREDICT_CSV_OPTIONS + CLI_CSV_N_OPTIONS
};

/* The option that makes it a run without a port of metrics, whatever the port; NULL = it is none.
 */
const char *predict_without_metrics(const cli *c);

/* Say which predictions are a guess. */
void predict_note_guesses(const evtwin_predictor *predictor);

/* Each returns an exit code. run_live takes the predictor; follower: who gives newer ones, NULL =
 * nobody. */
int predict_file(const cli *c, const evtwin_predictor *predictor);
int predict_live(const cli *c, evtwin_predictor *predictor, evtwin_follower *follower);

/* ---- the models of --models, a folder or what a registry names (predict_models.c) ---- */

int models_are_registered(const cli *c);
int models_default_cache(size_t i, const char **text_out, const char **from_out);

/* Are options and variables of a registry valid? 0, or an exit code. */
int models_check_options(const cli *c);

/* Load them, with --cover. *follower_out is NULL for a folder. 0, or an exit code. */
int models_load(const cli *c, evtwin_follower **follower_out, evtwin_predictor **out);

/* Their line of --check (check.h): those of a registry are fetched, since whether they can be is
 * the question. */
void models_check(int *code, const cli *c);

/* 0, or an exit code after naming a feature that telemetry does not have. */
int models_check_features(const evtwin_predictor *predictor);

/* Follow the alias, but with --once. 0, or an exit code. */
int models_follow(const cli *c, evtwin_follower *follower);

/* Before a cycle: models that the follower has found go to the pump. store: its URI, for their
 * scores, NULL = none. *waiting keeps those that cannot be taken yet; the caller frees it. 1 if the
 * pump predicts with them from here on. */
int models_take_new(const cli *c, evtwin_follower *follower, const char *store, evtwin_pump *pump,
                    evtwin_predictor **waiting);

/* ---- another program that predicts the rows of the same store ---- */

/* All zero: nothing is noticed. Of one battery, of the last batch if there was one, the newest row
 * in its state. */
typedef struct other {
    evtwin_store *store;  /* NULL = not watched */
    char *battery_id;     /* NULL = the store has none yet */
    int64_t time_us, seq; /* the least there are, while it has no state */
    int is_moved;         /* by a batch since it was remembered */
    int is_found;         /* and is looked for no more */
} other;

/* Watch a store from here on, if the models that predict its rows now look at a battery's past. */
void other_watch(other *o, const char *uri, const evtwin_predictor *predictor);
void other_observe(other *o, const evtwin_table *batch);

/* Before a cycle: 1 once, when the state of the battery has gone on since the cycle before. */
int other_is_new(other *o);
void other_remember(other *o); /* after a cycle */
void other_clear(other *o);

/* ---- the newest prediction of each battery in one cycle, for the console ---- */

typedef struct newest {
    evtwin_table *batteries;  /* NULL = none yet */
    size_t n_rows, n_unknown; /* taken in since it was cleared */
} newest;

void newest_clear(newest *n);

/* Take in a batch with predictions; what does not fit in memory is counted but not shown. */
void newest_observe(newest *n, const evtwin_table *batch);

/* Print the contract's line per battery, the worst first, or one line for all where there are many
 * and all is 0. Health is that of the store at the URI; NULL = there is none. */
void newest_print(const newest *n, const char *store, FILE *f, int all);

#endif
