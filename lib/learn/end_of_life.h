/* SPDX-License-Identifier: MIT */
/* learn/end_of_life.h: the end of life that the labels count down to, as a limit of health: beyond
 * it nothing is left, whatever a forest says. */
#ifndef EVTWIN_LEARN_END_OF_LIFE_H
#define EVTWIN_LEARN_END_OF_LIFE_H

#include "learn/trainer.h"

/* Set the bundle's eol_soh_percent, and its label_rule where the caller gave none. given: the
 * caller's, 0 = unknown: then no labelled battery was alive below the lowest health in the data,
 * the true one where that is known (truth_soh). NaN where there is neither. */
evtwin_status evtwin__end_of_life_find(evtwin_trainer *trainer, const evtwin__dataset *data,
                                       double given);

/* Its parts, for data that come in pieces: the lowest health of a row with life left, as it was
 * where the data tell, else as reported; infinite if there is none. Then the rule from that of all
 * pieces. */
double evtwin__end_of_life_lowest(const evtwin_trainer *trainer, const evtwin__dataset *data);
evtwin_status evtwin__end_of_life_set(evtwin_trainer *trainer, int has_rul, double given,
                                      double lowest);
/* Once more where other processes have a lowest health too: that of all. */
evtwin_status evtwin__end_of_life_lower(evtwin_trainer *trainer, int has_rul, double lowest);

/* The model's column of health in percent (of recipe history the median over ten cycles); the
 * number of columns if the bundle has no such rule or none of its features is health. */
size_t evtwin__end_of_life_column(const evtwin__bundle *bundle);

/* 1 if health is past the end of life; x (features) is a row of the model's. */
static inline int evtwin__is_past_end(const evtwin__bundle *bundle, size_t column,
                                      const double *x) {
    return column < bundle->n_features && x[column] < bundle->eol_soh_percent;
}

#endif
