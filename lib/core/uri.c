/* SPDX-License-Identifier: MIT */
/* core/uri.c: split a URI into its parts; hide passwords. */

#include "core/uri.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PARAMS = 64, HOST_SIZE = 300 };

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int hex_value(char c) {
    const char lower = (char)(c | 0x20);
    return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Length of "scheme" where text starts with "scheme:", else 0. */
static size_t scheme_length(const char *text) {
    size_t n = 0;
    while (((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z') ||
           (n > 0 && (is_digit(text[n]) || text[n] == '+' || text[n] == '-' || text[n] == '.'))) {
        n++;
    }
    return text[n] == ':' ? n : 0;
}

/* ---- redaction: works on any text, valid or not, since it also serves error messages ---- */

typedef struct span {
    size_t start, end;
} span;

/* "://user:SECRET@": up to the last '@' of the authority, since a raw password may hold an '@'. */
static int find_authority_password(const char *text, span *out) {
    const char *authority = strstr(text, "://");
    if (authority == NULL) {
        return 0;
    }
    authority += 3;
    const size_t length = strcspn(authority, "/?");
    const char *colon = memchr(authority, ':', length);
    const char *at = memrchr(authority, '@', length);

    /* a raw '/' or '?' in the password ends the authority early: look on to the last '@' of all */
    if (colon != NULL && at == NULL) {
        const char *last = strrchr(authority, '@');
        const size_t n_after = (size_t)(authority + length - colon) - 1;
        const int is_port = n_after > 0 && strspn(colon + 1, "0123456789") == n_after;
        at = is_port ? NULL : last;
    }
    if (colon == NULL || at == NULL || at < colon) {
        return 0;
    }
    *out = (span){(size_t)(colon + 1 - text), (size_t)(at - text)};
    return 1;
}

/* What the name of a parameter ends in whose value is hidden. The value of a "key" may be a secret,
 * and is often the name of a file that holds one: only hidden, not refused anywhere. */
static const struct {
    const char *end;
    int is_password;
} secret_names[] = {{"password=", 1},
                    {"passwd=", 1},
                    {"pass=", 1},
                    {"pwd=", 1},
                    {"secret=", 1},
                    {"token=", 1},
                    {"pem=", 1},
                    {"api_key=", 1},
                    {"access_key=", 1},
                    {"secret_key=", 1},
                    {"key=", 0},
                    {"sasl=", 0},
                    {"oauthbearer.config=", 1}};

/* "…password=SECRET" from position at on. */
static int find_param_secret(const char *text, size_t at, span *out, int *is_password) {
    for (size_t i = at; text[i] != '\0'; i++) {
        for (size_t w = 0; w < sizeof secret_names / sizeof secret_names[0]; w++) {
            const size_t n = strlen(secret_names[w].end);
            if (evtwin__text_is_word(text + i, n, secret_names[w].end)) {
                *out = (span){i + n, i + n + strcspn(text + i + n, "&# ;")};
                *is_password = secret_names[w].is_password && out->end > out->start;
                return 1;
            }
        }
    }
    return 0;
}

/* Append from[0..n) to a buffer that is large enough. */
static char *put(char *to, const char *from, size_t n) {
    memcpy(to, from, n);
    return to + n;
}

/* *has_password_out is 1 if one was hidden. */
static char *redact(const char *text, int *has_password_out) {
    static const char stars[] = "***";
    /* what names a secret is longer than the stars, so they at most double the text */
    char *redacted = evtwin__calloc(strlen(text) + 1, 2);
    if (redacted == NULL) {
        return NULL;
    }
    char *to = redacted;
    size_t from = 0;
    span secret;
    int is_password = 0;
    *has_password_out = 0;
    if (find_authority_password(text, &secret)) {
        to = put(to, text, secret.start);
        to = put(to, stars, strlen(stars));
        from = secret.end;
        *has_password_out = secret.end > secret.start;
    }
    while (find_param_secret(text, from, &secret, &is_password)) {
        to = put(to, text + from, secret.start - from);
        to = put(to, stars, strlen(stars));
        from = secret.end;
        *has_password_out |= is_password;
    }
    put(to, text + from, strlen(text + from) + 1);
    return redacted;
}

char *evtwin__uri_redact(const char *text) {
    int has_password;
    return redact(text, &has_password);
}

int evtwin_uri_redact(const char *uri, char *text, size_t size) {
    int has_password = 0;
    char *redacted = uri != NULL ? redact(uri, &has_password) : NULL;
    if (text != NULL && size > 0) {
        snprintf(text, size, "%s", redacted != NULL ? redacted : "");
    }
    /* without memory nobody knows: as if it had one */
    const int is_unknown = uri != NULL && redacted == NULL;
    evtwin__free(redacted);
    return has_password || is_unknown;
}

/* Fail with "URI: what is wrong", the password hidden. */
static evtwin_status fail_at(const char *text, const char *what) {
    char *redacted = evtwin__uri_redact(text);
    EVTWIN_FAIL_IF(redacted == NULL, EVTWIN_E_NOMEM, "out of memory for a URI");
    const evtwin_status st = evtwin__fail(EVTWIN_E_PARSE, "%.200s: %s", redacted, what);
    evtwin__free(redacted);
    return st;
}

/* ---- parse: cut the buffer into pieces in place; each returns what is wrong, or NULL ---- */

/* Decode %XX in place. */
static const char *decode(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        const int high = hex_value(from[1]);
        const int low = high >= 0 ? hex_value(from[2]) : -1;
        if (low < 0) {
            return "'%' is not followed by two hex digits";
        }
        if (high == 0 && low == 0) {
            return "%00 is not allowed";
        }
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return NULL;
}

static size_t count(const char *text, char c) {
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == c;
    }
    return n;
}

/* "a=1&b=2" */
static const char *parse_params(evtwin__uri *uri, char *query) {
    const char *wrong = NULL;
    while (wrong == NULL && query != NULL && *query != '\0') {
        char *next = evtwin__text_cut(query, '&');
        char *value = evtwin__text_cut(query, '=');
        if (value == NULL || query[0] == '\0') {
            return "a parameter is not of the form name=value";
        }
        if ((wrong = decode(query)) == NULL && (wrong = decode(value)) == NULL &&
            evtwin__uri_param(uri, query) != NULL) {
            wrong = "a duplicate parameter";
        }
        uri->key[uri->n_params] = query;
        uri->value[uri->n_params++] = value;
        query = next;
    }
    return wrong;
}

/* "host", "host:9092", "[::1]:9092" */
static const char *parse_host(evtwin__uri *uri, char *host) {
    char *port = strrchr(host, ':');
    if (host[0] == '[') {
        char *end = strchr(host, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return "the IPv6 address is not in [brackets]";
        }
        port = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
        host++;
    } else if (port != NULL && strchr(host, ':') != port) {
        return "the host has more than one ':'; write an IPv6 address in [brackets]";
    }
    if (port != NULL) {
        *port++ = '\0';
        int64_t n;
        if (!is_digit(port[0]) || !evtwin__parse_i64(port, strlen(port), &n) || n < 1 ||
            n > 65535) {
            return "the port is not a number from 1 to 65535";
        }
        uri->port = (int)n;
    }
    uri->host = host;
    return decode(host);
}

/* "host:9092,host:9093": each must be one; the list is kept as it is, without a port of its own. */
static const char *parse_hosts(evtwin__uri *uri, char *list) {
    const char *wrong = strchr(list, ',') == NULL ? parse_host(uri, list) : NULL;
    if (strchr(list, ',') == NULL) {
        return wrong;
    }
    for (const char *from = list, *end; wrong == NULL && from != NULL;
         from = *end == ',' ? end + 1 : NULL) {
        end = from + strcspn(from, ",");
        char host[HOST_SIZE];
        const size_t n = (size_t)(end - from);
        if (n == 0 || n >= sizeof host) {
            return "a host of the list is empty or too long";
        }
        memcpy(host, from, n);
        host[n] = '\0';
        wrong = parse_host(uri, host);
    }
    uri->host = list;
    uri->port = -1;
    return wrong == NULL ? decode(list) : wrong;
}

/* "user:password@host:port" */
static const char *parse_authority(evtwin__uri *uri, char *text) {
    char *at = strrchr(text, '@');
    if (at == NULL) {
        return parse_hosts(uri, text);
    }
    *at = '\0';
    const char *wrong = parse_hosts(uri, at + 1);
    char *password = evtwin__text_cut(text, ':');
    if (password != NULL) {
        uri->password = password;
        wrong = wrong == NULL ? decode(password) : wrong;
    }
    uri->user = text;
    return wrong == NULL ? decode(text) : wrong;
}

/* "//user:password@host:port/path": text is what follows the "//". Without a host the path is that
 * of a file on this machine, and absolute. */
static const char *parse_hierarchical(evtwin__uri *uri, char *text) {
    if (text[0] == '/') {
        uri->path = text;
        return decode(text);
    }
    char *path = evtwin__text_cut(text, '/');
    uri->path = path != NULL ? path : "";
    const char *wrong = path != NULL ? decode(path) : NULL;
    return wrong != NULL ? wrong : parse_authority(uri, text);
}

static const char *parse_parts(evtwin__uri *uri) {
    const size_t n = scheme_length(uri->buffer);
    if (n == 0) {
        return "no scheme; expected something like csv:FILE";
    }
    uri->buffer[n] = '\0';
    uri->scheme = uri->buffer;
    char *rest = uri->buffer + n + 1;
    char *query = evtwin__text_cut(rest, '?');
    const char *wrong = NULL;
    if (strncmp(rest, "//", 2) == 0) {
        wrong = parse_hierarchical(uri, rest + 2);
    } else {
        uri->path = rest;
    }
    return wrong == NULL ? parse_params(uri, query) : wrong;
}

evtwin_status evtwin__uri_parse(const char *text, evtwin__uri *out) {
    const size_t n_params = count(text, '&') + 1;
    if (n_params > MAX_PARAMS) {
        return fail_at(text, "more than 64 parameters");
    }
    evtwin__uri uri = {.text = text,
                       .scheme = "",
                       .user = "",
                       .password = "",
                       .host = "",
                       .port = -1,
                       .path = "",
                       .buffer = evtwin__strdup(text),
                       .key = evtwin__calloc(2 * n_params, sizeof *uri.key)};
    if (uri.buffer == NULL || uri.key == NULL) {
        evtwin__uri_free(&uri);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a URI");
    }
    uri.value = uri.key + n_params;

    const char *wrong = parse_parts(&uri);
    if (wrong != NULL) {
        evtwin__uri_free(&uri);
        return fail_at(text, wrong);
    }
    *out = uri;
    return EVTWIN_OK;
}

void evtwin__uri_free(evtwin__uri *uri) {
    if (uri == NULL) {
        return;
    }
    evtwin__free(uri->buffer);
    evtwin__free(uri->key); /* value is its second half */
    *uri = (evtwin__uri){.port = -1};
}

const char *evtwin__uri_param(const evtwin__uri *uri, const char *key) {
    for (size_t i = 0; i < uri->n_params; i++) {
        if (strcmp(uri->key[i], key) == 0) {
            return uri->value[i];
        }
    }
    return NULL;
}

evtwin_status evtwin__uri_number(const evtwin__uri *uri, const char *key, double max,
                                 double *value) {
    const char *text = evtwin__uri_param(uri, key);
    double number;
    if (text == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(!evtwin__parse_f64(text, strlen(text), &number) || number < 0.0 || number > max,
                   EVTWIN_E_ARG, "%s=%s is not a number from 0 to %g", key, text, max);
    *value = number;
    return EVTWIN_OK;
}

evtwin_status evtwin__uri_check_params(const evtwin__uri *uri, const char *const *known) {
    for (size_t i = 0; i < uri->n_params; i++) {
        const char *const *k = known;
        while (*k != NULL && strcmp(*k, uri->key[i]) != 0) {
            k++;
        }
        EVTWIN_FAIL_IF(*k == NULL, EVTWIN_E_ARG, "%s: has no parameter \"%.40s\"", uri->scheme,
                       uri->key[i]);
    }
    return EVTWIN_OK;
}

/* ---- hosts ---- */

static int is_word(const char *text, size_t n, const char *word) {
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

static int is_local(const char *host, size_t n) {
    const int is_path = n == 0 || host[0] == '/' || host[0] == '@';
    const char *colon = memchr(host, ':', n);
    const size_t n_name = colon != NULL ? (size_t)(colon - host) : n;
    return is_path || is_word(host, n, "::1") || is_word(host, n, "[::1]") ||
           (n > 6 && memcmp(host, "[::1]:", 6) == 0) || is_word(host, n_name, "localhost") ||
           (n_name > 4 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= n_name);
}

int evtwin__hosts_are_local(const char *hosts) {
    size_t n = strcspn(hosts, ",");
    while (is_local(hosts, n) && hosts[n] == ',') {
        hosts += n + 1;
        n = strcspn(hosts, ",");
    }
    return is_local(hosts, n);
}
