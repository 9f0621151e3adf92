/* SPDX-License-Identifier: MIT */
/* test_status.c: codes and texts, the thread's error, the log, structs that grow. */

#include "test.h"

#include "core/status.h"

#include <pthread.h>

static evtwin_status refuse(int pin) {
    EVTWIN_FAIL(EVTWIN_E_ARG, "pin %d of %s", pin, "8");
}

static void every_status_has_a_name_and_a_text(void **state) {
    (void)state;
    int n = 0;
#define CHECK(name, value, text)                                                                   \
    assert_string_equal(evtwin_status_name(EVTWIN_##name), "EVTWIN_" #name);                       \
    assert_string_equal(evtwin_status_text(EVTWIN_##name), text);                                  \
    assert_int_equal(EVTWIN_##name, value);                                                        \
    n++;
    EVTWIN_STATUS_LIST(CHECK)
#undef CHECK
    assert_int_equal(n, 19);
    assert_string_equal(evtwin_status_name((evtwin_status)-99), "EVTWIN_?");
    assert_true(strlen(evtwin_status_text((evtwin_status)7)) > 0);
    assert_string_equal(evtwin_version(), EVTWIN_VERSION);
}

static void code_and_text_come_together(void **state) {
    (void)state;
    assert_int_equal(refuse(9), EVTWIN_E_ARG);
    assert_string_equal(evtwin_last_error(), "pin 9 of 8");
    assert_int_equal(evtwin__fail_in(EVTWIN_E_ARG, "chip %d", 3), EVTWIN_E_ARG);
    assert_string_equal(evtwin_last_error(), "chip 3: pin 9 of 8");

    /* an argument may be the last text itself */
    evtwin__fail(EVTWIN_E_IO, "again: %s", evtwin_last_error());
    assert_string_equal(evtwin_last_error(), "again: chip 3: pin 9 of 8");
}

static void a_text_is_one_line_of_limited_length(void **state) {
    (void)state;
    evtwin__fail(EVTWIN_E_IO, "a\nb\tc\x7f\x1b[31md");
    assert_string_equal(evtwin_last_error(), "a?b?c??[31md");
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    evtwin__fail(EVTWIN_E_IO, "%s", longest);
    assert_int_equal(strlen(evtwin_last_error()), 1023);
    evtwin__fail_in(EVTWIN_E_IO, "%s", longest);
    assert_int_equal(strlen(evtwin_last_error()), 1023);
}

static void a_callback_gives_its_reason(void **state) {
    (void)state;
    assert_int_equal(evtwin_set_last_error(EVTWIN_E_AGAIN, "the line is busy"), EVTWIN_E_AGAIN);
    assert_string_equal(evtwin_last_error(), "the line is busy");

    /* what is no failure has no reason */
    assert_int_equal(evtwin_set_last_error(EVTWIN_DONE, "ignored"), EVTWIN_DONE);
    assert_string_equal(evtwin_last_error(), "the line is busy");

    assert_int_equal(evtwin_set_last_error(EVTWIN_E_DENIED, NULL), EVTWIN_E_DENIED);
    assert_string_equal(evtwin_last_error(), evtwin_status_text(EVTWIN_E_DENIED));
    evtwin_set_last_error(EVTWIN_E_IO, "100 %s\n");
    assert_string_equal(evtwin_last_error(), "100 %s?");
    evtwin_set_last_error(EVTWIN_E_IO, evtwin_last_error()); /* its own text */
    assert_string_equal(evtwin_last_error(), "100 %s?");
}

static void *fail_elsewhere(void *arg) {
    refuse(1);
    snprintf(arg, 100, "%s", evtwin_last_error());
    return NULL;
}

static void each_thread_has_its_own_text(void **state) {
    (void)state;
    refuse(2);
    char other[100] = "";
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, other), 0);
    pthread_join(thread, NULL);
    assert_string_equal(other, "pin 1 of 8");
    assert_string_equal(evtwin_last_error(), "pin 2 of 8");
}

typedef struct heard {
    int n;
    evtwin_log_level level;
    char text[2000];
} heard;

static void hear(void *ctx, evtwin_log_level level, const char *text) {
    heard *h = ctx;
    h->n++;
    h->level = level;
    snprintf(h->text, sizeof h->text, "%s", text);
}

static void the_log_goes_to_the_callback_or_nowhere(void **state) {
    (void)state;
    heard h = {.n = 0};
    evtwin_set_log(hear, &h);
    evtwin__log(EVTWIN_LOG_WARNING, "%d volts\n", 12);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.level, EVTWIN_LOG_WARNING);
    assert_string_equal(h.text, "12 volts?");
    evtwin_set_log(NULL, NULL);
    evtwin__log(EVTWIN_LOG_ERROR, "unheard");
    assert_int_equal(h.n, 1);
}

typedef struct options_v1 {
    size_t size;
    int a;
} options_v1;

typedef struct options_v2 {
    size_t size;
    int a, b, c;
} options_v2;

static void structs_may_be_older_or_newer_than_the_library(void **state) {
    (void)state;
    /* an old caller: what it does not know keeps its default */
    const options_v1 old = {sizeof old, 7};
    options_v2 ours = {sizeof ours, 1, 2, 3};
    evtwin__options_copy(&ours, sizeof ours, &old, offsetof(options_v2, b));
    assert_int_equal(ours.a, 7);
    assert_int_equal(ours.b, 2);
    assert_int_equal(ours.size, sizeof ours);

    /* a new caller: what we do not know is left out */
    const options_v2 new = {sizeof new, 4, 5, 6};
    options_v1 ours_old = {sizeof ours_old, 1};
    evtwin__options_copy(&ours_old, sizeof ours_old, &new, sizeof new);
    assert_int_equal(ours_old.a, 4);
    assert_int_equal(ours_old.size, sizeof ours_old);

    /* reports: a larger struct of a new caller ends in zeros, a smaller one is not overrun */
    options_v2 large = {99, 99, 99, 99};
    evtwin__report_copy(&large, sizeof large, &old, offsetof(options_v2, b));
    assert_int_equal(large.size, sizeof large);
    assert_int_equal(large.a, 7);
    assert_int_equal(large.b, 0);
    assert_int_equal(large.c, 0);
    options_v2 small = {99, 99, 99, 99};
    evtwin__report_copy(&small, offsetof(options_v2, b), &new, sizeof new);
    assert_int_equal(small.a, 4);
    assert_int_equal(small.b, 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_and_a_text),
        cmocka_unit_test(code_and_text_come_together),
        cmocka_unit_test(a_text_is_one_line_of_limited_length),
        cmocka_unit_test(a_callback_gives_its_reason),
        cmocka_unit_test(each_thread_has_its_own_text),
        cmocka_unit_test(the_log_goes_to_the_callback_or_nowhere),
        cmocka_unit_test(structs_may_be_older_or_newer_than_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
