/* SPDX-License-Identifier: MIT */
/* stream/kafka_outcome.c: messages that were written without our knowing, and how that is found. */

#include "stream/kafka_outcome.h"

#include "core/hash.h"
#include "core/status.h"

static void stop_seeking(evtwin__kafka_outcome *o) {
    evtwin__kafka_reader_free(o->reader);
    o->reader = NULL;
    o->is_sought = 0;
}

void evtwin__kafka_outcome_forget(evtwin__kafka_outcome *outcome) {
    stop_seeking(outcome);
    outcome->unsure.n = outcome->committed.n = 0;
}

void evtwin__kafka_outcome_doubt(evtwin__kafka_outcome *outcome, const char *text, size_t size,
                                 size_t n, int with_offsets) {
    stop_seeking(outcome);
    outcome->unsure = (evtwin__kafka_messages){.n = n,
                                               .size = size,
                                               .hash = evtwin__hash(EVTWIN__HASH_BEGIN, text, size),
                                               .with_offsets = with_offsets};
}

void evtwin__kafka_outcome_decide(evtwin__kafka_outcome *outcome, int is_committed) {
    stop_seeking(outcome);
    if (is_committed) {
        outcome->committed = outcome->unsure;
    }
    outcome->unsure.n = 0;
}

void evtwin__kafka_outcome_seek(evtwin__kafka_outcome *outcome, evtwin__kafka_place place) {
    outcome->is_sought = 1;
    outcome->place = place;
}

static evtwin_status look(evtwin__kafka_outcome *o, const evtwin__kafka_config *config,
                          const char *topic, int64_t deadline_ms) {
    EVTWIN_FAIL_IF(o->place.partition < 0, EVTWIN_E_NOT_FOUND, "the brokers confirmed no message");
    EVTWIN_TRY(o->reader == NULL ? evtwin__kafka_reader_create(config, topic, &o->reader)
                                 : EVTWIN_OK);
    return evtwin__kafka_reader_find(o->reader, o->place, deadline_ms);
}

evtwin_status evtwin__kafka_outcome_find(evtwin__kafka_outcome *outcome,
                                         const evtwin__kafka_config *config, const char *topic,
                                         int64_t deadline_ms) {
    if (!outcome->is_sought) {
        return EVTWIN_OK;
    }
    const evtwin_status st = look(outcome, config, topic, deadline_ms);
    if (st == EVTWIN_E_AGAIN || st == EVTWIN_E_NOMEM) {
        return st;
    }
    if (st < 0) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "kafka: %s: cannot find out whether the last %zu messages were committed (%s); "
                    "they are written again and may be there twice; with the right to read the "
                    "topic that is found out",
                    topic, outcome->unsure.n, evtwin_last_error());
    }
    evtwin__kafka_outcome_decide(outcome, st == EVTWIN_OK);
    return EVTWIN_OK;
}

size_t evtwin__kafka_outcome_count(const evtwin__kafka_outcome *outcome, const char *text,
                                   const size_t *end, size_t n) {
    const evtwin__kafka_messages *c = &outcome->committed;
    const int is_front = c->n > 0 && n >= c->n && end[c->n - 1] == c->size &&
                         evtwin__hash(EVTWIN__HASH_BEGIN, text, c->size) == c->hash;
    return is_front ? c->n : 0;
}
