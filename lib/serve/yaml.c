/* SPDX-License-Identifier: MIT */
/* serve/yaml.c: the part of YAML that docs/openapi.yaml is written in, as JSON. The description is
 * written once, for people; programs are given this. It reads no file but that one. */

#include "serve/yaml.h"

#include "core/num.h"
#include "core/status.h"

#include <string.h>

enum { MAX_DEPTH = 48, MAX_SCALAR = 1024 };

/* Where the reader is: behind the indent of a line, or within one. */
typedef struct reader {
    const char *at, *end;
    size_t line, column; /* of at, the column only at the beginning of a node */
    int depth;
    evtwin__text *out;
} reader;

static evtwin_status block(reader *r, const char *key);
static evtwin_status flow(reader *r, const char *key);

static evtwin_status wrong(const reader *r, const char *what) {
    EVTWIN_FAIL(EVTWIN_E_PARSE, "line %zu: %s", r->line, what);
}

static int is_at_end_of_line(const reader *r) {
    return r->at == r->end || *r->at == '\n';
}

static void skip_blanks(reader *r) {
    while (r->at < r->end && *r->at == ' ') {
        r->at++;
    }
}

/* From the end of a line, or the beginning of the text, to the first line that says something. */
static void next_line(reader *r) {
    while (r->at < r->end) {
        if (*r->at == '\n') {
            r->at++;
            r->line++;
        }
        const char *begin = r->at;
        skip_blanks(r);
        r->column = (size_t)(r->at - begin);
        if (!is_at_end_of_line(r) && *r->at != '#') {
            return;
        }
        while (!is_at_end_of_line(r)) {
            r->at++;
        }
    }
    r->column = 0;
}

/* The end of a value that is alone on its line. */
static evtwin_status end_line(reader *r) {
    skip_blanks(r);
    if (!is_at_end_of_line(r) && *r->at != '#') {
        return wrong(r, "more behind a value");
    }
    while (!is_at_end_of_line(r)) {
        r->at++;
    }
    next_line(r);
    return EVTWIN_OK;
}

/* ---- scalars ---- */

static evtwin_status put_char(const reader *r, char *text, size_t *size, char c) {
    if (*size + 1 >= MAX_SCALAR) {
        return wrong(r, "the text is too long");
    }
    text[(*size)++] = c;
    return EVTWIN_OK;
}

/* 'it''s' or "a \"b\"\n". */
static evtwin_status quoted(reader *r, char text[MAX_SCALAR]) {
    const char quote = *r->at++;
    size_t size = 0;
    for (; !is_at_end_of_line(r); r->at++) {
        char c = *r->at;
        if (c == quote && quote == '\'' && r->at + 1 < r->end && r->at[1] == quote) {
            r->at++;
        } else if (c == quote) {
            r->at++;
            text[size] = '\0';
            return EVTWIN_OK;
        } else if (c == '\\' && quote == '"') {
            c = ++r->at < r->end ? *r->at : '\n';
            if (c != '"' && c != '\\' && c != 'n') {
                return wrong(r, "an escape other than \\\" \\\\ \\n");
            }
            c = c == 'n' ? '\n' : c;
        }
        EVTWIN_TRY(put_char(r, text, &size, c));
    }
    return wrong(r, "a quote without its end on the line");
}

/* Does a plain scalar go on, on a line that is indented more than column? In a flow it does until a
 * bracket or comma. *next_out is where it goes on. */
static int goes_on(const reader *r, int is_in_flow, size_t column, const char **next_out) {
    reader ahead = *r;
    next_line(&ahead);
    if (ahead.at == ahead.end ||
        (is_in_flow ? strchr(",[]{}", *ahead.at) != NULL : ahead.column <= column)) {
        return 0;
    }
    *next_out = ahead.at;
    return 1;
}

/* Up to " #", ": ", in a flow one of , [ ] { }, or the end of the line; with may_go_on its other
 * lines, too, a blank between each. */
static evtwin_status plain(reader *r, int is_in_flow, int may_go_on, size_t column,
                           char text[MAX_SCALAR]) {
    size_t size = 0;
    for (;;) {
        const char next = r->at + 1 < r->end ? r->at[1] : '\n';
        const char *line;
        if (is_at_end_of_line(r) || (*r->at == ' ' && next == '#')) {
            while (size > 0 && text[size - 1] == ' ') {
                size--;
            }
            if (!is_at_end_of_line(r) || !may_go_on || !goes_on(r, is_in_flow, column, &line)) {
                break;
            }
            for (; r->at < line; r->at++) {
                r->line += *r->at == '\n';
            }
            EVTWIN_TRY(put_char(r, text, &size, ' '));
            continue;
        }
        if ((*r->at == ':' && (next == ' ' || next == '\n')) ||
            (is_in_flow && strchr(",[]{}", *r->at) != NULL)) {
            break;
        }
        EVTWIN_TRY(put_char(r, text, &size, *r->at++));
    }
    while (size > 0 && text[size - 1] == ' ') {
        size--;
    }
    text[size] = '\0';
    return EVTWIN_OK;
}

static int is_word(const char *text, const char *const *words) {
    while (*words != NULL && strcmp(text, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

/* A plain scalar by its form. */
static void put_plain(reader *r, const char *key, const char *text) {
    static const char *const nulls[] = {"", "~", "null", NULL};
    static const char *const booleans[] = {"true", "false", NULL};
    const size_t size = strlen(text);
    int64_t whole;
    double number;
    if (is_word(text, nulls)) {
        evtwin__text_word(r->out, key, "null");
    } else if (is_word(text, booleans)) {
        evtwin__text_word(r->out, key, text);
    } else if (evtwin__parse_i64(text, size, &whole)) {
        evtwin__text_integer(r->out, key, whole);
    } else if (evtwin__parse_f64(text, size, &number)) {
        evtwin__text_number(r->out, key, number);
    } else {
        evtwin__text_string(r->out, key, text);
    }
}

static evtwin_status scalar(reader *r, const char *key, int is_in_flow, size_t column) {
    char text[MAX_SCALAR];
    if (*r->at == '\'' || *r->at == '"') {
        EVTWIN_TRY(quoted(r, text));
        evtwin__text_string(r->out, key, text);
        return EVTWIN_OK;
    }
    if (strchr("&*!|>%@`?", *r->at) != NULL) {
        return wrong(r, "a form of YAML that is not read here");
    }
    EVTWIN_TRY(plain(r, is_in_flow, 1, column, text));
    put_plain(r, key, text);
    return EVTWIN_OK;
}

/* The text under "|": its lines are indented more than column. */
static evtwin_status literal(reader *r, const char *key, size_t column) {
    r->at++;
    if (!is_at_end_of_line(r)) {
        return wrong(r, "more behind a |");
    }
    evtwin__text text = {.size = 0};
    size_t indent = 0, n_empty = 0;
    while (r->at < r->end) {
        const char *line = r->at + 1, *end = memchr(line, '\n', (size_t)(r->end - line));
        end = end != NULL ? end : r->end;
        const char *first = line;
        while (first < end && *first == ' ') {
            first++;
        }
        const size_t n = (size_t)(first - line);
        if (first == end) {
            n_empty++;
        } else if (n <= column) {
            break;
        } else {
            indent = indent == 0 ? n : indent;
            if (n < indent) {
                evtwin__text_free(&text);
                return wrong(r, "a line is indented less than the first of its block");
            }
            for (; n_empty > 0 && text.size > 0; n_empty--) {
                evtwin__text_put(&text, "\n");
            }
            evtwin__text_add(&text, line + indent, (size_t)(end - line) - indent);
            evtwin__text_put(&text, "\n");
            n_empty = 0;
        }
        r->at = end;
        r->line++;
    }
    evtwin__text_add(&text, "", 1);
    evtwin__text_string(r->out, key, text.is_failed ? "" : text.data);
    r->out->is_failed |= text.is_failed;
    evtwin__text_free(&text);
    next_line(r);
    return EVTWIN_OK;
}

/* A key and its colon. */
static evtwin_status read_key(reader *r, int is_in_flow, char text[MAX_SCALAR]) {
    EVTWIN_TRY(*r->at == '\'' || *r->at == '"' ? quoted(r, text)
                                               : plain(r, is_in_flow, 0, 0, text));
    if (r->at == r->end || *r->at != ':') {
        return wrong(r, "a key without a colon");
    }
    r->at++;
    return EVTWIN_OK;
}

/* ---- flow: [a, b], {a: b} ---- */

static void skip_space(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) {
        r->line += *r->at == '\n';
        r->at++;
    }
}

/* What stands between brackets; *r->at is the opening one. */
static evtwin_status flow_items(reader *r, const char *key, char open, char close) {
    char name[MAX_SCALAR];
    r->at++;
    evtwin__text_open(r->out, key, open);
    for (skip_space(r); r->at < r->end && *r->at != close; skip_space(r)) {
        if (open == '{') {
            EVTWIN_TRY(read_key(r, 1, name));
            skip_space(r);
        }
        EVTWIN_TRY(flow(r, open == '{' ? name : NULL));
        skip_space(r);
        if (r->at < r->end && *r->at == ',') {
            r->at++;
        } else if (r->at == r->end || *r->at != close) {
            return wrong(r, "neither a comma nor the closing bracket");
        }
    }
    if (r->at == r->end) {
        return wrong(r, "a bracket without its end");
    }
    r->at++;
    evtwin__text_put(r->out, close == ']' ? "]" : "}");
    return EVTWIN_OK;
}

static evtwin_status flow(reader *r, const char *key) {
    if (r->at == r->end) {
        return wrong(r, "a bracket without its end");
    }
    if (++r->depth > MAX_DEPTH) {
        return wrong(r, "too deep");
    }
    const evtwin_status st = *r->at == '['   ? flow_items(r, key, '[', ']')
                             : *r->at == '{' ? flow_items(r, key, '{', '}')
                                             : scalar(r, key, 1, 0);
    r->depth--;
    return st;
}

/* ---- blocks ---- */

static int is_item(const reader *r) {
    return *r->at == '-' && (r->at + 1 == r->end || r->at[1] == ' ' || r->at[1] == '\n');
}

/* Is there a key at the beginning of the node? */
static int is_key(const reader *r) {
    reader ahead = *r;
    char text[MAX_SCALAR];
    return *r->at != '[' && *r->at != '{' && read_key(&ahead, 0, text) == EVTWIN_OK;
}

/* What stands behind a key, on its line or under it. */
static evtwin_status value(reader *r, const char *key, size_t column) {
    skip_blanks(r);
    if (is_at_end_of_line(r)) {
        next_line(r);
        const int is_under =
            r->at < r->end && (r->column > column || (r->column == column && is_item(r)));
        if (!is_under) {
            evtwin__text_word(r->out, key, "null");
            return EVTWIN_OK;
        }
        return block(r, key);
    }
    if (*r->at == '|') {
        return literal(r, key, column);
    }
    EVTWIN_TRY(*r->at == '[' || *r->at == '{' ? flow(r, key) : scalar(r, key, 0, column));
    return end_line(r);
}

static evtwin_status mapping(reader *r, const char *key) {
    const size_t column = r->column;
    char name[MAX_SCALAR];
    evtwin__text_open(r->out, key, '{');
    do {
        EVTWIN_TRY(read_key(r, 0, name));
        EVTWIN_TRY(value(r, name, column));
    } while (r->at < r->end && r->column == column && !is_item(r));
    evtwin__text_put(r->out, "}");
    return EVTWIN_OK;
}

static evtwin_status sequence(reader *r, const char *key) {
    const size_t column = r->column;
    evtwin__text_open(r->out, key, '[');
    do {
        const char *dash = r->at++;
        skip_blanks(r);
        if (is_at_end_of_line(r)) {
            return wrong(r, "an item that begins on the next line");
        }
        r->column = column + (size_t)(r->at - dash);
        EVTWIN_TRY(block(r, NULL));
    } while (r->at < r->end && r->column == column && is_item(r));
    evtwin__text_put(r->out, "]");
    return EVTWIN_OK;
}

/* The node that begins here. It ends with the line that is indented less. */
static evtwin_status block(reader *r, const char *key) {
    const size_t column = r->column;
    if (++r->depth > MAX_DEPTH) {
        return wrong(r, "too deep");
    }
    EVTWIN_TRY(is_item(r)  ? sequence(r, key)
               : is_key(r) ? mapping(r, key)
                           : value(r, key, column > 0 ? column - 1 : 0));
    r->depth--;
    if (r->at < r->end && r->column > column) {
        return wrong(r, "indented more than what stands above");
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__yaml_to_json(const char *yaml, size_t size, evtwin__text *out) {
    reader r = {.at = yaml, .end = yaml + size, .line = 1, .out = out};
    if (memchr(yaml, '\t', size) != NULL || memchr(yaml, '\r', size) != NULL) {
        return wrong(&r, "tabs and carriage returns are not read here");
    }
    next_line(&r);
    EVTWIN_TRY(block(&r, NULL));
    if (r.at < r.end) {
        return wrong(&r, "more behind the document");
    }
    EVTWIN_FAIL_IF(out->is_failed, EVTWIN_E_NOMEM, "out of memory for a document");
    return EVTWIN_OK;
}
