/* SPDX-License-Identifier: MIT */
/* stream/spool_none.c: the spool of a build without SQLite: there is none. */

#include "core/status.h"
#include "stream/pump_spool.h"

#define FAIL_NONE()                                                                                \
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "built without SQLite: -DEVTWIN_SQLITE=ON adds the spool")

evtwin_status evtwin_spool_options_init(evtwin_spool_options *options, size_t size) {
    const evtwin_spool_options defaults = {.size = sizeof defaults};
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

evtwin_status evtwin_spool_open(const char *folder, const evtwin_spool_options *options,
                                evtwin_spool **out) {
    (void)options;
    EVTWIN_FAIL_IF(folder == NULL || out == NULL, EVTWIN_E_ARG, "folder or out is NULL");
    FAIL_NONE();
}

/* ---- never reached with a spool ---- */

void evtwin_spool_free(evtwin_spool *spool) {
    (void)spool;
}

const char *evtwin_spool_id(const evtwin_spool *spool) {
    (void)spool;
    return "";
}

evtwin_status evtwin_spool_append(evtwin_spool *spool, const evtwin_batch *batch) {
    EVTWIN_FAIL_IF(spool == NULL || batch == NULL, EVTWIN_E_ARG, "spool or batch is NULL");
    FAIL_NONE();
}

evtwin_status evtwin_spool_position(evtwin_spool *spool, const char *source, char *text,
                                    size_t text_size) {
    (void)text_size;
    EVTWIN_FAIL_IF(spool == NULL || source == NULL || text == NULL, EVTWIN_E_ARG,
                   "spool, source or text is NULL");
    FAIL_NONE();
}

evtwin_status evtwin_spool_rename_sink(evtwin_spool *spool, const char *from, const char *to) {
    EVTWIN_FAIL_IF(spool == NULL || from == NULL || to == NULL, EVTWIN_E_ARG,
                   "spool or a name is NULL");
    FAIL_NONE();
}

evtwin_status evtwin_spool_forget_sink(evtwin_spool *spool, const char *name) {
    EVTWIN_FAIL_IF(spool == NULL || name == NULL, EVTWIN_E_ARG, "spool or name is NULL");
    FAIL_NONE();
}

evtwin_status evtwin_spool_check_sinks(evtwin_spool *spool, const char *const *sinks, size_t n,
                                       const char *letters) {
    (void)letters;
    EVTWIN_FAIL_IF(spool == NULL || (sinks == NULL && n > 0), EVTWIN_E_ARG,
                   "spool or sinks is NULL");
    FAIL_NONE();
}

evtwin_status evtwin_spool_stats_get(evtwin_spool *spool, evtwin_spool_stats *out, size_t size) {
    (void)size;
    EVTWIN_FAIL_IF(spool == NULL || out == NULL, EVTWIN_E_ARG, "spool or out is NULL");
    FAIL_NONE();
}

evtwin_status evtwin_spool_loss_get(evtwin_spool *spool, size_t i, evtwin_spool_loss *out,
                                    size_t size) {
    (void)i;
    (void)size;
    EVTWIN_FAIL_IF(spool == NULL || out == NULL, EVTWIN_E_ARG, "spool or out is NULL");
    FAIL_NONE();
}

evtwin_status evtwin__delivery_start(evtwin_spool *spool, evtwin_sink *const *sinks, size_t n,
                                     evtwin_sink *letters, size_t max_batch_rows,
                                     evtwin__delivery **out) {
    (void)spool;
    (void)sinks;
    (void)n;
    (void)letters;
    (void)max_batch_rows;
    (void)out;
    FAIL_NONE();
}

void evtwin__delivery_free(evtwin__delivery *d) {
    (void)d;
}

evtwin_status evtwin__delivery_resume(evtwin_spool *spool, evtwin_source *source, const char *name,
                                      evtwin_session *session) {
    (void)spool;
    (void)source;
    (void)name;
    (void)session;
    FAIL_NONE();
}

evtwin_status evtwin__delivery_accept(evtwin_spool *spool, const evtwin_batch *batch,
                                      const evtwin__letter_list *letters, int timeout_ms) {
    (void)spool;
    (void)batch;
    (void)letters;
    (void)timeout_ms;
    FAIL_NONE();
}

void evtwin__delivery_report(evtwin__delivery *d, const evtwin__pump_setup *setup) {
    (void)d;
    (void)setup;
}

evtwin_status evtwin__delivery_drain(evtwin__delivery *d, double seconds) {
    (void)d;
    (void)seconds;
    FAIL_NONE();
}

uint64_t evtwin__delivery_generation(const evtwin__delivery *d) {
    (void)d;
    return 0;
}

void evtwin__delivery_wait(const evtwin__delivery *d, uint64_t generation, double seconds) {
    (void)d;
    (void)generation;
    (void)seconds;
}

void evtwin__delivery_stats(evtwin__delivery *d, size_t i, evtwin_pump_sink_stats *out) {
    (void)d;
    (void)i;
    *out = (evtwin_pump_sink_stats){.size = sizeof *out};
}
