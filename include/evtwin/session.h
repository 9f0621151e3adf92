/* SPDX-License-Identifier: MIT */
/* evtwin/session.h: prediction with a memory: what is known of each battery's past, beside a
 * predictor that never changes. */
#ifndef EVTWIN_SESSION_H
#define EVTWIN_SESSION_H

#include "evtwin/predictor.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The bounded state of every battery that was predicted: its newest row, how many rows were
 * predicted, the last prediction of each target. An apply changes the state only provisionally,
 * until commit: a caller can keep it in the transaction of the predictions. One thread at a time.
 * Since 0.2.
 */
typedef struct evtwin_session evtwin_session;

typedef struct evtwin_session_options {
    size_t size;
    /** default 100,000, at least 1; beyond it commit drops the state of the least recently seen
     * battery, which is logged once */
    size_t max_batteries;
    /** default 0: none. N > 0: the N largest reasons of the predictions of each battery's newest
     * row, which was predicted with the battery's past, in its pending state; see evtwin/explain.h
     */
    size_t n_reasons;
    /** default 0. 1: also those of every row, as evtwin_predictor_explain writes them as JSON */
    int explains_each;
} evtwin_session_options;

/** Fill in the defaults; size is sizeof *options. @return EVTWIN_E_ARG if size is that of no
 * version of the struct. */
EVTWIN_API evtwin_status evtwin_session_options_init(evtwin_session_options *options, size_t size);

/**
 * A session without a battery.
 * @param predictor  borrowed: it must outlive the session.
 * @param options  NULL = the defaults.
 * @param out  a new session, evtwin_session_free frees it.
 * @return EVTWIN_E_ARG if max_batteries is 0; with reasons EVTWIN_E_UNSUPPORTED as
 * evtwin_model_contributions.
 */
EVTWIN_API evtwin_status evtwin_session_create(const evtwin_predictor *predictor,
                                               const evtwin_session_options *options,
                                               evtwin_session **out);
/** NULL is fine. What is pending is dropped. */
EVTWIN_API void evtwin_session_free(evtwin_session *session);

/** Number of batteries with a committed state. */
EVTWIN_API size_t evtwin_session_batteries(const evtwin_session *session);

/**
 * evtwin_predictor_apply with memory. The rows of a battery are taken in ascending order of (time,
 * seq; a missing seq counts as 0), wherever they are in the table; a row that is not later than the
 * battery's newest is predicted and changes no state, as is a row without a battery (text) or a
 * time. State changes stay pending until commit; several applies add up. On failure table and
 * session are as they were, but for what evtwin_predictor_apply says of memory running out.
 * A live row stands for itself: one of which a feature is outside its range or infinite gets no
 * prediction but a note ("unknown, because soc: 150 percent is outside 0 to 100 percent").
 * @return what evtwin_predictor_apply returns, but for EVTWIN_E_RANGE.
 */
EVTWIN_API evtwin_status evtwin_session_apply(evtwin_session *session, evtwin_table *table);

/**
 * Hold the rows of a table against the training data (evtwin_session_range, evtwin_session_drift)
 * without predicting them or moving a state: of rows that were predicted in another way. Columns
 * that the table lacks are not judged. Pending until commit.
 * @return EVTWIN_E_ARG for NULL only. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_observe(evtwin_session *session, const evtwin_table *table);

/**
 * How many rows of the table applied last have a feature out of range or infinite, and so a note;
 * first_row_out (may be NULL) is the first of them. Since 0.2.
 */
EVTWIN_API size_t evtwin_session_out_of_range(const evtwin_session *session, size_t *first_row_out);

/**
 * A new table of the states that are pending, one row a battery: battery_id (TEXT), time (TIME) and
 * seq (I64) of its newest row, state (TEXT: JSON with the number of its format and the version of
 * the model). evtwin_table_free frees it.
 * @return EVTWIN_DONE, with NULL in *out, if nothing is pending.
 */
EVTWIN_API evtwin_status evtwin_session_pending(const evtwin_session *session, evtwin_table **out);

/** Keep what is pending. Cannot fail; nothing pending is fine. */
EVTWIN_API void evtwin_session_commit(evtwin_session *session);

/** Drop what is pending: the session is as it was at the last commit. */
EVTWIN_API void evtwin_session_rollback(evtwin_session *session);

/** What the committed rows had of one feature, beside what the models were trained on. Values that
 * are missing, infinite or impossible (and so not predicted from) do not count. Since 0.2. */
typedef struct evtwin_feature_range {
    size_t size;
    const char *feature, *unit;      /**< ours; borrowed from the predictor */
    double trained_min, trained_max; /**< of the training part; NaN if the bundle does not say */
    /** values; those of them outside the trained range by more than a hundredth of its width */
    uint64_t n_values, n_outside;
    double min, max; /**< of the values; NaN if there is none */
    /** 1 if the unit is percent and all values, 20 or more, lie in 0 to 1: perhaps fractions. No
     * value is ever converted by such a guess */
    int looks_like_fraction;
    /** population stability index of the newest values beside the training data, and from where on
     * that is a finding (chance and seasons allowed for); NaN if the bundle has no histogram */
    double psi, psi_limit;
} evtwin_feature_range;

/**
 * The range, since the session was made, of number `feature` of what the models' features are made
 * from: the features themselves, or of recipe history the own values of a row.
 * @param size  sizeof *out.
 * @return EVTWIN_E_ARG if feature is out of range. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_range(const evtwin_session *session, size_t feature,
                                              evtwin_feature_range *out, size_t size);

/**
 * A new table of what is unlike the training data in the committed rows, one row a finding:
 * battery_id (TEXT; missing = the fleet), cause (TEXT: fraction, range, distribution, power, curve,
 * sign), quantity (TEXT), value and limit (F64: what was measured, and from where on it is a
 * finding), text (TEXT: a sentence). commit logs each finding at EVTWIN_LOG_WARNING when it begins,
 * and a range again each time that there are ten times as many values outside. Old rows count ever
 * less, so that a finding ends some time after its cause. Limits: lib/learn/drift.def.
 * evtwin_table_free frees it.
 * @return EVTWIN_DONE, with NULL in *out, if nothing is found. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_drift(const evtwin_session *session, evtwin_table **out);

/**
 * Take over states that evtwin_session_pending gave earlier, in place of what is known of these
 * batteries. A state of another model goes on as evtwin_session_swap says, if its past is made of
 * the same features. Others, rows of another format and rows that cannot be read are ignored with
 * one line in the log that counts them.
 * @return EVTWIN_E_SCHEMA if one of the four columns is absent or of another type, EVTWIN_E_STATE
 * if something is pending.
 */
EVTWIN_API evtwin_status evtwin_session_restore(evtwin_session *session,
                                                const evtwin_table *states);

/**
 * The batteries of a table's rows whose past is not known for sure: they have no state, or had it
 * before evtwin_session_doubt. A new table with one column, battery_id (TEXT), each once; for
 * evtwin_store_states_of. evtwin_table_free frees it. All batteries of rows with a state here count
 * as seen now: where there are more than max_batteries, what is recalled takes the place of others.
 * @return EVTWIN_DONE, with NULL in *out, if all are known; then nothing was allocated. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_unknown(evtwin_session *session, const evtwin_table *rows,
                                                evtwin_table **out);

/**
 * Take over what is kept of these batteries, as evtwin_session_restore does; but of states that are
 * ignored only the first ones of each model are logged. From here on evtwin_session_unknown does
 * not name the batteries. Of those of which nothing is kept, what is known here goes on; one that
 * has no state here either may be named again until its first commit.
 * @param batteries  the table of evtwin_session_unknown.
 * @param states  NULL = nothing is kept of them.
 * @return EVTWIN_E_SCHEMA if batteries has no column battery_id (TEXT), or what
 * evtwin_session_restore says; the batteries stay unknown then. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_recall(evtwin_session *session,
                                               const evtwin_table *batteries,
                                               const evtwin_table *states);

/** Others may have gone on with the batteries, as those of a group that reads one topic do: none is
 * known for sure (evtwin_session_unknown) until it is recalled, restored or committed again. NULL
 * is fine. Since 0.2. */
EVTWIN_API void evtwin_session_doubt(evtwin_session *session);

/**
 * Predict with other models from the next apply on, without losing what is known of the batteries.
 * Where the models look at a past made of the same features (recipe "history" with the same
 * features and counter of cycles), each battery's past stays: what the new models say of a row is
 * bit for bit what they would have said with that past from the start. What the old ones said of a
 * battery's end of life is forgotten: the RUL is settled from what the new ones say, as of a
 * battery whose first ten cycles these are. Where the features are others, the pasts begin anew,
 * which is logged. Newest times and counts of rows stay; the watch for drift
 * (evtwin_session_range, _drift) begins anew, since the training data are others.
 * @param predictor  borrowed: it must outlive the session; the old one is no longer needed.
 * @param n_anew_out  batteries whose past was dropped; may be NULL.
 * @return EVTWIN_E_STATE if something is pending; with reasons EVTWIN_E_UNSUPPORTED as
 * evtwin_model_contributions. On failure the session is as it was. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_swap(evtwin_session *session,
                                             const evtwin_predictor *predictor, size_t *n_anew_out);

#ifdef __cplusplus
}
#endif
#endif
