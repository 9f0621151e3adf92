/* SPDX-License-Identifier: MIT */
/* evtwin/audit.h: look at a data set before learning from it: labels that leak, features that look
 * ahead, one battery under two names, bias, values that no battery has. */
#ifndef EVTWIN_AUDIT_H
#define EVTWIN_AUDIT_H

#include "evtwin/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What an audit found. */
typedef struct evtwin_audit evtwin_audit;

/**
 * Check what evtwin_train would learn from the same table, targets and options (training makes the
 * same audit). Only features and labels that would be used are judged; other columns serve as
 * evidence. docs/learning.md has every test, its threshold and its source. Works in builds without
 * XGBoost.
 *
 * A finding of severity "error" refuses the data: evtwin_train returns EVTWIN_E_DATA, unless
 * options->allow names its cause. A "warning" does not.
 * @param out  a new audit, evtwin_audit_free frees it; untouched on failure.
 * @return as evtwin_train for options and data that cannot be read; a finding is not a failure.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_audit_run(const evtwin_table *table, const evtwin_target *targets,
                                          size_t n_targets, const evtwin_train_options *options,
                                          evtwin_audit **out);
/** NULL is fine. Since 0.2. */
EVTWIN_API void evtwin_audit_free(evtwin_audit *audit);

/** Number of findings. Since 0.2. */
EVTWIN_API size_t evtwin_audit_finding_count(const evtwin_audit *audit);
/** Finding i; its strings are borrowed from the audit. @return EVTWIN_E_ARG if i is out of range.
 * size is sizeof *out. Since 0.2. */
EVTWIN_API evtwin_status evtwin_audit_finding(const evtwin_audit *audit, size_t i,
                                              evtwin_finding *out, size_t size);

/** Number of findings that refuse the data: 0 = a model can be trained on it. Since 0.2. */
EVTWIN_API size_t evtwin_audit_refusal_count(const evtwin_audit *audit);

/** All findings as one JSON object (docs/cli.md). Borrowed until freed; NULL if out of memory.
 * Since 0.2. */
EVTWIN_API const char *evtwin_audit_json(evtwin_audit *audit);

#ifdef __cplusplus
}
#endif
#endif
