/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz_manifest.c: any bytes as the manifest of a bundle: an error, or a manifest that
 * can be written again. */

#include "learn/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    evtwin__manifest manifest;
    if (evtwin__manifest_parse("fuzz", (const char *)data, size, &manifest) < 0) {
        return 0;
    }
    /* it was good enough to be read: only the folder may be wrong */
    const evtwin_status st = evtwin__manifest_write(&manifest, "/dev/null/nowhere");
    if (st != EVTWIN_E_NOT_FOUND && st != EVTWIN_E_IO) {
        abort();
    }
    evtwin__manifest_clear(&manifest);
    return 0;
}
