/* SPDX-License-Identifier: MIT */
/* evtwin/session.h: prediction with a state for each battery's past, beside a predictor that never
 * changes. */
#ifndef EVTWIN_SESSION_H
#define EVTWIN_SESSION_H

#include "evtwin/predictor.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The bounded state of every battery that was predicted: its newest row, the number of predicted
 * rows, the last prediction of each target. A change by apply is pending until commit, so that a
 * caller can store it in the transaction of the predictions. One thread at a time. Since 0.2.
 */
typedef struct evtwin_session evtwin_session;

typedef struct evtwin_session_options {
    size_t size;
    /** default 100,000, at least 1; beyond it commit drops the state of the least recently seen
     * battery, which is logged once */
    size_t max_batteries;
    /** default 0: none. N > 0: the pending state has the N largest reasons of the predictions of
     * each battery's newest row, made with the battery's past; see evtwin/explain.h */
    size_t n_reasons;
    /** default 0. 1: also the reasons of every row, in the JSON form of evtwin_predictor_explain */
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
/** NULL is fine. Pending changes are dropped. */
EVTWIN_API void evtwin_session_free(evtwin_session *session);

/** Number of batteries with a committed state. */
EVTWIN_API size_t evtwin_session_batteries(const evtwin_session *session);

/**
 * evtwin_predictor_apply with the state of each battery. The rows of a battery are taken in
 * ascending order of (time, seq; a missing seq counts as 0), wherever they are in the table; a row
 * that is not later than the battery's newest is predicted and changes no state, as is a row
 * without a battery (text) or a time. State changes stay pending until commit; several applies add
 * up. On failure table and session are unchanged, except as evtwin_predictor_apply says if memory
 * runs out. A live row is judged alone: if one of its features is outside its range or infinite, it
 * gets no prediction but a note ("unknown, because soc: 150 percent is outside 0 to 100 percent").
 * @return what evtwin_predictor_apply returns, except EVTWIN_E_RANGE.
 */
EVTWIN_API evtwin_status evtwin_session_apply(evtwin_session *session, evtwin_table *table);

/**
 * Compare the rows of a table with the training data (evtwin_session_range, evtwin_session_drift)
 * without predicting them or changing a state: for rows that were predicted in another way. Columns
 * that the table lacks are not judged. Pending until commit.
 * @return EVTWIN_E_ARG for NULL only. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_observe(evtwin_session *session, const evtwin_table *table);

/**
 * The number of rows in the last applied table that have a feature out of range or infinite, and
 * therefore a note; first_row_out (may be NULL) is the first of them. Since 0.2.
 */
EVTWIN_API size_t evtwin_session_out_of_range(const evtwin_session *session, size_t *first_row_out);

/**
 * A new table of the states that are pending, one row a battery: battery_id (TEXT), time (TIME) and
 * seq (I64) of its newest row, state (TEXT: JSON with the number of its format and the version of
 * the model). evtwin_table_free frees it.
 * @return EVTWIN_DONE, with NULL in *out, if nothing is pending.
 */
EVTWIN_API evtwin_status evtwin_session_pending(const evtwin_session *session, evtwin_table **out);

/** Make pending changes permanent. Cannot fail; without pending changes it does nothing. */
EVTWIN_API void evtwin_session_commit(evtwin_session *session);

/** Drop pending changes: the session is as it was at the last commit. */
EVTWIN_API void evtwin_session_rollback(evtwin_session *session);

/** One feature in the committed rows, compared with the training data. Values that are missing,
 * infinite or impossible (and so not used for predictions) do not count. Since 0.2. */
typedef struct evtwin_feature_range {
    size_t size;
    const char *feature, *unit; /**< ours; borrowed from the predictor */
    double trained_min,
        trained_max; /**< of the training part; NaN if the bundle does not have them */
    /** values; those of them outside the trained range by more than a hundredth of its width */
    uint64_t n_values, n_outside;
    double min, max; /**< of the values; NaN if there is none */
    /** 1 if the unit is percent and all values, 20 or more, lie in 0 to 1: perhaps fractions. No
     * value is ever converted by such a guess */
    int looks_like_fraction;
    /** population stability index of the newest values against the training data, and the limit
     * above which it is a finding (chance and seasons are included); NaN if the bundle has no
     * histogram */
    double psi, psi_limit;
} evtwin_feature_range;

/**
 * The range of values since the session was created, for number `feature` of the inputs of the
 * models: the features themselves, or with recipe "history" the row's own values.
 * @param size  sizeof *out.
 * @return EVTWIN_E_ARG if feature is out of range. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_range(const evtwin_session *session, size_t feature,
                                              evtwin_feature_range *out, size_t size);

/**
 * A new table of the differences between the committed rows and the training data, one row for each
 * finding: battery_id (TEXT; missing = the fleet), cause (TEXT: fraction, range, distribution,
 * power, curve, sign), quantity (TEXT), value and limit (F64: the measured value, and the limit
 * above which it is a finding), text (TEXT: a sentence). commit logs each finding at
 * EVTWIN_LOG_WARNING when it begins, and a range again each time the number of values outside has
 * grown tenfold. The weight of old rows decreases, so that a finding ends some time after its
 * cause. Limits: lib/learn/drift.def. evtwin_table_free frees it.
 * @return EVTWIN_DONE, with NULL in *out, if nothing is found. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_drift(const evtwin_session *session, evtwin_table **out);

/**
 * Take over states that evtwin_session_pending returned earlier, in place of the present states of
 * these batteries. A state of another model continues as evtwin_session_swap describes, if its past
 * is made of the same features. Others, rows of another format and rows that cannot be read are
 * ignored with one line in the log that counts them.
 * @return EVTWIN_E_SCHEMA if one of the four columns is absent or of another type, EVTWIN_E_STATE
 * if something is pending.
 */
EVTWIN_API evtwin_status evtwin_session_restore(evtwin_session *session,
                                                const evtwin_table *states);

/**
 * The batteries of a table's rows whose past is not certain: they have no state, or got it before
 * evtwin_session_doubt. A new table with one column, battery_id (TEXT), each once; for
 * evtwin_store_states_of. evtwin_table_free frees it. All batteries of the rows that have a state
 * here count as seen now: beyond max_batteries, recalled states replace those of other batteries.
 * @return EVTWIN_DONE, with NULL in *out, if all are known; then nothing was allocated. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_unknown(evtwin_session *session, const evtwin_table *rows,
                                                evtwin_table **out);

/**
 * Take over the stored states of these batteries, as evtwin_session_restore does; but only the
 * first ignored states of each model are logged. After this call evtwin_session_unknown does not
 * name the batteries. A battery without a stored state keeps its state here; if it has none here
 * either, it may be named again until its first commit.
 * @param batteries  the table of evtwin_session_unknown.
 * @param states NULL = there are no stored states.
 * @return EVTWIN_E_SCHEMA if batteries has no column battery_id (TEXT), or what
 * evtwin_session_restore returns; the batteries then stay unknown. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_session_recall(evtwin_session *session,
                                               const evtwin_table *batteries,
                                               const evtwin_table *states);

/** Report that other processes may have continued the batteries, as in a group that reads one
 * topic: no state is certain (evtwin_session_unknown) until it is recalled, restored or committed
 * again. NULL is fine. Since 0.2. */
EVTWIN_API void evtwin_session_doubt(evtwin_session *session);

/**
 * Predict with other models from the next apply on, without losing the states of the batteries. If
 * both models use a past made of the same features (recipe "history" with the same features and
 * counter of cycles), each battery's past stays: the new models' answer for a row is bit for bit
 * the same as if they had been used with that past from the start. The old models' answers about a
 * battery's end of life are forgotten: the RUL is made from the new models' answers, as for a
 * battery in its first ten cycles. If the features differ, the pasts begin anew, which is logged.
 * Newest times and counts of rows stay; the watch for drift (evtwin_session_range, _drift) begins
 * anew, because the training data differ.
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
