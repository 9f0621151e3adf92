/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_forest_memory.c: a model file takes no more memory than it is worth, and
 * gives all back when there is none. */

#include "models.h"

#include <malloc.h>

static void check_out_of_memory(const char *extension) {
    size_t size;
    char *text = read_fixture("xgboost-3.2-logistic", extension, &size);
    char *copy = malloc(size);
    memcpy(copy, text, size);
    evtwin__free(text);
    size_t n_failures = 0;
    for (;; n_failures++) {
        counting_allocator a = {.fail_at = n_failures};
        evtwin_set_allocator(counting_realloc, &a);
        evtwin_model *m = NULL;
        const evtwin_status st = evtwin_model_load_buffer("oom", copy, size, &m);
        evtwin_model_free(m);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        if (st == EVTWIN_OK) {
            break;
        }
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_null(m);
    }
    assert_true(n_failures > 20);
    free(copy);
}

static void test_out_of_memory(void **state) {
    (void)state;
    check_out_of_memory(".json");
    check_out_of_memory(".ubj");
}

/* What an allocator gave out at most at once, in bytes. */
typedef struct measuring_allocator {
    size_t now, most;
} measuring_allocator;

static void *measuring_realloc(void *ctx, void *ptr, size_t new_size) {
    measuring_allocator *a = ctx;
    a->now -= ptr != NULL ? malloc_usable_size(ptr) : 0;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    void *grown = realloc(ptr, new_size);
    assert_non_null(grown);
    a->now += malloc_usable_size(grown);
    a->most = a->now > a->most ? a->now : a->most;
    return grown;
}

/* A tree's arrays as single bytes, which have no place for four each: the file is refused before it
 * has taken more than its size. */
static void test_memory_of_bytes(void **state) {
    (void)state;
    enum { N = 1 << 20 };
    static const char before[] = "{i\7learner{i\x10gradient_booster{i\5model{i\5trees["
                                 "{i\x0dleft_children[$U#l\0\x10\0\0";
    const size_t head = sizeof before - 1;
    char *data = calloc(head + N, 1);
    assert_non_null(data);
    memcpy(data, before, head);
    measuring_allocator a = {0};
    evtwin_set_allocator(measuring_realloc, &a);
    evtwin_model *m = NULL;
    const evtwin_status st = evtwin_model_load_buffer("bytes", data, head + N, &m);
    evtwin_set_allocator(NULL, NULL);
    assert_int_equal(st, EVTWIN_E_CORRUPT);
    assert_true(text_names(evtwin_last_error(), "tree 0|left_children|numbers|bytes"));
    assert_null(m);
    assert_true(a.most > N / 7 && a.most < N + N / 2);
    assert_int_equal(a.now, 0);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_memory_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
