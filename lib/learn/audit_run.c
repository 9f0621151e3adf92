/* SPDX-License-Identifier: MIT */
/* learn/audit_run.c: the audit for its callers: a training that ends before it fits. */

#include "evtwin/audit.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/status.h"
#include "learn/finding.h"

struct evtwin_audit {
    evtwin_trainer *trainer;
    char *json;
};

evtwin_status evtwin_audit_run(const evtwin_table *table, const evtwin_target *targets,
                               size_t n_targets, const evtwin_train_options *options,
                               evtwin_audit **out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL, EVTWIN_E_ARG, "table or out is NULL");
    evtwin_audit *audit = evtwin__calloc(1, sizeof *audit);
    EVTWIN_FAIL_IF(audit == NULL, EVTWIN_E_NOMEM, "out of memory for an audit");
    evtwin__dataset data = {.table = table};
    const evtwin_status st =
        evtwin__trainer_prepare(targets, n_targets, options, &data, &audit->trainer);
    evtwin__dataset_clear(&data);
    if (st < 0) {
        evtwin_audit_free(audit);
        return st;
    }
    *out = audit;
    return EVTWIN_OK;
}

void evtwin_audit_free(evtwin_audit *audit) {
    if (audit != NULL) {
        evtwin_trainer_free(audit->trainer);
        evtwin__free(audit->json);
        evtwin__free(audit);
    }
}

size_t evtwin_audit_finding_count(const evtwin_audit *audit) {
    return audit != NULL ? audit->trainer->n_findings : 0;
}

evtwin_status evtwin_audit_finding(const evtwin_audit *audit, size_t i, evtwin_finding *out,
                                   size_t size) {
    EVTWIN_FAIL_IF(audit == NULL, EVTWIN_E_ARG, "audit is NULL");
    return evtwin_trainer_finding(audit->trainer, i, out, size);
}

size_t evtwin_audit_refusal_count(const evtwin_audit *audit) {
    const evtwin__finding *first;
    return audit != NULL ? evtwin__count_refusals(audit->trainer, &first) : 0;
}

const char *evtwin_audit_json(evtwin_audit *audit) {
    if (audit == NULL || audit->json != NULL) {
        return audit != NULL ? audit->json : NULL;
    }
    const evtwin__bundle *b = &audit->trainer->bundle;
    json_t *root = json_pack("{s:s, s:I, s:I, s:I, s:o}", "source", b->source_name, "rows",
                             (json_int_t)b->rows, "groups", (json_int_t)b->n_groups, "refusals",
                             (json_int_t)evtwin_audit_refusal_count(audit), "audit",
                             evtwin__findings_json(audit->trainer));
    size_t size = 0;
    if (root != NULL && evtwin__json_text(root, &audit->json, &size) >= 0) {
        audit->json[size - 1] = '\0'; /* the line feed behind it */
    }
    json_decref(root);
    return audit->json;
}
