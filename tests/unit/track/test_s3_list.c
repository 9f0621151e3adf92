/* SPDX-License-Identifier: MIT */
/* test_s3_list.c: lists of S3, whole, cut anywhere and wrong. */

#include "test.h"

#include "core/mem.h"
#include "track/s3_list.h"

typedef struct seen {
    size_t n, fail_at;
    char last[200];
    int64_t bytes;
} seen;

static evtwin_status note(void *ctx, const char *key, int64_t size) {
    seen *s = ctx;
    s->n++;
    s->bytes += size;
    snprintf(s->last, sizeof s->last, "%s", key);
    return s->n == s->fail_at ? EVTWIN_E_RANGE : EVTWIN_OK;
}

static const char two[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
    "<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b==</NextContinuationToken>"
    "<Contents><ETag>&quot;x&quot;</ETag><Key>m/a</Key><Size>3</Size></Contents>"
    "<Contents><Key>m/&lt;&#233;&#x20ac;&#X1;&unknown; &amp;amp;</Key><Size>40</Size></Contents>"
    "</ListBucketResult>";

static evtwin_status list(const char *xml, size_t size, seen *s, char **next) {
    *next = NULL;
    return evtwin__s3_list(xml, size, note, s, next);
}

static void a_list_is_read(void **state) {
    (void)state;
    seen s = {.n = 0};
    char *next;
    assert_int_equal(list(two, strlen(two), &s, &next), EVTWIN_OK);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.bytes, 43);
    assert_string_equal(s.last, "m/<\xc3\xa9\xe2\x82\xac&#X1;&unknown; &amp;");
    assert_string_equal(next, "a&b==");
    evtwin__free(next);
}

static void a_callback_ends_it(void **state) {
    (void)state;
    seen s = {.fail_at = 1};
    char *next;
    assert_int_equal(list(two, strlen(two), &s, &next), EVTWIN_E_RANGE);
    assert_int_equal(s.n, 1);
    assert_null(next);
}

static void wrong_lists_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "<html/>",
        "<Error><Code>NoSuchBucket</Code></Error>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        ("<ListBucketResult><IsTruncated>true</IsTruncated>"
         "<NextContinuationToken></NextContinuationToken></ListBucketResult>"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        seen s = {.n = 0};
        char *next;
        assert_int_equal(list(wrong[i], strlen(wrong[i]), &s, &next), EVTWIN_E_PARSE);
        assert_null(next);
    }
    static const char nul[] =
        "<ListBucketResult><Contents><Key>a\0b</Key><Size>1</Size></Contents>";
    seen s = {.n = 0};
    char *next;
    assert_int_equal(list(nul, sizeof nul - 1, &s, &next), EVTWIN_E_PARSE);
}

/* Whatever is cut off, nothing is read beyond it, and no object is made up. */
static void cut_lists_end_well(void **state) {
    (void)state;
    for (size_t n = 0; n < strlen(two); n++) {
        char *exact = malloc(n > 0 ? n : 1); /* so that a sanitizer sees a step too far */
        assert_non_null(exact);
        memcpy(exact, two, n);
        seen s = {.n = 0};
        char *next;
        const evtwin_status st = list(exact, n, &s, &next);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_PARSE);
        assert_true(s.n <= 2);
        evtwin__free(next);
        free(exact);
    }
}

/* Signs that begin an entity and end none: nobody looks for the end of each in all the rest. */
static void a_list_of_signs_takes_no_time(void **state) {
    (void)state;
    enum { N = 15 << 20 };
    static const char before[] = "<ListBucketResult><Contents><Key>", after[] =
                                                                          "</Key><Size>1</Size>"
                                                                          "</Contents>";
    char *xml = malloc(sizeof before + N + sizeof after);
    assert_non_null(xml);
    memcpy(xml, before, sizeof before - 1);
    memset(xml + sizeof before - 1, '&', N);
    memcpy(xml + sizeof before - 1 + N, after, sizeof after);
    seen s = {.n = 0};
    char *next;
    assert_int_equal(list(xml, strlen(xml), &s, &next), EVTWIN_OK); /* else it takes hours */
    assert_int_equal(s.n, 1);
    assert_int_equal(strspn(s.last, "&"), sizeof s.last - 1);
    free(xml);
}

static void elements_are_found(void **state) {
    (void)state;
    static const char error[] = "<Error><Code>A&#0;&#xD800;&#1114112;&#;&#x;</Code></Error>";
    char *code = evtwin__s3_element(error, strlen(error), "Code");
    assert_string_equal(code, "A&#0;&#xD800;&#1114112;&#;&#x;");
    evtwin__free(code);
    assert_null(evtwin__s3_element(error, strlen(error), "Message"));
    assert_null(evtwin__s3_element("<Code>x", 7, "Code"));
    assert_null(evtwin__s3_element("", 0, "Code"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read),
        cmocka_unit_test(a_callback_ends_it),
        cmocka_unit_test(wrong_lists_are_refused),
        cmocka_unit_test(cut_lists_end_well),
        cmocka_unit_test(a_list_of_signs_takes_no_time),
        cmocka_unit_test(elements_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
