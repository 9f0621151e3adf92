/* SPDX-License-Identifier: MIT */
/* core/csv_words.h: words that stand for a missing value, or for true and false, in CSV. */
#ifndef EVTWIN_CORE_CSV_WORDS_H
#define EVTWIN_CORE_CSV_WORDS_H

#include <stddef.h>

/* The closed lists, in lower case; any case is read. Number i, NULL beyond the last. docs/files.md
 * has the same lists. */
const char *evtwin__missing_word(size_t i);
const char *evtwin__bool_word(size_t i, int *value_out);

/* Is text[0..length) empty or a word for "missing"? */
int evtwin__is_missing_word(const char *text, size_t length);

/* 1, 0, or -1 if the text is neither. */
int evtwin__parse_bool(const char *text, size_t length);

#endif
