/* SPDX-License-Identifier: MIT */
/* tools/train_report.c: a training's scores for people: what the models do, beside what is easily
 * had. */

#include "train_report.h"

#include "cli/cli.h"

#include "evtwin/features.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    LABEL_WIDTH = 32,
    FIGURE_WIDTH = 12,
    N_IMPORTANT = 10,
    FINDING_INDENT = 10,
    FIGURE_SIZE = 64
};

static void print_heading(const char *text) {
    const int is_colored = cli_color(stdout);
    printf("\n%s%s%s", is_colored ? "\033[1m" : "", text, is_colored ? "\033[0m" : "");
}

/* A figure in a line of words: "0.9713", or "unknown" where there is none. */
static const char *figure(double value, int digits, char *text, size_t size) {
    if (isnan(value)) {
        snprintf(text, size, "unknown");
    } else {
        snprintf(text, size, "%.*f", digits, value);
    }
    return text;
}

/* A figure in a table, or a dash where there is none. */
static void print_figure(double value, int digits) {
    if (isnan(value)) {
        printf("%*s", FIGURE_WIDTH, "-");
    } else {
        printf("%*.*f", FIGURE_WIDTH, digits, value);
    }
}

static void print_row(const char *label, const double *values, const int *digits, size_t n) {
    printf("  %-*s", LABEL_WIDTH, label);
    for (size_t i = 0; i < n; i++) {
        print_figure(values[i], digits[i]);
    }
    putchar('\n');
}

static void print_how(size_t n_folds, size_t n_train, size_t n_test) {
    if (n_folds > 0) {
        printf(": %zu folds pooled, %zu row%s tested\n", n_folds, n_test, cli_s(n_test));
    } else {
        printf(": trained on %zu row%s, tested on %zu other%s\n", n_train, cli_s(n_train), n_test,
               cli_s(n_test));
    }
}

static void single_label(const char *feature, char *label, size_t size) {
    snprintf(label, size, "%s alone", *feature != '\0' ? feature : "one feature");
}

static void print_rul(const evtwin_trainer *trainer, const evtwin_rul_score *s) {
    static const int digits[] = {4, 2, 2};
    print_heading("RUL, held out");
    print_how(s->n_folds, s->n_train, s->n_test);
    /* the two-byte ² makes the first heading one wider */
    printf("  %-*s%*s%*s%*s\n", LABEL_WIDTH, "", FIGURE_WIDTH + 1, "R²", FIGURE_WIDTH, "RMSE",
           FIGURE_WIDTH, "MAE");
    print_row("this model", (const double[]){s->r2, s->rmse, s->mae}, digits, 3);
    print_row("training mean", (const double[]){s->mean_r2, s->mean_rmse}, digits, 2);
    if (!isnan(s->countdown_r2)) {
        print_row("countdown", (const double[]){s->countdown_r2, s->countdown_rmse}, digits, 2);
    }
    if (!isnan(s->single_r2)) {
        char label[80];
        single_label(s->single_feature, label, sizeof label);
        print_row(label, (const double[]){s->single_r2, s->single_rmse}, digits, 2);
    }
    for (size_t i = 0; i < s->n_folds; i++) {
        double r2, rmse;
        char label[32];
        snprintf(label, sizeof label, "fold %zu", i + 1);
        if (evtwin_trainer_rul_fold(trainer, i, &r2, &rmse) >= 0) {
            print_row(label, (const double[]){r2, rmse}, digits, 2);
        }
    }
}

static void print_failure(const evtwin_failure_score *s) {
    static const int digits[] = {4, 4, 4, 4};
    print_heading("Failure, held out");
    print_how(s->n_folds, s->n_train, s->n_test);
    printf("  %-*s%*s%*s%*s%*s\n", LABEL_WIDTH, "", FIGURE_WIDTH, "AUC", FIGURE_WIDTH, "avg prec",
           FIGURE_WIDTH, "accuracy", FIGURE_WIDTH, "Brier");
    print_row("this model", (const double[]){s->auc, s->average_precision, s->accuracy, s->brier},
              digits, 4);
    /* always the same probability: ranks nothing, so its AUC is one half and its precision the rate
     */
    print_row("base rate",
              (const double[]){0.5, s->base_rate, s->base_rate_accuracy, s->base_rate_brier},
              digits, 4);
    if (!isnan(s->single_auc)) {
        char label[80];
        single_label(s->single_feature, label, sizeof label);
        print_row(label, &s->single_auc, digits, 1);
    }
}

/* The features by their gain in the first model there is, a column for each. */
static void print_importance(const evtwin_trainer *trainer, const char *names, int has_rul,
                             int has_failure) {
    evtwin_features *features;
    if (evtwin_features_create(names, &features) < 0) {
        return;
    }
    static const int digits[] = {3, 3};
    const int order_by = !has_rul;
    const size_t n = evtwin_features_count(features);
    const size_t n_models = (size_t)(has_rul + has_failure);
    print_heading("Importance (share of the gain)\n");
    printf("  %-*s%*s%*s\n", LABEL_WIDTH, "", FIGURE_WIDTH, has_rul ? "RUL" : "failure",
           n_models > 1 ? FIGURE_WIDTH : 0, n_models > 1 ? "failure" : "");

    /* selection by size: few features, so no sorting */
    double below = INFINITY;
    size_t n_printed = 0;
    while (n_printed < n && n_printed < N_IMPORTANT) {
        double next = -1;
        for (size_t i = 0; i < n; i++) {
            const double gain = evtwin_trainer_importance(trainer, order_by, i);
            next = gain < below && gain > next ? gain : next;
        }
        if (next < 0) {
            break;
        }
        for (size_t i = 0; i < n && n_printed < N_IMPORTANT; i++) {
            const double gains[] = {evtwin_trainer_importance(trainer, 0, i),
                                    evtwin_trainer_importance(trainer, 1, i)};
            if (gains[order_by] == next) {
                print_row(evtwin_features_name(features, i), gains + order_by, digits, n_models);
                n_printed++;
            }
        }
        below = next;
    }
    if (n > n_printed) {
        printf("  and %zu more\n", n - n_printed);
    }
    evtwin_features_free(features);
}

static void print_findings(const evtwin_trainer *trainer) {
    const size_t n = evtwin_trainer_finding_count(trainer);
    if (n > 0) {
        print_heading("Worth knowing\n");
    }
    for (size_t i = 0; i < n; i++) {
        evtwin_finding f;
        if (evtwin_trainer_finding(trainer, i, &f, sizeof f) >= 0) {
            const int is_colored = cli_color(stdout) && strcmp(f.severity, "info") != 0;
            printf("  %s%-8s%s", is_colored ? "\033[33m" : "", f.severity,
                   is_colored ? "\033[0m" : "");
            char text[1024];
            snprintf(text, sizeof text, "%s (%s)", f.text, f.cause);
            cli_print_wrapped(text, FINDING_INDENT);
        }
    }
}

void train_report_print(const evtwin_trainer *trainer, const char *features, const char *dir) {
    evtwin_rul_score rul;
    evtwin_failure_score failure;
    const int has_rul = evtwin_trainer_rul_score(trainer, &rul, sizeof rul) >= 0;
    const int has_failure = evtwin_trainer_failure_score(trainer, &failure, sizeof failure) >= 0;

    char a[FIGURE_SIZE], b[FIGURE_SIZE];
    if (has_rul) {
        printf("RUL Model - R² Score: %s, RMSE: %s cycles\n", figure(rul.r2, 4, a, sizeof a),
               figure(rul.rmse, 2, b, sizeof b));
    }
    if (has_failure) {
        printf("Failure Model - Accuracy: %s, AUC: %s\n", figure(failure.accuracy, 4, a, sizeof a),
               figure(failure.auc, 4, b, sizeof b));
    }
    if (!cli_quiet()) {
        if (has_rul) {
            print_rul(trainer, &rul);
        }
        if (has_failure) {
            print_failure(&failure);
        }
        print_importance(trainer, features, has_rul, has_failure);
        print_findings(trainer);
        putchar('\n');
    }
    const size_t length = strlen(dir);
    printf("Models saved to: %s%s\n", dir, length > 0 && dir[length - 1] == '/' ? "" : "/");
}
