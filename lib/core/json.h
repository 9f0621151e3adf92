/* SPDX-License-Identifier: MIT */
/* core/json.h: the little that we add to jansson: errors in our form, numbers in their shortest. */
#ifndef EVTWIN_CORE_JSON_H
#define EVTWIN_CORE_JSON_H

#include "evtwin/base.h"

#include <jansson.h>

/* Parse text (size bytes); duplicate keys are refused. EVTWIN_E_PARSE "name:line:column: …",
 * EVTWIN_E_UNSUPPORTED if it is not text at all. */
evtwin_status evtwin__json_parse(const char *name, const char *text, size_t size, json_t **out);

/* Are more objects and arrays than that open at once anywhere in the text, which need not be JSON?
 * jansson's own cap, 2048, is above what a record needs. */
int evtwin__json_is_deeper(const char *text, size_t size, int limit);

/* A copy of a JSON string (size bytes with its quotes) with its escapes decoded, freed by
 * evtwin__free. */
evtwin_status evtwin__json_parse_string(const char *name, const char *quoted, size_t size,
                                        char **out);

/* value as indented text with a line feed and a NUL behind it, numbers in their shortest exact
 * form; freed by evtwin__free. A NULL value is taken as memory that ran out while it was made. */
evtwin_status evtwin__json_text(const json_t *value, char **text_out, size_t *size_out);

/* Write an object or array as such a text, by evtwin__file_write. */
evtwin_status evtwin__json_write(const char *path, const json_t *value);

/* Members of an object; EVTWIN_E_PARSE "name: key … is missing / is not a number" otherwise. name
 * is the file. A returned string or object is borrowed. */
evtwin_status evtwin__json_get_number(const char *name, const json_t *object, const char *key,
                                      double *out);
/* The same from least to most; a whole one. EVTWIN_E_SCHEMA for another. */
evtwin_status evtwin__json_get_number_in(const char *name, const json_t *object, const char *key,
                                         double least, double most, double *out);
evtwin_status evtwin__json_get_count_in(const char *name, const json_t *object, const char *key,
                                        double least, double most, size_t *out);
evtwin_status evtwin__json_get_text(const char *name, const json_t *object, const char *key,
                                    const char **out);
evtwin_status evtwin__json_get_object(const char *name, const json_t *object, const char *key,
                                      json_t **out);
evtwin_status evtwin__json_get_array(const char *name, const json_t *object, const char *key,
                                     json_t **out);

/* json_real, or json_null for NaN and infinity (JSON has neither). */
json_t *evtwin__json_number(double value);
/* An array of them; NULL if memory runs out. */
json_t *evtwin__json_numbers(const double *v, size_t n);

#endif
