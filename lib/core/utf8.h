/* SPDX-License-Identifier: MIT */
/* core/utf8.h: is a text valid UTF-8, and where does it begin? */
#ifndef EVTWIN_CORE_UTF8_H
#define EVTWIN_CORE_UTF8_H

#include <stddef.h>

/* 1 if text[0..length) is well-formed UTF-8 (no overlong forms, no surrogates, no NUL). */
int evtwin__utf8_is_valid(const char *text, size_t length);

/* Length of the well-formed sequence (of one character other than NUL) at the front of
 * text[0..available), which is not empty; 0 if there is none. */
size_t evtwin__utf8_length(const char *text, size_t available);

/* Length of the byte order mark at the front of text[0..length), which is not a part of the text; 0
 * if there is none. */
size_t evtwin__utf8_mark(const char *text, size_t length);

#endif
