/* SPDX-License-Identifier: MIT */
/* What a fleet manager sees: the RUL of live batteries, how far it may be off, and why it is what
 * it is. The bundle of models is that of 02_train_and_predict. */
#include <evtwin/evtwin.h>
#include <stdio.h>

enum { N_PACKS = 3, N_REASONS = 3 };

static int give_up(const char *what) {
    fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
    return 1;
}

int main(void) {
    evtwin_predictor *predictor = NULL;
    evtwin_session *session = NULL;
    if (evtwin_predictor_load("bundle", &predictor) < 0 ||
        evtwin_session_create(predictor, NULL, &session) < 0) {
        return give_up("02_train_and_predict builds the bundle");
    }

    /* one record of each pack, of 95 to 82 % of health, after ten minutes of driving */
    evtwin_sim_options fleet;
    evtwin_sim_options_init(&fleet, sizeof fleet);
    fleet.n_packs = N_PACKS;
    fleet.initial_soh_percent = 95.0;
    fleet.final_soh_percent = 82.0;
    evtwin_sim *sim = NULL;
    evtwin_table *rows = NULL;
    if (evtwin_sim_create(&fleet, &sim) < 0 || evtwin_telemetry_table_create(&rows) < 0 ||
        evtwin_sim_advance(sim, 600.0) < 0 || evtwin_sim_read(sim, 0, rows) < 0) {
        return give_up("simulate");
    }

    /* a session remembers each battery from one apply to the next; columns are added to the rows */
    if (evtwin_session_apply(session, rows) < 0 ||
        evtwin_predictor_explain(predictor, rows, N_REASONS, EVTWIN_REASONS_WORDS) < 0) {
        return give_up("predict");
    }
    evtwin_session_commit(session);
    const size_t rul = evtwin_table_find(rows, "rul_prediction"),
                 low = evtwin_table_find(rows, "rul_low"),
                 high = evtwin_table_find(rows, "rul_high"),
                 why = evtwin_table_find(rows, "rul_reasons");
    for (size_t i = 0; i < N_PACKS; i++) {
        printf("%s: %.0f cycles (%.0f to %.0f): %s\n", evtwin_sim_battery_id(sim, i),
               evtwin_table_number(rows, rul, i), evtwin_table_number(rows, low, i),
               evtwin_table_number(rows, high, i), evtwin_table_text(rows, why, i));
    }

    evtwin_table_free(rows);
    evtwin_sim_free(sim);
    evtwin_session_free(session);
    evtwin_predictor_free(predictor);
    return 0;
}
