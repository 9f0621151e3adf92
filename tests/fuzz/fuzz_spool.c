/* SPDX-License-Identifier: MIT */
/* fuzz_spool.c: any bytes are an entry of a spool or refused; what is read is written as bytes that
 * read back the same. The first byte chooses rows or a letter. */

#include "stream/spool_codec.h"

#include <stdlib.h>
#include <string.h>

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

static size_t rows_of(const evtwin_table *table) {
    return table != NULL ? evtwin_table_rows(table) : 0;
}

static void read_rows(const void *data, size_t size) {
    evtwin_table *rows = NULL, *states = NULL, *rows2 = NULL, *states2 = NULL;
    if (evtwin__spool_get_rows(data, size, &rows, &states) != EVTWIN_OK) {
        require(evtwin_last_error()[0] != '\0');
        return;
    }
    evtwin__text first = {.data = NULL}, second = {.data = NULL};
    evtwin__spool_put_rows(rows, 0, rows_of(rows), states, 0, rows_of(states), &first);
    require(!first.is_failed &&
            evtwin__spool_get_rows(first.data, first.size, &rows2, &states2) == EVTWIN_OK);
    evtwin__spool_put_rows(rows2, 0, rows_of(rows2), states2, 0, rows_of(states2), &second);
    require(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    evtwin__text_free(&first);
    evtwin__text_free(&second);
    evtwin_table_free(rows);
    evtwin_table_free(states);
    evtwin_table_free(rows2);
    evtwin_table_free(states2);
}

static void read_letter(const void *data, size_t size) {
    evtwin_letter letter, again;
    evtwin__text text = {.data = NULL};
    if (evtwin__spool_get_letter(data, size, &letter) != EVTWIN_OK) {
        return;
    }
    evtwin__spool_put_letter(&letter, &text);
    require(!text.is_failed && evtwin__spool_get_letter(text.data, text.size, &again) == EVTWIN_OK);
    require(again.raw_size == letter.raw_size && again.status == letter.status &&
            memcmp(again.raw, letter.raw, letter.raw_size) == 0 &&
            strcmp(again.reason, letter.reason) == 0);
    evtwin__text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] == 'L') {
        read_letter(data + 1, size - 1);
    } else if (size > 0) {
        read_rows(data + 1, size - 1);
    }
    return 0;
}
