/* SPDX-License-Identifier: MIT */
/* store/sql_text.h: SQL written from the schema: statements with marks that stand for lists of
 * quantities. */
#ifndef EVTWIN_STORE_SQL_TEXT_H
#define EVTWIN_STORE_SQL_TEXT_H

#include "core/text.h"

/* Writes what a mark stands for that is not below; mark (length) is without its @. */
typedef void evtwin__sql_mark(evtwin__text *sql, const void *ctx, const char *mark, size_t length);

int evtwin__sql_is_mark(const char *mark, size_t length, const char *name);

/* Add text with its marks replaced: @telemetry, @predictions, @row (columns of ev_telemetry),
 * @t.row, @p.predictions (those of a table of that name), @is_predicted (a condition: a prediction
 * is there, not only a note). other NULL: there are no other marks. */
void evtwin__sql_write(evtwin__text *sql, const char *text, evtwin__sql_mark *other,
                       const void *ctx);

__attribute__((format(printf, 2, 3))) void evtwin__sql_say(evtwin__text *sql, const char *format,
                                                           ...);

#endif
