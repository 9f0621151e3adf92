/* SPDX-License-Identifier: MIT */
/* stream/end_jsonl.c: "jsonl:FILE" in and out, one telemetry record a line. */

#include "stream/ends.h"

#include "evtwin/stream.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"
#include "stream/append_file.h"
#include "stream/telemetry_json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LINE = 65536, BUFFER_SIZE = 2 * MAX_LINE };

/* ---- source ---- */

typedef struct jsonl_source {
    int fd;
    char *path;
    int follow; /* at the end of the file wait for more instead of ending */
    evtwin_naive_time naive;
    int at_end;   /* of the file, and not following */
    int skipping; /* the rest of a line that is too long */
    uint64_t line;
    char *buffer;
    size_t start, end; /* what of the buffer is still to be read */
} jsonl_source;

static void close_source(void *state) {
    jsonl_source *s = state;
    if (s != NULL) {
        if (s->fd >= 0) {
            close(s->fd);
        }
        evtwin__free(s->path);
        evtwin__free(s->buffer);
        evtwin__free(s);
    }
}

static evtwin_status open_file(jsonl_source *s) {
    s->fd = strcmp(s->path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                      : open(s->path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    int error = 0;
    if (s->fd < 0 || fstat(s->fd, &info) != 0) {
        error = errno;
    } else if (S_ISDIR(info.st_mode)) {
        error = EISDIR;
    }
    if (error != 0) {
        EVTWIN_FAIL(error == ENOENT ? EVTWIN_E_NOT_FOUND : EVTWIN_E_IO, "%s: %s", s->path,
                    strerror(error));
    }
    return EVTWIN_OK;
}

static evtwin_status open_source(const evtwin__uri *uri, void **state_out) {
    evtwin_status st = evtwin__uri_need_path(uri);
    if (st < 0) {
        return st;
    }
    jsonl_source *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    s->fd = -1;
    s->path = evtwin__strdup(uri->path);
    s->buffer = evtwin__calloc(BUFFER_SIZE, 1);

    /* a file is read as it was written; a live stream must not guess what a time means */
    s->naive = strcmp(uri->path, "-") == 0 ? EVTWIN_NAIVE_REJECT : EVTWIN_NAIVE_UTC;
    if (s->path == NULL || s->buffer == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__param_naive_time(uri, &s->naive);
    }
    if (st == EVTWIN_OK) {
        st = evtwin__param_flag(uri, "follow", &s->follow);
    }
    if (st == EVTWIN_OK) {
        st = open_file(s);
    }
    if (st < 0) {
        close_source(s);
        return st;
    }
    *state_out = s;
    return EVTWIN_OK;
}

/* Is there something to read, or the end, without waiting? */
static int is_ready(const jsonl_source *s) {
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* Read more into the buffer. *n_out is 0 if there is nothing now. */
static evtwin_status fill(jsonl_source *s, size_t *n_out) {
    *n_out = 0;
    memmove(s->buffer, s->buffer + s->start, s->end - s->start);
    s->end -= s->start;
    s->start = 0;
    if (s->at_end || !is_ready(s)) {
        return EVTWIN_OK;
    }
    const ssize_t n = evtwin__fd_read(s->fd, s->buffer + s->end, BUFFER_SIZE - s->end);
    if (n < 0 && errno != EAGAIN) {
        EVTWIN_FAIL(EVTWIN_E_IO, "%s: %s", s->path, strerror(errno));
    }
    s->at_end = n == 0 && !s->follow;
    *n_out = n > 0 ? (size_t)n : 0;
    s->end += *n_out;
    return EVTWIN_OK;
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

/* Take the next whole line; *line_out is NULL if there is none now. A line that is too long is a
 * failure that takes nothing, so that it comes again. */
static evtwin_status next_line(jsonl_source *s, const char **line_out, size_t *length_out) {
    *line_out = NULL;
    for (;;) {
        if (!s->skipping || skip_line(s)) {
            const char *from = s->buffer + s->start;
            const size_t n = s->end - s->start;
            const char *newline = memchr(from, '\n', n);
            const size_t length = newline != NULL ? (size_t)(newline - from) : n;
            if (length > MAX_LINE) {
                EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%llu: the line is longer than %d bytes", s->path,
                            (unsigned long long)s->line + 1, MAX_LINE);
            }
            if (newline != NULL) {
                s->start += length + 1;
                s->line++;
                *line_out = from;
                *length_out = length;
                return EVTWIN_OK;
            }
        }
        size_t n_read = 0;
        const evtwin_status st = fill(s, &n_read);
        if (st < 0 || n_read == 0) {
            return st;
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

/* What is to be said when no line is left. */
static evtwin_status end_of_lines(jsonl_source *s) {
    if (!s->at_end) {
        return EVTWIN_OK;
    }
    if (s->start < s->end || s->skipping) {
        s->start = s->end;
        s->skipping = 0;
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%llu: the last line has no line break: it is torn", s->path,
                    (unsigned long long)s->line + 1);
    }
    return EVTWIN_DONE;
}

/* Decode the next record. *taken_out is 0 if there is none now. A failure takes nothing. */
static evtwin_status read_record(jsonl_source *s, evtwin_table *table, int *taken_out) {
    const char *line = NULL;
    size_t length = 0;
    *taken_out = 0;
    evtwin_status st;
    do {
        st = next_line(s, &line, &length);
        if (st < 0 || line == NULL) {
            return st;
        }
    } while (is_blank(line, length));

    st = evtwin_telemetry_decode(line, length, s->naive, table);
    if (st < 0) {
        evtwin__fail_in(st, "%s:%llu", s->path, (unsigned long long)s->line);
        s->start = (size_t)(line - s->buffer);
        s->line--;
        return st;
    }
    *taken_out = 1;
    return EVTWIN_OK;
}

static evtwin_status read_source(void *state, size_t max_rows, evtwin_table *table) {
    jsonl_source *s = state;
    for (size_t n = 0; n < max_rows; n++) {
        int taken;
        const evtwin_status st = read_record(s, table, &taken);
        if (st < 0 && n > 0) {
            return EVTWIN_OK; /* give the rows before it first: it fails again in the next call */
        }
        if (st < 0) {
            s->skipping = st != EVTWIN_E_IO && st != EVTWIN_E_NOMEM;
            return st;
        }
        if (!taken) {
            return n > 0 ? EVTWIN_OK : end_of_lines(s);
        }
    }
    return EVTWIN_OK;
}

static const char *const source_params[] = {"naive_time", "follow", NULL};

const evtwin__source_end evtwin__source_jsonl = {
    .scheme = "jsonl",
    .params = source_params,
    .open = open_source,
    .read = read_source,
    .close = close_source,
};

/* ---- sink ---- */

typedef struct jsonl_sink {
    evtwin__append_file *file;
    evtwin__text text; /* of the batch */
} jsonl_sink;

static void close_sink(void *state) {
    jsonl_sink *s = state;
    if (s != NULL) {
        evtwin__append_close(s->file);
        evtwin__text_free(&s->text);
        evtwin__free(s);
    }
}

/* Nothing of a file that is no list of JSON objects may be cut off. */
static evtwin_status check_first_byte(void *ctx, const char *path, const char *line, size_t length,
                                      int is_whole) {
    (void)ctx;
    (void)is_whole;
    if (length == 0 || line[0] != '{') {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "%s: does not hold JSON lines; name another file or start it anew with "
                    "?replace=1",
                    path);
    }
    return EVTWIN_OK;
}

static evtwin_status open_sink(const evtwin__uri *uri, void **state_out) {
    jsonl_sink *s = evtwin__calloc(1, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    }
    const evtwin_status st = evtwin__append_open(uri, check_first_byte, NULL, &s->file);
    if (st < 0) {
        close_sink(s);
        return st;
    }
    *state_out = s;
    return EVTWIN_OK;
}

/* One row and its line break at the end of the batch. */
static evtwin_status format_row(const evtwin__record *record, size_t row, evtwin__text *text) {
    char *room = evtwin__text_room(text, evtwin__record_json_size(record, row, 1));
    if (room == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a batch beyond %zu bytes", text->size);
    }
    size_t length = 0;
    const evtwin_status st = evtwin__record_encode(record, row, 1, room, &length);
    if (st == EVTWIN_OK) {
        room[length] = '\n'; /* over the NUL */
        text->size += length + 1;
    }
    return st;
}

static evtwin_status write_sink(void *state, const evtwin_table *table) {
    jsonl_sink *s = state;
    evtwin__record record;
    evtwin_status st = evtwin__record_bind(table, &record);
    s->text.size = 0;
    for (size_t i = 0; i < evtwin_table_rows(table) && st == EVTWIN_OK; i++) {
        st = format_row(&record, i, &s->text);
    }
    return st == EVTWIN_OK ? evtwin__append_write(s->file, s->text.data, s->text.size) : st;
}

static evtwin_status flush_sink(void *state) {
    jsonl_sink *s = state;
    return evtwin__append_flush(s->file);
}

const evtwin__sink_end evtwin__sink_jsonl = {
    .scheme = "jsonl",
    .params = evtwin__append_params,
    .open = open_sink,
    .write = write_sink,
    .flush = flush_sink,
    .close = close_sink,
};
