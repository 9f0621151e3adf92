/* SPDX-License-Identifier: MIT */
/* core/csv_clock.h: the test time of the Battery Data Format, whose files hold one test of one
 * cell: it never goes back. Exports exist in which it does (a cycler that begins anew with each
 * step), and nothing that is computed from such times is right. */
#ifndef EVTWIN_CORE_CSV_CLOCK_H
#define EVTWIN_CORE_CSV_CLOCK_H

#include "core/csv_record.h"

/* Once the header is known: find the column, unless the file may have several tests. */
void evtwin__csv_clock_find(evtwin__csv_reader *reader);

/* Before the first record, also when the file is read once more. */
void evtwin__csv_clock_begin(evtwin__csv_reader *reader);

/* Of the record at scan.at, which has been stored at row: EVTWIN_E_PARSE naming both times and
 * their lines if it goes back behind the last one that was fine. */
evtwin_status evtwin__csv_clock_check(evtwin__csv_reader *reader);

#endif
