/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_manifest.c: any bytes as the manifest of a bundle: an error, or a manifest that
 * can be written again. */

#include "learn/bundle.h"

#include "core/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    evtwin__bundle bundle;
    if (evtwin__manifest_read("fuzz", (const char *)data, size, &bundle) < 0) {
        return 0;
    }
    /* it was good enough to be read */
    char *text;
    size_t text_size;
    if (evtwin__manifest_write("fuzz", &bundle, &text, &text_size) < 0) {
        abort();
    }
    evtwin__free(text);
    evtwin__bundle_clear(&bundle);
    return 0;
}
