/* SPDX-License-Identifier: MIT */
/* tools/predict_tool.h: the options of evtwin-predict, its two ways to run, and what its files
 * share. */
#ifndef EVTWIN_TOOLS_PREDICT_TOOL_H
#define EVTWIN_TOOLS_PREDICT_TOOL_H

#include "cli/cli.h"
#include "delivery.h"
#include "scrape.h"

#include "evtwin/predictor.h"
#include "evtwin/store.h"

/* Index of each option in the table of evtwin-predict.c. */
enum {
    PREDICT_MODELS,
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

/* Say which predictions are a guess. */
void predict_note_guesses(const evtwin_predictor *predictor);

/* Each returns an exit code. run_live takes the predictor. */
int predict_file(const cli *c, const evtwin_predictor *predictor);
int predict_live(const cli *c, evtwin_predictor *predictor);

/* ---- another program that predicts the rows of the same store ---- */

/* All zero: nothing is noticed. Of one battery of the last batch, the newest row in its state. */
typedef struct other {
    evtwin_store *store; /* NULL = not watched */
    char *battery_id;    /* NULL = none yet */
    int64_t time_us, seq;
    int is_moved; /* by a batch since it was remembered */
    int is_found; /* and is looked for no more */
} other;

/* Watch a store, if the models look at a battery's past; states: that it has, NULL = none. */
void other_watch(other *o, const char *uri, const evtwin_predictor *predictor,
                 const evtwin_table *states);
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
