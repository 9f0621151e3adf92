/* SPDX-License-Identifier: MIT */
/* evtwin/target.h: what can be learned and predicted: remaining useful life, failure; later more.
 */
#ifndef EVTWIN_TARGET_H
#define EVTWIN_TARGET_H

#include "evtwin/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a model of the target predicts. */
typedef enum evtwin_target_kind {
    EVTWIN_TARGET_NUMBER = 0, /**< a number in the label's unit (regression) */
    EVTWIN_TARGET_EVENT = 1   /**< the probability of a 0/1 label (logistic) */
} evtwin_target_kind;

/**
 * One target. evtwin_target_get fills all of it; column, trees and depth are the caller's to change
 * before evtwin_train.
 */
typedef struct evtwin_target {
    size_t size;
    const char *name;  /**< "rul", "failure": how every call names the target */
    const char *title; /**< "RUL", "failure": in reports */
    evtwin_target_kind kind;
    const char *label;      /**< the quantity that is learned (kind TRUTH) */
    const char *prediction; /**< the quantity that is predicted (kind PREDICTION) */
    const char *unit;       /**< of both; "" for a probability */
    /** training column; NULL = the first of the label's names that the table has; "none" = do not
     * train it */
    const char *column;
    int trees, depth; /**< of the forest: 1 to 100,000 and 1 to 16 */
} evtwin_target;

/** Number of targets; they are numbered from 0. Since 0.2. */
EVTWIN_API size_t evtwin_target_count(void);

/** @return EVTWIN_E_ARG if index is out of range. size is sizeof *out. Strings are static. */
EVTWIN_API evtwin_status evtwin_target_get(size_t index, evtwin_target *out, size_t size);

/** @return EVTWIN_E_NOT_FOUND if there is no such target; the message lists them. */
EVTWIN_API evtwin_status evtwin_target_find(const char *name, size_t *index_out);

#ifdef __cplusplus
}
#endif
#endif
