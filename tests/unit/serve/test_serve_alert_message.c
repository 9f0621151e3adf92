/* SPDX-License-Identifier: MIT */
/* Messages of alerts: words, JSON for web hooks, mail. */

#include "test.h"

#include "core/json.h"
#include "serve/alert_message.h"

enum { MAX = 300 };
static evtwin__alert alerts[MAX];
static char ids[MAX][64];
static evtwin__alert *list[MAX];

static evtwin__alert *make(size_t i, const char *battery, const char *rule, const char *quantity,
                           evtwin_health level, const char *text) {
    evtwin__alert *a = &alerts[i];
    memset(a, 0, sizeof *a);
    snprintf(ids[i], sizeof ids[i], "%s", battery);
    a->id = (int64_t)i + 1;
    a->battery_id = ids[i];
    a->cleared_us = INT64_MIN;
    a->rule.quantity = quantity;
    a->rule.level = level;
    snprintf(a->rule.name, sizeof a->rule.name, "%s", rule);
    snprintf(a->text, sizeof a->text, "%s", text);
    a->value = a->worst = quantity != NULL ? atof(strchr(text, ' ') + 1) : NAN;
    const char *sign = strpbrk(rule, "<>");
    a->rule.is_below = sign != NULL && *sign == '<';
    a->rule.limit = sign != NULL ? atof(sign + 1) : NAN;
    return list[i] = a;
}

static json_t *json_of(const evtwin__alert_message *m) {
    json_t *json;
    assert_false(m->json.is_failed);
    assert_ok(evtwin__json_parse("message", m->json.data, m->json.size, &json));
    return json;
}

static const char *text_of(const json_t *json, const char *key) {
    return json_string_value(json_object_get(json, key));
}

static void one_alert_says_what_it_is(void **state) {
    (void)state;
    make(0, "B1", "soc < 15 CRITICAL", "soc", EVTWIN_HEALTH_CRITICAL, "soc 14.2 < 15");
    evtwin__alert_message m;
    evtwin__alert_message_write(list, 1, 0, &m);
    assert_string_equal(m.subject, "evtwin: CRITICAL B1: charge 14.2 %, below 15 %");
    json_t *json = json_of(&m);
    assert_string_equal(text_of(json, "text"), "CRITICAL B1: charge 14.2 %, below 15 %\n");
    const json_t *first = json_array_get(json_object_get(json, "alerts"), 0);
    assert_string_equal(text_of(first, "text"), "soc 14.2 < 15");
    assert_string_equal(text_of(first, "state"), "raised");
    assert_int_equal(json_integer_value(json_object_get(json, "raised")), 1);
    json_decref(json);
    evtwin__alert_message_free(&m);
}

static void many_of_a_rule_are_counted(void **state) {
    (void)state;
    for (size_t i = 0; i < MAX; i++) {
        char id[32];
        snprintf(id, sizeof id, "B%03zu", MAX - i);
        make(i, id, "silent", NULL, EVTWIN_HEALTH_WARNING, "no data for 20 s");
    }
    evtwin__alert_message m;
    evtwin__alert_message_write(list, MAX, 0, &m);
    assert_string_equal(m.subject, "evtwin: WARNING 300 batteries: no data");
    json_t *json = json_of(&m);
    const char *text = text_of(json, "text");
    assert_true(text_names(text, "300|no data|B001|B010|290 more"));
    assert_false(text_names(text, "B011"));
    assert_int_equal(json_array_size(json_object_get(json, "alerts")), 10);
    assert_int_equal(json_integer_value(json_object_get(json, "more")), 290);
    json_decref(json);
    evtwin__alert_message_free(&m);
}

static void the_worst_come_first_and_the_cleared_last(void **state) {
    (void)state;
    make(0, "A", "silent", NULL, EVTWIN_HEALTH_WARNING, "no data for 20 s")->cleared_us =
        INT64_C(720000000);
    make(1, "B", "silent", NULL, EVTWIN_HEALTH_WARNING, "no data for 20 s");
    make(2, "C", "soh < 75 CRITICAL", "soh", EVTWIN_HEALTH_CRITICAL, "soh 74 < 75");
    evtwin__alert_message m;
    evtwin__alert_message_write(list, 3, 0, &m);
    assert_string_equal(m.subject, "evtwin: 1 CRITICAL, 1 WARNING, 1 CLEARED");
    evtwin__text_add(&m.text, "", 1);
    assert_string_equal(m.text.data, "CRITICAL C: state of health 74 %, below 75 %\n"
                                     "WARNING B: no data for 20 s\n"
                                     "CLEARED A: no data, over after 12 min\n");
    evtwin__alert_message_free(&m);
}

/* Each kind, as it is read at night on a phone. */
static void words_are_those_of_a_phone(void **state) {
    (void)state;
    static const struct {
        const char *rule, *quantity, *text, *raised, *cleared;
    } kinds[] = {
        {"soc < 15 CRITICAL", "soc", "soc 14.26 < 15", "charge 14.3 %, below 15 %",
         "charge below 15 %, over after 25 min (lowest 14.3 %)"},
        {"soc < 15 CRITICAL", "soc", "soc 14.9999 < 15", "charge 14.9999 %, below 15 %",
         "charge below 15 %, over after 25 min (lowest 14.9999 %)"},
        {"soc < 15 CRITICAL", "soc", "soc 15.4 < 15", "charge 15.4 %, was below 15 %",
         "charge below 15 %, over after 25 min"},
        {"soh < 75 CRITICAL", "soh", "soh 70 < 75", "state of health 70 %, below 75 %",
         "state of health below 75 %, over after 25 min (lowest 70 %)"},
        {"temperature > 60 CRITICAL", "temperature", "temperature 61.53 > 60",
         "temperature 61.5 \xc2\xb0"
         "C, above 60 \xc2\xb0"
         "C",
         "temperature above 60 \xc2\xb0"
         "C, over after 25 min (highest 61.5 \xc2\xb0"
         "C)"},
        {"failure_probability > 0.7 CRITICAL", "failure_probability", "x 0.834 > 0.7",
         "failure risk 83.4 %, above 70 %",
         "failure risk above 70 %, over after 25 min (highest 83.4 %)"},
        {"rul_prediction < 100 WARNING", "rul_prediction", "x 89.2 < 100",
         "remaining life 89.2 cycles, below 100 cycles",
         "remaining life below 100 cycles, over after 25 min (lowest 89.2 cycles)"},
        {"voltage < 300 WARNING", "voltage", "x 289.94 < 300", "voltage 289.9 V, below 300 V",
         "voltage below 300 V, over after 25 min (lowest 289.9 V)"},
        {"silent", NULL, "no data for 16 s", "no data for 16 s", "no data, over after 25 min"},
        {"no_predictions", NULL, "no predictions for 2 min", "no predictions for 2 min",
         "no predictions, over after 25 min"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char expected[300];
        evtwin__alert_message m;
        evtwin__alert *a =
            make(0, "B1", kinds[i].rule, kinds[i].quantity, EVTWIN_HEALTH_WARNING, kinds[i].text);
        evtwin__alert_message_write(list, 1, 0, &m);
        snprintf(expected, sizeof expected, "evtwin: WARNING B1: %s", kinds[i].raised);
        assert_string_equal(m.subject, expected);
        evtwin__alert_message_free(&m);
        a->cleared_us = INT64_C(1500) * 1000000;
        evtwin__alert_message_write(list, 1, a->cleared_us, &m);
        snprintf(expected, sizeof expected, "evtwin: CLEARED B1: %s", kinds[i].cleared);
        assert_string_equal(m.subject, expected);
        evtwin__alert_message_free(&m);
    }
    evtwin__alert_message m;
    make(0, "B1", "silent", NULL, EVTWIN_HEALTH_WARNING, "no data for 16 s");
    evtwin__alert_message_write(list, 1, INT64_C(3600) * 1000000, &m);
    assert_string_equal(m.subject,
                        "evtwin: WARNING B1: no data for 16 s (raised 1970-01-01 00:00 UTC)");
    evtwin__alert_message_free(&m);
}

/* ---- mail ---- */

static char *mail_of(const char *battery, char *mail, size_t size) {
    static const char *const to[] = {"a@example.com", "b@example.com"};
    make(0, battery, "soc < 15 CRITICAL", "soc", EVTWIN_HEALTH_CRITICAL, "soc 14.2 < 15");
    evtwin__alert_message m;
    evtwin__text text = {.size = 0};
    evtwin__alert_message_write(list, 1, 0, &m);
    evtwin__alert_mail_write(&m, "evtwin@example.com", to, 2, INT64_C(1767225600000000), 7, &text);
    assert_false(text.is_failed);
    snprintf(mail, size, "%.*s", (int)text.size, text.data);
    evtwin__text_free(&text);
    evtwin__alert_message_free(&m);
    return mail;
}

static void a_mail_has_a_proper_head(void **state) {
    (void)state;
    char mail[4000];
    mail_of("B1", mail, sizeof mail);
    static const char *const lines[] = {
        "From: evtwin@example.com\r\n",
        "To: a@example.com,\r\n b@example.com\r\n",
        "Subject: evtwin: CRITICAL B1: charge 14.2 %, below 15 %\r\n",
        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n",
        "Message-ID: <evtwin.7.",
        "MIME-Version: 1.0\r\n",
        "charset=utf-8\r\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_non_null(strstr(mail, lines[i]));
    }
    /* "CRITICAL B1: charge 14.2 %, below 15 %\r\n" */
    assert_non_null(
        strstr(mail, "\r\n\r\nQ1JJVElDQUwgQjE6IGNoYXJnZSAxNC4yICUsIGJlbG93IDE1ICUNCg==\r\n"));
}

/* Lines of a head are at most 78 long, ASCII, and only ours. */
static void no_battery_id_adds_a_head(void **state) {
    (void)state;
    static const char *const batteries[] = {
        "B1\r\nBcc: evil@example.com", "B1\nX-Evil: 1",
        "Akkü-07 mit einem Namen, der sehr lang ist",
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"};
    for (size_t i = 0; i < sizeof batteries / sizeof batteries[0]; i++) {
        char mail[4000];
        mail_of(batteries[i], mail, sizeof mail);
        char *end = strstr(mail, "\r\n\r\n");
        assert_non_null(end);
        end[2] = '\0';
        assert_null(strstr(mail, "\nBcc"));
        assert_null(strstr(mail, "\nX-Evil"));
        for (const char *line = mail; *line != '\0'; line = strstr(line, "\r\n") + 2) {
            assert_true(strstr(line, "\r\n") - line <= 78);
        }
        for (const char *c = mail; *c != '\0'; c++) {
            assert_true((*c >= ' ' && *c < 127) || *c == '\r' || *c == '\n');
            assert_true(*c != '\n' || c[-1] == '\r');
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alert_says_what_it_is),
        cmocka_unit_test(many_of_a_rule_are_counted),
        cmocka_unit_test(the_worst_come_first_and_the_cleared_last),
        cmocka_unit_test(words_are_those_of_a_phone),
        cmocka_unit_test(a_mail_has_a_proper_head),
        cmocka_unit_test(no_battery_id_adds_a_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
