/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_try.h: pass a failure of the library on to the caller. */
#ifndef EVTWIN_TOOLS_CLI_CLI_TRY_H
#define EVTWIN_TOOLS_CLI_CLI_TRY_H

#define TRY(call)                                                                                  \
    do {                                                                                           \
        const evtwin_status try_st = (call);                                                       \
        if (try_st < 0) {                                                                          \
            return try_st;                                                                         \
        }                                                                                          \
    } while (0)

#endif
