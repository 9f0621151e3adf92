/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_manifest_refusals.c: a newer format, wrong parts and damage are refused in
 * reading, what could not be read in writing, and running out of memory in both. */

#include "manifests.h"

#include "core/json.h"
#include "core/rng.h"

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        evtwin_status status;
        const char *names;
    } change[] = {
        {"\"format\": 1", "\"format\": 3", EVTWIN_E_UNSUPPORTED, "format 3|2"},
        {"\"format\": 1", "\"format\": 0", EVTWIN_E_PARSE, "format"},
        {"\"format\": 1", "\"format\": \"1\"", EVTWIN_E_PARSE, "format"},
        {"\"format\": 1", "\"format\": 1, \"format\": 1", EVTWIN_E_PARSE, "duplicate"},
        {"\"features\"", "\"faetures\"", EVTWIN_E_PARSE, "\"features\""},
        {"45.5,", "80,", EVTWIN_E_SCHEMA, "features[0].histogram|\"edges\""},
        {"45.5,", "45.5, 50,", EVTWIN_E_SCHEMA, "features[0].histogram|\"edges\"|3"},
        {"45.5,", "null,", EVTWIN_E_SCHEMA, "features[0].histogram|\"edges\"|null"},
        {"0.25,", "0.75,", EVTWIN_E_SCHEMA, "features[0].histogram|\"shares\"|1.5"},
        {"\"objective\": \"binary:logistic\"",
         "\"interval\": {}, \"objective\": \"binary:logistic\"", EVTWIN_E_SCHEMA,
         "models.failure.interval|only a number"},
        {"347.5,", "347.5, 3,", EVTWIN_E_SCHEMA, "curve|\"voltage\"|21"},
        {"347.5,", "\"x\",", EVTWIN_E_PARSE, "curve|\"voltage\""},
        {"\"name\": \"soh\"", "\"name\": \"soc\"", EVTWIN_E_SCHEMA, "features[1]|'soc'"},
        {"\"name\": \"soh\"", "\"name\": \"\"", EVTWIN_E_SCHEMA, "features[1]: name"},
        {"\"name\": \"soh\"", "\"name\": \"a,b\"", EVTWIN_E_SCHEMA, "comma"},
        {"\"name\": \"soh\"", "\"nam\": \"soh\"", EVTWIN_E_PARSE, "features[1]"},
        {"\"min\": 340.5,", "\"min\": 410,", EVTWIN_E_SCHEMA, "min 410, max 402"},
        {"\"scaler\"", "\"skaler\"", EVTWIN_E_PARSE, "\"scaler\""},
        {"\"scaler.json\"", "\"../scaler.json\"", EVTWIN_E_SCHEMA, "scaler:|'../scaler.json'"},
        {"\"scaler.json\"", "\"/etc/passwd\"", EVTWIN_E_SCHEMA, "scaler:|'/etc/passwd'"},
        {"\"scaler.json\"", "\"..\"", EVTWIN_E_SCHEMA, "scaler:|'..'"},
        {"\"scaler.json\"", "\"manifest.json\"", EVTWIN_E_SCHEMA, "scaler:|'manifest.json'"},
        {"\"scaler.json\"", "\"\"", EVTWIN_E_SCHEMA, "scaler:|''"},
        {"\"scaler.json\"", "\"rul_model.json\"", EVTWIN_E_SCHEMA, "'rul_model.json'"},
        {"e3b0c442", "e3b0c44", EVTWIN_E_SCHEMA, "scaler:|sha256|64"},
        {"e3b0c442", "e3b0c4421", EVTWIN_E_SCHEMA, "scaler:|sha256|64"},
        {"e3b0c442", "E3b0c442", EVTWIN_E_SCHEMA, "scaler:|sha256|64"},
        {"\"models\"", "\"modells\"", EVTWIN_E_PARSE, "\"models\""},
        {"reg:squarederror", "binary:logistic", EVTWIN_E_SCHEMA, "models.rul: objective"},
        {"2026-01-02T03:04:05.000006Z", "yesterday", EVTWIN_E_PARSE, "created"},
        {"\"contract\"", "\"rolling\"", EVTWIN_E_UNSUPPORTED, "recipe 'rolling'"},
    };
    char *text = sample_text(NULL);
    for (size_t i = 0; i < sizeof change / sizeof change[0]; i++) {
        char *other = replaced(text, change[i].from, change[i].to);
        evtwin__bundle m;
        const evtwin_status st = parse(other, &m);
        if (st != change[i].status || !text_names(evtwin_last_error(), change[i].names) ||
            strncmp(evtwin_last_error(), "m.json:", 7) != 0) {
            fail_msg("%s -> %s: %s: %s", change[i].from, change[i].to, evtwin_status_name(st),
                     evtwin_last_error());
        }
        free(other);
    }
    char *a = replaced(text, "\"rul\": {", "\"later\": {");
    char *b = replaced(a, "\"failure\": {", "\"also\": {");
    evtwin__bundle m;
    assert_fails(parse(b, &m), EVTWIN_E_SCHEMA, "models|rul, failure");
    free(a);
    free(b);
    evtwin__free(text);
    assert_fails(parse("[]", &m), EVTWIN_E_PARSE, "format");
    assert_fails(parse("", &m), EVTWIN_E_PARSE, "m.json");
}

static void assert_not_written(const evtwin__bundle *b, const char *names) {
    char *text = NULL;
    size_t size;
    assert_fails(evtwin__manifest_write("m.json", b, &text, &size), EVTWIN_E_SCHEMA, names);
    assert_null(text);
}

/* What a reader would refuse is not written. */
static void test_write_refuses(void **state) {
    (void)state;
    evtwin__bundle b = sample_bundle();
    b.n_features = 0;
    assert_not_written(&b, "0 features");
    b = sample_bundle();
    bundle_hash[0][5] = '\0';
    assert_not_written(&b, "sha256");
    b = sample_bundle();
    b.model[EVTWIN__T_RUL].is_present = b.model[EVTWIN__T_FAILURE].is_present = 0;
    assert_not_written(&b, "models|rul, failure");
    b = sample_bundle();
    b.model[EVTWIN__T_RUL].column = "\xff";
    assert_not_written(&b, "UTF-8");
    char name[300];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    b = sample_bundle();
    b.model[EVTWIN__T_RUL].column = name;
    assert_not_written(&b, "299 bytes");
}

static void test_truncations_and_damage(void **state) {
    (void)state;
    size_t size;
    char *text = sample_text(&size);
    while (size > 0 && text[size - 1] != '}') {
        size--;
    }
    evtwin__bundle m;
    for (size_t n = 0; n < size; n++) {
        const evtwin_status st = evtwin__manifest_read("cut", text, n, &m);
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
        if (evtwin__manifest_read("damaged", copy, size, &m) >= 0) {
            n_read++;
            char *again; /* what can be read can be written */
            size_t again_size;
            assert_ok(evtwin__manifest_write("again", &m, &again, &again_size));
            evtwin__free(again);
            evtwin__bundle_clear(&m);
        }
    }
    assert_true(n_read > 0 && n_read < 10000);
    free(copy);
    evtwin__free(text);
}

static void test_many_features(void **state) {
    (void)state;
    static evtwin__bundle_feature features[EVTWIN__BUNDLE_MAX_FEATURES + 1];
    static char names[EVTWIN__BUNDLE_MAX_FEATURES + 1][24];
    for (int i = 0; i <= EVTWIN__BUNDLE_MAX_FEATURES; i++) {
        snprintf(names[i], sizeof names[i], "column %d", i);
        features[i] = (evtwin__bundle_feature){names[i], "", names[i], "", -1.0, 1.0, {0}};
    }
    evtwin__bundle b = sample_bundle(), back;
    b.feature = features;
    b.n_features = EVTWIN__BUNDLE_MAX_FEATURES;
    char *text;
    size_t size;
    assert_ok(evtwin__manifest_write("many.json", &b, &text, &size));
    assert_ok(evtwin__manifest_read("many.json", text, size, &back));
    assert_string_equal(back.feature[1023].name, "column 1023");
    evtwin__bundle_clear(&back);
    evtwin__free(text);
    b.n_features++;
    assert_not_written(&b, "1025 features");
}

/* Whichever allocation fails, in writing and in reading: it is said, and nothing is lost. */
static void test_out_of_memory(void **state) {
    (void)state;
    const evtwin__bundle sample = sample_bundle();
    size_t n_failures = 0;
    for (evtwin_status st = EVTWIN_E_NOMEM; st < 0; n_failures++) {
        counting_allocator a = {.fail_at = n_failures};
        evtwin_set_allocator(counting_realloc, &a);
        char *text;
        size_t size;
        evtwin__bundle b;
        if ((st = evtwin__manifest_write("m.json", &sample, &text, &size)) >= 0) {
            if ((st = evtwin__manifest_read("m.json", text, size, &b)) >= 0) {
                evtwin__bundle_clear(&b);
            }
            evtwin__free(text);
        }
        evtwin_set_allocator(NULL, NULL);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_NOMEM);
        assert_int_equal(a.outstanding, 0);
    }
    assert_true(n_failures > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_write_refuses),
        cmocka_unit_test(test_truncations_and_damage),
        cmocka_unit_test(test_many_features),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
