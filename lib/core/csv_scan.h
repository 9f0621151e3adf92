/* SPDX-License-Identifier: MIT */
/* core/csv_scan.h: the lowest layer of reading CSV: a window over the file, cut into fields. */
#ifndef EVTWIN_CORE_CSV_SCAN_H
#define EVTWIN_CORE_CSV_SCAN_H

#include "evtwin/base.h"

#include <sys/types.h>

/* A window that slides over the file and always starts at a record. */
typedef struct evtwin__csv_scan {
    char *name; /* for error texts */
    int fd;
    off_t start;      /* where in the file reading began */
    size_t file_size; /* bytes from there on if it is a regular file, else 0 */
    int keeps_all;    /* 1: the window only grows, for a pipe that has to be read twice */
    char *buffer;
    size_t buffer_size;
    const char *at;  /* first byte of the next record */
    const char *end; /* of what has been read; *end is a NUL */
    size_t n_fills;  /* how often the window was read into, and may have moved */
    int is_last;     /* nothing comes after end */
    size_t line;     /* physical line of at, from 1 */
    size_t n_inner;  /* line breaks inside quotes since at */
    size_t max_line_bytes;
    char delimiter;           /* between fields; set with evtwin__csv_scan_delimit */
    unsigned char stops[256]; /* what ends or spoils an unquoted field */
    int has_mark;             /* the file begins with a byte-order mark */
    char *scratch;            /* (max_line_bytes), for a field with escaped quotes */
    const char *problem;      /* what EVTWIN__CSV_BAD is about */
} evtwin__csv_scan;

/* One field without its quotes; valid until the next is scanned. */
typedef struct evtwin__csv_field {
    const char *text;
    size_t length;
    int is_quoted;
} evtwin__csv_field;

/* What follows a field. */
typedef enum evtwin__csv_next {
    EVTWIN__CSV_FIELD, /* another field of the record */
    EVTWIN__CSV_END,   /* the end of the record */
    EVTWIN__CSV_CUT,   /* the window ends too early: fill and scan the record again */
    EVTWIN__CSV_BAD    /* see problem */
} evtwin__csv_next;

/* Open path ("-" = standard input) and read the first bytes; a UTF-8 byte-order mark is passed
 * over. may_rewind: keep what is read if the file itself cannot be read twice. */
evtwin_status evtwin__csv_scan_open(const char *path, size_t max_line_bytes, int may_rewind,
                                    evtwin__csv_scan *out);

/* Fields are separated by that byte: a comma if this is not called. */
void evtwin__csv_scan_delimit(evtwin__csv_scan *scan, char delimiter);
void evtwin__csv_scan_close(evtwin__csv_scan *scan);

/* Back to the first byte. */
evtwin_status evtwin__csv_scan_rewind(evtwin__csv_scan *scan);

/* Read more behind the record at scan->at, which may move in memory. EVTWIN_E_PARSE if the window
 * already holds more of it than max_line_bytes. */
evtwin_status evtwin__csv_scan_fill(evtwin__csv_scan *scan);

/* Of a pipe: wait at most timeout_ms for more. *is_there_out is 1 if the record at scan->at is
 * whole, so that reading it will not wait, or the file has ended. */
evtwin_status evtwin__csv_scan_await(evtwin__csv_scan *scan, int timeout_ms, int *is_there_out);

/* The field at *c_io, which moves behind it and its delimiter or line break. */
evtwin__csv_next evtwin__csv_scan_field(evtwin__csv_scan *scan, const char **c_io,
                                        evtwin__csv_field *out);

/* Go behind the next line break, or to the end of the file. */
evtwin_status evtwin__csv_scan_skip_line(evtwin__csv_scan *scan);

/* The record ended before c: the next one starts there. EVTWIN_E_PARSE if it was too long. */
evtwin_status evtwin__csv_scan_advance(evtwin__csv_scan *scan, const char *c);

#endif
