/* SPDX-License-Identifier: MIT */
/* tests/unit/serve/serve_client.h: a small HTTP client that can also misbehave, and a store to ask
 * about. */
#ifndef EVTWIN_TEST_SERVE_CLIENT_H
#define EVTWIN_TEST_SERVE_CLIENT_H

#include "test.h"

#include "store/store_kinds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#if defined(HAVE_HTTP) && (defined(HAVE_SQLITE) || defined(HAVE_POSTGRESQL))
#define CLIENT_HAS_SERVER 1
#else
#define CLIENT_HAS_SERVER 0
#endif

/* ---- sockets ---- */

/* A connection to the port, or -1; what is read waits a minute at most. */
static inline int client_connect(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct timeval limit = {60, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* 1 if all was sent. */
static inline int client_send(int fd, const char *data, size_t size) {
    while (size > 0) {
        const ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n <= 0) {
            return 0;
        }
        data += n;
        size -= (size_t)n;
    }
    return 1;
}

/* 1 if the server closed the connection, and did not only say nothing. */
static inline int client_is_closed(int fd) {
    char some[16];
    const ssize_t n = recv(fd, some, sizeof some, 0);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Everything until the server closes, NUL-terminated; the caller frees it. */
static inline char *client_read_all(int fd, size_t *size_out) {
    size_t size = 0, capacity = 4096;
    char *text = malloc(capacity + 1);
    ssize_t n;
    while ((n = recv(fd, text + size, capacity - size, 0)) > 0) {
        size += (size_t)n;
        if (size == capacity) {
            capacity *= 2;
            text = realloc(text, capacity + 1);
        }
    }
    text[size] = '\0';
    if (size_out != NULL) {
        *size_out = size;
    }
    return text;
}

/* ---- one request, one answer ---- */

typedef struct reply {
    char *text; /* head and body */
    int code;   /* 0 = none came */
    const char *body;
} reply;

static inline void reply_free(reply *r) {
    free(r->text);
    *r = (reply){0};
}

/* Send these bytes on a new connection and read until it closes. */
static inline reply client_raw(int port, const char *data, size_t size) {
    reply r = {0};
    const int fd = client_connect(port);
    assert_true(fd >= 0);
    (void)client_send(fd, data, size);
    r.text = client_read_all(fd, NULL);
    close(fd);
    if (strncmp(r.text, "HTTP/1.", 7) == 0) {
        r.code = (int)strtol(r.text + 9, NULL, 10);
        const char *end = strstr(r.text, "\r\n\r\n");
        r.body = end == NULL ? "" : end + 4;
    }
    return r;
}

/* A well-formed request with more headers ("" or "Name: value\r\n…"). */
static inline reply client_request(int port, const char *method, const char *target,
                                   const char *headers) {
    const size_t size = strlen(method) + strlen(target) + strlen(headers) + 128;
    char *text = malloc(size);
    const int n = snprintf(text, size, "%s %s HTTP/1.1\r\n%s%sConnection: close\r\n\r\n", method,
                           target, strstr(headers, "Host:") ? "" : "Host: localhost\r\n", headers);
    const reply r = client_raw(port, text, (size_t)n);
    free(text);
    return r;
}

static inline reply client_get(int port, const char *target) {
    return client_request(port, "GET", target, "");
}

/* Value of a header up to its line's end in a static buffer, NULL if absent. */
static inline const char *reply_header(const reply *r, const char *name) {
    static char value[512];
    char key[128];
    snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *at = strcasestr(r->text, key);
    if (at == NULL || at >= r->body) {
        return NULL;
    }
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at + strlen(key), "\r"), at + strlen(key));
    return value;
}

/* GET, expect a code, parse the JSON; give it back with json_decref. */
static inline json_t *client_json(int port, const char *target, int code) {
    reply r = client_get(port, target);
    json_error_t error;
    json_t *value = json_loads(r.body == NULL ? "" : r.body, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL || r.code != code) {
        fail_msg("%s: code %d, expected %d; %s: %s", target, r.code, code, error.text, r.text);
    }
    reply_free(&r);
    return value;
}

/* GET until it answers with that code and, if text is not NULL, its body has that text: what the
 * server keeps in memory follows the store a moment later. */
static inline json_t *client_wait(int port, const char *target, int code, const char *text) {
    for (int i = 0; i < 3000; i++) {
        reply r = client_get(port, target);
        json_t *value = NULL;
        if (r.code == code && (text == NULL || strstr(r.body, text) != NULL)) {
            value = json_loads(r.body, JSON_REJECT_DUPLICATES, NULL);
        }
        reply_free(&r);
        if (value != NULL) {
            return value;
        }
        usleep(10000);
    }
    fail_msg("%s: no answer with code %d and '%s' came", target, code, text != NULL ? text : "");
    return NULL;
}

/* Member along a path of keys, "data.soc"; a number is an index. Fails the test if there is none.
 */
static inline json_t *json_at(const json_t *value, const char *path) {
    const json_t *at = value;
    for (const char *s = path; *s != '\0';) {
        const size_t n = strcspn(s, ".");
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)n, s);
        at = json_is_array(at) ? json_array_get(at, (size_t)strtol(key, NULL, 10))
                               : json_object_get(at, key);
        if (at == NULL) {
            char *text = json_dumps(value, 0);
            fail_msg("no %s in %s", path, text);
        }
        s += n + (s[n] == '.');
    }
    return (json_t *)at;
}

/* ---- a store ---- */

/* One record: everything else is fixed. NaN rul and failure: no prediction; note: unknown. */
typedef struct record {
    const char *battery;
    int64_t time_us, seq;
    double soc, soh, temperature, rul, failure;
    const char *note;
} record;

static inline void set_number(evtwin_table *table, const char *name, double value) {
    size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        assert_ok(evtwin_table_add_column(table, name, EVTWIN_F64, NULL, &col));
    }
    assert_ok(evtwin_table_set_f64(table, col, evtwin_table_rows(table) - 1, value));
}

static inline void set_text(evtwin_table *table, const char *name, const char *value) {
    size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        assert_ok(evtwin_table_add_column(table, name, EVTWIN_TEXT, NULL, &col));
    }
    assert_ok(evtwin_table_set_text(table, col, evtwin_table_rows(table) - 1, value));
}

/* Append a record to a telemetry table. */
static inline void add_record(evtwin_table *table, const record *r) {
    const size_t row = evtwin_table_rows(table);
    assert_ok(evtwin_table_resize(table, row + 1));
    set_text(table, "battery_id", r->battery);
    assert_ok(evtwin_table_set_i64(table, evtwin_table_find(table, "time"), row, r->time_us));
    assert_ok(evtwin_table_set_i64(table, evtwin_table_find(table, "seq"), row, r->seq));
    assert_ok(evtwin_table_set_i64(table, evtwin_table_find(table, "charge_cycles"), row, 152));
    assert_ok(evtwin_table_set_bool(table, evtwin_table_find(table, "is_charging"), row, 0));
    set_number(table, "soc", r->soc);
    set_number(table, "soh", r->soh);
    set_number(table, "voltage", 375.5);
    set_number(table, "current", 75.25);
    set_number(table, "temperature", r->temperature);
    set_number(table, "power_consumption", 375.5 * 75.25);
    if (!isnan(r->rul) || !isnan(r->failure)) {
        set_number(table, "rul_prediction", r->rul);
        set_number(table, "failure_probability", r->failure);
        set_text(table, "model_version", "0123456789ab");
    }
    if (r->note != NULL) {
        set_text(table, "prediction_note", r->note);
        set_text(table, "model_version", "0123456789ab");
    }
}

static inline evtwin_table *make_table(const record *records, size_t n) {
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    for (size_t i = 0; i < n; i++) {
        add_record(table, &records[i]);
    }
    return table;
}

/* The scores of the model that predicted the records. */
static inline evtwin_table *make_scores(void) {
    static const struct {
        const char *name;
        double rul, failure;
    } scores[] = {{"r2", 0.9, NAN},      {"rmse", 41.5, NAN},  {"mae", 30.0, NAN},
                  {"auc", NAN, 0.97},    {"brier", NAN, 0.02}, {"average_precision", NAN, NAN},
                  {"accuracy", NAN, NAN}};
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_create(&table));
    assert_ok(evtwin_table_add_column(table, "model_version", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_add_column(table, "target", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_add_column(table, "trained_at", EVTWIN_TIME, NULL, NULL));
    assert_ok(evtwin_table_resize(table, 2));
    for (size_t row = 0; row < 2; row++) {
        assert_ok(evtwin_table_set_text(table, 0, row, "0123456789ab"));
        assert_ok(evtwin_table_set_text(table, 1, row, row == 0 ? "failure" : "rul"));
    }
    for (size_t i = 0; i < sizeof scores / sizeof scores[0]; i++) {
        size_t col;
        assert_ok(evtwin_table_add_column(table, scores[i].name, EVTWIN_F64, NULL, &col));
        assert_ok(evtwin_table_set_f64(table, col, 0, scores[i].failure));
        assert_ok(evtwin_table_set_f64(table, col, 1, scores[i].rul));
    }
    return table;
}

/* Put records into the store at a URI, made if it is not there, with the model that predicted them.
 */
static inline void fill_store(const char *uri, const record *records, size_t n) {
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_table *scores = make_scores();
    assert_ok(evtwin_store_put_model(store, scores));
    evtwin_table_free(scores);
    evtwin_table *table = make_table(records, n);
    evtwin_insert_report report;
    assert_ok(evtwin_store_insert(store, table, &report, sizeof report));
    assert_int_equal(report.n_inserted, n);
    evtwin_table_free(table);
    evtwin_store_free(store);
}

/* A server on a free port. */
static inline evtwin_server *start_server(const char *store, evtwin_metrics *metrics) {
    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.listen = "127.0.0.1:0";
    options.store = store;
    options.metrics = metrics;
    evtwin_server *server = NULL;
    assert_ok(evtwin_server_start(&options, &server));
    assert_true(evtwin_server_port(server) > 0);
    return server;
}

#endif
