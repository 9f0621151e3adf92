/* SPDX-License-Identifier: MIT */
/* fuzz_csv.c: any bytes are read as CSV, in any dialect, or refused; what was read comes back the
 * same when written, and a file with a column more is still the same file. */

#include "evtwin/table.h"
#include "evtwin/telemetry.h"

#include "core/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file in memory that holds the bytes; path gets a name to open it by. */
static int create_file(const void *data, size_t size, char path[64]) {
    const int fd = memfd_create("fuzz_csv", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void require(int holds) {
    if (!holds) {
        abort();
    }
}

/* Names are written, and a comma in one cannot be in a list: then types may differ. */
static int has_comma(const evtwin_table *table) {
    for (size_t c = 0; c < evtwin_table_cols(table); c++) {
        if (strchr(evtwin_table_name(table, c), ',') != NULL) {
            return 1;
        }
    }
    return 0;
}

/* The names of all text columns, comma-separated. */
static void list_text_columns(const evtwin_table *table, char *list, size_t size) {
    size_t n = 0;
    list[0] = '\0';
    for (size_t c = 0; c < evtwin_table_cols(table); c++) {
        if (evtwin_table_type(table, c) == EVTWIN_TEXT) {
            n += (size_t)snprintf(list + n, size - n, "%s%s", n > 0 ? "," : "",
                                  evtwin_table_name(table, c));
        }
    }
}

/* Its strings lie in Arrow's layout. */
static void require_utf8(const evtwin_table *table, size_t col) {
    const int32_t *offset = NULL;
    const char *bytes = NULL;
    const size_t n = evtwin_table_dict_utf8(table, col, &offset, &bytes);
    require(n == evtwin_table_dict_size(table, col));
    for (size_t i = 0; i < n; i++) {
        const char *text = evtwin_table_dict_text(table, col, (int32_t)i);
        const size_t length = strlen(text);
        require(offset[i] + (int64_t)length == offset[i + 1]);
        require(memcmp(bytes + offset[i], text, length) == 0);
    }
}

static void require_equal(const evtwin_table *a, const evtwin_table *b) {
    require(evtwin_table_rows(a) == evtwin_table_rows(b));
    require(evtwin_table_cols(a) == evtwin_table_cols(b));
    for (size_t c = 0; c < evtwin_table_cols(a); c++) {
        require(strcmp(evtwin_table_name(a, c), evtwin_table_name(b, c)) == 0);
        require(evtwin_table_type(a, c) == evtwin_table_type(b, c));
        require_utf8(a, c);
        for (size_t r = 0; r < evtwin_table_rows(a); r++) {
            require(evtwin_table_is_valid(a, c, r) == evtwin_table_is_valid(b, c, r));
            const char *text = evtwin_table_text(a, c, r);
            require(text == NULL || strcmp(text, evtwin_table_text(b, c, r)) == 0);
            const double va = evtwin_table_number(a, c, r), vb = evtwin_table_number(b, c, r);
            require(memcmp(&va, &vb, sizeof va) == 0 || (va != va && vb != vb));
        }
    }
}

static void write_and_read_again(const evtwin_table *table) {
    evtwin__text text = {0};
    require(evtwin__csv_write_header(table, &text) == EVTWIN_OK);
    require(evtwin__csv_write_rows(table, 0, evtwin_table_rows(table), &text) == EVTWIN_OK);
    char path[64];
    const int fd = create_file(text.data, text.size, path);
    char *list = malloc(text.size + 1);
    require(list != NULL);
    list_text_columns(table, list, text.size + 1);
    evtwin_csv_options options;
    require(evtwin_csv_options_init(&options, sizeof options) == EVTWIN_OK);
    options.text_columns = list;
    options.max_line_bytes = text.size + 1;
    evtwin_table *again = NULL;
    require(evtwin_table_read_csv(path, &options, &again) == EVTWIN_OK);
    require_equal(table, again);
    evtwin_table_free(again);
    free(list);
    close(fd);
    evtwin__text_free(&text);
}

/* The telemetry columns, a few rows at a time. */
static void read_as_stream(const char *path) {
    evtwin__csv_reader *reader;
    evtwin_table *table;
    require(evtwin_telemetry_table_create(&table) == EVTWIN_OK);
    if (evtwin__csv_reader_open(path, NULL, &reader) == EVTWIN_OK) {
        while (evtwin__csv_reader_next(reader, 3, table) == EVTWIN_OK) {
        }
        evtwin_csv_free(reader);
    }
    evtwin_table_free(table);
}

/* The dialect that the first byte chooses. */
static evtwin_csv_options choose(uint8_t byte) {
    static const char delimiters[] = {'\0', ',', ';', '\t'}, decimals[] = {'\0', '.', ',', '\0'};
    evtwin_csv_options options;
    require(evtwin_csv_options_init(&options, sizeof options) == EVTWIN_OK);
    options.delimiter = delimiters[byte & 3];
    options.decimal = decimals[byte >> 2 & 3];
    options.skip_lines = (byte >> 4 & 3) == 3;
    options.used_columns = (byte >> 6 & 1) != 0 ? "soc,voltage" : NULL;
    options.other_columns = byte >> 7 != 0 ? "time" : NULL;
    return options;
}

/* The number of rows, after a copy with a column more to out (NULL = none); -1 if it is refused. */
static int64_t read_and_copy(const char *path, const evtwin_csv_options *options, const char *out) {
    evtwin_csv *csv = NULL;
    evtwin_table *table = NULL, *added = NULL;
    if (evtwin_csv_open(path, options, &csv) != EVTWIN_OK) {
        return -1;
    }
    int64_t rows = -1;
    if (evtwin_csv_read(csv, &table) == EVTWIN_OK) {
        rows = (int64_t)evtwin_table_rows(table);
        require(evtwin_table_create(&added) == EVTWIN_OK);
        require(evtwin_table_add_column(added, "added", EVTWIN_BOOL, NULL, NULL) == EVTWIN_OK);
        require(evtwin_table_resize(added, (size_t)rows) == EVTWIN_OK);
        require(out == NULL || evtwin_csv_write(csv, added, out) == EVTWIN_OK);
    }
    evtwin_table_free(table);
    evtwin_table_free(added);
    evtwin_csv_free(csv);
    return rows;
}

static void copy_in_dialect(const char *path, uint8_t byte) {
    static char out[64];
    if (out[0] == '\0') {
        snprintf(out, sizeof out, "/dev/shm/fuzz_csv-%ld", (long)getpid());
    }
    evtwin_csv_options options = choose(byte);
    const int64_t rows = read_and_copy(path, &options, out);
    if (rows >= 0) {
        options.max_line_bytes += 64;
        options.max_columns++;
        if (options.used_columns != NULL) { /* a header without any of them is not believed */
            options.used_columns = "soc,voltage,added";
        }
        require(read_and_copy(out, &options, NULL) == rows);
        unlink(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    const int fd = create_file(data, size, path);
    evtwin_table *table = NULL;
    if (evtwin_table_read_csv(path, NULL, &table) == EVTWIN_OK) {
        if (!has_comma(table)) {
            write_and_read_again(table);
        }
        evtwin_table_free(table);
    } else {
        require(table == NULL && evtwin_last_error()[0] != '\0');
    }
    read_as_stream(path);
    copy_in_dialect(path, size > 0 ? data[0] : 0);
    close(fd);
    return 0;
}
