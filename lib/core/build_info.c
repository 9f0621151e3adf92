/* SPDX-License-Identifier: MIT */
/* core/build_info.c: what this build was made with. */

#include "evtwin/base.h"

const char *evtwin_build_info(void) {
    return EVTWIN_BUILD_INFO; /* from CMakeLists.txt: the versions pkg-config found */
}
