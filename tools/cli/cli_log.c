/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_log.c: the form of a message: text, text with its time, JSON; a level before it for
 * the journal. */

#include "cli/cli_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *program;
    enum { TEXT, TIME, JSON } format;
    int is_journal; /* standard error goes to the journal of systemd, which stamps and sorts */
} form = {.program = "evtwin"};

typedef struct level_name {
    const char *name;
    char syslog; /* as in RFC 5424, section 6.2.1 */
} level_name;

static level_name name_of(evtwin_log_level level) {
    static const level_name names[] = {[EVTWIN_LOG_DEBUG] = {"debug", '7'},
                                       [EVTWIN_LOG_INFO] = {"info", '6'},
                                       [EVTWIN_LOG_WARNING] = {"warning", '4'},
                                       [EVTWIN_LOG_ERROR] = {"error", '3'}};
    return names[level >= EVTWIN_LOG_DEBUG && level <= EVTWIN_LOG_ERROR ? level : EVTWIN_LOG_ERROR];
}

/* $JOURNAL_STREAM names device and inode of the stream, so that a program whose standard error was
 * redirected knows. Source: systemd.exec(5) */
static int is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat info;
    char ours[64];
    if (stream == NULL || fstat(STDERR_FILENO, &info) != 0) {
        return 0;
    }
    snprintf(ours, sizeof ours, "%llu:%llu", (unsigned long long)info.st_dev,
             (unsigned long long)info.st_ino);
    return strcmp(stream, ours) == 0;
}

void cli_log_init(const char *program, const char *format) {
    form.program = program;
    form.format = strcmp(format, "json") == 0 ? JSON : strcmp(format, "time") == 0 ? TIME : TEXT;
    form.is_journal = is_journal();
}

int cli_log_is_json(void) {
    return form.format == JSON;
}

int cli_log_is_plain(void) {
    return form.format == TEXT && !form.is_journal;
}

/* ---- the time ---- */

static void put_digits(char *at, int n, long value) {
    while (n > 0) {
        at[--n] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Without gmtime, since a handler of signals may call it. Source of the calendar: H. Hinnant,
 * "chrono-compatible low-level date algorithms", civil_from_days */
void cli_log_stamp(char at[CLI_STAMP_SIZE]) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const long day_s = now.tv_sec % 86400, days = now.tv_sec / 86400 + 719468;
    const long era = days / 146097, doe = days % 146097;
    const long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const long doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const long mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;
    memcpy(at, "0000-00-00T00:00:00.000Z", CLI_STAMP_SIZE);
    put_digits(at, 4, yoe + 400 * era + (month <= 2));
    put_digits(at + 5, 2, month);
    put_digits(at + 8, 2, doy - (153 * mp + 2) / 5 + 1);
    put_digits(at + 11, 2, day_s / 3600);
    put_digits(at + 14, 2, day_s / 60 % 60);
    put_digits(at + 17, 2, day_s % 60);
    put_digits(at + 20, 3, now.tv_nsec / 1000000);
}

/* ---- text that may hold anything ---- */

/* Length of the well-formed UTF-8 sequence at the front of a string, 0 if there is none.
 * Source: RFC 3629, section 4 */
static size_t sequence_length(const unsigned char *s) {
    const unsigned char c = s[0];
    const size_t n = c < 0x80                ? 1
                     : c >= 0xc2 && c < 0xe0 ? 2
                     : c >= 0xe0 && c < 0xf0 ? 3
                     : c >= 0xf0 && c < 0xf5 ? 4
                                             : 0;
    const unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < n; i++) {
        if (s[i] < (i == 1 ? low : 0x80) || s[i] > (i == 1 ? high : 0xbf)) {
            return 0;
        }
    }
    return n;
}

/* What would end a line, move a cursor or colour a terminal: C0, DEL, C1. */
static int is_control(const unsigned char *s) {
    return (s[0] < 0x20 && s[0] != '\t') || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

static void put_string(char **end, const char *string) {
    const size_t n = strlen(string);
    memcpy(*end, string, n);
    *end += n;
}

/* Append one character of text; returns how many bytes of it that was. */
static size_t put_character(char **end, const unsigned char *s) {
    static const char hex[] = "0123456789abcdef";
    const size_t n = sequence_length(s);
    const int is_json = form.format == JSON;
    if (n == 0 && is_json) {
        put_string(end, "\\ufffd"); /* JSON is UTF-8 */
        return 1;
    }
    if (n == 0 || is_control(s) || (is_json && *s == '\t')) {
        const unsigned code = n == 2 ? s[1] : s[0];
        put_string(end, is_json ? "\\u00" : "\\x");
        *(*end)++ = hex[code / 16];
        *(*end)++ = hex[code % 16];
        return n > 0 ? n : 1;
    }
    if (is_json && (*s == '"' || *s == '\\')) {
        *(*end)++ = '\\';
    }
    memcpy(*end, s, n);
    *end += n;
    return n;
}

enum { LONGEST_CHARACTER = 6, ROOM_BEHIND = 8 };

static char *put_text(char *end, const char *limit, const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0' && end + LONGEST_CHARACTER < limit) {
        s += put_character(&end, s);
    }
    return end;
}

/* ---- a line ---- */

size_t cli_log_line(char *line, size_t size, evtwin_log_level level, int is_colored,
                    const char *text, char **stamp_out) {
    const level_name name = name_of(level);
    const char *limit = line + size - ROOM_BEHIND;
    char *end = line;
    *stamp_out = NULL;
    if (form.is_journal) {
        end += snprintf(end, (size_t)(limit - end), "<%c>", name.syslog);
    }
    if (form.format == JSON) {
        end += snprintf(end, (size_t)(limit - end), "{\"time\":\"");
    }
    if (form.format != TEXT) {
        *stamp_out = end;
        cli_log_stamp(end);
        end += CLI_STAMP_SIZE;
    }
    if (form.format == JSON) {
        end +=
            snprintf(end, (size_t)(limit - end),
                     "\",\"level\":\"%s\",\"tool\":\"%s\",\"message\":\"", name.name, form.program);
        end = put_text(end, limit, text);
        put_string(&end, "\"}\n");
        return (size_t)(end - line);
    }
    /* the journal knows the program */
    const char *program = form.is_journal ? "" : form.program;
    const char *warning = level != EVTWIN_LOG_WARNING ? ""
                          : is_colored                ? "\033[33mwarning: \033[0m"
                                                      : "warning: ";
    end += snprintf(end, (size_t)(limit - end), "%s%s%s%s", form.format == TIME ? " " : "", program,
                    form.is_journal ? "" : ": ", warning);
    end = put_text(end, limit, text);
    *end++ = '\n';
    return (size_t)(end - line);
}
