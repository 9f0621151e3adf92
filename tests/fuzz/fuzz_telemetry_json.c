/* SPDX-License-Identifier: MIT */
/* fuzz_telemetry_json.c: any bytes are a telemetry record or refused; a record survives encoding.
 */

#include "evtwin/stream.h"
#include "evtwin/telemetry.h"

#include <stdlib.h>
#include <string.h>

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* What was read can be written, and is read back as the same text. */
static void encode_and_decode(evtwin_table *table) {
    char first[2048], second[2048];
    size_t length = 0, measured = 0;
    require(evtwin_telemetry_encode(table, 0, first, sizeof first, &length) == EVTWIN_OK);
    require(evtwin_telemetry_encode(table, 0, NULL, 0, &measured) == EVTWIN_OK);
    require(measured == length);
    require(strlen(first) == length);
    require(evtwin_telemetry_decode(first, length, EVTWIN_NAIVE_REJECT, table) == EVTWIN_OK);
    require(evtwin_table_rows(table) == 2);
    require(evtwin_telemetry_encode(table, 1, second, sizeof second, NULL) == EVTWIN_OK);
    require(strcmp(first, second) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    evtwin_table *table = NULL;
    require(evtwin_telemetry_table_create(&table) == EVTWIN_OK);
    const char *text = size > 0 ? (const char *)data : "";
    if (evtwin_telemetry_decode(text, size, EVTWIN_NAIVE_UTC, table) == EVTWIN_OK) {
        require(evtwin_table_rows(table) == 1);
        encode_and_decode(table);
    } else {
        require(evtwin_table_rows(table) == 0 && evtwin_last_error()[0] != '\0');
    }
    evtwin_table_free(table);
    return 0;
}
