/* SPDX-License-Identifier: MIT */
/* The book of alerts: raised once, kept while broken, cleared after a while, delivered once. */

#include "test.h"

#include "serve/alert_book.h"
#include "serve/alert_judge.h"
#include "serve/alert_sending.h"
#include "store/alerts.h"

static const int64_t s_us = 1000000;
static const int64_t hold_us = 60000000;
static const int both[EVTWIN__N_WAYS] = {1, 1}, only_hook[EVTWIN__N_WAYS] = {1, 0};

static evtwin__alert_book *make(const int wanted[EVTWIN__N_WAYS]) {
    evtwin__alert_book *book;
    assert_ok(evtwin__alert_book_create(1, wanted, &book));
    return book;
}

/* A round at second s in which these batteries (NULL-terminated) break one rule. */
static void round_at(evtwin__alert_book *book, int64_t s, double value,
                     const char *const *battery) {
    evtwin__finding f = {.value = value, .may_raise = 1};
    snprintf(f.rule.name, sizeof f.rule.name, "soc < 15 CRITICAL");
    snprintf(f.text, sizeof f.text, "soc %g < 15", value);
    f.rule.quantity = "soc";
    f.rule.is_below = 1;
    f.rule.limit = 15.0;
    f.rule.level = EVTWIN_HEALTH_CRITICAL;
    evtwin__alert_book_begin(book);
    for (; *battery != NULL; battery++) {
        assert_ok(evtwin__alert_book_find(book, *battery, &f, s * s_us));
    }
    evtwin__alert_book_end(book, s * s_us, s * s_us, hold_us);
}

#define BATTERIES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_BATTERY ((const char *const[]){NULL})

/* What the store is told, as if it were kept there; the number of rows. */
static size_t store_all(evtwin__alert_book *book, evtwin_table **kept) {
    evtwin_table *t;
    const evtwin_status st = evtwin__alert_book_changes(book, 0, &t);
    assert_ok(st);
    const size_t n = evtwin_table_rows(t);
    evtwin__alert_book_stored(book, 0);
    if (kept != NULL) {
        *kept = t;
    } else {
        evtwin_table_free(t);
    }
    return n;
}

static int64_t cell(const evtwin_table *t, size_t col) {
    return evtwin_table_is_valid(t, col, 0) ? evtwin_table_i64(t, col)[0] : -1;
}

static void one_alert_for_a_battery_and_rule(void **state) {
    (void)state;
    evtwin__alert_book *book = make(both);
    round_at(book, 0, 14.0, BATTERIES("B1", "B2"));
    assert_int_equal(store_all(book, NULL), 2);
    round_at(book, 1, 13.0, BATTERIES("B1", "B2"));
    round_at(book, 2, 13.5, BATTERIES("B2", "B1"));
    assert_int_equal(store_all(book, NULL), 0);
    assert_int_equal(evtwin__alert_book_count(book), 2);

    /* the worst value alone goes along when that is wanted */
    evtwin_table *t;
    assert_ok(evtwin__alert_book_changes(book, 1, &t));
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_true(evtwin_table_f64(t, EVTWIN__A_VALUE)[0] == 14.0);
    assert_true(evtwin_table_f64(t, EVTWIN__A_WORST)[0] == 13.0);
    evtwin_table_free(t);
    evtwin__alert_book_stored(book, 1);
    assert_int_equal(evtwin__alert_book_changes(book, 1, &t), EVTWIN_DONE);
    evtwin__alert_book_free(book);
}

static void cleared_only_after_a_while(void **state) {
    (void)state;
    evtwin__alert_book *book = make(both);
    round_at(book, 0, 14.0, BATTERIES("B1"));
    store_all(book, NULL);

    /* it comes and goes: no second alert, and no end */
    for (int64_t s = 1; s < 600; s += 30) {
        round_at(book, s, 14.0, s % 60 == 1 ? NO_BATTERY : BATTERIES("B1"));
    }
    assert_int_equal(store_all(book, NULL), 0);
    assert_int_equal(evtwin__alert_book_count(book), 1);

    round_at(book, 600, 14.0, BATTERIES("B1"));
    round_at(book, 601, 14.0, NO_BATTERY);
    round_at(book, 660, 14.0, NO_BATTERY);
    assert_int_equal(evtwin__alert_book_count(book), 1);
    round_at(book, 661, 14.0, NO_BATTERY);
    assert_int_equal(evtwin__alert_book_count(book), 0);
    evtwin_table *t;
    assert_int_equal(store_all(book, &t), 1);
    assert_int_equal(cell(t, EVTWIN__A_CLEARED_AT), 661 * s_us);
    evtwin_table_free(t);

    /* broken again: another alert */
    round_at(book, 700, 12.0, BATTERIES("B1"));
    assert_int_equal(store_all(book, &t), 1);
    assert_int_equal(cell(t, EVTWIN__A_ID), 2);
    evtwin_table_free(t);
    evtwin__alert_book_free(book);
}

static void an_outdone_limit_stays_but_raises_nothing(void **state) {
    (void)state;
    evtwin__alert_book *book = make(both);
    evtwin__finding f = {.value = 25.0, .may_raise = 0};
    snprintf(f.rule.name, sizeof f.rule.name, "soc < 30 WARNING");
    evtwin__alert_book_begin(book);
    assert_ok(evtwin__alert_book_find(book, "B1", &f, 0));
    assert_int_equal(evtwin__alert_book_count(book), 0);
    f.may_raise = 1;
    assert_ok(evtwin__alert_book_find(book, "B1", &f, 0));
    f.may_raise = 0;
    evtwin__alert_book_begin(book);
    assert_ok(evtwin__alert_book_find(book, "B1", &f, 0));
    evtwin__alert_book_end(book, 1000 * s_us, 1000 * s_us, hold_us);
    assert_int_equal(evtwin__alert_book_count(book), 1);
    evtwin__alert_book_free(book);
}

/* ---- delivery ---- */

static size_t due(evtwin__alert_book *book, int way) {
    return evtwin__alert_book_due(book, way, NULL, 0);
}

static void deliver(evtwin__alert_book *book, int way, int went_well) {
    evtwin__alert *list[10];
    const size_t n = evtwin__alert_book_due(book, way, list, 10);
    evtwin__alert_book_sending(list, n, way);
    assert_int_equal(due(book, way), 0);
    evtwin__alert_book_sent(book, way, went_well);
}

static void delivered_by_each_way_once(void **state) {
    (void)state;
    evtwin__alert_book *book = make(both);
    round_at(book, 0, 14.0, BATTERIES("B1"));
    assert_int_equal(due(book, EVTWIN__WEBHOOK), 0); /* not before the store has it */
    store_all(book, NULL);
    assert_int_equal(due(book, EVTWIN__WEBHOOK), 1);
    deliver(book, EVTWIN__WEBHOOK, 0);
    assert_int_equal(due(book, EVTWIN__WEBHOOK), 1);
    deliver(book, EVTWIN__WEBHOOK, 1);
    assert_int_equal(due(book, EVTWIN__WEBHOOK), 0);
    assert_int_equal(due(book, EVTWIN__MAIL), 0); /* news first */
    evtwin_table *t;
    assert_int_equal(store_all(book, &t), 1);
    assert_int_equal(cell(t, EVTWIN__A_WEBHOOK), EVTWIN__SENT_RAISED);
    assert_int_equal(cell(t, EVTWIN__A_MAIL), EVTWIN__SENT_NOTHING);
    evtwin_table_free(t);
    assert_int_equal(due(book, EVTWIN__MAIL), 1);

    /* cleared while the mail is on its way: its end is due after that, too */
    evtwin__alert *list[1];
    assert_int_equal(evtwin__alert_book_due(book, EVTWIN__MAIL, list, 1), 1);
    evtwin__alert_book_sending(list, 1, EVTWIN__MAIL);
    round_at(book, 100, 0.0, NO_BATTERY);
    round_at(book, 160, 0.0, NO_BATTERY);
    store_all(book, NULL);
    evtwin__alert_book_sent(book, EVTWIN__MAIL, 1);
    store_all(book, NULL);
    assert_int_equal(due(book, EVTWIN__MAIL), 1);
    assert_int_equal(due(book, EVTWIN__WEBHOOK), 1);
    deliver(book, EVTWIN__MAIL, 1);
    store_all(book, NULL);
    deliver(book, EVTWIN__WEBHOOK, 1);
    assert_int_equal(store_all(book, &t), 1);
    assert_int_equal(cell(t, EVTWIN__A_WEBHOOK), EVTWIN__SENT_ALL);
    assert_int_equal(cell(t, EVTWIN__A_MAIL), EVTWIN__SENT_ALL);
    evtwin_table_free(t);
    assert_int_equal(due(book, EVTWIN__MAIL) + due(book, EVTWIN__WEBHOOK), 0);
    evtwin__alert_book_free(book);
}

/* What the next one reads is neither raised nor delivered again. */
static void a_restart_neither_loses_nor_repeats(void **state) {
    (void)state;
    evtwin__alert_book *book = make(only_hook);
    round_at(book, 0, 14.0, BATTERIES("B1"));
    store_all(book, NULL);
    deliver(book, EVTWIN__WEBHOOK, 1);
    evtwin_table *kept;
    assert_int_equal(store_all(book, &kept), 1);
    evtwin__alert_book_free(book);

    assert_ok(evtwin__alert_book_create(2, both, &book));
    assert_ok(evtwin__alert_book_load(book, kept));
    evtwin_table_free(kept);
    round_at(book, 10, 14.0, BATTERIES("B1"));
    assert_int_equal(store_all(book, NULL), 0);
    assert_int_equal(due(book, EVTWIN__WEBHOOK), 0);
    assert_int_equal(due(book, EVTWIN__MAIL), 0); /* there was no mail when it was raised */
    round_at(book, 20, 14.0, BATTERIES("B1", "B2"));
    assert_int_equal(store_all(book, &kept), 1);
    assert_int_equal(cell(kept, EVTWIN__A_ID), 2);
    evtwin_table_free(kept);
    evtwin__alert_book_free(book);
}

/* ---- when messages go out ---- */

static int is_time(evtwin__alert_sending *s, size_t n, int64_t at_s) {
    return evtwin__alert_sending_is_time(s, n, at_s * s_us);
}

static void messages_are_grouped(void **state) {
    (void)state;
    evtwin__alert_sending s = {.group_us = 30 * s_us};
    assert_false(is_time(&s, 0, 100));
    assert_false(is_time(&s, 1, 101));
    assert_false(is_time(&s, 200, 102)); /* more come */
    assert_false(is_time(&s, 300, 103));
    assert_true(is_time(&s, 300, 104));
    assert_true(evtwin__alert_sending_note(&s, 1, 0.0, 104 * s_us) == 0.0);

    /* the next one not before the grouping time is over */
    assert_false(is_time(&s, 1, 105));
    assert_false(is_time(&s, 1, 133));
    assert_true(is_time(&s, 1, 134));
    evtwin__alert_sending_note(&s, 1, 0.0, 134 * s_us);

    /* after a quiet time at once, even if more come without end */
    assert_false(is_time(&s, 0, 500));
    assert_false(is_time(&s, 1, 501));
    assert_true(is_time(&s, 1, 502));
    evtwin__alert_sending_note(&s, 1, 0.0, 502 * s_us);
    size_t n = 0;
    int64_t at_s = 600;
    while (!is_time(&s, ++n, at_s)) {
        assert_true(at_s++ < 605);
    }
}

static void failures_are_tried_again_with_growing_pauses(void **state) {
    (void)state;
    evtwin__alert_sending s = {.group_us = 30 * s_us};
    double before_s = 0.0;
    int64_t now_us = 1000 * s_us;
    for (int i = 0; i < 20; i++) {
        const double pause_s = evtwin__alert_sending_note(&s, 0, 0.0, now_us);
        assert_true(pause_s >= before_s && pause_s <= 300.0);
        before_s = pause_s;
        assert_false(evtwin__alert_sending_is_time(&s, 5, now_us + (int64_t)(pause_s * 1e6) - 1));
        now_us += (int64_t)(pause_s * 1e6);
        assert_true(evtwin__alert_sending_is_time(&s, 5, now_us));
    }
    assert_true(before_s == 300.0);
    evtwin__alert_sending_note(&s, 1, 0.0, now_us);
    assert_true(evtwin__alert_sending_note(&s, 0, 0.0, now_us) == 1.0);
    /* the server's wish counts where it is longer, an hour at most */
    assert_true(evtwin__alert_sending_note(&s, 0, 1.0, now_us) == 2.0);
    assert_true(evtwin__alert_sending_note(&s, 0, 90.0, now_us) == 90.0);
    assert_false(evtwin__alert_sending_is_time(&s, 1, now_us + 89 * s_us));
    assert_true(evtwin__alert_sending_is_time(&s, 1, now_us + 90 * s_us));
    assert_true(evtwin__alert_sending_note(&s, 0, 1e9, now_us) == 3600.0);
}

/* ---- judging ---- */

static evtwin_table *battery_row(double soc, const char *broken, int64_t arrived_us) {
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "battery_id", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_F64, "percent", NULL));
    assert_ok(evtwin_table_add_column(t, "limits_broken", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_add_column(t, "arrived_at", EVTWIN_TIME, "", NULL));
    assert_ok(evtwin_table_add_column(t, "waiting_since", EVTWIN_TIME, "", NULL));
    assert_ok(evtwin_table_resize(t, 1));
    assert_ok(evtwin_table_set_text(t, 0, 0, "B1"));
    assert_ok(evtwin_table_set_f64(t, 1, 0, soc));
    assert_ok(evtwin_table_set_text(t, 2, 0, broken));
    assert_ok(evtwin_table_set_i64(t, 3, 0, arrived_us));
    return t;
}

/* The rules of the alerts that are not cleared after a look, "a|b|" in the order of their ids. */
static const char *look(evtwin__alert_book *book, const evtwin_thresholds *limits, double soc,
                        const char *broken, int64_t at_s, int64_t age_s) {
    static char rules[400];
    const evtwin__patience patience = {0.0, 0.0};
    evtwin_table *row = battery_row(soc, broken, (at_s - age_s) * s_us);
    evtwin__alert_book_begin(book);
    assert_ok(evtwin__alert_judge(book, limits, &patience, row, at_s * s_us, INFINITY));
    evtwin__alert_book_end(book, at_s * s_us, at_s * s_us, 0);
    evtwin_table_free(row);
    store_all(book, NULL);
    evtwin__alert *list[10];
    const size_t n = evtwin__alert_book_due(book, EVTWIN__WEBHOOK, list, 10);
    rules[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const size_t used = strlen(rules);
        snprintf(rules + used, sizeof rules - used, "%s%s|",
                 list[i]->cleared_us != INT64_MIN ? "-" : "", list[i]->rule.name);
    }
    deliver(book, EVTWIN__WEBHOOK, 1);
    store_all(book, NULL);
    return rules;
}

static void limits_are_judged_with_their_margin(void **state) {
    (void)state;
    evtwin_thresholds *limits;
    assert_ok(evtwin_thresholds_create(&limits));
    evtwin__alert_book *book = make(only_hook);
    const int64_t at_s = 1000000;
    assert_string_equal(look(book, limits, 50.0, "", at_s, 1), "");
    assert_string_equal(look(book, limits, 29.0, "", at_s + 1, 1), "soc < 30 WARNING|");
    /* worse: the strictest is raised, the other one stays */
    assert_string_equal(look(book, limits, 14.0, "status soc < 30 WARNING=29;", at_s + 2, 1),
                        "soc < 15 CRITICAL|");
    /* 16 is not back by the margin of 2: it stays, by the memory of the store */
    static const char memory[] = "status soc < 15 CRITICAL=14;status soc < 30 WARNING=14;";
    assert_string_equal(look(book, limits, 16.0, memory, at_s + 3, 1), "");
    assert_string_equal(look(book, limits, 18.0, memory, at_s + 4, 1),
                        "-soc < 15 CRITICAL|soc < 20 WARNING|");
    assert_string_equal(look(book, limits, 60.0, "", at_s + 5, 1),
                        "-soc < 30 WARNING|-soc < 20 WARNING|");
    evtwin__alert_book_free(book);
    evtwin_thresholds_free(limits);
}

static void silence_is_an_alert(void **state) {
    (void)state;
    evtwin_thresholds *limits;
    assert_ok(evtwin_thresholds_create(&limits));
    evtwin__alert_book *book = make(only_hook);
    const int64_t at_s = 1000000;
    assert_string_equal(look(book, limits, 50.0, "", at_s, 10), "");
    assert_string_equal(look(book, limits, 50.0, "", at_s + 1, 16), "silent|");
    assert_string_equal(look(book, limits, 50.0, "", at_s + 2, 17), "");
    assert_string_equal(look(book, limits, 50.0, "", at_s + 3, 0), "-silent|");
    evtwin__alert_book_free(book);
    evtwin_thresholds_free(limits);
}

/* Set by an hour, either way: nothing is silent for that, until the patience has passed since. */
static void a_clock_that_is_set_raises_nothing(void **state) {
    (void)state;
    evtwin__steady steady = {.is_known = 0};
    const int64_t day = INT64_C(1767225600);
    assert_true(isinf(evtwin__steady_s(&steady, day * s_us, 100 * s_us)));
    assert_true(isinf(evtwin__steady_s(&steady, (day + 1) * s_us + 900000, 101 * s_us)));
    assert_true(evtwin__steady_s(&steady, (day + 3600) * s_us, 102 * s_us) == 0.0);
    assert_true(evtwin__steady_s(&steady, (day + 3610) * s_us, 112 * s_us) == 10.0);
    assert_true(evtwin__steady_s(&steady, (day + 11) * s_us, 113 * s_us) == 0.0);
    assert_true(evtwin__steady_s(&steady, (day + 31) * s_us, 133 * s_us) == 20.0);

    const evtwin__patience patience = {0.0, 0.0};
    evtwin_thresholds *limits;
    assert_ok(evtwin_thresholds_create(&limits));
    for (int k = 0; k < 4; k++) {
        evtwin__alert_book *book = make(both);
        const int is_back = k & 1, is_later = k >= 2;
        evtwin_table *row = battery_row(50.0, "", (day + (is_back ? 3600 : -3600)) * s_us);
        evtwin__alert_book_begin(book);
        assert_ok(
            evtwin__alert_judge(book, limits, &patience, row, day * s_us, is_later ? 16.0 : 14.0));
        evtwin__alert_book_end(book, day * s_us, 0, hold_us);
        assert_int_equal(evtwin__alert_book_count(book), is_later);
        evtwin_table_free(row);
        evtwin__alert_book_free(book);
    }
    evtwin_thresholds_free(limits);

    /* nothing is cleared before it was raised */
    evtwin__alert_book *book = make(both);
    round_at(book, 1000, 14.0, BATTERIES("B1"));
    store_all(book, NULL);
    evtwin__alert_book_begin(book);
    evtwin__alert_book_end(book, 500 * s_us, 1001 * s_us, 0);
    evtwin_table *t;
    assert_int_equal(store_all(book, &t), 1);
    assert_int_equal(cell(t, EVTWIN__A_CLEARED_AT), 1000 * s_us);
    evtwin_table_free(t);
    evtwin__alert_book_free(book);
}

/* Of one second the worst is listed first, then the batteries by name: newest, that is greatest id,
 * first. */
static void the_worst_gets_the_greatest_id(void **state) {
    (void)state;
    static const struct {
        const char *battery, *rule;
        evtwin_health level;
    } found[] = {{"B2", "silent", EVTWIN_HEALTH_WARNING},
                 {"B1", "soc < 15 CRITICAL", EVTWIN_HEALTH_CRITICAL},
                 {"B3", "soc < 15 CRITICAL", EVTWIN_HEALTH_CRITICAL},
                 {"B1", "silent", EVTWIN_HEALTH_WARNING}};
    static const char *const listed[] = {"B1", "B3", "B1", "B2"};
    evtwin__alert_book *book = make(both);
    round_at(book, 0, 14.0, BATTERIES("A1")); /* has its id already */
    store_all(book, NULL);
    evtwin__alert_book_begin(book);
    for (size_t i = 0; i < 4; i++) {
        evtwin__finding f = {.value = 1.0, .may_raise = 1};
        snprintf(f.rule.name, sizeof f.rule.name, "%s", found[i].rule);
        f.rule.level = found[i].level;
        assert_ok(evtwin__alert_book_find(book, found[i].battery, &f, s_us));
    }
    evtwin__alert_book_end(book, s_us, s_us, hold_us);
    evtwin_table *t;
    assert_int_equal(store_all(book, &t), 4);
    for (size_t i = 0; i < 4; i++) { /* the table is in the order of the ids */
        assert_int_equal(evtwin_table_i64(t, EVTWIN__A_ID)[3 - i], 5 - (int64_t)i);
        assert_string_equal(evtwin_table_text(t, EVTWIN__A_BATTERY_ID, 3 - i), listed[i]);
    }
    assert_string_equal(evtwin_table_text(t, EVTWIN__A_LEVEL, 3), "CRITICAL");
    evtwin_table_free(t);
    round_at(book, 2, 14.0, BATTERIES("C1"));
    assert_int_equal(store_all(book, &t), 1);
    assert_int_equal(cell(t, EVTWIN__A_ID), 6);
    evtwin_table_free(t);
    evtwin__alert_book_free(book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_set_raises_nothing),
        cmocka_unit_test(the_worst_gets_the_greatest_id),
        cmocka_unit_test(one_alert_for_a_battery_and_rule),
        cmocka_unit_test(cleared_only_after_a_while),
        cmocka_unit_test(an_outdone_limit_stays_but_raises_nothing),
        cmocka_unit_test(delivered_by_each_way_once),
        cmocka_unit_test(a_restart_neither_loses_nor_repeats),
        cmocka_unit_test(messages_are_grouped),
        cmocka_unit_test(failures_are_tried_again_with_growing_pauses),
        cmocka_unit_test(limits_are_judged_with_their_margin),
        cmocka_unit_test(silence_is_an_alert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
