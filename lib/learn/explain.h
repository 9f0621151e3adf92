/* SPDX-License-Identifier: MIT */
/* learn/explain.h: the reasons of rows whose battery's past is known to the caller. */
#ifndef EVTWIN_LEARN_EXPLAIN_H
#define EVTWIN_LEARN_EXPLAIN_H

#include "evtwin/explain.h"

#include "core/text.h"

/* The models have all that reasons need; EVTWIN_E_UNSUPPORTED if not. */
evtwin_status evtwin__explain_check(const evtwin_predictor *predictor);

/* What row r is predicted from: that row of rows_x (rows, features), or, where it is NULL, the
 * table's own values. 0 in *is_known_out if it cannot be predicted. x (features). */
evtwin_status evtwin__explained_features(const evtwin_predictor *predictor,
                                         const evtwin_table *table, size_t row,
                                         const double *rows_x, double *x, int *is_known_out);

/* Append the k largest reasons of a row x: in words, or as members of an object that is open. */
evtwin_status evtwin__explain_row(const evtwin_predictor *predictor, const char *target,
                                  const double *x, size_t k, evtwin_reasons_form form,
                                  evtwin__text *text);

/* evtwin_predictor_explain of a table that was predicted from these rows_x, NULL = own values. */
evtwin_status evtwin__explain_table(const evtwin_predictor *predictor, evtwin_table *table,
                                    size_t k, evtwin_reasons_form form, const double *rows_x);

#endif
