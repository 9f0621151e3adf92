/* SPDX-License-Identifier: MIT */
/* sim/bpx_none.c: the edge build reads no BPX files: it has this in the place of bpx.c
 * (cmake/EvtwinEdge.cmake). */

#include "sim/bpx.h"

#include "core/status.h"

evtwin_status evtwin__bpx_complete(const char *name, json_t *root) {
    (void)name;
    EVTWIN_FAIL_IF(
        json_object_get(root, "bpx") != NULL || json_object_get(root, "Header") != NULL,
        EVTWIN_E_UNSUPPORTED,
        "this build of the library reads no BPX files (EVTWIN_EDGE): give all values in the "
        "cell file itself (docs/cells.md)");
    return EVTWIN_OK;
}
