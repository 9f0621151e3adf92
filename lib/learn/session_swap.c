/* SPDX-License-Identifier: MIT */
/* learn/session_swap.c: a session goes on with another predictor: what of the batteries' states
 * stays, and what does not. */

#include "learn/session_batteries.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/explain.h"

#include <stdio.h>
#include <string.h>

/* The committed past of a battery as the new models find it: dropped if it is of another kind.
 * Memory that was reserved for the next one goes too, since it may be of another size. */
static int pass_on(const evtwin__past *past, int is_kept, int is_same_model,
                   evtwin__session_battery *b) {
    evtwin__free(b->next_past);
    b->next_past = NULL;
    evtwin__free(b->next_reasons);
    b->next_reasons = NULL;
    if (b->past == NULL) {
        return 0;
    }
    if (is_kept) {
        if (!is_same_model) {
            evtwin__past_forget_said(past, b->past);
        }
        return 0;
    }
    evtwin__free(b->past);
    b->past = NULL;
    return 1;
}

static void log_swap(const char *before, const char *after, int is_kept, size_t n_anew) {
    if (n_anew > 0) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "models %s replace %s: their features differ, so the past of %zu "
                    "batter%s is dropped",
                    after, before, n_anew, n_anew == 1 ? "y" : "ies");
    } else if (is_kept) {
        evtwin__log(EVTWIN_LOG_INFO,
                    "models %s replace %s: the past of each battery stays, its RUL is determined "
                    "again over its next ten cycles",
                    after, before);
    }
}

evtwin_status evtwin_session_swap(evtwin_session *session, const evtwin_predictor *predictor,
                                  size_t *n_anew_out) {
    EVTWIN_FAIL_IF(session == NULL || predictor == NULL, EVTWIN_E_ARG,
                   "session or predictor is NULL");
    EVTWIN_FAIL_IF(session->n_moved > 0, EVTWIN_E_STATE,
                   "%zu states are pending: commit or roll back first", session->n_moved);
    EVTWIN_TRY(session->n_reasons > 0 ? evtwin__explain_check(predictor) : EVTWIN_OK);
    evtwin_predictor_info info;
    EVTWIN_TRY(evtwin_predictor_info_get(predictor, &info, sizeof info));
    evtwin__watch *watch;
    EVTWIN_TRY(
        evtwin__watch_create(evtwin__predictor_bundle(predictor), session->max_batteries, &watch));
    const evtwin__past *past = evtwin__predictor_past(predictor);
    const int is_kept = past != NULL && session->past != NULL &&
                        strcmp(evtwin__past_kind(past), evtwin__past_kind(session->past)) == 0;
    const int is_same =
        strcmp(info.version, session->version) == 0 && strcmp(info.bundle, session->bundle) == 0;
    size_t n_anew = 0;
    for (size_t i = 1; i < session->capacity; i++) {
        n_anew += (size_t)pass_on(past, is_kept, is_same, &session->battery[i]);
    }
    log_swap(session->version, info.version, is_kept && !is_same, n_anew);
    evtwin__watch_free(session->watch);
    session->watch = watch;
    session->predictor = predictor;
    session->past = past;
    snprintf(session->version, sizeof session->version, "%s", info.version);
    session->bundle = info.bundle;
    session->has_logged_recall = 0;
    session->impossible = (evtwin__impossible){0};
    if (n_anew_out != NULL) {
        *n_anew_out = n_anew;
    }
    return EVTWIN_OK;
}
