/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_forest_refusals.c: every file that is no model is an error with a reason.
 */

#include "small_tree.h"
#include "ubj_of.h"

#include "core/rng.h"
#include "learn/forest.h"

typedef struct refusal {
    const char *from, *to;
    evtwin_status status;
    const char *names;
} refusal;

/* One change to the small model, and what must be said. */
static const refusal refusals[] = {
    {"\"gbtree\"", "\"dart\"", EVTWIN_E_UNSUPPORTED, "gradient_booster|booster \"dart\"|gbtree"},
    {"\"gbtree\"", "\"gblinear\"", EVTWIN_E_UNSUPPORTED, "gradient_booster|booster \"gblinear\""},
    {"reg:squarederror", "multi:softmax", EVTWIN_E_UNSUPPORTED, "objective \"multi:softmax\""},
    {"[2,1,4]", "[1,6,2]", EVTWIN_E_UNSUPPORTED, "XGBoost 1.6.2"},
    {"[2,1,4]", "[4,0,0]", EVTWIN_E_UNSUPPORTED, "XGBoost 4.0.0"},
    {"[2,1,4]", "[2,1]", EVTWIN_E_CORRUPT, "version"},
    {"\"num_class\":\"0\"", "\"num_class\":\"3\"", EVTWIN_E_UNSUPPORTED, "num_class"},
    {"\"num_target\":\"1\"", "\"num_target\":\"2\"", EVTWIN_E_UNSUPPORTED, "num_target"},
    {"\"tree_info\":[0]", "\"tree_info\":[1]", EVTWIN_E_UNSUPPORTED, "tree_info: tree 0"},
    {"\"tree_info\":[0]", "\"tree_info\":[0,0]", EVTWIN_E_CORRUPT, "tree_info"},
    {"vector\":\"1\"", "vector\":\"2\"", EVTWIN_E_UNSUPPORTED, "size_leaf_vector|multi_strategy"},
    {"parallel_tree\":\"1\"", "parallel_tree\":\"4\"", EVTWIN_E_UNSUPPORTED, "num_parallel_tree"},
    {"\"num_trees\":\"1\"", "\"num_trees\":\"2\"", EVTWIN_E_CORRUPT, "num_trees|2"},
    {"[2147483647,0,0]", "[-1,0,0]", EVTWIN_E_CORRUPT, "tree 0: node 0|root|parent -1"},
    {"\"num_trees\":\"1\"", "\"num_trees\":1", EVTWIN_E_PARSE, "num_trees|string"},
    {"\"split_type\":[0,0,0]", "\"split_type\":[1,0,0]", EVTWIN_E_UNSUPPORTED,
     "tree 0: split_type: node 0|enable_categorical"},
    {"\"categories\":[]", "\"categories\":[3]", EVTWIN_E_UNSUPPORTED, "tree 0: categories"},
    {"\"num_nodes\":\"3\"", "\"num_nodes\":\"4\"", EVTWIN_E_CORRUPT, "tree 0|left_children|3|4"},
    {"\"num_nodes\":\"3\"", "\"num_nodes\":\"0\"", EVTWIN_E_CORRUPT, "num_nodes"},
    {"\"num_nodes\":\"3\"", "\"num_nodes\":\"99999999999\"", EVTWIN_E_CORRUPT, "num_nodes"},
    {"\"default_left\":[1,0,0]", "\"default_left\":[1,0]", EVTWIN_E_CORRUPT, "default_left"},
    {"\"default_left\":[1,", "\"default_left\":[2,", EVTWIN_E_CORRUPT,
     "tree 0|default_left|node 0|2|0|1"},
    {"[2.5E0,-1E0,3E0]", "[2.5E0,-1E0]", EVTWIN_E_CORRUPT, "split_conditions"},
    {"[2.5E0,", "[1E39,", EVTWIN_E_CORRUPT, "tree 0: split_conditions: node 0: byte"},
    {"[2.5E0,", "[NaN,", EVTWIN_E_PARSE, "tree 0|split_conditions|node 0|number"},
    {"[2.5E0,", "[true,", EVTWIN_E_PARSE, "tree 0|split_conditions|node 0|number"},
    {"-1E0,3E0]", "3E38,3E0]", EVTWIN_E_CORRUPT, "leaves|3e+38"},
    {"\"left_children\":[1,", "\"left_children\":[2,", EVTWIN_E_CORRUPT, "tree 0|node 0|node 2"},
    {"\"left_children\":[1,", "\"left_children\":[3,", EVTWIN_E_CORRUPT, "node 0: left child 3"},
    {"\"left_children\":[1,", "\"left_children\":[0,", EVTWIN_E_CORRUPT, "left child 0"},
    {"\"left_children\":[1,", "\"left_children\":[-1,", EVTWIN_E_CORRUPT, "left child -1"},
    {"\"left_children\":[1,", "\"left_children\":[-2,", EVTWIN_E_CORRUPT, "node 0"},
    {"\"left_children\":[1,", "\"left_children\":[1.5,", EVTWIN_E_PARSE,
     "left_children|node 0|integer"},
    {"\"right_children\":[2,", "\"right_children\":[-1,", EVTWIN_E_CORRUPT, "right child -1"},
    {"\"right_children\":[2,-1,", "\"right_children\":[2,0,", EVTWIN_E_CORRUPT, "node 1"},
    {"\"left_children\":[1,-1,-1]", "\"left_children\":[-1,-1,-1]", EVTWIN_E_CORRUPT, "node 0"},
    {"[2147483647,0,0]", "[2147483647,0,1]", EVTWIN_E_CORRUPT, "node 0|right child 2|parent 1"},
    {"[2147483647,0,0]", "[0,0,0]", EVTWIN_E_CORRUPT, "node 0|root|parent 0"},
    {"\"split_indices\":[1,", "\"split_indices\":[2,", EVTWIN_E_CORRUPT, "feature 2 of 2"},
    {"\"split_indices\":[1,", "\"split_indices\":[2147483647,", EVTWIN_E_CORRUPT, "deleted"},
    {"\"split_indices\":[1,0,0]", "\"split_indices\":[1,0,2147483647]", EVTWIN_E_CORRUPT,
     "deleted"},
    {"\"id\":0", "\"id\":1", EVTWIN_E_CORRUPT, "tree 0|id|1"},
    {"\"num_feature\":\"2\",\"num_nodes", "\"num_feature\":\"3\",\"num_nodes", EVTWIN_E_CORRUPT,
     "num_feature|2|3"},
    {"\"num_feature\":\"2\",\"num_target", "\"num_feature\":\"0\",\"num_target", EVTWIN_E_CORRUPT,
     "num_feature"},
    {"[\"a\",\"b\"]", "[\"a\"]", EVTWIN_E_CORRUPT, "feature names|1|2"},
    {"[\"a\",\"b\"]", "[\"a\",\"\\ud800\"]", EVTWIN_E_PARSE, "feature_names"},
    {"\"5E-1\"", "\"abc\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "\"\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "\"[]\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "\"[5E-1,5E-1]\"", EVTWIN_E_UNSUPPORTED, "base_score"},
    {"\"5E-1\"", "\"1E60\"", EVTWIN_E_CORRUPT, "base_score"},
    {"\"5E-1\"", "0.5", EVTWIN_E_PARSE, "base_score|string"},
    {"\"tree_param\"", "\"tree_parameter\"", EVTWIN_E_CORRUPT, "tree 0|\"tree_param\""},
    {"\"id\":0", "\"id\":0,\"id\":0", EVTWIN_E_CORRUPT, "tree 0|\"id\""},
    {"\"objective\"", "\"objektive\"", EVTWIN_E_CORRUPT, "learner|\"objective\""},
    {"\"model\"", "\"muster\"", EVTWIN_E_CORRUPT, "gradient_booster|\"model\""},
    {"\"gbtree_model_param\"", "\"linear_param\"", EVTWIN_E_CORRUPT,
     "model|\"gbtree_model_param\""},
    {"\"trees\"", "\"weights\"", EVTWIN_E_CORRUPT, "num_trees|1|0"},
    {"\"num_feature\":\"2\",\"num_nodes", "\"num_feature\":\"2049\",\"num_nodes",
     EVTWIN_E_UNSUPPORTED, "tree 0: tree_param: num_feature"},
    {"\"num_feature\":\"2\",\"num_target", "\"num_feature\":\"2049\",\"num_target",
     EVTWIN_E_UNSUPPORTED, "learner_model_param: num_feature"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":[1,}", EVTWIN_E_PARSE, "byte"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":01x}", EVTWIN_E_PARSE, "byte"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":\"\\x\"}", EVTWIN_E_PARSE, "escaped"},
    {"[2.5E0,", "[-Infinity,", EVTWIN_E_PARSE, "node 0|infinity"},
    {",3E0]", ",NaN]", EVTWIN_E_PARSE, "node 2|NaN"},
    {"[2.5E0,", "[01,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[00,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[1.,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[-.5,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[1e,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"[2.5E0,", "[+1,", EVTWIN_E_PARSE, "split_conditions|number"},
    {"\"left_children\":[1,", "\"left_children\":[01,", EVTWIN_E_PARSE, "left_children|integer"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":01}", EVTWIN_E_PARSE, "byte"},
    {"\"attributes\":{}", "\"attributes\":{\"a\":\"\xff\xfe\"}", EVTWIN_E_PARSE, "UTF-8"},
    {"\"attributes\":{}", "\"attributes\":{\"\xc3\":1}", EVTWIN_E_PARSE, "UTF-8"},
    {"\"version\":[2,1,4]}", "\"version\":[2,1,4]} {", EVTWIN_E_PARSE, "byte 868|'{'"},
};

static void check_refusal(const refusal *r, const char *form, const char *data, size_t size) {
    evtwin_model *m = NULL;
    const evtwin_status st = evtwin_model_load_buffer("m.x", data, size, &m);
    if (st != r->status || !text_names(evtwin_last_error(), r->names) ||
        strncmp(evtwin_last_error(), "m.x: ", 5) != 0) {
        fail_msg("%s: %s -> %s: %s: %s", form, r->from, r->to, evtwin_status_name(st),
                 evtwin_last_error());
    }
    assert_null(m);
}

/* Those that are JSON at all are refused alike as UBJSON. */
static void test_refusals(void **state) {
    (void)state;
    int n_as_ubj = 0;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const refusal *r = &refusals[i];
        char *text = replaced(small, r->from, r->to);
        check_refusal(r, "JSON", text, strlen(text));
        ubj_text u = ubj_of(text);
        if (u.at != NULL) {
            check_refusal(r, "UBJSON", u.at, u.size);
            n_as_ubj++;
        }
        free(u.at);
        free(text);
    }
    assert_true(n_as_ubj > 50);
}

/* A tree of several outputs is not as ours are; what it is stands behind it. */
static void test_outputs_behind_the_trees(void **state) {
    (void)state;
    static const char *const outputs[][2] = {{"\"num_target\":\"1\"", "\"num_target\":\"2\""},
                                             {"\"num_class\":\"0\"", "\"num_class\":\"4\""}};
    char *other = replaced(small, "[2.5E0,-1E0,3E0]", "[2.5E0]");
    evtwin_model *m = NULL;
    assert_fails(load(other, &m), EVTWIN_E_CORRUPT, "split_conditions");
    for (size_t i = 0; i < 2; i++) {
        char *text = replaced(other, outputs[i][0], outputs[i][1]);
        assert_fails(load(text, &m), EVTWIN_E_UNSUPPORTED, "learner_model_param|several outputs");
        free(text);
    }
    char *nan = replaced(small, "-1E0,", "NaN,"); /* as XGBoost 2.1 writes them, though no JSON */
    char *text = replaced(nan, outputs[0][0], outputs[0][1]);
    assert_fails(load(nan, &m), EVTWIN_E_PARSE, "node 1|NaN");
    assert_fails(load(text, &m), EVTWIN_E_UNSUPPORTED, "learner_model_param|several outputs");
    assert_null(m);
    free(text);
    free(nan);
    free(other);
}

/* The files of the other boosters, as far as we read them: the name of the booster is the reason,
 * not what they lack. */
static void test_other_boosters(void **state) {
    (void)state;
    char *gbtree = replaced(small, "\"gradient_booster\"", "\"ignored\"");
    static const char *const boosters[][2] = {
        {"\"gradient_booster\":{\"model\":{\"boosted_rounds\":1,\"param\":{},\"weights\":[1,2,3]},"
         "\"name\":\"gblinear\"},\"version\"",
         "\"gblinear\""},
        {"\"gradient_booster\":{\"gbtree\":{\"model\":{},\"name\":\"gbtree\"},\"name\":\"dart\","
         "\"weight_drop\":[]},\"version\"",
         "\"dart\""}};
    for (size_t i = 0; i < sizeof boosters / sizeof boosters[0]; i++) {
        char *objective = replaced(gbtree, "\"objective\":{\"name\":\"reg:squarederror\"}},", "");
        char *text = replaced(objective, "\"version\"", boosters[i][0]);
        char *whole = replaced(text, "\"version\"",
                               "\"objective\":{\"name\":\"reg:squarederror\"}},\"version\"");
        evtwin_model *m = NULL;
        assert_fails(load(whole, &m), EVTWIN_E_UNSUPPORTED, boosters[i][1]);
        assert_null(m);
        free(whole);
        free(text);
        free(objective);
    }
    free(gbtree);
}

/* A name takes ten times the memory of its three bytes in the file, so their number has a limit. */
static void test_many_names(void **state) {
    (void)state;
    char names[3 * (EVTWIN__MAX_WIDTH + 1) + 8] = "[";
    size_t n = 1;
    for (int i = 0; i <= EVTWIN__MAX_WIDTH; i++) {
        memcpy(names + n, "\"\",", 4);
        n += 3;
    }
    names[n - 1] = ']';
    char *text = replaced(small, "[\"a\",\"b\"]", names);
    evtwin_model *m = NULL;
    assert_fails(load(text, &m), EVTWIN_E_UNSUPPORTED, "feature_names: feature 2048");
    assert_null(m);
    free(text);
}

/* ---- what is no model ---- */

static void test_other_kinds(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t size;
        const char *names;
    } files[] = {
#define BYTES(text) text, sizeof text - 1
        {BYTES("binf\0\0\0\x3f\5\0\0\0"), "binary|save_model"},
        {BYTES("booster[0]:\n0:[soh<86.8] yes=1,no=2"), "dump|save_model"},
        {BYTES("[\n  { \"nodeid\": 0, \"depth\": 0"), "JSON dump|save_model"},
        {BYTES("{\"learner\":{\"generic_param\":{\"device\":\"cpu\"}"), "configuration|save_model"},
        {BYTES("{\n  \"learner\": {\n    \"generic_param\": {"), "configuration|save_model"},
        {BYTES("\0\0\0\x3f\4\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0reg:squarederror"
               "\6\0\0\0\0\0\0\0gbtree"),
         "binary|1.7|save_model"},
        {BYTES("{L\0\0\0\0\0\0\0\6Config{L\0\0\0\0\0\0\0\7learner{"), "snapshot|save_model"},
        {BYTES("tree\nversion=v4\n"), "LightGBM|evtwin-train|save_model"},
        {BYTES("tree\r\nversion=v4\r\n"), "LightGBM|evtwin-train|save_model"},
        {BYTES("{\"name\": \"tree\", \"version\": \"v4\", \"num_class\": 1, "
               "\"num_tree_per_iteration\": 1, \"label_index\": 0, \"max_feature_idx\": 3"),
         "JSON dump of LightGBM|evtwin-train"},
        {BYTES("CBM1\x10\0\0\0"), "CatBoost|evtwin-train"},
        {BYTES("\x08\x08\x12\x0bOnnxMLTools\x1a\0051.13"), "ONNX|converted|save_model"},
        {BYTES("\x08\x09:\x1a\n\x14TreeEnsembleRegressor"), "ONNX|converted|save_model"},
        {BYTES("\x80\4\x95"), "pickle|save_model"},
        {BYTES("\x1f\x8b\x08"), "gzip|decompress"},
        {BYTES("PK\3\4"), "zip|unpack"},
        {BYTES("\xff\xfe{\0"), "UTF-16|UTF-8"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        evtwin_model *m = NULL;
        assert_fails(evtwin_model_load_buffer("m.json", files[i].data, files[i].size, &m),
                     EVTWIN_E_UNSUPPORTED, files[i].names);
    }
}

/* A tree of no split, a model of no trees. */
static void test_trivial_models(void **state) {
    (void)state;
    static const refusal steps[] = {
        {"[0E0,1E0,2E0]", "[0E0]", 0, NULL},
        {"[1,0,0]", "[0]", 0, NULL}, /* default_left */
        {"\"left_children\":[1,-1,-1]", "\"left_children\":[-1]", 0, NULL},
        {"\"right_children\":[2,-1,-1]", "\"right_children\":[-1]", 0, NULL},
        {"[2147483647,0,0]", "[2147483647]", 0, NULL},
        {"[2.5E0,-1E0,3E0]", "[7E0]", 0, NULL},
        {"[9E0,4E0,5E0]", "[9E0]", 0, NULL},
        {"[1,0,0]", "[0]", 0, NULL}, /* split_indices */
        {"\"split_type\":[0,0,0]", "\"split_type\":[0]", 0, NULL},
        {"\"num_nodes\":\"3\"", "\"num_nodes\":\"1\"", 0, NULL},
    };
    char *text = malloc(sizeof small);
    memcpy(text, small, sizeof small);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char *next = replaced(text, steps[i].from, steps[i].to);
        free(text);
        text = next;
    }
    assert_true(margin_of(text, 1.0f, NAN) == 7.5f);

    const char *trees = strstr(text, "\"trees\":[") + strlen("\"trees\":[");
    char *end = strstr(trees, "]},\"name\"");
    const size_t none_size = strlen(text) + 1;
    char *none = malloc(none_size);
    snprintf(none, none_size, "%.*s%s", (int)(trees - text), text, end);
    char *one = replaced(none, "\"num_trees\":\"1\"", "\"num_trees\":\"0\"");
    char *two = replaced(one, "\"tree_info\":[0]", "\"tree_info\":[]");
    assert_true(margin_of(two, 1.0f, NAN) == 0.5f);
    free(two);
    free(one);
    free(none);
    free(text);
}

static void test_other_files(void **state) {
    (void)state;
    evtwin_model *m = NULL;
    assert_fails(evtwin_model_load("/nowhere/model.json", &m), EVTWIN_E_NOT_FOUND,
                 "/nowhere/model.json");
    assert_fails(evtwin_model_load(NULL, &m), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_load("x", NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_model_load_buffer("x", NULL, 0, &m), EVTWIN_E_ARG, "NULL");
    assert_fails(load("", &m), EVTWIN_E_PARSE, "m.json:|byte 0");
    assert_fails(load("[]", &m), EVTWIN_E_PARSE, "byte 0|'['|object");
    assert_fails(load("{}", &m), EVTWIN_E_CORRUPT, "\"learner\"");
    assert_fails(evtwin_model_load_buffer("x", small, (size_t)1 << 31, &m), EVTWIN_E_UNSUPPORTED,
                 "bytes");
    assert_fails(evtwin_model_load(temp_file("empty.json", ""), &m), EVTWIN_E_PARSE, "empty.json");

    /* nested deeper than anyone needs: neither a crash nor a long wait */
    enum { DEEP = 1000000 };
    char *deep = malloc(DEEP + 16);
    const int n = snprintf(deep, 16, "{\"x\":");
    memset(deep + n, '[', DEEP);
    deep[n + DEEP] = '\0';
    assert_fails(load(deep, &m), EVTWIN_E_PARSE, "byte 69|64");
    free(deep);
    assert_null(m);
}

static void check_truncations(const char *extension, char last) {
    for (int i = 0; i < N_MODEL_FILES; i++) {
        size_t size;
        char *text = read_fixture(model_files[i], extension, &size);
        while (size > 0 && text[size - 1] != last) {
            size--;
        }
        for (size_t n = 0; n < size; n++) {
            char *cut = malloc(n > 0 ? n : 1); /* a sanitizer sees a step too far */
            memcpy(cut, text, n);
            evtwin_model *m = NULL;
            const evtwin_status st = evtwin_model_load_buffer("cut", cut, n, &m);
            if (st != EVTWIN_E_PARSE || m != NULL) {
                fail_msg("%s%s cut at %zu: %s", model_files[i], extension, n,
                         evtwin_status_name(st));
            }
            free(cut);
        }
        evtwin__free(text);
    }
}

static void test_truncations(void **state) {
    (void)state;
    check_truncations(".json", '}');
    check_truncations(".ubj", '}');
}

/* A damaged file that loads all the same must at least be safe: finite answers to any row. */
static void load_and_use(const char *text, size_t size, size_t *n_loaded) {
    evtwin_model *m = NULL;
    if (evtwin_model_load_buffer("mutated", text, size, &m) < 0) {
        assert_null(m);
        return;
    }
    ++*n_loaded;
    static const float special[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 1e30f, 0.7f, -0.3f};
    float x[64 * 16], y[16];
    const size_t width = evtwin_model_width(m);
    if (width <= 64) {
        for (size_t i = 0; i < 16 * width; i++) {
            x[i] = special[(i * 7 + i / 3) % 8];
        }
        assert_ok(evtwin_model_margin(m, x, 16, width, y));
        for (int r = 0; r < 16; r++) {
            assert_true(isfinite(y[r]));
        }
    }
    evtwin_model_free(m);
}

static int starts_number(const char *text, size_t i) {
    const char before = i > 0 ? text[i - 1] : ' ';
    return (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) &&
           strchr("[,:\"", before) != NULL;
}

/* Every number of the file, one at a time, becomes nonsense. */
static void test_numbers_changed(void **state) {
    (void)state;
    static const char *const nonsense[] = {"-1",         "0",           "1", "77",
                                           "2147483647", "1e999",       "",  "null",
                                           "-3e38",      "99999999999", "x", "0.5"};
    size_t n_tried = 0, n_loaded = 0;
    for (int i = 0; i < N_MODEL_FILES; i++) {
        size_t size;
        char *text = read_fixture(model_files[i], ".json", &size);
        char *copy = malloc(size + 32);
        for (size_t at = 0; at < size; at++) {
            if (!starts_number(text, at)) {
                continue;
            }
            const size_t length = strspn(text + at, "0123456789.Ee+-");
            for (size_t k = 0; k < sizeof nonsense / sizeof nonsense[0]; k++) {
                const size_t n = strlen(nonsense[k]);
                memcpy(copy, text, at);
                memcpy(copy + at, nonsense[k], n);
                memcpy(copy + at + n, text + at + length, size - at - length);
                load_and_use(copy, size - length + n, &n_loaded);
                n_tried++;
            }
        }
        free(copy);
        evtwin__free(text);
    }
    assert_true(n_tried > 20000);
    /* another leaf or threshold is a valid model, and only the bundle's hash can tell; most is
     * refused */
    assert_true(n_loaded < n_tried / 2);
}

static void check_bytes_changed(const char *extension) {
    size_t n_loaded = 0;
    for (int i = 0; i < N_MODEL_FILES; i++) {
        size_t size;
        char *text = read_fixture(model_files[i], extension, &size);
        char *copy = malloc(size);
        for (uint64_t k = 0; k < 4000; k++) {
            memcpy(copy, text, size);
            const evtwin__rng_block b = evtwin__rng_at(5, EVTWIN__RNG_SPLIT, (uint32_t)i, 0, k);
            const size_t at = b.word[0] % size;
            switch (b.word[1] % 3) {
            case 0: /* another byte */
                copy[at] = (char)b.word[2];
                break;
            case 1: /* a byte of the file itself: mostly still JSON */
                copy[at] = text[b.word[2] % size];
                break;
            default: /* a piece moved elsewhere */
                memmove(copy + at, text + b.word[2] % size,
                        size - (at > b.word[2] % size ? at : b.word[2] % size));
            }
            load_and_use(copy, size, &n_loaded);
        }
        free(copy);
        evtwin__free(text);
    }
    assert_true(n_loaded < 24000);
}

static void test_bytes_changed(void **state) {
    (void)state;
    check_bytes_changed(".json");
    check_bytes_changed(".ubj");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_other_boosters),
        cmocka_unit_test(test_many_names),      cmocka_unit_test(test_trivial_models),
        cmocka_unit_test(test_other_files),     cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_numbers_changed), cmocka_unit_test(test_bytes_changed),
        cmocka_unit_test(test_other_kinds),     cmocka_unit_test(test_outputs_behind_the_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
