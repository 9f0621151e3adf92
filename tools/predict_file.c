/* SPDX-License-Identifier: MIT */
/* tools/predict_file.c: a CSV in, the same CSV with predictions out. */

#include "predict_tool.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The columns that derived quantities are made from. */
#define DERIVED_COLUMNS                                                                            \
    ",sim_time_s,soc,voltage,current,temperature,is_charging,cell_voltage_max,cell_voltage_min"

/* What a session looks at beside the features: whose row it is, and what the features were made of
 * in training. NULL = out of memory; the caller frees it. */
static char *session_columns(const evtwin_session *session, int has_derived) {
    const char *keys = has_derived ? "battery_id,time,seq" DERIVED_COLUMNS : "battery_id,time,seq";
    evtwin_feature_range r;
    size_t n = 0, size = strlen(keys) + 1;
    for (; evtwin_session_range(session, n, &r, sizeof r) >= 0; n++) {
        size += strlen(r.feature) + 1;
    }
    char *list = calloc(size, 1), *end = list != NULL ? stpcpy(list, keys) : NULL;
    for (size_t i = 0; list != NULL && i < n; i++) {
        evtwin_session_range(session, i, &r, sizeof r);
        end = stpcpy(stpcpy(end, ","), r.feature);
    }
    return list;
}

/* Open the input: the bundle's features are there. The column that names the battery is read as
 * text, as in training. */
static int open_input(const cli *c, const evtwin_predictor *predictor,
                      const evtwin_session *session, evtwin_csv **out) {
    const char *path = cli_text(c, PREDICT_CSV);
    const evtwin_features *features = evtwin_predictor_features(predictor);
    const size_t n = evtwin_features_count(features);
    evtwin_predictor_info info = {.group = ""};
    evtwin_predictor_info_get(predictor, &info, sizeof info);
    const char *group = info.group[0] != '\0' ? info.group : NULL;
    size_t size = 1;
    for (size_t i = 0; i < n; i++) {
        size += strlen(evtwin_features_column(features, i)) + 1;
    }
    const char **names = calloc(n + 1, sizeof *names);
    char *list = calloc(size, 1), *end = list;
    int code = names == NULL || list == NULL ? cli_out_of_memory() : 0;
    size_t n_names = 0;
    int has_derived = 0;
    for (size_t i = 0; code == 0 && i < n; i++) {
        const char *name = evtwin_features_column(features, i);
        if (name[0] == '\0') {
            has_derived = 1;
        } else if (n_names == 0 ||
                   strcmp(name, names[n_names - 1]) != 0) { /* not made of the same */
            end = stpcpy(stpcpy(end, n_names > 0 ? "," : ""), name);
            names[n_names++] = name;
        }
    }
    char *others = code == 0 ? session_columns(session, has_derived) : NULL;
    code = code == 0 && others == NULL ? cli_out_of_memory() : code;
    if (code == 0 &&
        (code = cli_open_csv(c, PREDICT_CSV_OPTIONS, path, list, group, others, 0, out)) == 0) {
        code = cli_check_columns(path, *out, names, n_names,
                                 "the models were trained on it: see --models");
    }
    free(names);
    free(list);
    free(others);
    return code;
}

static int is_negative_throughout(const evtwin_table *table, size_t col) {
    double factor;
    if (evtwin_telemetry_factor(table, col, &factor) < 0) {
        return 0;
    }
    int is_negative = 0;
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        const double v = factor * evtwin_table_number(table, col, r);
        if (v >= 0) {
            return 0;
        }
        is_negative |= v < 0;
    }
    return is_negative;
}

/* What training says of its file too. */
static void note_sign(const evtwin_features *features, const evtwin_table *table) {
    for (size_t i = 0; i < evtwin_features_count(features); i++) {
        const char *feature = evtwin_features_name(features, i);
        const size_t col = evtwin_telemetry_find(table, feature);
        if (strcmp(feature, "current") == 0 && col != EVTWIN_NO_COLUMN &&
            is_negative_throughout(table, col)) {
            cli_note("column '%s' is negative in every row and used unchanged (negative means "
                     "charging)",
                     evtwin_table_name(table, col));
        }
    }
}

/* Take over one column of predictions into the table of what is added. */
static evtwin_status copy_numbers(const evtwin_table *from, evtwin_table *to, const char *name) {
    const size_t source = evtwin_table_find(from, name);
    size_t col;
    evtwin_status st = evtwin_table_add_column(to, name, EVTWIN_F64, NULL, &col);
    for (size_t r = 0; st >= 0 && r < evtwin_table_rows(to); r++) {
        st = evtwin_table_set_f64(to, col, r, evtwin_table_number(from, source, r));
    }
    return st;
}

/* One end of a target's interval, if the bundle has one. */
static evtwin_status copy_end(const evtwin_table *from, evtwin_table *to, const char *target,
                              const char *end) {
    char name[80];
    snprintf(name, sizeof name, "%s_%s", target, end);
    return evtwin_table_find(from, name) != EVTWIN_NO_COLUMN ? copy_numbers(from, to, name)
                                                             : EVTWIN_OK;
}

/* The notes, if there is one or the file has such a column; n_out counts what is unknown. */
static evtwin_status copy_notes(const evtwin_table *from, int has_column, evtwin_table *to,
                                size_t *n_out) {
    const size_t source = evtwin_table_find(from, "prediction_note");
    size_t col = EVTWIN_NO_COLUMN;
    evtwin_status st = EVTWIN_OK;
    *n_out = 0;
    if (has_column) {
        st = evtwin_table_add_column(to, "prediction_note", EVTWIN_TEXT, NULL, &col);
    }
    for (size_t r = 0; st >= 0 && r < evtwin_table_rows(to); r++) {
        const char *note = evtwin_table_text(from, source, r);
        if (note != NULL && col == EVTWIN_NO_COLUMN) {
            st = evtwin_table_add_column(to, "prediction_note", EVTWIN_TEXT, NULL, &col);
        }
        if (st >= 0 && note != NULL) {
            st = evtwin_table_set_text(to, col, r, note);
            *n_out += strncmp(note, "unknown", strlen("unknown")) == 0;
        }
    }
    return st;
}

/* The reasons of each target that the bundle has a model of. */
static evtwin_status copy_reasons(const evtwin_predictor *predictor, const evtwin_table *from,
                                  evtwin_table *to) {
    evtwin_status st = EVTWIN_OK;
    const char *target;
    for (size_t i = 0; st >= 0 && (target = evtwin_predictor_target(predictor, i)) != NULL; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s_reasons", target);
        const size_t source = evtwin_table_find(from, name);
        size_t col;
        st = evtwin_table_add_column(to, name, EVTWIN_TEXT, NULL, &col);
        for (size_t r = 0; st >= 0 && r < evtwin_table_rows(to); r++) {
            const char *reasons = evtwin_table_text(from, source, r);
            st = reasons != NULL ? evtwin_table_set_text(to, col, r, reasons) : st;
        }
    }
    return st;
}

/* With a session, because it logs what is unlike the training data; but of batteries' pasts the
 * file must say whose they are, which a session does not ask for. */
static int predict(const cli *c, const evtwin_predictor *predictor, evtwin_session *session,
                   evtwin_table *table) {
    evtwin_predictor_info info = {.recipe = ""};
    evtwin_status st = evtwin_telemetry_check(table); /* a file has one unit for a column */
    evtwin_predictor_info_get(predictor, &info, sizeof info);
    if (st >= 0 && cli_is_on(c, PREDICT_RUL_ROW) &&
        evtwin_table_find(table, "rul_row") == EVTWIN_NO_COLUMN) {
        st = evtwin_table_add_column(table, "rul_row", EVTWIN_F64, NULL, NULL);
    }
    if (st >= 0 && strcmp(info.recipe, "history") == 0) {
        st = evtwin_predictor_apply(predictor, table);
        st = st < 0 ? st : evtwin_session_observe(session, table);
    } else if (st >= 0) {
        st = evtwin_session_apply(session, table);
    }
    if (st >= 0) {
        evtwin_session_commit(session);
    }
    const int64_t n_reasons = cli_integer(c, PREDICT_EXPLAIN);
    if (st >= 0 && n_reasons > 0) {
        st = evtwin_predictor_explain(predictor, table, (size_t)n_reasons, EVTWIN_REASONS_WORDS);
    }
    return st < 0 ? cli_fail_about(cli_text(c, PREDICT_CSV), CLI_AN_INPUT, st,
                                   st == EVTWIN_E_RANGE ? cli_after_range() : NULL)
                  : 0;
}

/* The predictions alone, as columns of a table; explained = what gave them reasons, NULL = none. */
static evtwin_status make_added(const evtwin_table *predicted, int has_notes, int has_rul_row,
                                const evtwin_predictor *explained, evtwin_table **out,
                                size_t *n_unknown_out) {
    evtwin_table *added = NULL;
    evtwin_status st = evtwin_table_create(&added);
    st = st < 0 ? st : evtwin_table_resize(added, evtwin_table_rows(predicted));
    for (size_t i = 0; i < evtwin_target_count() && st >= 0; i++) {
        evtwin_target target;
        evtwin_target_get(i, &target, sizeof target);
        st = copy_numbers(predicted, added, target.prediction);
        st = st < 0 ? st : copy_end(predicted, added, target.name, "low");
        st = st < 0 ? st : copy_end(predicted, added, target.name, "high");
    }
    if (st >= 0 && has_rul_row) {
        st = copy_numbers(predicted, added, "rul_row");
    }
    if (st >= 0 && explained != NULL) {
        st = copy_reasons(explained, predicted, added);
    }
    if (st < 0 || (st = copy_notes(predicted, has_notes, added, n_unknown_out)) < 0) {
        evtwin_table_free(added);
        return st;
    }
    *out = added;
    return EVTWIN_OK;
}

/* The file as it stands, with the predictions behind it. */
static int write_predicted(const cli *c, const evtwin_predictor *predictor,
                           const evtwin_table *predicted, evtwin_csv *csv) {
    evtwin_table *added = NULL;
    size_t n_unknown;
    const evtwin_status st =
        make_added(predicted, cli_has_column(csv, "prediction_note"), cli_is_on(c, PREDICT_RUL_ROW),
                   cli_integer(c, PREDICT_EXPLAIN) > 0 ? predictor : NULL, &added, &n_unknown);
    if (st < 0) {
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    const char *out = cli_text(c, PREDICT_OUT);
    cli_begin_write(out);
    const int code =
        cli_end_write(out, evtwin_csv_write(csv, added, out), "choose another file with --out");
    const size_t n = evtwin_table_rows(added) - n_unknown;
    evtwin_table_free(added);
    if (code == 0) {
        cli_note("%s: %zu row%s predicted, %zu unknown", out, n, cli_s(n), n_unknown);
        predict_note_guesses(predictor);
    }
    return code;
}

int predict_file(const cli *c, const evtwin_predictor *predictor) {
    int code = cli_check_output_file(cli_text(c, PREDICT_OUT));
    if (code != 0) {
        return code;
    }
    cli_on_stop(CLI_STOP_LEAVES, "nothing was written");
    evtwin_csv *csv = NULL;
    evtwin_table *table = NULL;
    evtwin_session *session = NULL;
    const evtwin_status st = evtwin_session_create(predictor, NULL, &session);
    if (st < 0) {
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    const evtwin_features *features = evtwin_predictor_features(predictor);
    if ((code = open_input(c, predictor, session, &csv)) == 0 &&
        (code = cli_read_csv(csv, &table)) == 0) {
        note_sign(features, table);
        code = predict(c, predictor, session, table);
        code = code == 0 ? write_predicted(c, predictor, table, csv) : code;
    }
    evtwin_csv_free(csv);
    evtwin_table_free(table);
    evtwin_session_free(session);
    return code;
}
