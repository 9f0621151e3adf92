/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/audit_faults.h: faults that are put into a copy of a simulated fleet, one at a
 * time, each with the finding that must name it. One line of a table is one fault. */
#ifndef EVTWIN_TEST_AUDIT_FAULTS_H
#define EVTWIN_TEST_AUDIT_FAULTS_H

#include "audit_fleet.h"

/* What to audit besides the table. */
typedef struct setup {
    evtwin_train_options options;
    const char *rul, *failure; /* columns */
} setup;

typedef void (*fault_fn)(evtwin_table *t, setup *s);

#define FAULT(name) static void name(evtwin_table *t, setup *s)
#define EACH_ROW(t, r) for (size_t r = 0; r < evtwin_table_rows(t); r++)
#define EACH_BATTERY(t, first, end)                                                                \
    for (size_t first = 0, end; first < evtwin_table_rows(t) && ((end = end_of(t, first)), 1);     \
         first = end)

#define MORE_FEATURES_OF(s, names) ((s)->options.features = EVTWIN_DEFAULT_FEATURES "," names)

typedef struct fault {
    const char *name;
    fault_fn apply;
    const char *cause, *severity, *words; /* words: names that the text has (text_names) */
} fault;

static inline setup default_setup(void) {
    setup s = {.rul = NULL};
    assert_ok(evtwin_train_options_init(&s.options, sizeof s.options));
    return s;
}

static inline evtwin_audit *audit_table(const evtwin_table *t, const setup *s) {
    evtwin_target targets[2];
    for (size_t i = 0; i < 2; i++) {
        assert_ok(evtwin_target_get(i, &targets[i], sizeof targets[i]));
        targets[i].column = strcmp(targets[i].name, "rul") == 0 ? s->rul : s->failure;
    }
    evtwin_audit *audit = NULL;
    assert_ok(evtwin_audit_run(t, targets, 2, &s->options, &audit));
    return audit;
}

static inline int find_cause(const evtwin_audit *audit, const char *cause, evtwin_finding *out) {
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        assert_ok(evtwin_audit_finding(audit, i, out, sizeof *out));
        if (strcmp(out->cause, cause) == 0 && strcmp(out->severity, "info") != 0) {
            return 1;
        }
    }
    return 0;
}

static inline void print_findings(const evtwin_audit *audit) {
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        evtwin_finding f;
        assert_ok(evtwin_audit_finding(audit, i, &f, sizeof f));
        if (strcmp(f.severity, "info") != 0) {
            print_message("    %s %s: %s\n", f.severity, f.cause, f.text);
        }
    }
}

/* Is there the finding, with these words? */
static inline int has_found(const evtwin_audit *audit, const fault *one) {
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        evtwin_finding f;
        assert_ok(evtwin_audit_finding(audit, i, &f, sizeof f));
        if (strcmp(f.cause, one->cause) == 0 && strcmp(f.severity, one->severity) == 0 &&
            text_names(f.text, one->words)) {
            return 1;
        }
    }
    return 0;
}

/* Each fault is found in a copy of the fleet, and is not there without it. AUDIT_FAULT=NAME shows
 * what is found of those so called. */
static inline void assert_found(const evtwin_table *fleet, const fault *faults, size_t n) {
    const char *only = getenv("AUDIT_FAULT");
    size_t n_missed = 0;
    setup clean = default_setup();
    evtwin_audit *before = audit_table(fleet, &clean);
    for (size_t i = 0; i < n; i++) {
        if (only != NULL && strstr(faults[i].name, only) == NULL) {
            continue;
        }
        evtwin_table *t;
        setup s = default_setup();
        assert_ok(evtwin_table_copy(fleet, &t));
        faults[i].apply(t, &s);
        evtwin_audit *audit = audit_table(t, &s);
        const int is_found = has_found(audit, &faults[i]) && !has_found(before, &faults[i]);
        if (!is_found || only != NULL) {
            print_message("%s %s (%s, %s)\n", is_found ? "found:" : "MISSED:", faults[i].name,
                          faults[i].cause, faults[i].words);
            print_findings(audit);
        }
        n_missed += !is_found;
        evtwin_audit_free(audit);
        evtwin_table_free(t);
    }
    evtwin_audit_free(before);
    assert_int_equal(n_missed, 0);
}

/* No word of doubt. */
static inline void assert_silent(const evtwin_table *t, const setup *s, const char *name) {
    evtwin_audit *audit = audit_table(t, s);
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        evtwin_finding f;
        assert_ok(evtwin_audit_finding(audit, i, &f, sizeof f));
        if (strcmp(f.severity, "info") != 0) {
            print_findings(audit);
            fail_msg("%s of clean data: %s", f.cause, name);
        }
    }
    assert_int_equal(evtwin_audit_refusal_count(audit), 0);
    evtwin_audit_free(audit);
}

/* ---- ways to change rows and columns ---- */

/* t = its rows row[0..n), in that order; frees row. */
static inline void keep_rows(evtwin_table *t, size_t *row, size_t n) {
    evtwin_table *kept;
    assert_ok(evtwin_table_select(t, row, n, &kept));
    free(row);
    assert_ok(evtwin_table_resize(t, 0));
    assert_ok(evtwin_table_append(t, kept));
    evtwin_table_free(kept);
}

/* by rows: of the row before in the same battery */
static inline void shift(evtwin_table *t, const char *from, const char *to, ptrdiff_t rows) {
    double *v = edit(t, to);
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end; r++) {
            const ptrdiff_t at = (ptrdiff_t)r + rows;
            const int is_inside = at >= (ptrdiff_t)first && at < (ptrdiff_t)end;
            v[r] = is_inside ? get(t, from, (size_t)at) : (double)NAN;
        }
    }
}

/* to = one value for each battery, by what it is made from: rows first to end. */
static inline void each_battery(evtwin_table *t, const char *to,
                                double (*of)(const evtwin_table *t, size_t first, size_t end)) {
    double *v = edit(t, to);
    EACH_BATTERY(t, first, end) {
        const double value = of(t, first, end);
        for (size_t r = first; r < end; r++) {
            v[r] = value;
        }
    }
}

/* v = f(v) in the batteries that pick names */
static inline void change(evtwin_table *t, const char *name, int (*pick)(size_t battery),
                          double (*f)(double v)) {
    double *v = edit(t, name);
    size_t b = 0;
    EACH_ROW(t, r) {
        b += r > 0 && begins(t, r);
        v[r] = pick(b) ? f(v[r]) : v[r];
    }
}

#endif
