/* SPDX-License-Identifier: MIT */
/* tools/predict_models.c: the models of --models: a folder, or what a registry names, fetched and
 * followed. */

#include "check.h"
#include "cli/cli_tracking.h"
#include "predict_tool.h"

#include "evtwin/evtwin.h"

#include <stdlib.h>
#include <string.h>

static const char scheme[] = "models:/";

int models_are_registered(const cli *c) {
    return strncmp(cli_text(c, PREDICT_MODELS), scheme, strlen(scheme)) == 0;
}

/* For cli_option.derived: where systemd, the XDG specification or the home folder has caches. */
int models_default_cache(size_t i, const char **text_out, const char **from_out) {
    static const char *const variables[] = {"CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME"};
    static const char *const below[] = {"", "/evtwin", "/.cache/evtwin"};
    static char path[4096];
    *text_out = NULL;
    *from_out = NULL;
    for (size_t k = 0; k < sizeof variables / sizeof variables[0] && i == 0; k++) {
        const char *base = getenv(variables[k]);
        if (base != NULL && base[0] == '/') {
            snprintf(path, sizeof path, "%.3900s%s/models", base, below[k]);
            *text_out = path;
            *from_out = variables[k];
            return 1;
        }
    }
    return 0;
}

/* ---- are they fit for what is asked? ---- */

/* A record has the telemetry quantities and no others. */
static evtwin_status check_features(const evtwin_predictor *predictor, const char **name_out) {
    const evtwin_features *features = evtwin_predictor_features(predictor);
    for (size_t i = 0; i < evtwin_features_count(features); i++) {
        const char *name = evtwin_features_column(features, i);
        size_t quantity;
        if (name[0] != '\0' && evtwin_quantity_find(name, &quantity, NULL, NULL) < 0) {
            *name_out = name;
            return EVTWIN_E_SCHEMA;
        }
    }
    return EVTWIN_OK;
}

int models_check_features(const evtwin_predictor *predictor) {
    const char *name;
    CLI_FAIL_IF(check_features(predictor, &name) < 0, CLI_DATA,
                "the models need '%s', which telemetry does not have; predict a file that has it "
                "with --csv and --out",
                name);
    return 0;
}

/* The same of models that a registry gives; and reasons can be made of them, if they are asked for.
 * The library names what fails, so it is asked in a way that fails. */
static evtwin_status check(void *ctx, const evtwin_predictor *predictor) {
    const cli *c = ctx;
    const char *name;
    if (cli_text(c, PREDICT_CSV) != NULL) {
        return EVTWIN_OK;
    }
    if (check_features(predictor, &name) < 0) {
        size_t quantity;
        return evtwin_quantity_find(name, &quantity, NULL, NULL);
    }
    evtwin_session_options options;
    evtwin_session *session = NULL;
    evtwin_session_options_init(&options, sizeof options);
    options.n_reasons = (size_t)cli_integer(c, PREDICT_EXPLAIN);
    const evtwin_status st = evtwin_session_create(predictor, &options, &session);
    evtwin_session_free(session);
    return st;
}

/* ---- load ---- */

static void set_coverage(const cli *c, evtwin_predictor *predictor) {
    evtwin_predictor_set_coverage(predictor, strcmp(cli_text(c, PREDICT_COVER), "each") == 0
                                                 ? EVTWIN_COVERS_EACH
                                                 : EVTWIN_COVERS_ON_AVERAGE);
}

/* The options are valid (models_check_options). */
static evtwin_status open_follower(const cli *c, evtwin_follower **out) {
    evtwin_tracker_options tracker;
    evtwin_follower_options options;
    cli_tracking_options(&tracker);
    evtwin_follower_options_init(&options, sizeof options);
    options.cache_dir = cli_text(c, PREDICT_MODELS_CACHE);
    options.poll_s = cli_number(c, PREDICT_MODELS_POLL);
    options.check = check;
    options.check_ctx = (void *)(uintptr_t)c; /* read only */
    return evtwin_follower_open(cli_text(c, PREDICT_MLFLOW), &tracker, cli_text(c, PREDICT_MODELS),
                                &options, out);
}

int models_check_options(const cli *c) {
    evtwin_tracker_options tracker;
    if (!models_are_registered(c)) {
        return 0;
    }
    CLI_FAIL_IF(cli_text(c, PREDICT_MODELS_CACHE) == NULL, CLI_USAGE,
                "--models %s needs a folder for what is fetched: --models-cache DIR",
                cli_text(c, PREDICT_MODELS));
    return cli_tracking_options(&tracker);
}

static int load_registered(const cli *c, evtwin_follower **follower_out, evtwin_predictor **out) {
    evtwin_follower *follower = NULL;
    evtwin_follower_info info;
    evtwin_status st = open_follower(c, &follower);
    if (st < 0) {
        return cli_fail(CLI_AN_OPTION, st, NULL);
    }
    if ((st = evtwin_follower_load(follower, out)) < 0) {
        const int code = cli_fail(CLI_A_STORE, st, NULL); /* before the text is gone */
        evtwin_follower_free(follower);
        return code;
    }
    if (evtwin_follower_info_get(follower, &info, sizeof info) >= 0) {
        cli_note("%s is %s/%s of run %s", cli_text(c, PREDICT_MODELS), info.name, info.version,
                 info.run_id);
    }
    *follower_out = follower;
    return 0;
}

/* What to do about a folder without models. */
static const char *way_to_models(evtwin_status st) {
    return st == EVTWIN_E_NOT_FOUND ? "train one with evtwin-train, or name it with --models"
                                    : NULL;
}

int models_load(const cli *c, evtwin_follower **follower_out, evtwin_predictor **out) {
    *follower_out = NULL;
    if (models_are_registered(c)) {
        CLI_TRY(load_registered(c, follower_out, out));
    } else {
        const evtwin_status st = evtwin_predictor_load(cli_text(c, PREDICT_MODELS), out);
        if (st < 0) {
            return cli_fail(CLI_AN_INPUT, st, way_to_models(st));
        }
    }
    set_coverage(c, *out);
    return 0;
}

/* Models of the cache would do, but the server that is named gives none. */
static void check_registered(int *code, const cli *c, const char *models) {
    evtwin_predictor *predictor = NULL;
    evtwin_follower *follower = NULL;
    evtwin_follower_info info = {.is_from_cache = 0};
    char text[600];
    evtwin_status st = open_follower(c, &follower);
    if (st < 0) {
        check_report(code, "models", models, CLI_AN_OPTION, st);
        return;
    }
    st = evtwin_follower_load(follower, &predictor);
    if (st >= 0 && evtwin_follower_info_get(follower, &info, sizeof info) >= 0 &&
        info.is_from_cache) {
        snprintf(text, sizeof text,
                 "cannot be fetched now, for the reason above; %s/%s of the cache would be used",
                 info.name, info.version);
        check_problem(code, "models", models, text, CLI_UNAVAILABLE);
    } else {
        check_report(code, "models", models, CLI_A_STORE, st);
    }
    evtwin_follower_free(follower);
    evtwin_predictor_free(predictor);
}

void models_check(int *code, const cli *c) {
    const char *models = cli_text(c, PREDICT_MODELS);
    if (models_are_registered(c)) {
        check_registered(code, c, models);
        return;
    }
    evtwin_predictor *predictor = NULL;
    const evtwin_status st = evtwin_predictor_load(models, &predictor);
    check_report(code, "models", models, CLI_AN_INPUT, st);
    evtwin_predictor_free(predictor);
}

/* ---- follow ---- */

int models_follow(const cli *c, evtwin_follower *follower) {
    if (follower == NULL || cli_is_on(c, PREDICT_ONCE)) {
        return 0;
    }
    const evtwin_status st = evtwin_follower_start(follower);
    return st >= 0 ? 0 : cli_fail(CLI_A_SERVICE, st, NULL);
}

/* Their scores are in the store before the first row that they predicted. */
static evtwin_status put_scores(const char *uri, const evtwin_predictor *predictor) {
    evtwin_store *store = NULL;
    evtwin_table *scores = NULL;
    evtwin_status st = evtwin_store_open(uri, NULL, &store);
    if (st >= 0 && (st = evtwin_predictor_scores(predictor, &scores)) >= 0) {
        st = evtwin_store_put_model(store, scores);
    }
    if (st < 0) {
        cli_detail("%s", evtwin_last_error());
    }
    evtwin_table_free(scores);
    evtwin_store_free(store);
    return st;
}

int models_take_new(const cli *c, evtwin_follower *follower, const char *store, evtwin_pump *pump,
                    evtwin_predictor **waiting) {
    evtwin_predictor_info info;
    evtwin_predictor *newer = NULL;
    if (follower != NULL && evtwin_follower_next(follower, &newer) == EVTWIN_OK) {
        evtwin_predictor_free(*waiting);
        *waiting = newer;
    }
    if (*waiting == NULL || (store != NULL && put_scores(store, *waiting) < 0)) {
        return 0; /* until the store takes them: it would not take their predictions either */
    }
    set_coverage(c, *waiting);
    const evtwin_status st = evtwin_pump_swap_predictor(pump, *waiting, NULL);
    if (st == EVTWIN_E_AGAIN) {
        return 0; /* when the batch under way has arrived */
    }
    if (st < 0) {
        cli_warning("the new models cannot be used: %s", evtwin_last_error());
        evtwin_predictor_free(*waiting);
    } else if (evtwin_predictor_info_get(*waiting, &info, sizeof info) >= 0) {
        cli_note("predicting with %s from now on", info.version);
        predict_note_guesses(*waiting);
    }
    *waiting = NULL;
    return st >= 0;
}
