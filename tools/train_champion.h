/* SPDX-License-Identifier: MIT */
/* tools/train_champion.h: is a bundle better than another, on batteries that neither has seen? */
#ifndef EVTWIN_TOOLS_TRAIN_CHAMPION_H
#define EVTWIN_TOOLS_TRAIN_CHAMPION_H

#include "evtwin/evtwin.h"

enum { CHAMPION_TEXT_SIZE = 512 };

/* What was found. */
typedef struct champion_verdict {
    int is_better;                 /* of no target worse, of one at least better */
    char text[CHAMPION_TEXT_SIZE]; /* one line that says why */
} champion_verdict;

/* Compare what was trained with the bundle in a folder, on the rows of the training's table that
 * were held out; table NULL: it was trained in pieces. has_ids 0: the batteries have no names by
 * which one bundle could know them from another's. A bundle that cannot be compared is not beaten,
 * nor is one by processes that trained together. */
evtwin_status champion_compare(const evtwin_trainer *trainer, const evtwin_table *table,
                               int has_ids, const char *folder, champion_verdict *out);

#endif
