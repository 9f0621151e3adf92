/* SPDX-License-Identifier: MIT */
/* core/csv_scan.c: the lowest layer of reading CSV: a window over the file, cut into fields. */

#include "core/csv_scan.h"

#include "core/file.h"
#include "core/file_kind.h"
#include "core/mem.h"
#include "core/status.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 1 << 20
}; /* read at once: long enough to hide the system call, short for the cache */

/* ---- the window ---- */

/* Open the file and note what kind it is. */
static evtwin_status open_file(const char *path, int may_rewind, evtwin__csv_scan *scan) {
    const int is_stdin = strcmp(path, "-") == 0;
    scan->name = evtwin__strdup(is_stdin ? "standard input" : path);
    EVTWIN_FAIL_IF(scan->name == NULL, EVTWIN_E_NOMEM, "no memory to read %s", path);
    if (is_stdin) {
        scan->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    } else {
        EVTWIN_TRY(evtwin__fd_open_input(path, 1, &scan->fd));
    }
    struct stat info;
    if (scan->fd < 0 || fstat(scan->fd, &info) != 0) {
        return evtwin__fail_errno(scan->name, errno);
    }
    if (S_ISDIR(info.st_mode)) {
        return evtwin__fail_errno(scan->name, EISDIR);
    }
    if (S_ISREG(info.st_mode)) {
        const off_t start = lseek(scan->fd, 0, SEEK_CUR);
        scan->start = start > 0 ? start : 0;
        scan->file_size = info.st_size > scan->start ? (size_t)(info.st_size - scan->start) : 0;
    } else {
        scan->keeps_all = may_rewind;
    }
    return EVTWIN_OK;
}

/* Pass over a byte-order mark; refuse files that are no text. */
static evtwin_status skip_mark(evtwin__csv_scan *scan) {
    while (scan->end - scan->at < 3 && !scan->is_last) {
        EVTWIN_TRY(evtwin__csv_scan_fill(scan));
    }
    const size_t held = (size_t)(scan->end - scan->at);
    EVTWIN_TRY(evtwin__file_kind(scan->name, scan->at, held, "save the table as CSV"));
    if (held >= 3 && memcmp(scan->at, "\xEF\xBB\xBF", 3) == 0) {
        scan->at += 3;
        scan->has_mark = 1;
    }
    return EVTWIN_OK;
}

/* The buffers, and the first bytes in them. */
static evtwin_status fill_window(evtwin__csv_scan *scan) {
    const int is_small = scan->file_size > 0 && scan->file_size < CHUNK_BYTES;
    scan->buffer_size = scan->max_line_bytes + (is_small ? scan->file_size + 1 : CHUNK_BYTES);
    scan->buffer = evtwin__realloc(NULL, scan->buffer_size + 1, 1);
    scan->scratch = evtwin__realloc(NULL, scan->max_line_bytes, 1);
    EVTWIN_FAIL_IF(scan->buffer == NULL || scan->scratch == NULL, EVTWIN_E_NOMEM,
                   "%s: no memory for lines of %zu bytes", scan->name, scan->max_line_bytes);
    scan->buffer[0] = '\0';
    scan->at = scan->end = scan->buffer;
    return skip_mark(scan);
}

evtwin_status evtwin__csv_scan_open(const char *path, size_t max_line_bytes, int may_rewind,
                                    evtwin__csv_scan *out) {
    *out = (evtwin__csv_scan){.fd = -1, .line = 1, .max_line_bytes = max_line_bytes};
    evtwin__csv_scan_delimit(out, ',');
    evtwin_status st = open_file(path, may_rewind, out);
    if (st < 0 || (st = fill_window(out)) < 0) {
        evtwin__csv_scan_close(out);
    }
    return st;
}

void evtwin__csv_scan_close(evtwin__csv_scan *scan) {
    if (scan->fd >= 0) {
        close(scan->fd);
    }
    evtwin__free(scan->name);
    evtwin__free(scan->buffer);
    evtwin__free(scan->scratch);
    *scan = (evtwin__csv_scan){.fd = -1};
}

evtwin_status evtwin__csv_scan_rewind(evtwin__csv_scan *scan) {
    scan->at = scan->buffer;
    scan->line = 1;
    scan->n_inner = 0;
    if (!scan->keeps_all) {
        if (lseek(scan->fd, scan->start, SEEK_SET) < 0) {
            return evtwin__fail_errno(scan->name, errno);
        }
        scan->end = scan->buffer;
        scan->buffer[0] = '\0';
        scan->is_last = 0;
    }
    return skip_mark(scan);
}

/* Free space behind end: what has been read goes, or the window grows. */
static evtwin_status make_room(evtwin__csv_scan *scan) {
    const size_t before = (size_t)(scan->at - scan->buffer);
    const size_t held = (size_t)(scan->end - scan->at);
    if (!scan->keeps_all) {
        memmove(scan->buffer, scan->at, held);
        scan->at = scan->buffer;
        scan->end = scan->buffer + held;
        return EVTWIN_OK;
    }
    if (before + held + CHUNK_BYTES <= scan->buffer_size) {
        return EVTWIN_OK;
    }
    const size_t grown_size = 2 * scan->buffer_size;
    char *grown = evtwin__realloc(scan->buffer, grown_size + 1, 1);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "%s: no memory for %zu bytes of a pipe",
                   scan->name, grown_size);
    scan->buffer = grown;
    scan->buffer_size = grown_size;
    scan->at = grown + before;
    scan->end = scan->at + held;
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_scan_fill(evtwin__csv_scan *scan) {
    assert(!scan->is_last);
    EVTWIN_FAIL_IF((size_t)(scan->end - scan->at) > scan->max_line_bytes, EVTWIN_E_PARSE,
                   "%s:%zu:1: the record is longer than %zu bytes%s", scan->name, scan->line,
                   scan->max_line_bytes, scan->n_inner > 0 ? " (is a quote not closed?)" : "");
    EVTWIN_TRY(make_room(scan));
    scan->n_fills++;
    char *end = scan->buffer + (scan->end - scan->buffer);
    const ssize_t n =
        evtwin__fd_read(scan->fd, end, scan->buffer_size - (size_t)(end - scan->buffer));
    if (n < 0) {
        return evtwin__fail_errno(scan->name, errno);
    }
    end[n] = '\0';
    scan->end = end + n;
    scan->is_last = n == 0;
    return EVTWIN_OK;
}

/* Behind empty lines, a line break outside of quotes, which come in pairs in a whole record? */
static int has_record(const evtwin__csv_scan *scan) {
    int is_quoted = 0;
    for (const char *c = scan->at + strspn(scan->at, "\r\n"); c < scan->end; c++) {
        is_quoted ^= *c == '"';
        if (*c == '\n' && !is_quoted) {
            return 1;
        }
    }
    return (size_t)(scan->end - scan->at) > scan->max_line_bytes;
}

evtwin_status evtwin__csv_scan_await(evtwin__csv_scan *scan, int timeout_ms, int *is_there_out) {
    struct pollfd more = {.fd = scan->fd, .events = POLLIN};
    int is_there = scan->is_last || scan->file_size > 0 || has_record(scan);
    if (!is_there && poll(&more, 1, timeout_ms) > 0) {
        EVTWIN_TRY(evtwin__csv_scan_fill(scan));
        is_there = scan->is_last || has_record(scan);
    }
    *is_there_out = is_there;
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_scan_skip_line(evtwin__csv_scan *scan) {
    scan->n_inner = 0;
    for (;;) {
        const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
        if (newline != NULL) {
            scan->at = newline + 1;
            scan->line++;
            return EVTWIN_OK;
        }
        scan->at = scan->end;
        if (scan->is_last) {
            return EVTWIN_OK;
        }
        EVTWIN_TRY(evtwin__csv_scan_fill(scan));
    }
}

evtwin_status evtwin__csv_scan_advance(evtwin__csv_scan *scan, const char *c) {
    EVTWIN_FAIL_IF((size_t)(c - scan->at) > scan->max_line_bytes, EVTWIN_E_PARSE,
                   "%s:%zu:1: the record is longer than %zu bytes", scan->name, scan->line,
                   scan->max_line_bytes);
    scan->at = c;
    scan->line += 1 + scan->n_inner;
    scan->n_inner = 0;
    return EVTWIN_OK;
}

/* ---- fields ---- */

void evtwin__csv_scan_delimit(evtwin__csv_scan *scan, char delimiter) {
    scan->delimiter = delimiter;
    memset(scan->stops, 0, sizeof scan->stops);
    const unsigned char stops[] = {'\0', '"', '\n', '\r', (unsigned char)delimiter};
    for (size_t i = 0; i < sizeof stops; i++) {
        scan->stops[stops[i]] = 1;
    }
}

static evtwin__csv_next bad(evtwin__csv_scan *scan, const char *problem) {
    scan->problem = problem;
    return EVTWIN__CSV_BAD;
}

/* What stands behind a field. */
static evtwin__csv_next scan_separator(evtwin__csv_scan *scan, const char *c, int is_quoted,
                                       const char **c_io) {
    if (*c == scan->delimiter) {
        *c_io = c + 1;
        return EVTWIN__CSV_FIELD;
    }
    switch (*c) {
    case '\n':
        *c_io = c + 1;
        return EVTWIN__CSV_END;
    case '\r':
        if (c[1] == '\n') {
            *c_io = c + 2;
            return EVTWIN__CSV_END;
        }
        if (c + 1 == scan->end && !scan->is_last) {
            return EVTWIN__CSV_CUT;
        }
        return bad(scan, "a carriage return without a line feed: save the file with line feeds at "
                         "the ends of lines");
    case '\0':
        if (c != scan->end) {
            return bad(scan, "a NUL byte");
        }
        *c_io = c;
        return scan->is_last ? EVTWIN__CSV_END : EVTWIN__CSV_CUT;
    case ' ': /* blanks behind a closing quote */
        while (*c == ' ') {
            c++;
        }
        return *c == '"' ? bad(scan, "text behind a closing quote: quotes inside are written twice")
                         : scan_separator(scan, c, is_quoted, c_io);
    default:
        return bad(scan, is_quoted ? "text behind a closing quote: quotes inside are written twice"
                                   : "a quote inside a field that does not begin with one: put "
                                     "the field in quotes and write those inside twice");
    }
}

/* The field whose opening quote stands at *c_io. */
static evtwin__csv_next scan_quoted(evtwin__csv_scan *scan, const char **c_io,
                                    evtwin__csv_field *out) {
    const char *part = *c_io + 1; /* what is not in scratch yet */
    size_t n = 0;                 /* bytes in scratch */
    const char *c = part;
    for (;; c++) {
        if (*c == '\n') {
            scan->n_inner++;
        } else if (*c == '\0') {
            if (c != scan->end) {
                return bad(scan, "a NUL byte");
            }
            return scan->is_last ? bad(scan, "the quote is not closed") : EVTWIN__CSV_CUT;
        } else if (*c == '"') {
            if (c[1] != '"') {
                break;
            }
            /* of two quotes one counts; a field with such is put together in scratch */
            const size_t length = (size_t)(c + 1 - part);
            if (length > scan->max_line_bytes - n) {
                return bad(scan, "the field is longer than a record may be");
            }
            memcpy(scan->scratch + n, part, length);
            n += length;
            part = ++c + 1;
        }
    }
    if (c + 1 == scan->end && !scan->is_last) {
        return EVTWIN__CSV_CUT; /* the quote may be the first of two */
    }

    *out = (evtwin__csv_field){.text = part, .length = (size_t)(c - part), .is_quoted = 1};
    if (n > 0) {
        if (out->length > scan->max_line_bytes - n) {
            return bad(scan, "the field is longer than a record may be");
        }
        memcpy(scan->scratch + n, part, out->length);
        out->text = scan->scratch;
        out->length += n;
    }
    return scan_separator(scan, c + 1, 1, c_io);
}

static int is_blank(const char *c, const char *end) {
    while (c < end && (*c == ' ' || *c == '\t')) {
        c++;
    }
    return c == end;
}

evtwin__csv_next evtwin__csv_scan_field(evtwin__csv_scan *scan, const char **c_io,
                                        evtwin__csv_field *out) {
    const char *c = *c_io;
    if (*c == '"') {
        return scan_quoted(scan, c_io, out);
    }
    while (!scan->stops[(unsigned char)*c]) {
        c++;
    }
    if (*c == '"' && is_blank(*c_io, c)) {
        *c_io = c;
        return scan_quoted(scan, c_io, out);
    }
    *out = (evtwin__csv_field){.text = *c_io, .length = (size_t)(c - *c_io)};
    return scan_separator(scan, c, 0, c_io);
}
