/* SPDX-License-Identifier: MIT */
/* stream/source_jsonl.c: "jsonl:FILE" as a source, one telemetry record a line. */

#include "core/file.h"
#include "core/file_kind.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"
#include "stream/scheme.h"
#include "stream/telemetry_json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINE = 65536, BUFFER_SIZE = 2 * MAX_LINE };

typedef struct jsonl_source {
    int fd; /* -1: there is no such file yet */
    const char *path;
    int follow; /* at the end of the file wait for more, or for the file that takes its place */
    evtwin_naive_time naive;
    const char *time_format;   /* NULL = of any form */
    evtwin__time_counts times; /* of the records read */
    int at_end;                /* of the file, which gets no more */
    int skipping;              /* the rest of a line that is too long */
    uint64_t line;
    uint64_t first_hash; /* of the first line, by which a followed file is known again */
    uint64_t n_passed;   /* bytes of the file before the buffer */
    char *buffer;
    size_t start, end; /* what of the buffer is still to be read */
} jsonl_source;

static const evtwin__param params[] = {
    EVTWIN__PARAM("naive_time", WORD, offsetof(jsonl_source, naive), .words = EVTWIN__NAIVE_WORDS),
    EVTWIN__PARAM("time_format", TEXT, offsetof(jsonl_source, time_format)),
    EVTWIN__PARAM("follow", WORD, offsetof(jsonl_source, follow), .words = EVTWIN__FLAG_WORDS),
    {.key = NULL}};

static void close_source(void *ctx) {
    jsonl_source *s = ctx;
    if (s->fd >= 0) {
        close(s->fd);
    }
    evtwin__time_log(&s->times, s->path, s->naive);
    evtwin__free(s->buffer);
}

static evtwin_status open_path(jsonl_source *s) {
    const evtwin_status st = evtwin__fd_open_input(s->path, 0, &s->fd);
    return st == EVTWIN_E_NOT_FOUND && s->follow ? EVTWIN_OK : st;
}

static evtwin_status open_source(const evtwin__uri *uri, void *ctx) {
    jsonl_source *s = ctx;
    const int is_stdin = strcmp(uri->path, "-") == 0;
    s->fd = -1;
    s->path = uri->path;

    /* a file is read as it was written; a live stream must not guess what a time means */
    s->naive = is_stdin ? EVTWIN_NAIVE_REJECT : EVTWIN_NAIVE_UTC;
    EVTWIN_TRY(evtwin__params_read(uri, params, s));
    EVTWIN_TRY(s->time_format != NULL ? evtwin__time_format_check(s->time_format) : EVTWIN_OK);
    s->buffer = evtwin__calloc(BUFFER_SIZE, 1);
    EVTWIN_FAIL_IF(s->buffer == NULL, EVTWIN_E_NOMEM, "%s: out of memory", s->path);
    if (!is_stdin) {
        return open_path(s);
    }
    s->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return s->fd < 0 ? evtwin__fail_errno(s->path, errno) : EVTWIN_OK;
}

/* ---- follow, as tail -F does ---- */

/* From its beginning, whatever was read of the file before. */
static void begin_file(jsonl_source *s) {
    s->at_end = s->skipping = 0;
    s->line = s->n_passed = s->first_hash = 0;
    s->start = s->end = 0;
}

/* At the end of a file: was it cut and so begins anew, or has another one, with something in it,
 * taken its place and this one nothing left? */
static evtwin_status look_for_rotation(jsonl_source *s) {
    struct stat open_one, named;
    if (fstat(s->fd, &open_one) != 0 || !S_ISREG(open_one.st_mode)) {
        return EVTWIN_OK;
    }
    const uint64_t n_read = s->n_passed + s->end;
    if ((uint64_t)open_one.st_size < n_read) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: was cut from %llu to %lld bytes; read from the start",
                    s->path, (unsigned long long)n_read, (long long)open_one.st_size);
        EVTWIN_FAIL_IF(lseek(s->fd, 0, SEEK_SET) < 0, EVTWIN_E_IO, "%s: %s", s->path,
                       strerror(errno));
        begin_file(s);
        return EVTWIN_OK;
    }
    const int is_other = stat(s->path, &named) == 0 &&
                         (named.st_ino != open_one.st_ino || named.st_dev != open_one.st_dev);
    const int is_over = is_other && (named.st_size > 0 || open_one.st_nlink == 0);
    s->at_end = is_over && fstat(s->fd, &open_one) == 0 && (uint64_t)open_one.st_size == n_read;
    return EVTWIN_OK;
}

/* Go on with the file that has taken the place of the one at its end, or wait for it. */
static evtwin_status next_file(jsonl_source *s) {
    evtwin__log(EVTWIN_LOG_INFO, "%s: another file took its place; going on with that", s->path);
    close(s->fd);
    s->fd = -1;
    begin_file(s);
    return open_path(s);
}

/* ---- read ---- */

/* Is there something to read, or the end, within that time? */
static int is_ready(const jsonl_source *s, int timeout_ms) {
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

/* Read more into the buffer. *n_out is 0 if nothing comes within that time. */
static evtwin_status fill(jsonl_source *s, int timeout_ms, size_t *n_out) {
    *n_out = 0;
    memmove(s->buffer, s->buffer + s->start, s->end - s->start);
    s->n_passed += s->start;
    s->end -= s->start;
    s->start = 0;
    EVTWIN_TRY(s->fd < 0 ? open_path(s) : EVTWIN_OK);
    if (s->fd < 0 || s->at_end || !is_ready(s, timeout_ms)) {
        return EVTWIN_OK;
    }
    const ssize_t n = evtwin__fd_read(s->fd, s->buffer + s->end, BUFFER_SIZE - s->end);
    EVTWIN_FAIL_IF(n < 0 && errno != EAGAIN, EVTWIN_E_IO, "%s: %s", s->path, strerror(errno));
    const int is_first = s->n_passed == 0 && s->end == 0;
    s->at_end = n == 0 && !s->follow;
    *n_out = n > 0 ? (size_t)n : 0;
    s->end += *n_out;
    if (n == 0 && s->follow) {
        return look_for_rotation(s);
    }
    return is_first ? evtwin__file_kind(s->path, s->buffer, s->end, "write it as JSON lines")
                    : EVTWIN_OK;
}

/* Drop what is in the buffer of a line that is passed over; 1 once its end was found. */
static int skip_line(jsonl_source *s) {
    const char *from = s->buffer + s->start;
    const char *newline = memchr(from, '\n', s->end - s->start);
    s->start = newline != NULL ? s->start + (size_t)(newline - from) + 1 : s->end;
    s->skipping = newline == NULL;
    s->line += newline != NULL;
    return newline != NULL;
}

/* Pass over a record of length bytes from the start of the buffer on; its line is known. */
static evtwin_status refuse(jsonl_source *s, evtwin_source *source, evtwin_status status,
                            uint64_t line, size_t length) {
    char place[400];
    snprintf(place, sizeof place, "%.360s:%llu", s->path, (unsigned long long)line);
    evtwin__fail_in(status, "%s", place);
    return evtwin_source_refuse(source, status, place, NULL, s->buffer + s->start, length);
}

/* The next whole line, which stays in the buffer: its length in *length_out, or NULL in *line_out
 * if there is none within that time. */
static evtwin_status find_line(jsonl_source *s, int timeout_ms, const char **line_out,
                               size_t *length_out) {
    *line_out = NULL;
    for (;;) {
        if (!s->skipping || skip_line(s)) {
            const char *from = s->buffer + s->start;
            const char *newline = memchr(from, '\n', s->end - s->start);
            *length_out = newline != NULL ? (size_t)(newline - from) : s->end - s->start;
            if (newline != NULL || *length_out > MAX_LINE) {
                s->first_hash = s->line == 0 ? evtwin__hash(EVTWIN__HASH_BEGIN, from, *length_out)
                                             : s->first_hash;
                *line_out = from;
                return EVTWIN_OK;
            }
        }
        size_t n_read = 0;
        EVTWIN_TRY(fill(s, timeout_ms, &n_read));
        if (n_read == 0) {
            return EVTWIN_OK;
        }
    }
}

static int is_blank(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            return 0;
        }
    }
    return 1;
}

/* JSON that is not a record a line has a plain answer, which the parser does not know. */
static evtwin_status explain(evtwin_status st, const char *line, size_t length) {
    size_t at = 0;
    while (at < length && is_blank(line + at, 1)) {
        at++;
    }
    const char first = at < length ? line[at] : '\0';
    EVTWIN_FAIL_IF(
        st == EVTWIN_E_PARSE && first == '[', st,
        "one record per line; this looks like a JSON array: jq -c '.[]' FILE makes lines "
        "of one");
    EVTWIN_FAIL_IF(st == EVTWIN_E_PARSE && first == '{' && is_blank(line + at + 1, length - at - 1),
                   st,
                   "one record per line; this looks like a record over several lines: jq -c . FILE "
                   "makes one of them");
    return st;
}

static evtwin_status decode_line(jsonl_source *s, const char *line, size_t length,
                                 evtwin_table *table) {
    EVTWIN_FAIL_IF(length > MAX_LINE, EVTWIN_E_PARSE, "the line is longer than %d bytes", MAX_LINE);
    const size_t mark = evtwin__utf8_mark(line, length); /* files that were joined have several */
    line += mark;
    length -= mark;
    if (is_blank(line, length)) {
        return EVTWIN_OK;
    }
    const evtwin__time_rule rule = {s->time_format, s->naive};
    evtwin__time_kind kind;
    const evtwin_status st = evtwin__telemetry_decode(line, length, &rule, table, &kind);
    if (st < 0) {
        return explain(st, line, length);
    }
    evtwin__time_count(&s->times, kind);
    return EVTWIN_OK;
}

static evtwin_status set_position(const jsonl_source *s, evtwin_source *source) {
    char position[64];
    const unsigned long long offset = s->n_passed + s->start;
    snprintf(position, sizeof position, "%llu@%016llx", offset, (unsigned long long)s->first_hash);
    return evtwin_source_set_position(source, position);
}

/* ---- go on behind a position ---- */

/* Count the lines of the first `offset` bytes, so that places keep their numbers, and know the file
 * again by its first one. 0: it is shorter, or no line ends there. */
static int count_lines(jsonl_source *s, uint64_t offset) {
    uint64_t hash = EVTWIN__HASH_BEGIN;
    int ends_line = 1;
    for (uint64_t at = 0; at < offset;) {
        const uint64_t left = offset - at;
        const size_t size = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
        const ssize_t n = pread(s->fd, s->buffer, size, (off_t)at);
        if (n <= 0) {
            return 0;
        }
        for (const char *c = s->buffer, *end = c + n; c < end; c++) {
            ends_line = *c == '\n';
            hash = s->line == 0 && !ends_line ? evtwin__hash(hash, c, 1) : hash;
            s->line += (uint64_t)ends_line;
        }
        at += (uint64_t)n;
    }
    s->first_hash = offset > 0 ? hash : 0;
    s->line += (uint64_t)!ends_line; /* a last line without its line break */
    struct stat info;
    return ends_line || (fstat(s->fd, &info) == 0 && (uint64_t)info.st_size == offset);
}

static evtwin_status seek_source(void *ctx, const char *position) {
    jsonl_source *s = ctx;
    int64_t offset = 0;
    struct stat info;
    const char *mark = strchr(position, '@');
    const size_t length = mark != NULL ? (size_t)(mark - position) : strlen(position);
    EVTWIN_FAIL_IF(!evtwin__parse_i64(position, length, &offset) || offset < 0, EVTWIN_E_PARSE,
                   "%s: \"%.60s\" is not a position of JSON lines", s->path, position);
    EVTWIN_FAIL_IF(s->fd >= 0 && (fstat(s->fd, &info) != 0 || !S_ISREG(info.st_mode)),
                   EVTWIN_E_UNSUPPORTED, "%s: only a file can be continued behind a position",
                   s->path);
    char own_mark[32] = "";
    begin_file(s);
    int is_of_file = s->fd >= 0 && count_lines(s, (uint64_t)offset);
    snprintf(own_mark, sizeof own_mark, "@%016llx", (unsigned long long)s->first_hash);
    is_of_file = is_of_file && (offset == 0 || (mark != NULL && strcmp(mark, own_mark) == 0)) &&
                 lseek(s->fd, (off_t)offset, SEEK_SET) >= 0;
    if (!is_of_file) {
        begin_file(s);
        EVTWIN_FAIL(EVTWIN_E_PARSE,
                    "%s: is not the file that was read up to byte %lld before: another took its "
                    "place",
                    s->path, (long long)offset);
    }
    s->n_passed = (uint64_t)offset;
    return EVTWIN_OK;
}

/* ---- the records ---- */

/* What is left when no whole line is: the last record of a file may lack its line break, and is
 * whole if it can be read. */
static evtwin_status end_of_lines(jsonl_source *s, evtwin_source *source, evtwin_table *table) {
    if (!s->at_end) {
        return EVTWIN_OK;
    }
    if (s->start == s->end || s->skipping) { /* the rest of a line that was reported as too long */
        s->start = s->end;
        s->skipping = 0;
        return s->follow ? next_file(s) : EVTWIN_DONE;
    }
    evtwin_status st = decode_line(s, s->buffer + s->start, s->end - s->start, table);
    if (st == EVTWIN_E_NOMEM || st == EVTWIN_E_STATE) {
        return st; /* not the line's fault: it comes again */
    }
    if (st < 0) {
        st = evtwin__fail_in(EVTWIN_E_PARSE, "incomplete last line (no line break)");
        st = refuse(s, source, st, s->line + 1, s->end - s->start);
    }
    s->start = s->end;
    s->line++;
    return st == EVTWIN_OK ? set_position(s, source) : st;
}

/* The position is then behind the line, unless its end was not seen yet. */
static evtwin_status refuse_line(jsonl_source *s, evtwin_source *source, evtwin_status status,
                                 size_t length) {
    const evtwin_status st = refuse(s, source, status, s->line + 1, length);
    s->skipping = length > MAX_LINE;
    if (!s->skipping) {
        s->start += length + 1;
        s->line++;
        (void)set_position(s, source); /* without memory it stays before the line */
    }
    return st;
}

/* Records up to a bad one, which comes by itself: a line that fails stays in the buffer, so it
 * fails again in the next call. */
static evtwin_status read_source(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                 evtwin_table *table) {
    jsonl_source *s = ctx;
    const size_t first = evtwin_table_rows(table);
    EVTWIN_TRY(set_position(s, source)); /* so that there is room for it once lines are taken */
    while (evtwin_table_rows(table) - first < max_rows) {
        const int has_rows = evtwin_table_rows(table) > first;
        const char *line = NULL;
        size_t length = 0;
        evtwin_status st = find_line(s, has_rows ? 0 : timeout_ms, &line, &length);
        if (st == EVTWIN_OK && line == NULL) {
            return has_rows ? set_position(s, source) : end_of_lines(s, source, table);
        }
        st = st == EVTWIN_OK ? decode_line(s, line, length, table) : st;
        if (st < 0 && has_rows) {
            break;
        }
        if (st < 0 && (line == NULL || st == EVTWIN_E_NOMEM || st == EVTWIN_E_STATE)) {
            return st; /* not the line's fault: it comes again */
        }
        if (st < 0) {
            return refuse_line(s, source, st, length);
        }
        s->start += length + 1;
        s->line++;
    }
    return set_position(s, source);
}

const evtwin__scheme evtwin__source_jsonl = {
    .name = "jsonl",
    .names_file = 1,
    .params = params,
    .ctx_size = sizeof(jsonl_source),
    .open = open_source,
    .source = {.read = read_source, .close = close_source, .seek = seek_source},
};
