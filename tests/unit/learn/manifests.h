/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/manifests.h: the manifest of the sample bundle as text, and a text read as one.
 */
#ifndef EVTWIN_TEST_MANIFESTS_H
#define EVTWIN_TEST_MANIFESTS_H

#include "bundles.h"

/* The sample as text, freed with evtwin__free. */
static char *sample_text(size_t *size_out) {
    const evtwin__bundle b = sample_bundle();
    char *text = NULL;
    size_t size = 0;
    assert_ok(evtwin__manifest_write("manifest.json", &b, &text, &size));
    if (size_out != NULL) {
        *size_out = size;
    }
    return text;
}

static evtwin_status parse(const char *text, evtwin__bundle *out) {
    return evtwin__manifest_read("m.json", text, strlen(text), out);
}

#endif
