/* SPDX-License-Identifier: MIT */
/* The metrics that say which models predict, and how the registry answers that they come from. */

#include "test.h"

#include "learn/bundles.h"

static void assert_has(const char *text, const char *line) {
    if (strstr(text, line) == NULL) {
        fail_msg("no '%s' in\n%s", line, text);
    }
}

static char *text_of(const evtwin_metrics *metrics, int openmetrics) {
    char *text = NULL;
    assert_ok(evtwin_metrics_text(metrics, openmetrics, &text));
    return text;
}

static evtwin_predictor *new_predictor(void) {
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    const char *dir = temp_path("models");
    evtwin_predictor *p = NULL;
    write_bundle(dir, &both);
    assert_ok(evtwin_predictor_load(dir, &p));
    return p;
}

/* promtool finds nothing; not asked where it is not installed. */
static void check_with_promtool(const char *text) {
    char command[700];
    snprintf(command, sizeof command, "/usr/bin/promtool check metrics < %s",
             temp_file("metrics-of-models.txt", text));
    if (access("/usr/bin/promtool", X_OK) == 0) {
        assert_int_equal(system(command), 0);
    } else {
        print_message("promtool (Debian package prometheus) is absent\n");
    }
}

static void test_of_a_folder(void **state) {
    (void)state;
    evtwin_metrics *metrics = NULL;
    evtwin_predictor *p = new_predictor();
    evtwin_predictor_info info;
    char line[400];
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    assert_ok(evtwin_metrics_create(&metrics));
    char *text = text_of(metrics, 0);
    assert_null(strstr(text, "evtwin_model"));
    evtwin_metrics_text_free(text);

    assert_fails(evtwin_metrics_observe_models(NULL, p, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_metrics_observe_models(metrics, NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_ok(evtwin_metrics_observe_models(metrics, p, NULL));
    snprintf(line, sizeof line,
             "\nevtwin_model_info{name=\"\",version=\"%s\",run_id=\"\",model_version=\"%s\","
             "bundle=\"%s\"} 1\n",
             info.bundle, info.bundle, info.bundle);
    text = text_of(metrics, 0);
    assert_has(text, line);
    assert_null(strstr(text, "evtwin_registry"));
    check_with_promtool(text);
    evtwin_metrics_text_free(text);

    /* a name with what has to be escaped, in place of the one before */
    assert_ok(evtwin_predictor_set_version(p, "a\"b\\c/3"));
    assert_ok(evtwin_metrics_observe_models(metrics, p, NULL));
    text = text_of(metrics, 1);
    assert_has(text, "# TYPE evtwin_model info\n");
    assert_has(text, ",model_version=\"a\\\"b\\\\c/3\",bundle=\"");
    assert_null(strstr(strstr(text, "\nevtwin_model_info{") + 1, "\nevtwin_model_info{"));
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
    evtwin_predictor_free(p);
}

/* Before the first look nothing is known of the registry but that it has not answered. */
static void test_of_a_registry(void **state) {
    (void)state;
    static const char *const line[] = {"\nevtwin_registry_up 0\n",
                                       "\nevtwin_registry_from_cache 0\n",
                                       "\nevtwin_registry_looks_total 0\n",
                                       "\nevtwin_registry_failures_total 0\n",
                                       "\nevtwin_registry_refused_versions_total 0\n",
                                       "\nevtwin_model_info{name=\"evtwin-rul\","};
    evtwin_follower_options o;
    evtwin_follower *follower = NULL;
    evtwin_metrics *metrics = NULL;
    assert_ok(evtwin_follower_options_init(&o, sizeof o));
    o.cache_dir = temp_path("cache-of-models");
    if (evtwin_follower_open("http://127.0.0.1:1", NULL, "models:/evtwin-rul@champion", &o,
                             &follower) == EVTWIN_E_UNSUPPORTED) {
        skip(); /* a build without libcurl */
    }
    evtwin_predictor *p = new_predictor();
    assert_ok(evtwin_metrics_create(&metrics));
    assert_ok(evtwin_metrics_observe_models(metrics, p, follower));
    char *text = text_of(metrics, 0);
    for (size_t i = 0; i < sizeof line / sizeof line[0]; i++) {
        assert_has(text, line[i]);
    }
    assert_null(strstr(text, "evtwin_registry_age"));
    check_with_promtool(text);
    evtwin_metrics_text_free(text);

    /* the number is that of the models that predict, whatever the follower has given since */
    assert_ok(evtwin_predictor_set_version(p, "evtwin-rul/3"));
    assert_ok(evtwin_metrics_observe_models(metrics, p, follower));
    text = text_of(metrics, 0);
    assert_has(text,
               "{name=\"evtwin-rul\",version=\"3\",run_id=\"\",model_version=\"evtwin-rul/3\"");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
    evtwin_follower_free(follower);
    evtwin_predictor_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_of_a_folder),
                                       cmocka_unit_test(test_of_a_registry)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
