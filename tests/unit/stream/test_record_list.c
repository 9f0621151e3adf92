/* SPDX-License-Identifier: MIT */
/* test_record_list.c: one record or an array of them, and what is neither. */

#include "test.h"

#include "stream/record_list.h"

/* The records between '|', and the status behind the last one. */
static evtwin_status cut(const char *payload, char *joined, size_t size) {
    evtwin__record_list list;
    evtwin_status st = evtwin__records_begin(&list, payload, strlen(payload));
    joined[0] = '\0';
    const char *text = NULL;
    size_t n = 0;
    while (st == EVTWIN_OK && (st = evtwin__records_next(&list, &text, &n)) == EVTWIN_OK) {
        const size_t used = strlen(joined);
        snprintf(joined + used, size - used, "%.*s|", (int)n, text);
    }
    if (st == EVTWIN_E_PARSE && list.data != NULL && list.is_over) {
        assert_int_equal(evtwin__records_next(&list, &text, &n), EVTWIN_DONE);
    }
    return st;
}

static void cuts_what_holds_records(void **state) {
    (void)state;
    static const struct {
        const char *payload, *records;
        evtwin_status end;
    } cases[] = {
        {"{\"a\":1}", "{\"a\":1}|", EVTWIN_DONE},
        {" {} ", "{} |", EVTWIN_DONE},
        {"nonsense", "nonsense|", EVTWIN_DONE}, /* who parses it says what it is */
        {"\xEF\xBB\xBF[{}]", "{}|", EVTWIN_DONE},
        {"\xEF\xBB\xBF{}", "{}|", EVTWIN_DONE},
        {"\xEF\xBB\xBF", "", EVTWIN_E_PARSE},
        {"[]", "", EVTWIN_DONE},
        {" [ ] ", "", EVTWIN_DONE},
        {"[{}]", "{}|", EVTWIN_DONE},
        {"[{\"a\":[1,2]},{\"b\":\"],\\\"[\"}]", "{\"a\":[1,2]}|{\"b\":\"],\\\"[\"}|", EVTWIN_DONE},
        {"[ {} , {} ]\n", "{} |{} |", EVTWIN_DONE},
        {"[1,]", "1||", EVTWIN_DONE},
        {"[,1]", "|1|", EVTWIN_DONE},
        {"[{}", "{}|", EVTWIN_E_PARSE},
        {"[", "", EVTWIN_E_PARSE},
        {"[{},", "{}||", EVTWIN_E_PARSE},
        {"[{}]x", "{}|", EVTWIN_E_PARSE},
        {"[\"", "\"|", EVTWIN_E_PARSE},
        {"", "", EVTWIN_E_PARSE},
        {" \n", "", EVTWIN_E_PARSE},
        {"\xff", "", EVTWIN_E_PARSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char joined[256];
        const evtwin_status st = cut(cases[i].payload, joined, sizeof joined);
        if (st != cases[i].end || strcmp(joined, cases[i].records) != 0) {
            fail_msg("'%s' gives '%s' and %s", cases[i].payload, joined, evtwin_status_name(st));
        }
    }
}

static void bounds_the_payload(void **state) {
    (void)state;
    enum { TOO_MUCH = 2 * 1024 * 1024 + 1 };
    char *payload = malloc(TOO_MUCH);
    assert_non_null(payload);
    memset(payload, ' ', TOO_MUCH);
    payload[0] = '1';
    evtwin__record_list list;
    assert_ok(evtwin__records_begin(&list, payload, TOO_MUCH - 1));
    assert_fails(evtwin__records_begin(&list, payload, TOO_MUCH), EVTWIN_E_PARSE, "2097152");
    assert_fails(evtwin__records_begin(&list, "{\0}", 3), EVTWIN_E_PARSE, "NUL");
    free(payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_what_holds_records),
        cmocka_unit_test(bounds_the_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
