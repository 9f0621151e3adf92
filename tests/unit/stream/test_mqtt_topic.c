/* SPDX-License-Identifier: MIT */
/* test_mqtt_topic.c: the battery that a topic names, for records that do not. */

#include "test.h"

#ifdef HAVE_MQTT

#include "stream/mqtt_topic.h"

static void named(const char *filter, const char *topic, const char *expected) {
    char id[64] = "";
    const int is_named = evtwin__mqtt_topic_battery(filter, topic, id, sizeof id);
    assert_int_equal(is_named, expected != NULL);
    if (expected != NULL) {
        assert_string_equal(id, expected);
    }
}

static void the_level_of_the_first_plus_is_the_battery(void **state) {
    (void)state;
    named("ev/battery/+/telemetry", "ev/battery/B1/telemetry", "B1");
    named("+/t", "B.2:x-y_z/t", "B.2:x-y_z");
    named("a/+/+", "a/b/c", "b");
    named("a/+", "a/b", "b");
    named("$share/group/a/+/t", "a/B1/t", "B1");
    named("a/#", "a/B1", NULL);
    named("a/b", "a/b", NULL);
    named("a/+/t", "a//t", NULL);
    named("a/+/t", "a/b c/t", NULL); /* not a valid id */
    named("a/+/t", "a/0123456789012345678901234567890123456789012345678901234567890123/t", NULL);
}

static void completed(const char *record, const char *expected) {
    evtwin__text text = {0};
    const int is_done = evtwin__mqtt_name_battery(record, strlen(record), "B1", &text);
    assert_int_equal(is_done, expected != NULL);
    if (expected != NULL) {
        assert_int_equal(text.size, strlen(expected));
        assert_memory_equal(text.data, expected, text.size);
    }
    evtwin__text_free(&text);
}

static void a_record_without_a_battery_gets_it(void **state) {
    (void)state;
    completed("{\"soc\":1}", "{\"battery_id\":\"B1\",\"soc\":1}");
    completed(" { \"soc\":1} ", "{\"battery_id\":\"B1\",\"soc\":1} ");
    completed("{ }", "{\"battery_id\":\"B1\"}");
    completed("{", "{\"battery_id\":\"B1\",");
    completed("{\"battery_id\":\"B2\"}", NULL);
    completed("[1]", NULL);
    completed("", NULL);
    completed("  ", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_level_of_the_first_plus_is_the_battery),
        cmocka_unit_test(a_record_without_a_battery_gets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) {
    print_message("skipped: built without MQTT\n");
    return 77;
}

#endif
