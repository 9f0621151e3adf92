/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_kinds.c: which kinds of store a build has, and what it says of
 * others. */

#include "test.h"

static void test_other_kinds_are_named_as_unsupported(void **state) {
    (void)state;
    evtwin_store *store = NULL;
#ifdef HAVE_SQLITE
    assert_fails(evtwin_store_open("csv:out.csv", NULL, &store), EVTWIN_E_UNSUPPORTED,
                 "'csv:out.csv'|sqlite:");
#else
    assert_fails(evtwin_store_open("sqlite::memory:", NULL, &store), EVTWIN_E_UNSUPPORTED,
                 "sqlite:|-DEVTWIN_SQLITE=ON");
#endif
#ifndef HAVE_POSTGRESQL
    assert_fails(evtwin_store_open("postgresql://host/db", NULL, &store), EVTWIN_E_UNSUPPORTED,
                 "postgresql:|-DEVTWIN_POSTGRESQL=ON");
#endif
    assert_fails(evtwin_store_open("evtwin.db", NULL, &store), EVTWIN_E_UNSUPPORTED, "evtwin.db");
    assert_fails(evtwin_store_open("", NULL, &store), EVTWIN_E_UNSUPPORTED, "''");
    assert_fails(evtwin_store_open("sqlit:x", NULL, &store), EVTWIN_E_UNSUPPORTED, "sqlit:x");
    assert_null(store);
}

static void test_passwords_are_hidden(void **state) {
    (void)state;
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open("oracle://twin:geheim@host/db", NULL, &store),
                 EVTWIN_E_UNSUPPORTED, "oracle://twin:***@host/db");
    assert_null(strstr(evtwin_last_error(), "geheim"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_kinds_are_named_as_unsupported),
        cmocka_unit_test(test_passwords_are_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
