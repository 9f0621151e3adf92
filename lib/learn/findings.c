/* SPDX-License-Identifier: MIT */
/* learn/findings.c: what a reader of the scores should know: one table of causes, severities and
 * wordings, and when each is said. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"
#include "learn/identity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 1024 };

/* ---- the table ---- */

/* X(id, cause, severity, wording); each {} is an argument. docs/cli.md explains every cause
 * (tests/abi/check_docs.sh). */
#define FINDINGS(X)                                                                                \
    X(TARGET_ABSENT, "target-absent", "info", "no {} model: the table has no column {}{}{}")       \
    X(ROWS_LEFT_OUT, "rows-left-out", "warning",                                                   \
      "{} of {} rows are left out of the {} model and its score{}")                                \
    X(CENSORED, "censored", "info",                                                                \
      "{} of {} groups have no usable row for the {} model: their outcome was not observed, and"   \
      " none is invented")                                                                         \
    X(ONE_ROW_GROUPS, "one-row-groups", "info",                                                    \
      "{} of {} groups {} one row only (the first is '{}')")                                       \
    X(ONE_SERIES, "one-series", "info",                                                            \
      "all usable rows belong to one series: the last fifth {} is held out, without a gap "        \
      "before it, so the scores say nothing about other batteries")                                \
    X(FILLED_FORWARD, "filled-forward", "info",                                                    \
      "{} missing values were carried forward from the last known one of their group")             \
    X(OUTLIERS, "outliers", "info",                                                                \
      "{} values lie beyond 1.5 interquartile ranges of their column (most in {}: {}); they are"   \
      " kept")                                                                                     \
    X(UNIT_PRESUMED, "unit-presumed", "info",                                                      \
      "column '{}' states no unit and is presumed to be in {}")                                    \
    X(LIKE_FRACTION, "looks-like-fraction", "warning",                                             \
      "column '{}' is read in percent and is never above 1: if it holds fractions, use the unit "  \
      "override {}=fraction")                                                                      \
    X(SIGN_AS_IS, "sign-as-is", "info",                                                            \
      "column '{}' is negative in every row and used unchanged (negative means charging)")         \
    X(SIMILAR_NAMES, "similar-names", "warning",                                                   \
      "{} of {} names of groups differ from another by blanks, case, leading zeros or the form "   \
      "of a number only (the first: '{}' and '{}'): where they mean one battery, its rows are on " \
      "both sides of the split")                                                                   \
    X(TORN_BATTERIES, "battery-in-groups", "warning",                                              \
      "{} of {} batteries by battery_id have rows in more than one group (the first is '{}'), and" \
      " so perhaps on both sides of the split")                                                    \
    X(REPEATED_ROWS, "repeated-rows", "warning",                                                   \
      "{} held-out rows have the features and the target of a row that was learned from (data "    \
      "row {}{}{} repeats {}{}{}): the scores are better than the models")                         \
    X(SEVERAL_SERIES, "several-series", "warning",                                                 \
      "column '{}' falls {} times: what is taken as one series looks like {}; group by the "       \
      "resets of '{}' (group_by_reset)")                                                           \
    X(GROUP_UNUSED, "group-unused", "warning",                                                     \
      "column '{}' falls {} times, each time where '{}' changes: what is taken as one series "     \
      "looks like {}; group by '{}'")                                                              \
    X(OFF_RANGE, "off-range", "warning",                                                           \
      "{} of {} held-out rows have a feature outside the range of the training part ({}): what "   \
      "is predicted there is extrapolated")                                                        \
    X(ONE_ROW_HELD_OUT, "score-unknown", "warning",                                                \
      "the {} of the {} model is unknown: one row only is held out, so the model cannot "          \
      "be judged")                                                                                 \
    X(ALL_ALIKE, "score-unknown", "warning",                                                       \
      "the {} of the {} model is unknown: {} is {} in all {} held-out rows, so the model "         \
      "cannot be judged")                                                                          \
    X(FEW_TO_JUDGE, "too-few-groups", "warning",                                                   \
      "too few groups to judge well whether the {} model beats {} by more than chance: {} held "   \
      "out, at least {} would show it{}")                                                          \
    X(TOO_FEW_TO_JUDGE, "too-few-groups", "warning",                                               \
      "insufficient data to judge whether the {} model beats {} by more than chance: {} held "     \
      "out, at least {} would show it{}")                                                          \
    X(NO_SIGNAL, "no-signal", "warning",                                                           \
      "no signal: the {} model ({} {}, {} {} on {} held-out rows) does not beat {} by more than"   \
      " chance (95 % bound by bootstrap over {}): the features say nothing about {}")              \
    X(INTERVAL_GUESS, "interval-guess", "info",                                                    \
      "the interval of the {} model's predictions is a guess: it is made from the errors on {} "   \
      "batteries, {} or more would tell it")                                                       \
    X(BEATS_ALL, "beats-baselines", "info",                                                        \
      "the {} model (RMSE {}) beats every baseline; the best of them is {}{}{} with RMSE {}")      \
    X(BEATS_BASE_RATE, "beats-baselines", "info",                                                  \
      "the {} model (AUC {}) beats the base rate; the best single feature ({}) has AUC {}")        \
    X(LOSES_TO_ANOTHER, "loses-to-baseline", "warning",                                            \
      "the {} model (RMSE {}) loses to a baseline: {}{}{} has RMSE {} on the same rows")           \
    X(LOSES_TO_BASE_RATE, "loses-to-baseline", "warning",                                          \
      "the {} model (Brier {}) loses to a baseline: always answering the base rate has Brier {}"   \
      " on the same rows")                                                                         \
    X(LOSES_TO_FEATURE, "loses-to-baseline", "warning",                                            \
      "the {} model (AUC {}) loses to a baseline: {} alone has AUC {} on the same rows")

#define FINDING_ID(id, cause, severity, wording) id,
typedef enum finding_id { FINDINGS(FINDING_ID) } finding_id;

#define FINDING_ROW(id, cause, severity, wording) {cause, severity, wording},
static const struct { const char *cause, *severity, *text; } table[] = {FINDINGS(FINDING_ROW)};

/* ---- the list ---- */

/* What stands for a {}: a string, a count, or a figure rounded to so many digits after the point.
 */
typedef struct argument {
    const char *text; /* NULL: it is a number */
    double number;
    int decimals;
} argument;

#define TEXT(s) ((argument){.text = (s)})
#define COUNT(n) ((argument){.number = (double)(n)})
#define FIGURE(v, digits) ((argument){.number = (v), .decimals = (digits)})

/* v with at most decimals digits after the point, whatever the locale. */
static const char *argument_text(const argument *a, char text[EVTWIN__NUM_SIZE]) {
    if (a->text != NULL) {
        return a->text;
    }
    if (!isfinite(a->number)) {
        return isnan(a->number) ? "unknown" : "infinite";
    }
    const double unit = pow(10.0, a->decimals);
    const double scaled = round(a->number * unit);
    evtwin__format_f64(isfinite(scaled) ? scaled / unit + 0.0 : a->number, text);
    return text;
}

static void fill_in(const char *wording, const argument *a, char text[TEXT_SIZE]) {
    size_t at = 0;
    while (*wording != '\0' && at + 1 < TEXT_SIZE) {
        if (wording[0] != '{' || wording[1] != '}') {
            text[at++] = *wording++;
            continue;
        }
        char number[EVTWIN__NUM_SIZE];
        const int n = snprintf(text + at, TEXT_SIZE - at, "%s", argument_text(a++, number));
        at = at + (size_t)n < TEXT_SIZE ? at + (size_t)n : TEXT_SIZE - 1;
        wording += 2;
    }
    text[at] = '\0';
}

void evtwin__repair_utf8(char *text) {
    size_t length = strlen(text);
    for (int i = 0; i < 3 && length > 0 && !evtwin__utf8_is_valid(text, length); i++) {
        text[--length] = '\0';
    }
    for (size_t i = 0; i < length && !evtwin__utf8_is_valid(text, length); i++) {
        text[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    }
}

static evtwin_status add(evtwin_trainer *trainer, finding_id id, const argument *arguments) {
    char text[TEXT_SIZE];
    fill_in(table[id].text, arguments, text);
    evtwin__repair_utf8(text);
    if (trainer->n_findings == trainer->findings_capacity) {
        const size_t wanted = 2 * trainer->n_findings + 8;
        evtwin__finding *grown = evtwin__realloc(trainer->finding, wanted, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for a finding");
        trainer->finding = grown;
        trainer->findings_capacity = wanted;
    }
    evtwin__finding *f = &trainer->finding[trainer->n_findings];
    *f = (evtwin__finding){
        .cause = table[id].cause, .severity = table[id].severity, .text = evtwin__strdup(text)};
    EVTWIN_FAIL_IF(f->text == NULL, EVTWIN_E_NOMEM, "out of memory for a finding");
    trainer->n_findings++;
    return EVTWIN_OK;
}

/* As many arguments as the wording has {}. */
#define ADD(trainer, id, ...) add((trainer), (id), (const argument[]){__VA_ARGS__})

/* ---- about the data ---- */

evtwin_status evtwin__find_absent(evtwin_trainer *trainer, size_t t, const char *name,
                                  const char *other) {
    return ADD(trainer, TARGET_ABSENT, TEXT(trainer->target[t].title),
               TEXT(name != NULL ? name : ""), TEXT(name != NULL ? " or " : ""), TEXT(other));
}

/* Which features are missing in rows even after the fill: "soh in 12, …". */
static const char *missing_features(const evtwin_trainer *trainer, size_t cols, char *text,
                                    size_t text_size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < cols && used < text_size; i++) {
        if (trainer->clean[i].n_missing > 0) {
            used +=
                (size_t)snprintf(text + used, text_size - used, "%s%s in %zu", used > 0 ? ", " : "",
                                 trainer->bundle.feature[i].column, trainer->clean[i].n_missing);
        }
    }
    return text;
}

static evtwin_status find_left_out(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t) {
    const evtwin__label *l = &data->label[t];
    const size_t n_out = l->n_no_label + l->n_no_group + l->n_no_feature;
    if (n_out == 0) {
        return EVTWIN_OK;
    }
    char reasons[512] = "", features[256];
    size_t used = 0;
    if (l->n_no_label > 0) {
        used +=
            (size_t)snprintf(reasons, sizeof reasons, "; %zu have no %s", l->n_no_label, l->column);
    }
    if (l->n_no_group > 0 && used < sizeof reasons) {
        used += (size_t)snprintf(reasons + used, sizeof reasons - used, "; %zu have no group",
                                 l->n_no_group);
    }
    if (l->n_no_feature > 0 && used < sizeof reasons) {
        snprintf(reasons + used, sizeof reasons - used,
                 "; %zu lack a feature and have nothing before them to carry forward (%s)",
                 l->n_no_feature, missing_features(trainer, data->cols, features, sizeof features));
    }
    return ADD(trainer, ROWS_LEFT_OUT, COUNT(n_out), COUNT(data->rows),
               TEXT(trainer->target[t].title), TEXT(reasons));
}

/* A battery seen once has no life to learn from, and many of them mean that the column names
 * something else: an error, unless the caller says that it is meant. */
static evtwin_status find_one_row_groups(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const evtwin__groups *g = &data->groups;
    size_t n_single = 0;
    int32_t example = -1;
    for (size_t k = 0; k < g->n_ordered; k++) {
        const int32_t group = g->of_row[g->order[k]];
        const int starts = k == 0 || g->of_row[g->order[k - 1]] != group;
        const int ends = k + 1 == g->n_ordered || g->of_row[g->order[k + 1]] != group;
        n_single += starts && ends;
        example = starts && ends && example < 0 ? group : example;
    }
    if (n_single == 0) {
        return EVTWIN_OK;
    }
    const char *verb = n_single == 1 ? "has" : "have";
    EVTWIN_FAIL_IF(!trainer->options.allow_single_rows, EVTWIN_E_DATA,
                   "%s: %zu of %zu batteries %s one row only (the first is '%s'): is another "
                   "column the battery's name?",
                   trainer->bundle.source_name, n_single, g->names.n, verb, g->names.text[example]);
    return ADD(trainer, ONE_ROW_GROUPS, COUNT(n_single), COUNT(g->names.n), TEXT(verb),
               TEXT(g->names.text[example]));
}

/* What was presumed about telemetry columns: a unit that the header does not state, a sign. */
static evtwin_status find_presumed(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t i = 0; i < data->cols; i++) {
        const evtwin__bundle_feature *f = &trainer->bundle.feature[i];
        if (evtwin__unit_is_presumed(f->column, f->column_unit)) {
            EVTWIN_TRY(ADD(trainer, UNIT_PRESUMED, TEXT(f->column), TEXT(f->column_unit)));
        }
        if (evtwin__is_like_fraction(f->unit, data->rows, f->min, f->max)) {
            EVTWIN_TRY(ADD(trainer, LIKE_FRACTION, TEXT(f->column), TEXT(f->name)));
        }
        if (strcmp(f->name, evtwin__schema[EVTWIN__Q_CURRENT].name) == 0 && f->max < 0.0) {
            EVTWIN_TRY(ADD(trainer, SIGN_AS_IS, TEXT(f->column)));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status find_cleaned(evtwin_trainer *trainer, size_t cols) {
    const evtwin_clean_report *clean = trainer->clean;
    size_t n_filled = 0, n_outliers = 0, worst = 0;
    for (size_t i = 0; i < cols; i++) {
        n_filled += clean[i].n_filled;
        n_outliers += clean[i].n_outliers;
        worst = clean[i].n_outliers > clean[worst].n_outliers ? i : worst;
    }
    if (n_filled > 0) {
        EVTWIN_TRY(ADD(trainer, FILLED_FORWARD, COUNT(n_filled)));
    }
    return n_outliers == 0
               ? EVTWIN_OK
               : ADD(trainer, OUTLIERS, COUNT(n_outliers),
                     TEXT(trainer->bundle.feature[worst].column), COUNT(clean[worst].n_outliers));
}

/* ---- about who is who ---- */

static evtwin_status find_names(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin__similar_names similar;
    evtwin__torn_batteries torn;
    EVTWIN_TRY(evtwin__find_similar_names(&data->groups.names, &similar));
    if (similar.n > 0) {
        EVTWIN_TRY(ADD(trainer, SIMILAR_NAMES, COUNT(similar.n), COUNT(data->groups.names.n),
                       TEXT(similar.first[0]), TEXT(similar.first[1])));
    }
    EVTWIN_TRY(evtwin__find_torn_batteries(data->table, &data->groups, &torn));
    return torn.n == 0
               ? EVTWIN_OK
               : ADD(trainer, TORN_BATTERIES, COUNT(torn.n), COUNT(torn.n_all), TEXT(torn.first));
}

/* Of the first target that shows it. */
static evtwin_status find_repeated_rows(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const evtwin__groups *g = &data->groups;
    evtwin__repeated_rows repeated = {.n_rows = 0};
    for (size_t t = 0; t < EVTWIN__T_COUNT && repeated.n_rows == 0; t++) {
        if (data->label[t].is_present) {
            EVTWIN_TRY(evtwin__find_repeated_rows(data, &data->label[t], &repeated));
        }
    }
    if (repeated.n_rows == 0) {
        return EVTWIN_OK;
    }
    const int has_names = g->kind != EVTWIN__GROUP_NONE;
    const char *of = has_names ? " of " : "";
    return ADD(trainer, REPEATED_ROWS, COUNT(repeated.n_rows), COUNT(repeated.first + 1), TEXT(of),
               TEXT(has_names ? g->names.text[g->of_row[repeated.first]] : ""),
               COUNT(repeated.twin + 1), TEXT(of),
               TEXT(has_names ? g->names.text[g->of_row[repeated.twin]] : ""));
}

static evtwin_status find_several_series(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const evtwin__restarts found = evtwin__find_restarts(data);
    if (found.counter == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    const char *counter = evtwin_table_name(data->table, found.counter), *column = counter;
    if (found.name_col == EVTWIN_NO_COLUMN) {
        EVTWIN_TRY(ADD(trainer, SEVERAL_SERIES, TEXT(counter), COUNT(found.n), COUNT(found.n + 1),
                       TEXT(counter)));
    } else {
        column = evtwin_table_name(data->table, found.name_col);
        EVTWIN_TRY(ADD(trainer, GROUP_UNUSED, TEXT(counter), COUNT(found.n), TEXT(column),
                       COUNT(found.n + 1), TEXT(column)));
    }
    return evtwin__bundle_keep(&trainer->bundle, column,
                               &trainer->finding[trainer->n_findings - 1].column);
}

/* " soc in 12 (20 to 95 percent)" of the held-out rows; 0 if there is none. */
static size_t describe_outside(const evtwin__bundle_feature *f, size_t i,
                               const evtwin__dataset *data, const evtwin__label *label,
                               uint8_t *is_outside, char *text, size_t text_size) {
    size_t n = 0;
    for (size_t k = 0; k < label->n; k++) {
        const double v = data->x[label->row[k] * data->cols + i];
        if (label->part[k] >= 0 && evtwin__is_outside(f, v)) {
            is_outside[k] = 1;
            n++;
        }
    }
    if (n > 0) {
        char min[EVTWIN__NUM_SIZE], max[EVTWIN__NUM_SIZE];
        evtwin__format_f64(f->min, min);
        evtwin__format_f64(f->max, max);
        snprintf(text, text_size, "%s in %zu (%s to %s%s%s)", f->column, n, min, max,
                 f->unit[0] != '\0' ? " " : "", f->unit);
    }
    return n;
}

/* Of the saved models, so of a hold-out only: with folds they learn from every row. A row in a
 * hundred is the chance of any split. */
static evtwin_status find_off_range(evtwin_trainer *trainer, const evtwin__dataset *data,
                                    const evtwin__label *label) {
    uint8_t *is_outside = evtwin__calloc(label->n, 1);
    EVTWIN_FAIL_IF(is_outside == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", label->n);
    char list[512] = "";
    size_t n_held = 0, n_outside = 0, used = 0;
    for (size_t i = 0; i < data->cols; i++) {
        char text[160];
        if (describe_outside(&trainer->bundle.feature[i], i, data, label, is_outside, text,
                             sizeof text) > 0 &&
            used < sizeof list) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "",
                                     text);
        }
    }
    for (size_t k = 0; k < label->n; k++) {
        n_held += label->part[k] >= 0;
        n_outside += is_outside[k];
    }
    evtwin__free(is_outside);
    return 100 * n_outside <= n_held
               ? EVTWIN_OK
               : ADD(trainer, OFF_RANGE, COUNT(n_outside), COUNT(n_held), TEXT(list));
}

/* The held-out rows of the first target stand for those of all. */
static evtwin_status find_extrapolated(evtwin_trainer *trainer, const evtwin__dataset *data) {
    size_t t = 0;
    while (!data->label[t].is_present) {
        t++;
    }
    return trainer->options.cv_folds > 0 ? EVTWIN_OK
                                         : find_off_range(trainer, data, &data->label[t]);
}

evtwin_status evtwin__find_in_data(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *l = &data->label[t];
        if (l->is_present) {
            EVTWIN_TRY(find_left_out(trainer, data, t));
        }
        if (l->is_present && l->n_groups_without > 0) {
            EVTWIN_TRY(ADD(trainer, CENSORED, COUNT(l->n_groups_without),
                           COUNT(data->groups.names.n), TEXT(trainer->target[t].title)));
        }
    }
    const int has_time = data->groups.time_col != EVTWIN_NO_COLUMN;
    EVTWIN_TRY(strcmp(trainer->split_by, "time") != 0
                   ? find_one_row_groups(trainer, data)
                   : ADD(trainer, ONE_SERIES,
                         TEXT(has_time ? "in time" : "of the rows (there is no time column)")));
    EVTWIN_TRY(find_names(trainer, data));
    EVTWIN_TRY(find_several_series(trainer, data));
    EVTWIN_TRY(find_repeated_rows(trainer, data));
    EVTWIN_TRY(find_extrapolated(trainer, data));
    EVTWIN_TRY(find_presumed(trainer, data));
    return find_cleaned(trainer, data->cols);
}

/* ---- about the scores ---- */

static const evtwin_score *score_of(const evtwin_trainer *trainer, size_t t, evtwin_scored scored) {
    return &trainer->bundle.model[t].score[scored];
}

static int is_event(const evtwin_trainer *trainer, size_t t) {
    return trainer->target[t].kind == EVTWIN_TARGET_EVENT;
}

/* There is no R2 (AUC) where all that is held out is alike; the figures that remain would praise
 * any constant. */
static evtwin_status find_unknown(evtwin_trainer *trainer, size_t t) {
    const evtwin__result *r = &trainer->result[t];
    const size_t n_test = score_of(trainer, t, EVTWIN_SCORED_MODEL)->n_test;
    const argument figure = TEXT(is_event(trainer, t) ? "AUC" : "R2");
    const argument title = TEXT(trainer->target[t].title);
    if (r->score_is_known) {
        return EVTWIN_OK;
    }
    if (n_test == 1) {
        return ADD(trainer, ONE_ROW_HELD_OUT, figure, title);
    }
    char value[EVTWIN__NUM_SIZE];
    evtwin__format_f64(evtwin_table_number(r->held_out, EVTWIN__HELD_TRUTH, 0), value);
    return ADD(trainer, ALL_ALIKE, figure, title, TEXT(trainer->bundle.model[t].column),
               TEXT(value), COUNT(n_test));
}

static const char *mean_name(const evtwin_trainer *trainer, size_t t) {
    return is_event(trainer, t) ? "the base rate" : "the mean of the training part";
}

static evtwin_status find_few_blocks(evtwin_trainer *trainer, const evtwin__dataset *data,
                                     size_t t) {
    const evtwin__result *r = &trainer->result[t];
    if (r->n_blocks >= EVTWIN__ENOUGH_BLOCKS) {
        return EVTWIN_OK;
    }
    char held_out[64] = "one row is"; /* of groups and days there are two at least */
    if (r->n_blocks > 1) {
        snprintf(held_out, sizeof held_out, "%zu %s are", r->n_blocks, r->block_name);
    }
    const int folds_would_do =
        trainer->options.cv_folds == 0 && data->label[t].n_groups_used >= EVTWIN__ENOUGH_BLOCKS;
    return ADD(trainer, r->can_be_judged ? FEW_TO_JUDGE : TOO_FEW_TO_JUDGE,
               TEXT(trainer->target[t].title), TEXT(mean_name(trainer, t)), TEXT(held_out),
               COUNT(EVTWIN__ENOUGH_BLOCKS),
               TEXT(folds_would_do ? " (folds hold out each group once)" : ""));
}

static evtwin_status find_no_signal(evtwin_trainer *trainer, size_t t) {
    const evtwin__result *r = &trainer->result[t];
    if (r->beats_chance || !r->score_is_known || !r->can_be_judged) {
        return EVTWIN_OK;
    }
    const evtwin_score *s = score_of(trainer, t, EVTWIN_SCORED_MODEL);
    const int is_probability = is_event(trainer, t);
    return ADD(
        trainer, NO_SIGNAL, TEXT(trainer->target[t].title), TEXT(is_probability ? "AUC" : "R2"),
        FIGURE(is_probability ? s->auc : s->r2, 4), TEXT(is_probability ? "Brier" : "RMSE"),
        is_probability ? FIGURE(s->brier, 4) : FIGURE(s->rmse, 2), COUNT(s->n_test),
        TEXT(mean_name(trainer, t)), TEXT(r->block_name), TEXT(trainer->bundle.model[t].column));
}

/* Compare a model of a number with the best of its baselines. */
static evtwin_status compare_number(evtwin_trainer *trainer, size_t t, const char *cycles_column) {
    const evtwin_score *model = score_of(trainer, t, EVTWIN_SCORED_MODEL);
    const evtwin_score *life = score_of(trainer, t, EVTWIN_SCORED_MEAN_LIFE);
    const evtwin_score *single = score_of(trainer, t, EVTWIN_SCORED_SINGLE);
    const char *name = "the training mean", *detail = "", *end = "";
    double best = score_of(trainer, t, EVTWIN_SCORED_MEAN)->rmse;
    if (life->rmse < best) {
        best = life->rmse;
        name = "the mean-life baseline (mean life of the training batteries minus ";
        detail = cycles_column;
        end = ")";
    }
    if (single->rmse < best) {
        best = single->rmse;
        name = "the best single feature (";
        detail = single->feature;
        end = ")";
    }
    return ADD(trainer, model->rmse < best ? BEATS_ALL : LOSES_TO_ANOTHER,
               TEXT(trainer->target[t].title), FIGURE(model->rmse, 2), TEXT(name), TEXT(detail),
               TEXT(end), FIGURE(best, 2));
}

/* Compare a model of an event with the base rate (Brier score) and the best single feature (AUC).
 */
static evtwin_status compare_event(evtwin_trainer *trainer, size_t t) {
    const evtwin_score *model = score_of(trainer, t, EVTWIN_SCORED_MODEL);
    const evtwin_score *rate = score_of(trainer, t, EVTWIN_SCORED_MEAN);
    const evtwin_score *single = score_of(trainer, t, EVTWIN_SCORED_SINGLE);
    const argument title = TEXT(trainer->target[t].title);
    const int loses_brier = !(model->brier < rate->brier);
    const int loses_auc = model->auc <= single->auc;
    if (loses_brier) {
        EVTWIN_TRY(ADD(trainer, LOSES_TO_BASE_RATE, title, FIGURE(model->brier, 4),
                       FIGURE(rate->brier, 4)));
    }
    return loses_brier && !loses_auc
               ? EVTWIN_OK
               : ADD(trainer, loses_auc ? LOSES_TO_FEATURE : BEATS_BASE_RATE, title,
                     FIGURE(model->auc, 4), TEXT(single->feature), FIGURE(single->auc, 4));
}

/* Errors of few batteries do not say what another's may be. */
static evtwin_status find_guess(evtwin_trainer *trainer, size_t t) {
    const evtwin__interval *interval = &trainer->bundle.model[t].interval;
    return interval->n_bands > 0 && evtwin__interval_is_guess(interval)
               ? ADD(trainer, INTERVAL_GUESS, TEXT(trainer->target[t].title),
                     COUNT(interval->n_batteries), COUNT(EVTWIN__INTERVAL_ENOUGH))
               : EVTWIN_OK;
}

evtwin_status evtwin__find_in_scores(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (trainer->bundle.model[t].is_present) {
            EVTWIN_TRY(find_unknown(trainer, t));
            EVTWIN_TRY(find_few_blocks(trainer, data, t));
            EVTWIN_TRY(find_no_signal(trainer, t));
            EVTWIN_TRY(find_guess(trainer, t));
        }
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (trainer->bundle.model[t].is_present && trainer->result[t].score_is_known) {
            EVTWIN_TRY(is_event(trainer, t) ? compare_event(trainer, t)
                                            : compare_number(trainer, t, data->cycles_column));
        }
    }
    return EVTWIN_OK;
}
