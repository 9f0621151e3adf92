/* SPDX-License-Identifier: MIT */
/* fuzz_s3_list.c: any answer of S3 is a list or refused; keys are strings no longer than the
 * answer. */

#include "core/mem.h"
#include "track/s3_list.h"

#include <stdlib.h>
#include <string.h>

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

static evtwin_status note(void *ctx, const char *key, int64_t size) {
    const size_t *total = ctx;
    require(strlen(key) <= *total && size >= 0);
    return EVTWIN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *next = NULL, *code = evtwin__s3_element((const char *)data, size, "Code");
    const evtwin_status st = evtwin__s3_list((const char *)data, size, note, &size, &next);
    require(st == EVTWIN_OK || (next == NULL && evtwin_last_error()[0] != '\0'));
    evtwin__free(next);
    evtwin__free(code);
    return 0;
}
