/* SPDX-License-Identifier: MIT */
/* tools/train_report.c: a training's scores for people: what the models do, beside what is easily
 * had. */

#include "train_report.h"

#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    LABEL_WIDTH = 32,
    FIGURE_WIDTH = 12,
    MAX_TARGETS = 16, /* columns of importances, and scores, that are shown */
    N_IMPORTANT = 10,
    FINDING_INDENT = 10,
    FIGURE_SIZE = 64
};

static void print_heading(const char *text) {
    const int is_colored = cli_color(stdout);
    printf("\n%s%s%s", is_colored ? "\033[1m" : "", text, is_colored ? "\033[0m" : "");
}

/* A figure in a line of words: "0.9713", or "unknown" where there is none. */
static const char *figure(double value, int digits, char text[FIGURE_SIZE]) {
    snprintf(text, FIGURE_SIZE, "%.*f", digits, value);
    return isnan(value) ? "unknown" : text;
}

/* Digits behind the point: two, and more where a number is small, whatever the target's unit. */
static int digits_of(double error) {
    return error > 0.0 && error < 1.0 ? (int)fmin(2.0 - floor(log10(error)) + 1.0, 12.0) : 2;
}

/* A label and figures in a table; a dash where there is none. */
static void print_row(const char *label, const double *values, const int *digits, size_t n) {
    printf("  %-*s", LABEL_WIDTH, label);
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) {
            printf("%*s", FIGURE_WIDTH, "-");
        } else {
            printf(" %*.*f", FIGURE_WIDTH - 1, digits[i], values[i]);
        }
    }
    putchar('\n');
}

static void print_how(const evtwin_score *s) {
    if (s->n_folds > 0) {
        printf(": %zu folds pooled, %zu row%s tested\n", s->n_folds, s->n_test, cli_s(s->n_test));
    } else {
        printf(": trained on %zu row%s, tested on %zu other%s\n", s->n_train, cli_s(s->n_train),
               s->n_test, cli_s(s->n_test));
    }
}

/* A trained target, its title at the beginning of a line, and its scores by evtwin_scored. */
typedef struct scored_target {
    evtwin_target target;
    char title[32];
    evtwin_score score[EVTWIN_SCORED_SINGLE + 1];
} scored_target;

static int is_event(const scored_target *t) {
    return t->target.kind == EVTWIN_TARGET_EVENT;
}

static size_t list_targets(const evtwin_trainer *trainer, scored_target list[MAX_TARGETS]) {
    size_t n = 0;
    for (size_t i = 0; i < evtwin_target_count() && n < MAX_TARGETS; i++) {
        scored_target *s = &list[n];
        evtwin_status st = evtwin_target_get(i, &s->target, sizeof s->target);
        for (int k = 0; k <= EVTWIN_SCORED_SINGLE && st >= 0; k++) {
            st = evtwin_trainer_score(trainer, s->target.name, (evtwin_scored)k, EVTWIN_ALL_FOLDS,
                                      &s->score[k], sizeof s->score[k]);
        }
        snprintf(s->title, sizeof s->title, "%s", s->target.title);
        if (s->title[0] >= 'a' && s->title[0] <= 'z') {
            s->title[0] = (char)(s->title[0] - 'a' + 'A');
        }
        n += st >= 0;
    }
    return n;
}

/* A line of the table: all figures of the model, of a baseline or a fold those that say something.
 */
static void print_score(const scored_target *t, const char *label, int scored, int is_fold,
                        const evtwin_score *s) {
    static const int event_digits[] = {4, 4, 4, 4};
    const int number_digits[] = {4, digits_of(s->rmse), digits_of(s->mae)};
    const int is_all = scored == EVTWIN_SCORED_MODEL && !is_fold;
    double v[] = {s->r2, s->rmse, s->mae, NAN};
    size_t n = is_all ? 3 : 2;
    if (is_event(t)) {
        /* always the same probability ranks nothing: its AUC is one half, its precision the rate */
        const int is_rate = scored == EVTWIN_SCORED_MEAN;
        v[0] = is_rate ? 0.5 : s->auc;
        v[1] = is_rate ? s->base_rate : s->average_precision;
        v[2] = s->accuracy;
        v[3] = s->brier;
        n = is_fold ? 1 : 4;
    }
    if (scored <= EVTWIN_SCORED_MEAN || !isnan(v[0])) {
        print_row(label, v, is_event(t) ? event_digits : number_digits, n);
    }
}

/* "  90 % of samples of the batteries    RMSE 30.1 to 41.5, 0.62 to 0.87 times the best baseline"
 */
static void print_claim(const scored_target *t) {
    char low[FIGURE_SIZE], high[FIGURE_SIZE], ratio_low[FIGURE_SIZE], ratio_high[FIGURE_SIZE];
    const evtwin_score *s = &t->score[EVTWIN_SCORED_MODEL];
    const int digits = is_event(t) ? 4 : digits_of(s->rmse);
    if (!isnan(s->error_low)) {
        printf("  %-*s  %s %s to %s", LABEL_WIDTH, "90 % interval", is_event(t) ? "Brier" : "RMSE",
               figure(s->error_low, digits, low), figure(s->error_high, digits, high));
        if (!isnan(s->ratio_low)) {
            printf(", %s to %s times the best baseline", figure(s->ratio_low, 3, ratio_low),
                   figure(s->ratio_high, 3, ratio_high));
        }
        putchar('\n');
    }
    if (!is_event(t) && !isnan(s->battery_mae)) {
        printf("  %-*s  %s\n", LABEL_WIDTH, "mean of the batteries' own MAE",
               figure(s->battery_mae, digits_of(s->battery_mae), low));
    }
    if (!isnan(s->coverage)) {
        printf("  %-*s  %s %% of the held-out rows (mean of the batteries)\n", LABEL_WIDTH,
               "rul_low to rul_high has", figure(100.0 * s->coverage, 1, low));
    }
}

/* "  search                            set 12 of 30: 412 trees, depth 5, rate 0.05" */
static void print_search(const evtwin_trainer *trainer, const scored_target *t) {
    evtwin_table *sets = NULL;
    if (evtwin_trainer_search(trainer, t->target.name, &sets) < 0) {
        return;
    }
    const size_t n = evtwin_table_rows(sets);
    const double *error = evtwin_table_f64(sets, evtwin_table_find(sets, "error"));
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = error[i] < error[best] ? i : best;
    }
#define OF_BEST(name) evtwin_table_f64(sets, evtwin_table_find(sets, name))[best]
    const int64_t *trees = evtwin_table_i64(sets, evtwin_table_find(sets, "trees"));
    const int64_t *depth = evtwin_table_i64(sets, evtwin_table_find(sets, "depth"));
    printf("  %-*s  set %zu of 0 to %zu is best: %lld trees, depth %lld, rate %.4g, rows %.2g, "
           "columns %.2g, least weight %.3g\n",
           LABEL_WIDTH, "search", best, n - 1, (long long)trees[best], (long long)depth[best],
           OF_BEST("learning_rate"), OF_BEST("subsample"), OF_BEST("column_sample"),
           OF_BEST("min_child_weight"));
#undef OF_BEST
    char chosen[FIGURE_SIZE], by_default[FIGURE_SIZE];
    const int digits = is_event(t) ? 4 : digits_of(error[0]);
    printf("  %-*s  %s %s, without a search %s\n", LABEL_WIDTH, "by its folds, which chose it",
           is_event(t) ? "root of Brier" : "RMSE", figure(error[best], digits, chosen),
           figure(error[0], digits, by_default));
    evtwin_table_free(sets);
}

/* Mean, deviation and ends of RMSE (Brier) over the assignments of batteries to folds. */
static void print_repeats(const evtwin_trainer *trainer, const scored_target *t) {
    double sum = 0, squares = 0, least = INFINITY, most = 0;
    evtwin_score s;
    size_t n = 0;
    while (evtwin_trainer_repeat(trainer, t->target.name, n, &s, sizeof s) == EVTWIN_OK) {
        const double error = is_event(t) ? s.brier : s.rmse;
        sum += error;
        squares += error * error;
        least = fmin(least, error);
        most = fmax(most, error);
        n++;
    }
    if (n < 2) {
        return;
    }
    char a[FIGURE_SIZE], b[FIGURE_SIZE], c[FIGURE_SIZE], d[FIGURE_SIZE], label[FIGURE_SIZE];
    const double mean = sum / (double)n;
    const double deviation = sqrt(fmax(squares - sum * mean, 0.0) / (double)(n - 1));
    const int digits = is_event(t) ? 4 : digits_of(mean);
    snprintf(label, sizeof label, "%zu assignments to folds", n);
    printf("  %-*s  %s %s, deviation %s, %s to %s\n", LABEL_WIDTH, label,
           is_event(t) ? "Brier" : "RMSE", figure(mean, digits, a), figure(deviation, digits, b),
           figure(least, digits, c), figure(most, digits, d));
}

/* "  calibrated    Brier 0.0512 before", of a probability. */
static void print_calibration(const scored_target *t) {
    char text[FIGURE_SIZE];
    const double before = t->score[EVTWIN_SCORED_MODEL].raw_brier;
    if (is_event(t)) {
        printf("  %-*s  %s%s\n", LABEL_WIDTH, "calibrated",
               isnan(before) ? "no, too few batteries for that" : "Brier before that ",
               isnan(before) ? "" : figure(before, 4, text));
    }
}

/* A band's figures by name. */
static double band_value(const evtwin_table *bands, const char *name, size_t row) {
    return evtwin_table_number(bands, evtwin_table_find(bands, name), row);
}

/* Do the predictions keep their word? A line for each band of the predicted value. */
static void print_bands(const evtwin_trainer *trainer, const scored_target *t) {
    static const char *const event_columns[] = {"predicted", "observed", "observed_low",
                                                "observed_high"};
    static const char *const event_headings[] = {"predicted", "observed", "90 % from", "to"};
    static const char *const number_columns[] = {"rmse", "width", "coverage"};
    static const int event_digits[] = {0, 0, 4, 4, 4, 4};
    evtwin_table *bands = NULL;
    if (evtwin_trainer_reliability(trainer, t->target.name, &bands) < 0 ||
        evtwin_table_rows(bands) == 0) {
        evtwin_table_free(bands);
        return;
    }
    const char *const *column = is_event(t) ? event_columns : number_columns;
    const size_t n_columns = is_event(t) ? 4 : 3;
    printf("  %-*s%*s%*s", LABEL_WIDTH, is_event(t) ? "predicted probability" : "predicted",
           FIGURE_WIDTH, "rows", FIGURE_WIDTH, "batteries");
    for (size_t k = 0; k < n_columns; k++) {
        printf("%*s", FIGURE_WIDTH, is_event(t) ? event_headings[k] : column[k]);
    }
    putchar('\n');
    const int digits = is_event(t) ? 2 : digits_of(band_value(bands, "to", 0));
    for (size_t r = 0; r < evtwin_table_rows(bands); r++) {
        char from[FIGURE_SIZE], to[FIGURE_SIZE], label[3 * FIGURE_SIZE];
        const double upper = band_value(bands, "to", r);
        snprintf(label, sizeof label, "  %s to %s",
                 figure(band_value(bands, "from", r), digits, from), figure(upper, digits, to));
        double v[6] = {band_value(bands, "rows", r), band_value(bands, "batteries", r)};
        int number_digits[6] = {0};
        for (size_t k = 0; k < n_columns; k++) {
            v[2 + k] = band_value(bands, column[k], r);
            number_digits[2 + k] = k == 2 ? 3 : digits_of(v[2 + k]);
        }
        print_row(label, v, is_event(t) ? event_digits : number_digits, 2 + n_columns);
    }
    evtwin_table_free(bands);
}

static void print_scores(const evtwin_trainer *trainer, const scored_target *t) {
    char text[80];
    const evtwin_score *s = t->score;
    const char *unit = t->target.unit;
    snprintf(text, sizeof text, "%s%s%s, held out", t->title, unit[0] != '\0' ? " in " : "", unit);
    print_heading(text);
    print_how(s);
    if (is_event(t)) {
        printf("  %-*s%*s%*s%*s%*s\n", LABEL_WIDTH, "", FIGURE_WIDTH, "AUC", FIGURE_WIDTH,
               "avg prec", FIGURE_WIDTH, "accuracy", FIGURE_WIDTH, "Brier");
    } else { /* the two-byte ² makes the first heading one wider */
        printf("  %-*s%*s%*s%*s\n", LABEL_WIDTH, "", FIGURE_WIDTH + 1, "R²", FIGURE_WIDTH, "RMSE",
               FIGURE_WIDTH, "MAE");
    }
    const char *feature = s[EVTWIN_SCORED_SINGLE].feature;
    snprintf(text, sizeof text, "%s alone", *feature != '\0' ? feature : "one feature");
    const char *const label[] = {"this model", is_event(t) ? "base rate" : "training mean",
                                 "mean life", text};
    for (int k = 0; k <= EVTWIN_SCORED_SINGLE; k++) {
        print_score(t, label[k], k, 0, &s[k]);
    }
    print_claim(t);
    print_calibration(t);
    print_repeats(trainer, t);
    print_search(trainer, t);
    for (size_t i = 0; i < s->n_folds && !is_event(t); i++) {
        evtwin_score fold;
        snprintf(text, sizeof text, "fold %zu", i + 1);
        if (evtwin_trainer_score(trainer, t->target.name, EVTWIN_SCORED_MODEL, i, &fold,
                                 sizeof fold) >= 0) {
            print_score(t, text, EVTWIN_SCORED_MODEL, 1, &fold);
        }
    }
    print_bands(trainer, t);
}

/* The features by their gain in the first model, a column for each model. */
static void print_importance(const evtwin_trainer *trainer, const scored_target *t,
                             size_t n_models) {
    const evtwin_features *features = evtwin_trainer_features(trainer);
    const size_t n = evtwin_features_count(features);
    double gains[MAX_TARGETS];
    int digits[MAX_TARGETS];
    print_heading("Importance (share of the gain)\n");
    printf("  %-*s", LABEL_WIDTH, "");
    for (size_t m = 0; m < n_models; m++) {
        printf("%*s", FIGURE_WIDTH, t[m].target.title);
        digits[m] = 3;
    }
    putchar('\n');

    /* selection by size: few features, so no sorting */
    double below = INFINITY;
    size_t n_printed = 0;
    while (n_printed < n && n_printed < N_IMPORTANT) {
        double next = -1;
        for (size_t i = 0; i < n; i++) {
            const double gain = evtwin_trainer_importance(trainer, t[0].target.name, i);
            next = gain < below && gain > next ? gain : next;
        }
        if (next < 0) {
            break;
        }
        for (size_t i = 0; i < n && n_printed < N_IMPORTANT; i++) {
            for (size_t m = 0; m < n_models; m++) {
                gains[m] = evtwin_trainer_importance(trainer, t[m].target.name, i);
            }
            if (gains[0] == next) {
                print_row(evtwin_features_name(features, i), gains, digits, n_models);
                n_printed++;
            }
        }
        below = next;
    }
    if (n > n_printed) {
        printf("  and %zu more\n", n - n_printed);
    }
}

static void print_finding(const evtwin_finding *f, const char *more) {
    const int is_colored = cli_color(stdout) && strcmp(f->severity, "info") != 0;
    printf("  %s%-8s%s", is_colored ? "\033[33m" : "", f->severity, is_colored ? "\033[0m" : "");
    char said[2048], text[sizeof said];
    snprintf(said, sizeof said, "%s (%s)%s%s%s", f->text, f->cause,
             f->is_allowed ? ", allowed" : "", *more != '\0' ? "; " : "", more);
    cli_words(said, text, sizeof text);
    cli_print_wrapped(text, FINDING_INDENT);
}

/* Is it about what leaks or misleads, or only about the scores? */
static int is_of_audit(const evtwin_finding *f) {
    return strcmp(f->severity, "info") != 0 && strcmp(f->about, "score") != 0 &&
           strcmp(f->about, "data") != 0;
}

static void print_findings(const evtwin_trainer *trainer) {
    const size_t n = evtwin_trainer_finding_count(trainer);
    size_t n_of_audit = 0;
    print_heading("Worth knowing\n");
    for (size_t i = 0; i < n; i++) {
        evtwin_finding f;
        if (evtwin_trainer_finding(trainer, i, &f, sizeof f) >= 0) {
            print_finding(&f, "");
            n_of_audit += (size_t)is_of_audit(&f);
        }
    }
    if (n_of_audit == 0) {
        puts("  audit   nothing that would leak or mislead was found");
    }
}

void train_report_audit(const evtwin_audit *audit) {
    static const char *const severities[] = {"error", "warning", "info"};
    size_t n_doubts = 0;
    for (size_t s = 0; s < sizeof severities / sizeof severities[0]; s++) {
        for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
            evtwin_finding f;
            if (evtwin_audit_finding(audit, i, &f, sizeof f) >= 0 &&
                strcmp(f.severity, severities[s]) == 0) {
                print_finding(&f, f.advice);
                n_doubts += s < 2;
            }
        }
    }
    if (n_doubts == 0) {
        puts("Audit: nothing that would leak or mislead was found");
    }
}

/* The contract's line of a model. */
static void print_summary(const scored_target *t) {
    char a[FIGURE_SIZE], b[FIGURE_SIZE];
    const evtwin_score *s = t->score;
    if (is_event(t)) {
        printf("%s Model - Accuracy: %s, AUC: %s\n", t->title, figure(s->accuracy, 4, a),
               figure(s->auc, 4, b));
    } else {
        printf("%s Model - R² Score: %s, RMSE: %s %s\n", t->title, figure(s->r2, 4, a),
               figure(s->rmse, digits_of(s->rmse), b), t->target.unit);
    }
}

void train_report_print(const evtwin_trainer *trainer, const char *dir) {
    scored_target list[MAX_TARGETS];
    const size_t n = list_targets(trainer, list);
    for (size_t i = 0; i < n; i++) {
        print_summary(&list[i]);
    }
    if (!cli_quiet()) {
        for (size_t i = 0; i < n; i++) {
            print_scores(trainer, &list[i]);
        }
        if (n > 0) {
            print_importance(trainer, list, n);
        }
        print_findings(trainer);
        putchar('\n');
    }
    const size_t length = strlen(dir);
    printf("Models saved to: %s%s\n", dir, length > 0 && dir[length - 1] == '/' ? "" : "/");
}
