/* SPDX-License-Identifier: MIT */
/* tools/train_together.h: evtwin-train among other processes: it joins them before it does anything
 * else, so that what ends one of them ends all, with its reason. */
#ifndef EVTWIN_TOOLS_TRAIN_TOGETHER_H
#define EVTWIN_TOOLS_TRAIN_TOGETHER_H

#include "cli/cli.h"

#include "evtwin/evtwin.h"

/* With --together: join. *out stays NULL without it. 0, or an exit code. */
int train_together_join(const cli *c, evtwin_peers **out);

/* This process ends with code (which is given back) where others wait for it: they are told the
 * last error. Nothing happens for NULL. */
int train_together_fail(evtwin_peers *peers, int code);

/* Each process comes here with what became of what it had to do (0 or an exit code): the code that
 * it ends with. */
int train_together_agree(evtwin_peers *peers, int code);

#endif
