/* SPDX-License-Identifier: MIT */
/* tools/predict_guess.c: what of the predictions is a guess, as training said too: too few
 * batteries to know better. */

#include "predict_tool.h"

#include "evtwin/evtwin.h"

void predict_note_guesses(const evtwin_predictor *predictor) {
    const char *target;
    for (size_t i = 0; (target = evtwin_predictor_target(predictor, i)) != NULL; i++) {
        evtwin_interval interval;
        evtwin_calibration calibration;
        evtwin_target t;
        size_t number;
        if (evtwin_target_find(target, &number) < 0 ||
            evtwin_target_get(number, &t, sizeof t) < 0) {
            continue;
        }
        if (evtwin_predictor_interval(predictor, target, EVTWIN_COVERS_ON_AVERAGE, 0.0, &interval,
                                      sizeof interval) >= 0 &&
            interval.is_guess) {
            cli_note("%s_low and %s_high are a guess: they are made from the errors on %zu "
                     "batteries",
                     target, target, interval.n_batteries);
        }
        if (t.kind == EVTWIN_TARGET_EVENT &&
            evtwin_predictor_calibration(predictor, target, &calibration, sizeof calibration) < 0) {
            cli_note(
                "%s is not calibrated and may be overconfident: the models were made from too few "
                "batteries for that, or by an older version",
                t.prediction);
        }
    }
}
