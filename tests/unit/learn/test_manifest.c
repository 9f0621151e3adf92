/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_manifest.c: what is written reads back; unknown keys pass, a newer format
 * and every wrong part do not. */

#include "bundles.h"

#include "core/rng.h"

/* The sample as text, freed with evtwin__free. */
static char *sample_text(size_t *size_out) {
    const evtwin__manifest m = sample_manifest();
    const char *path = temp_path("manifest.json");
    char *text = NULL;
    size_t size = 0;
    assert_ok(evtwin__manifest_write(&m, path));
    assert_ok(evtwin__file_read(path, EVTWIN__MANIFEST_MAX_BYTES, &text, &size));
    if (size_out != NULL) {
        *size_out = size;
    }
    return text;
}

static evtwin_status parse(const char *text, evtwin__manifest *out) {
    return evtwin__manifest_parse("m.json", text, strlen(text), out);
}

static void assert_same_number(double a, double b) {
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static void assert_same_model(const evtwin__manifest_model *a, const evtwin__manifest_model *b) {
    assert_int_equal(a->present, b->present);
    assert_string_equal(a->target, b->target);
    assert_string_equal(a->unit, b->unit);
    assert_string_equal(a->file.name, b->file.name);
    assert_string_equal(a->file.sha256, b->file.sha256);
    assert_int_equal(a->params.trees, b->params.trees);
    assert_int_equal(a->params.depth, b->params.depth);
    assert_same_number(a->params.learning_rate, b->params.learning_rate);
    assert_same_number(a->params.base_score, b->params.base_score);
    assert_string_equal(a->params.tree_method, b->params.tree_method);
    assert_string_equal(a->split.by, b->split.by);
    assert_true(a->split.seed == b->split.seed);
}

static void test_round_trip(void **state) {
    (void)state;
    const evtwin__manifest a = sample_manifest();
    char *text = sample_text(NULL);
    evtwin__manifest b;
    assert_ok(parse(text, &b));
    assert_string_equal(b.library_version, EVTWIN_VERSION);
    assert_string_equal(b.xgboost_version, a.xgboost_version);
    assert_string_equal(b.created, a.created);
    assert_string_equal(b.source.name, "fleet.csv");
    assert_int_equal(b.source.rows, 12345);
    assert_int_equal(b.source.groups, 40);
    assert_int_equal(b.source.has_span, 1);
    assert_true(b.source.first_us == a.source.first_us && b.source.last_us == a.source.last_us);
    assert_int_equal(b.n_features, FIXTURE_FEATURES);
    for (size_t i = 0; i < FIXTURE_FEATURES; i++) {
        assert_string_equal(b.features[i].name, a.features[i].name);
        assert_string_equal(b.features[i].unit, a.features[i].unit);
        assert_string_equal(b.features[i].column, a.features[i].column);
        assert_string_equal(b.features[i].column_unit, a.features[i].column_unit);
        assert_same_number(b.features[i].min, a.features[i].min);
        assert_same_number(b.features[i].max, a.features[i].max);
    }
    assert_string_equal(b.scaler.name, a.scaler.name);
    assert_same_model(&b.rul, &a.rul);
    assert_same_model(&b.failure, &a.failure);
    const evtwin_rul_score *r = &b.rul_score, *s = &a.rul_score;
    assert_int_equal(r->n_train, s->n_train);
    assert_int_equal(r->n_test, s->n_test);
    assert_int_equal(r->n_folds, s->n_folds);
    const double *rul[][2] = {{&r->r2, &s->r2},
                              {&r->rmse, &s->rmse},
                              {&r->mae, &s->mae},
                              {&r->mean_r2, &s->mean_r2},
                              {&r->mean_rmse, &s->mean_rmse},
                              {&r->countdown_r2, &s->countdown_r2},
                              {&r->countdown_rmse, &s->countdown_rmse},
                              {&r->single_r2, &s->single_r2},
                              {&r->single_rmse, &s->single_rmse}};
    for (size_t i = 0; i < sizeof rul / sizeof rul[0]; i++) {
        assert_same_number(*rul[i][0], *rul[i][1]);
    }
    const evtwin_failure_score *f = &b.failure_score, *g = &a.failure_score;
    assert_int_equal(f->n_folds, g->n_folds);
    assert_string_equal(f->single_feature, "soh");
    const double *failure[][2] = {{&f->auc, &g->auc},
                                  {&f->average_precision, &g->average_precision},
                                  {&f->accuracy, &g->accuracy},
                                  {&f->brier, &g->brier},
                                  {&f->base_rate, &g->base_rate},
                                  {&f->base_rate_brier, &g->base_rate_brier},
                                  {&f->base_rate_accuracy, &g->base_rate_accuracy},
                                  {&f->single_auc, &g->single_auc}};
    for (size_t i = 0; i < sizeof failure / sizeof failure[0]; i++) {
        assert_same_number(*failure[i][0], *failure[i][1]);
    }
    evtwin__manifest_clear(&b);
    assert_null(b.features);
    evtwin__manifest_clear(&b);
    evtwin__free(text);
}

static void test_defaults_of_write(void **state) {
    (void)state;
    evtwin__manifest m = sample_manifest();
    m.created = m.xgboost_version = NULL;
    m.source = (evtwin__manifest_source){.rows = 2, .groups = 1};
    m.source.name = "caf\xe9.csv"; /* a file name need not be UTF-8 */
    m.failure.present = 0;
    m.rul.params.tree_method = m.rul.split.by = m.rul_score.single_feature = NULL;
    const int64_t before = evtwin_time_now();
    const char *path = temp_path("defaults.json");
    assert_ok(evtwin__manifest_write(&m, path));
    char *text;
    size_t size;
    assert_ok(evtwin__file_read(path, 1 << 20, &text, &size));
    evtwin__manifest b;
    assert_ok(evtwin__manifest_parse(path, text, size, &b));
    int64_t created;
    assert_ok(evtwin_time_parse(b.created, EVTWIN_NAIVE_REJECT, &created));
    assert_true(created >= before && created <= evtwin_time_now());
    assert_string_equal(b.xgboost_version, "");
    assert_string_equal(b.source.name, "(a name that is not UTF-8)");
    assert_int_equal(b.source.has_span, 0);
    assert_int_equal(b.failure.present, 0);
    assert_true(isnan(b.failure_score.auc));
    assert_string_equal(b.rul.split.by, "");
    evtwin__manifest_clear(&b);
    evtwin__free(text);
}

/* The least that someone else has to write. */
static void test_minimal(void **state) {
    (void)state;
    static const char minimal[] =
        "{\"format\": 1, \"features\": [{\"name\": \"soc\", \"unit\": \"percent\"}],"
        " \"scaler\": {\"file\": \"s.json\", \"sha256\": "
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},"
        " \"models\": {\"failure\": {\"file\": \"f.json\", \"objective\": \"binary:logistic\","
        " \"sha256\": \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
        " \"future\": [1, 2]}}, \"future\": {\"key\": null}}";
    evtwin__manifest m;
    assert_ok(parse(minimal, &m));
    assert_int_equal(m.rul.present, 0);
    assert_true(isnan(m.rul_score.rmse) && isnan(m.failure_score.auc) && isnan(m.features[0].min));
    assert_string_equal(m.created, "");
    assert_string_equal(m.failure.target, "");
    evtwin__manifest_clear(&m);

    /* objects and keys that may be left out may not be something else */
    static const char *const wrong[][2] = {
        {"\"future\": {\"key\": null}", "\"source\": 3"},
        {"\"future\": {\"key\": null}", "\"source\": {\"rows\": 1.5}"},
        {"\"future\": {\"key\": null}",
         "\"source\": {\"first_time\": \"x\", \"last_time\": \"2026-01-01T00:00:00Z\"}"},
        {"\"future\": {\"key\": null}", "\"library\": \"x\""},
        {"\"future\": {\"key\": null}", "\"xgboost\": 3"},
        {"\"future\": [1, 2]", "\"held_out\": []"},
        {"\"future\": [1, 2]", "\"held_out\": {\"auc\": \"0.9\"}"},
        {"\"future\": [1, 2]", "\"held_out\": {\"seed\": \"-1\"}"},
        {"\"future\": [1, 2]", "\"held_out\": {\"seed\": \"18446744073709551616\"}"},
        {"\"future\": [1, 2]", "\"params\": {\"trees\": \"200\"}"},
        {"\"unit\": \"percent\"", "\"min\": \"0\""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *text = replaced(minimal, wrong[i][0], wrong[i][1]);
        const evtwin_status st = parse(text, &m);
        if (st != EVTWIN_E_PARSE || strncmp(evtwin_last_error(), "m.json: ", 8) != 0) {
            fail_msg("%s: %s: %s", wrong[i][1], evtwin_status_name(st), evtwin_last_error());
        }
        free(text);
    }
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        evtwin_status status;
        const char *fragment;
    } change[] = {
        {"\"format\": 1", "\"format\": 2", EVTWIN_E_UNSUPPORTED, "bundle format 2"},
        {"\"format\": 1", "\"format\": 0", EVTWIN_E_PARSE, "format"},
        {"\"format\": 1", "\"format\": \"1\"", EVTWIN_E_PARSE, "format"},
        {"\"format\": 1", "\"format\": 1, \"format\": 1", EVTWIN_E_PARSE, "duplicate"},
        {"\"features\"", "\"faetures\"", EVTWIN_E_PARSE, "\"features\" is missing"},
        {"\"name\": \"soh\"", "\"name\": \"soc\"", EVTWIN_E_SCHEMA, "'soc' is there twice"},
        {"\"name\": \"soh\"", "\"name\": \"\"", EVTWIN_E_SCHEMA, "features[1]: name is empty"},
        {"\"name\": \"soh\"", "\"name\": \"a,b\"", EVTWIN_E_SCHEMA, "comma"},
        {"\"name\": \"soh\"", "\"nam\": \"soh\"", EVTWIN_E_PARSE, "features[1]"},
        {"\"min\": 340.5,", "\"min\": 410,", EVTWIN_E_SCHEMA, "min 410, max 402"},
        {"\"scaler\"", "\"skaler\"", EVTWIN_E_PARSE, "\"scaler\" is missing"},
        {"\"scaler.json\"", "\"../scaler.json\"", EVTWIN_E_SCHEMA, "no name for a file"},
        {"\"scaler.json\"", "\"/etc/passwd\"", EVTWIN_E_SCHEMA, "no name for a file"},
        {"\"scaler.json\"", "\"..\"", EVTWIN_E_SCHEMA, "no name for a file"},
        {"\"scaler.json\"", "\"manifest.json\"", EVTWIN_E_SCHEMA, "no name for a file"},
        {"\"scaler.json\"", "\"\"", EVTWIN_E_SCHEMA, "no name for a file"},
        {"\"scaler.json\"", "\"rul_model.json\"", EVTWIN_E_SCHEMA, "the same file"},
        {"e3b0c442", "e3b0c44", EVTWIN_E_SCHEMA, "64 lower-case"},
        {"e3b0c442", "e3b0c4421", EVTWIN_E_SCHEMA, "64 lower-case"},
        {"e3b0c442", "E3b0c442", EVTWIN_E_SCHEMA, "64 lower-case"},
        {"\"models\"", "\"modells\"", EVTWIN_E_PARSE, "\"models\" is missing"},
        {"reg:squarederror", "binary:logistic", EVTWIN_E_SCHEMA, "models.rul: objective"},
        {"2026-01-02T03:04:05.000006Z", "yesterday", EVTWIN_E_PARSE, "created"},
    };
    char *text = sample_text(NULL);
    for (size_t i = 0; i < sizeof change / sizeof change[0]; i++) {
        char *other = replaced(text, change[i].from, change[i].to);
        evtwin__manifest m;
        const evtwin_status st = parse(other, &m);
        if (st != change[i].status || strstr(evtwin_last_error(), change[i].fragment) == NULL ||
            strncmp(evtwin_last_error(), "m.json:", 7) != 0) {
            fail_msg("%s -> %s: %s: %s", change[i].from, change[i].to, evtwin_status_name(st),
                     evtwin_last_error());
        }
        free(other);
    }
    char *a = replaced(text, "\"rul\": {", "\"later\": {");
    char *b = replaced(a, "\"failure\": {", "\"also\": {");
    evtwin__manifest m;
    assert_fails(parse(b, &m), EVTWIN_E_SCHEMA, "neither rul nor failure");
    free(a);
    free(b);
    evtwin__free(text);
    assert_fails(parse("[]", &m), EVTWIN_E_PARSE, "format");
    assert_fails(parse("", &m), EVTWIN_E_PARSE, "m.json");
}

/* What a reader would refuse is not written. */
static void test_write_refuses(void **state) {
    (void)state;
    const char *path = temp_path("refused.json");
    evtwin__manifest m = sample_manifest();
    m.n_features = 0;
    assert_fails(evtwin__manifest_write(&m, path), EVTWIN_E_SCHEMA, "0 features");
    m = sample_manifest();
    m.scaler.sha256[5] = '\0';
    assert_fails(evtwin__manifest_write(&m, path), EVTWIN_E_SCHEMA, "sha256");
    m = sample_manifest();
    m.rul.present = m.failure.present = 0;
    assert_fails(evtwin__manifest_write(&m, path), EVTWIN_E_SCHEMA, "neither");
    m = sample_manifest();
    m.rul.target = "\xff";
    assert_fails(evtwin__manifest_write(&m, path), EVTWIN_E_SCHEMA, "UTF-8");
    char name[300];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    m = sample_manifest();
    m.rul.target = name;
    assert_fails(evtwin__manifest_write(&m, path), EVTWIN_E_SCHEMA, "299 bytes");
    assert_int_equal(access(path, F_OK), -1);
}

static void test_truncations_and_damage(void **state) {
    (void)state;
    size_t size;
    char *text = sample_text(&size);
    while (size > 0 && text[size - 1] != '}') {
        size--;
    }
    evtwin__manifest m;
    for (size_t n = 0; n < size; n++) {
        const evtwin_status st = evtwin__manifest_parse("cut", text, n, &m);
        if (st != EVTWIN_E_PARSE) {
            fail_msg("cut at %zu: %s", n, evtwin_status_name(st));
        }
    }
    char *copy = malloc(size);
    size_t n_read = 0;
    for (uint64_t k = 0; k < 10000; k++) {
        memcpy(copy, text, size);
        const evtwin__rng_block b = evtwin__rng_at(9, EVTWIN__RNG_SPLIT, 0, 0, k);
        copy[b.word[0] % size] = b.word[1] % 2 == 0 ? (char)b.word[2] : text[b.word[2] % size];
        if (evtwin__manifest_parse("damaged", copy, size, &m) >= 0) {
            n_read++;
            evtwin__manifest_clear(&m);
        }
    }
    assert_true(n_read > 0 && n_read < 10000);
    free(copy);
    evtwin__free(text);
}

static void test_many_features(void **state) {
    (void)state;
    static evtwin__manifest_feature features[EVTWIN__BUNDLE_MAX_FEATURES + 1];
    static char names[EVTWIN__BUNDLE_MAX_FEATURES + 1][24];
    for (int i = 0; i <= EVTWIN__BUNDLE_MAX_FEATURES; i++) {
        snprintf(names[i], sizeof names[i], "column %d", i);
        features[i] = (evtwin__manifest_feature){names[i], "", names[i], "", -1.0, 1.0};
    }
    evtwin__manifest m = sample_manifest();
    m.features = features;
    m.n_features = EVTWIN__BUNDLE_MAX_FEATURES;
    const char *path = temp_path("many.json");
    assert_ok(evtwin__manifest_write(&m, path));
    char *text;
    size_t size;
    assert_ok(evtwin__file_read(path, EVTWIN__MANIFEST_MAX_BYTES, &text, &size));
    evtwin__manifest b;
    assert_ok(evtwin__manifest_parse(path, text, size, &b));
    assert_string_equal(b.features[1023].name, "column 1023");
    evtwin__manifest_clear(&b);
    evtwin__free(text);
    m.n_features++;
    assert_fails(evtwin__manifest_write(&m, path), EVTWIN_E_SCHEMA, "1025 features");
}

static void test_out_of_memory(void **state) {
    (void)state;
    char *text = sample_text(NULL);
    char *copy = replaced(text, "fleet", "Fleet");
    evtwin__free(text);
    counting_allocator a = {.fail_at = 0};
    evtwin_set_allocator(counting_realloc, &a);
    evtwin__manifest m;
    const evtwin_status st = parse(copy, &m);
    evtwin_set_allocator(NULL, NULL);
    assert_int_equal(st, EVTWIN_E_NOMEM);
    assert_int_equal(a.outstanding, 0);
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_defaults_of_write),
        cmocka_unit_test(test_minimal),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_write_refuses), cmocka_unit_test(test_truncations_and_damage),
        cmocka_unit_test(test_many_features), cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
