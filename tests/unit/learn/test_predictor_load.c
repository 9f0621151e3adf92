/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_predictor_load.c: a bundle loads only as a whole. */

#include "predictors.h"

static void assert_no_bundle(const char *dir, evtwin_status expected, const char *names) {
    evtwin_predictor *p = NULL;
    const evtwin_status st = evtwin_predictor_load(dir, &p);
    if (st != expected || !text_names(evtwin_last_error(), names) || p != NULL) {
        fail_msg("%s: %s instead of %s: %s", dir, evtwin_status_name(st),
                 evtwin_status_name(expected), evtwin_last_error());
    }
}

static void test_files_missing_or_changed(void **state) {
    (void)state;
    static const char *const files[] = {"scaler.json", "rul_model.json", "failure_model.json"};
    const char *dir = temp_path("changed");
    for (int i = 0; i < 3; i++) {
        write_bundle(dir, &both);
        char *text;
        size_t size;
        assert_ok(evtwin__file_read(bundle_path(dir, files[i]), 1 << 20, &text, &size));

        /* one bit, in a place where it would change a number; then a byte less */
        text[size / 2] ^= 1;
        assert_ok(evtwin__file_write(bundle_path(dir, files[i]), text, size));
        assert_no_bundle(dir, EVTWIN_E_CORRUPT, files[i]);
        text[size / 2] ^= 1;
        assert_ok(evtwin__file_write(bundle_path(dir, files[i]), text, size - 1));
        assert_no_bundle(dir, EVTWIN_E_CORRUPT, "SHA-256");
        assert_ok(evtwin__file_write(bundle_path(dir, files[i]), text, size));
        evtwin_predictor_free(load(dir));

        assert_int_equal(unlink(bundle_path(dir, files[i])), 0);
        assert_no_bundle(dir, EVTWIN_E_NOT_FOUND, files[i]);
        evtwin__free(text);
    }
    write_bundle(dir, &both);
    assert_int_equal(unlink(bundle_path(dir, "manifest.json")), 0);
    assert_no_bundle(dir, EVTWIN_E_NOT_FOUND, "manifest.json");
    assert_no_bundle("/nowhere", EVTWIN_E_NOT_FOUND, "/nowhere/manifest.json");
    evtwin_predictor *p = NULL;
    assert_fails(evtwin_predictor_load(NULL, &p), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_predictor_load("x", NULL), EVTWIN_E_ARG, "NULL");
}

static void test_manifest_truncated(void **state) {
    (void)state;
    const char *dir = temp_path("truncated");
    write_bundle(dir, &both);
    char *text;
    size_t size;
    assert_ok(evtwin__file_read(bundle_path(dir, "manifest.json"), 1 << 20, &text, &size));
    for (size_t n = 0; n + 2 <= size; n += 1 + n / 97) {
        FILE *f = fopen(bundle_path(dir, "manifest.json"), "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
        assert_no_bundle(dir, EVTWIN_E_PARSE, "manifest.json");
    }
    evtwin__free(text);
}

static void write_scaler(const char *dir, const evtwin__scaler *scaler) {
    char *text;
    size_t size;
    assert_ok(evtwin__scaler_write(scaler, &text, &size));
    assert_ok(evtwin__file_write(bundle_path(dir, EVTWIN__SCALER_FILE), text, size));
    evtwin__sha256_hex(text, size, bundle_hash[0]);
    evtwin__free(text);
}

/* Every hash is right, but the parts are not of one training. */
static void test_parts_that_do_not_fit(void **state) {
    (void)state;
    const char *dir = temp_path("misfit");
    evtwin__bundle m;
    evtwin__bundle_feature other[FIXTURE_FEATURES + 1];
    double five[5] = {1, 1, 1, 1, 1}, zero[4] = {1, 0, 1, 1};

    write_bundle_parts(dir, &both, &m);
    write_scaler(dir, &(evtwin__scaler){5, five, five});
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "scaler.json|5 features|4");

    write_bundle_parts(dir, &both, &m);
    write_scaler(dir, &(evtwin__scaler){4, five, zero});
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_CORRUPT, "scaler.json|scale[1]");

    /* features in another order, another unit, another name, one more */
    write_bundle_parts(dir, &both, &m);
    memcpy(other, bundle_features, sizeof bundle_features);
    other[0] = bundle_features[1];
    other[1] = bundle_features[0];
    m.feature = other;
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "rul_model.json|feature 1|'soc'|'soh'");
    memcpy(other, bundle_features, sizeof bundle_features);
    other[2].unit = "mV";
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "'voltage' in 'mV'");
    other[2] = bundle_features[2];
    other[2].name = "Battery_Voltage"; /* another naming's word for a feature of ours */
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "feature 3 is 'Battery_Voltage'");
    other[2].name = "SoC";
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "manifest.json|'soc'");
    other[2].name = "truth_soh";
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "truth_soh");
    other[2] = bundle_features[2];
    other[4] = (evtwin__bundle_feature){"extra", "", "extra", "", 0.0, 1.0, {0}};
    m.n_features = 5;
    write_scaler(dir, &(evtwin__scaler){5, five, five});
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "rul_model.json|4 features|5");

    /* models swapped, nameless, unusable */
    const bundle_spec swapped = {both.failure, both.rul};
    write_bundle(dir, &swapped);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "objective");
    write_bundle_parts(dir, &both, &m);
    change_rul_model(dir, "[\"soc\",\"soh\",\"voltage\",\"current\"]", "[]");
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "feature 1 is ''");
    change_rul_model(dir, "\"gbtree\"", "\"dart\"");
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_UNSUPPORTED, "rul_model.json: ");
}

static void test_load_out_of_memory(void **state) {
    (void)state;
    const char *dir = temp_path("oom");
    write_bundle(dir, &both);
    size_t n_failures = 0;
    for (;; n_failures++) {
        counting_allocator a = {.fail_at = n_failures};
        evtwin_set_allocator(counting_realloc, &a);
        evtwin_predictor *p = NULL;
        const evtwin_status st = evtwin_predictor_load(dir, &p);
        evtwin_predictor_free(p);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        if (st == EVTWIN_OK) {
            break;
        }
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_null(p);
    }
    assert_true(n_failures > 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_missing_or_changed),
        cmocka_unit_test(test_manifest_truncated),
        cmocka_unit_test(test_parts_that_do_not_fit),
        cmocka_unit_test(test_load_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
