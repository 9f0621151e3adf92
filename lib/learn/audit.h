/* SPDX-License-Identifier: MIT */
/* learn/audit.h: what the parts of the audit share: the rows battery by battery, columns as they
 * were read. Each part adds its findings (findings.def). */
#ifndef EVTWIN_LEARN_AUDIT_H
#define EVTWIN_LEARN_AUDIT_H

#include "learn/trainer.h"

/* Row k is the k-th by battery, then time; without batteries all rows are one series. */
typedef struct evtwin__audit {
    evtwin_trainer *trainer;
    const evtwin__dataset *data;
    size_t n;            /* rows that have a battery */
    const size_t *order; /* (n) their rows of the table */
    size_t *start;       /* (n_batteries + 1) their first k, and n */
    size_t n_batteries;
    int is_explained[EVTWIN__T_COUNT]; /* what the label is made from was found: no need of more */
    int is_misordered;                 /* time is: a label falls in the order of the file only */
    int is_one_series;                 /* there are no batteries to tell rows apart, */
    int is_mixed;                      /* and a label rises so often that it is not one battery's */
} evtwin__audit;

/* Fill in all but trainer and data; start is the caller's to free, after a failure too. */
evtwin_status evtwin__audit_rows(evtwin__audit *a);

/* v[k] = the value as it was read, unfilled, in the column's unit; NaN where missing. */
void evtwin__audit_column(const evtwin__audit *a, size_t col, double *v);
/* The same for a target's label. */
void evtwin__audit_label(const evtwin__audit *a, size_t t, double *y);
/* Column of the table that is feature i. */
size_t evtwin__audit_feature_column(const evtwin__audit *a, size_t i);
const char *evtwin__audit_battery(const evtwin__audit *a, size_t battery);

/* Share of the steps from row to row of a battery in which the label rises; NaN of fewer than 20
 * steps. A remaining life never rises; a few rounded or misplaced rows are no sign. */
#define EVTWIN__FEW_RISES 0.01
double evtwin__audit_rises(const evtwin__audit *a, const double *y);
/* The same of a target's label in the order of the file. */
evtwin_status evtwin__audit_rises_in_file(const evtwin__audit *a, size_t t, double *out);

/* Can rows of a label be compared across batteries? In one series that is one battery the label is
 * a function of its age, as it should be. */
int evtwin__audit_is_comparable(const evtwin__audit *a, size_t t);

/* Do enough batteries show both classes of y (n), or one of them each, that what tells the classes
 * apart does not merely tell batteries apart? Records of a few days hardly move. */
int evtwin__audit_has_enough(const evtwin__audit *a, const double *y);

/* The parts: each states what it finds. A finding of an error is nearly certain by itself. */
evtwin_status evtwin__audit_labels(evtwin__audit *a); /* the first: it sets is_mixed and
                                                         is_misordered */
evtwin_status evtwin__audit_counter(const evtwin__audit *a);
evtwin_status evtwin__audit_inputs(evtwin__audit *a);
evtwin_status evtwin__audit_rule(evtwin__audit *a);
evtwin_status evtwin__audit_formula(const evtwin__audit *a);
evtwin_status evtwin__audit_series(const evtwin__audit *a);
evtwin_status evtwin__audit_ahead(const evtwin__audit *a);
evtwin_status evtwin__audit_window(const evtwin__audit *a);
evtwin_status evtwin__audit_identity(const evtwin__audit *a);
evtwin_status evtwin__audit_twins(const evtwin__audit *a);
evtwin_status evtwin__audit_bias(const evtwin__audit *a);
evtwin_status evtwin__audit_sensors(const evtwin__audit *a);
evtwin_status evtwin__audit_plausible(const evtwin__audit *a);

#endif
