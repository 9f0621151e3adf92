/* SPDX-License-Identifier: MIT */
/* learn/forest_objective.c: the objectives that are read, and where their margins start. */

#include "learn/forest_objective.h"

#include "core/status.h"
#include "learn/json_scan.h"

#include <math.h>
#include <stdio.h>

/* What a bundle has: a number, an event. */
static const struct {
    const char *name;
    evtwin_objective objective;
} known[] = {
    {"reg:squarederror", EVTWIN_OBJECTIVE_REGRESSION},
    {"binary:logistic", EVTWIN_OBJECTIVE_LOGISTIC},
};
enum { N_KNOWN = sizeof known / sizeof *known };

evtwin_status evtwin__objective_find(evtwin__slice name, evtwin_objective *out) {
    char names[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < N_KNOWN; i++) {
        if (evtwin__slice_is(name, known[i].name)) {
            *out = known[i].objective;
            return EVTWIN_OK;
        }
        n +=
            (size_t)snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "", known[i].name);
    }
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "objective \"%.*s\" is not supported: train with one of %s",
                EVTWIN__SLICE_TEXT(name), names);
}

/* "5E-1" or "[5E-1]" as a number. */
static evtwin_status parse(evtwin__slice text, float *out) {
    const evtwin__slice whole = text;
    if (text.size >= 2 && text.at[0] == '[' && text.at[text.size - 1] == ']') {
        text.at++;
        text.size -= 2;
    }
    EVTWIN_FAIL_IF(memchr(text.at, ',', text.size) != NULL, EVTWIN_E_UNSUPPORTED,
                   "base_score: \"%.*s\" is not supported: several outputs",
                   EVTWIN__SLICE_TEXT(whole));
    EVTWIN_FAIL_IF(!evtwin__parse_f32(text, out), EVTWIN_E_CORRUPT,
                   "base_score: \"%.*s\" is not a finite float32", EVTWIN__SLICE_TEXT(whole));
    return EVTWIN_OK;
}

/* A probability p becomes log(p / (1 - p)) in float and by libm's logf, as XGBoost does it: to the
 * same bit on one machine. From 3.2 on it keeps p off 0 and 1, which are what labels of one kind
 * give; before, it refuses them. */
static evtwin_status logit(evtwin__slice text, float p, const int version[3], float *out) {
    EVTWIN_FAIL_IF(p < 0.0f || p > 1.0f, EVTWIN_E_CORRUPT,
                   "base_score: \"%.*s\" is not a probability between 0 and 1",
                   EVTWIN__SLICE_TEXT(text));
    if (version[0] == 3 && version[1] >= 2) {
        p = fminf(fmaxf(p, 1e-6f), 1.0f - 1e-6f);
    }
    const float base = -logf(1.0f / p - 1.0f);
    EVTWIN_FAIL_IF(!isfinite(base), EVTWIN_E_UNSUPPORTED,
                   "base_score: \"%.*s\" is an infinite margin before XGBoost 3.2; train with "
                   "base_score=0.5, or with labels of both kinds",
                   EVTWIN__SLICE_TEXT(text));
    *out = base;
    return EVTWIN_OK;
}

evtwin_status evtwin__objective_base_margin(evtwin_objective objective, evtwin__slice base_score,
                                            const int version[3], float *out) {
    float base;
    EVTWIN_TRY(parse(base_score, &base));
    switch (objective) {
    case EVTWIN_OBJECTIVE_LOGISTIC:
        return logit(base_score, base, version, out);
    case EVTWIN_OBJECTIVE_REGRESSION:
    default:
        *out = base;
        return EVTWIN_OK;
    }
}
