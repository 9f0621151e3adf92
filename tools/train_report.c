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

/* A target's title at the beginning of a line. */
static void capitalize(const char *title, char *text, size_t size) {
    snprintf(text, size, "%s", title);
    if (text[0] >= 'a' && text[0] <= 'z') {
        text[0] = (char)(text[0] - 'a' + 'A');
    }
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

static void print_how(const evtwin_score *s) {
    if (s->n_folds > 0) {
        printf(": %zu folds pooled, %zu row%s tested\n", s->n_folds, s->n_test, cli_s(s->n_test));
    } else {
        printf(": trained on %zu row%s, tested on %zu other%s\n", s->n_train, cli_s(s->n_train),
               s->n_test, cli_s(s->n_test));
    }
}

static void single_label(const char *feature, char *label, size_t size) {
    snprintf(label, size, "%s alone", *feature != '\0' ? feature : "one feature");
}

/* A trained target, and its scores by evtwin_scored. */
typedef struct scored_target {
    evtwin_target target;
    evtwin_score score[EVTWIN_SCORED_SINGLE + 1];
} scored_target;

static size_t list_targets(const evtwin_trainer *trainer, scored_target list[MAX_TARGETS]) {
    size_t n = 0;
    for (size_t i = 0; i < evtwin_target_count() && n < MAX_TARGETS; i++) {
        scored_target *s = &list[n];
        evtwin_status st = evtwin_target_get(i, &s->target, sizeof s->target);
        for (int k = 0; k <= EVTWIN_SCORED_SINGLE && st >= 0; k++) {
            st = evtwin_trainer_score(trainer, s->target.name, (evtwin_scored)k, EVTWIN_ALL_FOLDS,
                                      &s->score[k], sizeof s->score[k]);
        }
        n += st >= 0;
    }
    return n;
}

static void print_number(const evtwin_trainer *trainer, const scored_target *t) {
    static const int digits[] = {4, 2, 2};
    const evtwin_score *s = t->score;
    /* the two-byte ² makes the first heading one wider */
    printf("  %-*s%*s%*s%*s\n", LABEL_WIDTH, "", FIGURE_WIDTH + 1, "R²", FIGURE_WIDTH, "RMSE",
           FIGURE_WIDTH, "MAE");
    print_row("this model", (const double[]){s->r2, s->rmse, s->mae}, digits, 3);
    const evtwin_score *mean = &s[EVTWIN_SCORED_MEAN], *life = &s[EVTWIN_SCORED_MEAN_LIFE];
    const evtwin_score *single = &s[EVTWIN_SCORED_SINGLE];
    print_row("training mean", (const double[]){mean->r2, mean->rmse}, digits, 2);
    if (!isnan(life->r2)) {
        print_row("mean life", (const double[]){life->r2, life->rmse}, digits, 2);
    }
    if (!isnan(single->r2)) {
        char label[80];
        single_label(single->feature, label, sizeof label);
        print_row(label, (const double[]){single->r2, single->rmse}, digits, 2);
    }
    for (size_t i = 0; i < s->n_folds; i++) {
        evtwin_score fold;
        char label[32];
        snprintf(label, sizeof label, "fold %zu", i + 1);
        if (evtwin_trainer_score(trainer, t->target.name, EVTWIN_SCORED_MODEL, i, &fold,
                                 sizeof fold) >= 0) {
            print_row(label, (const double[]){fold.r2, fold.rmse}, digits, 2);
        }
    }
}

static void print_event(const scored_target *t) {
    static const int digits[] = {4, 4, 4, 4};
    const evtwin_score *s = t->score, *rate = &s[EVTWIN_SCORED_MEAN];
    const evtwin_score *single = &s[EVTWIN_SCORED_SINGLE];
    printf("  %-*s%*s%*s%*s%*s\n", LABEL_WIDTH, "", FIGURE_WIDTH, "AUC", FIGURE_WIDTH, "avg prec",
           FIGURE_WIDTH, "accuracy", FIGURE_WIDTH, "Brier");
    print_row("this model", (const double[]){s->auc, s->average_precision, s->accuracy, s->brier},
              digits, 4);
    /* always the same probability: ranks nothing, so its AUC is one half and its precision the rate
     */
    print_row("base rate", (const double[]){0.5, rate->base_rate, rate->accuracy, rate->brier},
              digits, 4);
    if (!isnan(single->auc)) {
        char label[80];
        single_label(single->feature, label, sizeof label);
        print_row(label, &single->auc, digits, 1);
    }
}

static void print_scores(const evtwin_trainer *trainer, const scored_target *t) {
    char title[32], heading[64];
    capitalize(t->target.title, title, sizeof title);
    snprintf(heading, sizeof heading, "%s, held out", title);
    print_heading(heading);
    print_how(t->score);
    if (t->target.kind == EVTWIN_TARGET_EVENT) {
        print_event(t);
    } else {
        print_number(trainer, t);
    }
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

/* The contract's line of a model. */
static void print_summary(const scored_target *t) {
    char a[FIGURE_SIZE], b[FIGURE_SIZE], title[32];
    capitalize(t->target.title, title, sizeof title);
    const evtwin_score *s = t->score;
    if (t->target.kind == EVTWIN_TARGET_EVENT) {
        printf("%s Model - Accuracy: %s, AUC: %s\n", title, figure(s->accuracy, 4, a, sizeof a),
               figure(s->auc, 4, b, sizeof b));
    } else {
        printf("%s Model - R² Score: %s, RMSE: %s %s\n", title, figure(s->r2, 4, a, sizeof a),
               figure(s->rmse, 2, b, sizeof b), t->target.unit);
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
