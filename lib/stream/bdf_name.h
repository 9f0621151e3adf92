/* SPDX-License-Identifier: MIT */
/* stream/bdf_name.h: what the name of a Battery Data Format file says, if it is as the standard
 * recommends: "INSTITUTION__CELL__YYYYMMDD_….bdf.csv". */
#ifndef EVTWIN_STREAM_BDF_NAME_H
#define EVTWIN_STREAM_BDF_NAME_H

#include <stdint.h>

typedef struct evtwin__bdf_name {
    char cell[51];    /* a valid battery id; "" = nothing is known */
    int64_t start_us; /* midnight UTC of the date, also one with dashes */
} evtwin__bdf_name;

/* 0 if the name is of another form; *out is untouched then. */
int evtwin__bdf_name_read(const char *path, evtwin__bdf_name *out);

#endif
