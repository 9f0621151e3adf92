/* SPDX-License-Identifier: MIT */
/* learn/pieces.h: a training whose rows are not in memory: what its steps share.
 *
 * The file is read once, so many whole batteries at a time; each piece is cleaned as a data set of
 * its own (dataset.c), since nothing of a row depends on other batteries, and its rows go to a
 * temporary file, as numbers, by battery, then time: the order of a training in memory. Everything
 * after that comes from there. What of a training in memory sorts or keeps all rows at once works
 * here on one column, on the held-out rows, or on a sample of so many rows of each battery. */
#ifndef EVTWIN_LEARN_PIECES_H
#define EVTWIN_LEARN_PIECES_H

#include "learn/rows_file.h"
#include "learn/split.h"
#include "learn/trainer.h"

/* How much is held at once. evtwin_train_csv has one set of them, tests have others. */
typedef struct evtwin__pieces_limits {
    size_t piece_rows;   /* a piece ends with the battery that reaches them */
    size_t battery_rows; /* a battery is held in memory whole: at most these */
    size_t audit_rows;   /* of whole batteries that the audit looks at */
    size_t sample_rows;  /* that other samples have, of all batteries */
} evtwin__pieces_limits;

extern const evtwin__pieces_limits evtwin__pieces_by_default;

/* evtwin_train_csv with these limits. */
evtwin_status evtwin__train_pieces(evtwin_csv *csv, const evtwin_target *targets, size_t n_targets,
                                   const evtwin_train_options *options,
                                   const evtwin__pieces_limits *limits, evtwin_trainer **out);

/* A battery's rows in the file: neighbours, in one block. */
typedef struct evtwin__pieces_battery {
    size_t block, first, n;       /* rows first to first + n - 1 of the block */
    evtwin__group_use use;        /* its usable rows by target and class */
    size_t n_used;                /* rows that some target can use */
    uint8_t is_test;              /* held out */
    int8_t fold[EVTWIN__T_COUNT]; /* of the training part, for the calibration; -1 = none */
} evtwin__pieces_battery;

typedef struct evtwin__pieces {
    evtwin_trainer *trainer;
    evtwin__pieces_limits limits;
    evtwin__rows_file file;
    evtwin__dict names;              /* of the batteries, in the order of their first rows */
    evtwin__pieces_battery *battery; /* (names.n) */
    size_t capacity;
    size_t cols;                         /* features */
    const char *column[EVTWIN__T_COUNT]; /* of the targets, see evtwin__dataset_load */
    size_t n_folds[EVTWIN__T_COUNT];     /* of the training part; 0 = no calibration */
    size_t most_rows;                    /* of a block */
    int has_cycles, has_time;
    /* what evtwin__dataset has, of all rows; its arrays are NULL */
    evtwin__dataset whole;
    size_t n_ordered; /* rows of batteries */
    /* of a label: its first usable value, and whether all are equal */
    double first_label[EVTWIN__T_COUNT];
    int is_constant[EVTWIN__T_COUNT], is_constant_float[EVTWIN__T_COUNT];
    evtwin_clean_report *clean; /* (cols), without outliers */
    int64_t first_us, last_us;
    double lowest_alive; /* see end_of_life.h */
    /* whole batteries for the audit: every audit_step-th */
    evtwin_table *sample;
    size_t audit_step, n_audited;
    size_t n_single; /* batteries of one row, the first of them */
    size_t first_single;
} evtwin__pieces;

/* ---- columns of the temporary file: the features, then ---- */

static inline size_t evtwin__pieces_label_col(const evtwin__pieces *p, size_t t) {
    return p->cols + t; /* NaN where the target cannot use the row */
}
static inline size_t evtwin__pieces_cycles_col(const evtwin__pieces *p) {
    return p->cols + EVTWIN__T_COUNT;
}
static inline size_t evtwin__pieces_time_col(const evtwin__pieces *p) {
    return p->cols + EVTWIN__T_COUNT + 1; /* microseconds */
}
static inline size_t evtwin__pieces_row_col(const evtwin__pieces *p) {
    return p->cols + EVTWIN__T_COUNT + 2; /* of the CSV, from 0 */
}
static inline size_t evtwin__pieces_n_cols(size_t cols) {
    return cols + EVTWIN__T_COUNT + 3;
}

/* ---- which rows ---- */

enum { EVTWIN__ANY_TARGET = -1, EVTWIN__EVERY_ROW = -2, EVTWIN__ANY_FOLD = -1 };
typedef enum evtwin__pieces_part {
    EVTWIN__IN_ALL,
    EVTWIN__IN_TRAINING, /* with a fold: without its batteries */
    EVTWIN__IN_TEST,     /* with a fold: its batteries, which are of the training part */
} evtwin__pieces_part;

typedef struct evtwin__pieces_choice {
    int t; /* rows that this target can use, or EVTWIN__ANY_TARGET, EVTWIN__EVERY_ROW */
    evtwin__pieces_part part;
    int fold;    /* or EVTWIN__ANY_FOLD */
    size_t step; /* every step-th of a battery, its first among them; 0 = all */
} evtwin__pieces_choice;

/* Does it have rows of the battery? How many then? How many of all batteries? */
int evtwin__pieces_has(const evtwin__pieces_choice *choice, const evtwin__pieces_battery *battery);
size_t evtwin__pieces_rows_of(const evtwin__pieces_choice *choice,
                              const evtwin__pieces_battery *battery);
size_t evtwin__pieces_count(const evtwin__pieces *p, const evtwin__pieces_choice *choice);
/* The step with which a choice has about limits.sample_rows rows, each battery its share.
 */
size_t evtwin__pieces_step(const evtwin__pieces *p, const evtwin__pieces_choice *choice);

/* v = one column of the rows of a choice; battery (may be NULL) = whose they are. Both have room
 * for evtwin__pieces_count of them. */
evtwin_status evtwin__pieces_gather(const evtwin__pieces *p, const evtwin__pieces_choice *choice,
                                    size_t col, double *v, int32_t *battery);

/* The rows of a choice, block by block. */
typedef struct evtwin__pieces_reader {
    const evtwin__pieces *p;
    evtwin__pieces_choice choice;
    size_t next_block, next_battery;
    double *block; /* owned: a whole block */
    /* the batch */
    size_t n;
    double *x;        /* owned: (n, cols) */
    double *y;        /* owned: (n) the target's */
    size_t *at;       /* owned: (n) rows of the block */
    int32_t *battery; /* owned: (n) */
} evtwin__pieces_reader;

evtwin_status evtwin__pieces_reader_open(const evtwin__pieces *p,
                                         const evtwin__pieces_choice *choice,
                                         evtwin__pieces_reader *out);
void evtwin__pieces_reader_reset(evtwin__pieces_reader *r);
/* The next batch, of one row at least; EVTWIN_DONE behind the last. */
evtwin_status evtwin__pieces_reader_next(evtwin__pieces_reader *r);
/* Another column of row i of the batch. */
double evtwin__pieces_reader_value(const evtwin__pieces_reader *r, size_t i, size_t col);
void evtwin__pieces_reader_close(evtwin__pieces_reader *r);

/* ---- the steps, in order ---- */

/* pieces_read.c: read all of csv into p. */
evtwin_status evtwin__pieces_read(evtwin__pieces *p, evtwin_csv *csv, const evtwin_target *targets,
                                  size_t n_targets, const evtwin_train_options *options);
/* pieces_split.c: which batteries are held out, and the folds of the others. */
evtwin_status evtwin__pieces_split(evtwin__pieces *p);
/* pieces_look.c: what the trainer knows of the data: scaler, ranges, references, findings. */
evtwin_status evtwin__pieces_look(evtwin__pieces *p, const evtwin_train_options *options);
/* pieces_fit.c: the saved models, then intervals and calibrations from models that had not seen a
 * battery. */
evtwin_status evtwin__pieces_fit(evtwin__pieces *p);
/* pieces_score.c: the held-out predictions of a target, the model's and the baselines'. */
evtwin_status evtwin__pieces_hold_out(evtwin__pieces *p, size_t t);
/* pieces_score.c: their times (owned by the caller), by which the errors of a single battery are
 * judged; NULL where there are more, or no times. */
evtwin_status evtwin__pieces_held_times(const evtwin__pieces *p, size_t t, int64_t **out);

/* pieces_fit.c: predicted (n of the batch of r) in the target's unit, by a forest of it; room (n,
 * cols) and said (n) are scratch. */
evtwin_status evtwin__pieces_predict(const evtwin__pieces_reader *r, const evtwin_model *forest,
                                     float *room, float *said, double *predicted);

#endif
