/* SPDX-License-Identifier: MIT */
/* learn/refit.h: train once more on other parts of the same data, of which nothing is saved. */
#ifndef EVTWIN_LEARN_REFIT_H
#define EVTWIN_LEARN_REFIT_H

#include "learn/trainer.h"

/* A trainer with results of its own over the same bundle and data; what it borrows is not freed. */
typedef struct evtwin__refit {
    evtwin_trainer trainer;
    evtwin__dataset data;
} evtwin__refit;

/* Without parts yet: no row is held out. To be cleared after a failure too. */
evtwin_status evtwin__refit_begin(const evtwin_trainer *trainer, const evtwin__dataset *data,
                                  evtwin__refit *r);
void evtwin__refit_clear(evtwin__refit *r);

#endif
