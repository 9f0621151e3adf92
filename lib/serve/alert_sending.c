/* SPDX-License-Identifier: MIT */
/* serve/alert_sending.c: grouping, and growing pauses. */

#include "serve/alert_sending.h"

/* Batteries that fall silent together do so over some looks. */
static const int64_t settle_us = 4000000;
static const int64_t first_pause_us = 1000000, longest_pause_us = 300000000;
static const double longest_wish_s = 3600.0;

int evtwin__alert_sending_is_time(evtwin__alert_sending *s, size_t n_due, int64_t now_us) {
    if (n_due == 0) {
        s->n_seen = 0;
        s->waiting_us = 0;
        return 0;
    }
    const int is_settled = s->n_failed > 0 || n_due == s->n_seen ||
                           (s->waiting_us != 0 && now_us - s->waiting_us >= settle_us);
    s->n_seen = n_due;
    s->waiting_us = s->waiting_us == 0 ? now_us : s->waiting_us;
    if (now_us < s->retry_us || (s->sent_us != 0 && now_us - s->sent_us < s->group_us)) {
        return 0;
    }
    return is_settled;
}

double evtwin__alert_sending_note(evtwin__alert_sending *s, int went_well, double wish_s,
                                  int64_t now_us) {
    s->waiting_us = 0;
    s->n_seen = 0;
    if (went_well) {
        s->n_failed = 0;
        s->retry_us = 0;
        s->sent_us = now_us;
        return 0.0;
    }
    int64_t pause_us = first_pause_us;
    for (int i = 0; i < s->n_failed && pause_us < longest_pause_us; i++) {
        pause_us *= 2;
    }
    pause_us = pause_us < longest_pause_us ? pause_us : longest_pause_us;
    const int64_t wish_us = (int64_t)(1e6 * (wish_s < longest_wish_s ? wish_s : longest_wish_s));
    pause_us = pause_us > wish_us ? pause_us : wish_us;
    s->n_failed++;
    s->retry_us = now_us + pause_us;
    return 1e-6 * (double)pause_us;
}
