/* SPDX-License-Identifier: MIT */
/* io/kafka_config.c: settings of Kafka clients: ours, the caller's over them, and what nobody may
 * change; and the log, which must not show the secrets among them. */

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"
#include "io/kafka_client.h"

#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE = 65536, ERROR_SIZE = 256 };

/* The caller's properties, in the order set. */
struct evtwin__kafka_config {
    char *servers;
    size_t n;
    char **name, **value;
};

/* Memory is bounded (librdkafka's own defaults are 1 GiB and 64 MiB), a lost connection is tried
 * again soon, and a certificate is compared with the host. */
static const evtwin__kafka_property both[] = {{"client.id", "evtwin"},
                                              {"reconnect.backoff.max.ms", "500"},
                                              {"topic.metadata.refresh.interval.ms", "10000"},
                                              {"socket.keepalive.enable", "true"},
                                              {"log.connection.close", "false"},
                                              {"log.thread.name", "false"},
                                              {"enable.ssl.certificate.verification", "true"},
                                              {"ssl.endpoint.identification.algorithm", "https"},
                                              {NULL, NULL}};

/* Java's partitioner, so that the records of a battery go where its other clients put them. */
static const evtwin__kafka_property of_producers[] = {{"queue.buffering.max.kbytes", "16384"},
                                                      {"message.max.bytes", "2097152"},
                                                      {"message.timeout.ms", "0"},
                                                      {"transaction.timeout.ms", "15000"},
                                                      {"partitioner", "murmur2_random"},
                                                      {NULL, NULL}};

static const evtwin__kafka_property of_consumers[] = {
    {"queued.max.messages.kbytes", "8192"}, {"fetch.message.max.bytes", "131072"},
    {"fetch.max.bytes", "4194304"},         {"message.max.bytes", "2097152"},
    {"session.timeout.ms", "10000"},        {NULL, NULL}};

/* What the guarantee stands on, and what would load or run other programs. */
static const evtwin__kafka_property reserved[] = {
    {"bootstrap.servers", "name the brokers in the URI"},
    {"metadata.broker.list", "name the brokers in the URI"},
    {"group.id", "use the URI's parameter group"},
    {"transactional.id", "use the URI's parameter transactional_id"},
    {"enable.idempotence", "it is always true"},
    {"acks", "it is always all"},
    {"request.required.acks", "it is always all"},
    {"isolation.level", "it is always read_committed"},
    {"enable.auto.commit", "it is always false"},
    {"auto.commit.enable", "it is always false"},
    {"enable.auto.offset.store", "it is always false"},
    {"enable.partition.eof", "it is chosen here"},
    {"auto.offset.reset", "it is always earliest"},
    {"allow.auto.create.topics", "a source makes no topic"},
    {"partition.assignment.strategy", "it is always range"},
    {"group.protocol", "it is always classic"},
    {"test.mock.num.brokers", "what is written would go nowhere"},
    {"plugin.library.paths", "no other libraries are loaded"},
    {"ssl.engine.location", "no other libraries are loaded"},
    {"ssl.engine.id", "no other libraries are loaded"},
    {"ssl.providers", "no other libraries are loaded"},
    {"sasl.kerberos.kinit.cmd", "no other programs are run"},
    {NULL, NULL}};

evtwin_status evtwin__kafka_config_create(const char *servers, evtwin__kafka_config **out) {
    evtwin__kafka_config *c = evtwin__calloc(1, sizeof *c);
    char *copy = evtwin__strdup(servers);
    if (c == NULL || copy == NULL) {
        evtwin__free(c);
        evtwin__free(copy);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for settings of Kafka");
    }
    c->servers = copy;
    *out = c;
    return EVTWIN_OK;
}

void evtwin__kafka_config_free(evtwin__kafka_config *config) {
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->n; i++) {
        evtwin__free(config->name[i]);
        explicit_bzero(config->value[i], strlen(config->value[i]));
        evtwin__free(config->value[i]);
    }
    evtwin__free(config->name);
    evtwin__free(config->value);
    evtwin__free(config->servers);
    evtwin__free(config);
}

const char *evtwin__kafka_config_servers(const evtwin__kafka_config *config) {
    return config->servers;
}

/* ---- set ---- */

static int ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int is_secret(const char *name) {
    return ends_with(name, "password") || ends_with(name, ".pem") || ends_with(name, "secret") ||
           ends_with(name, "passphrase") || ends_with(name, "oauthbearer.config");
}

/* Would librdkafka take it? Its own text quotes the value, which a secret must not be in. */
static evtwin_status try_property(const char *name, const char *value) {
    char why[ERROR_SIZE];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, why, sizeof why);
    rd_kafka_conf_destroy(conf);
    EVTWIN_FAIL_IF(result == RD_KAFKA_CONF_UNKNOWN, EVTWIN_E_ARG,
                   "kafka: has no parameter \"%.60s\", and librdkafka no such property", name);
    EVTWIN_FAIL_IF(result != RD_KAFKA_CONF_OK, EVTWIN_E_ARG, "kafka: property %.60s: %s", name,
                   is_secret(name) ? "librdkafka refuses its value" : why);
    return EVTWIN_OK;
}

/* A file that TLS needs, which librdkafka reads much later and does not name then. */
static evtwin_status check_file(const char *name, const char *path) {
    const int is_file = strncmp(name, "ssl.", 4) == 0 && ends_with(name, ".location") &&
                        strcmp(path, "probe") != 0; /* a word of librdkafka's */
    if (is_file && access(path, R_OK) != 0) {
        evtwin__fail_errno(path, errno);
        return evtwin__fail_in(EVTWIN_E_NOT_FOUND, "kafka: %s", name);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_config_set(evtwin__kafka_config *config, const char *name,
                                       const char *value) {
    for (const evtwin__kafka_property *p = reserved; p->name != NULL; p++) {
        EVTWIN_FAIL_IF(strcmp(name, p->name) == 0, EVTWIN_E_ARG,
                       "kafka: property %s cannot be set: %s", name, p->value);
    }
    EVTWIN_TRY(try_property(name, value));
    EVTWIN_TRY(check_file(name, value));
    char **names = evtwin__realloc(config->name, config->n + 1, sizeof *names);
    config->name = names != NULL ? names : config->name;
    char **values = evtwin__realloc(config->value, config->n + 1, sizeof *values);
    config->value = values != NULL ? values : config->value;
    char *name_copy = evtwin__strdup(name), *value_copy = evtwin__strdup(value);
    if (names == NULL || values == NULL || name_copy == NULL || value_copy == NULL) {
        evtwin__free(name_copy);
        evtwin__free(value_copy);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for settings of Kafka");
    }
    config->name[config->n] = name_copy;
    config->value[config->n++] = value_copy;
    return EVTWIN_OK;
}

/* ---- a file of them ---- */

static char *trim(char *text) {
    text += strspn(text, " \t\r");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r", text[n - 1]) != NULL) {
        n--;
    }
    text[n] = '\0';
    return text;
}

static evtwin_status read_line(evtwin__kafka_config *config, const char *path, size_t number,
                               char *line) {
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#') {
        return EVTWIN_OK;
    }
    char *value = evtwin__text_cut(line, '=');
    EVTWIN_FAIL_IF(value == NULL, EVTWIN_E_PARSE, "%s:%zu: not a line of the form name=value", path,
                   number);
    const evtwin_status st = evtwin__kafka_config_set(config, trim(line), trim(value));
    return st < 0 ? evtwin__fail_in(st, "%s:%zu", path, number) : EVTWIN_OK;
}

evtwin_status evtwin__kafka_config_read(evtwin__kafka_config *config, const char *path) {
    char *text = NULL;
    size_t size = 0;
    EVTWIN_TRY(evtwin__file_read(path, MAX_FILE, &text, &size));
    const size_t n_before = config->n;
    evtwin_status st = memchr(text, '\0', size) != NULL
                           ? evtwin__fail(EVTWIN_E_PARSE, "%s: holds a NUL", path)
                           : EVTWIN_OK;
    size_t number = 1;
    for (char *line = text, *next; st >= 0 && line != NULL; line = next, number++) {
        next = evtwin__text_cut(line, '\n');
        st = read_line(config, path, number, line);
    }
    for (size_t i = n_before; st >= 0 && i < config->n; i++) {
        st = is_secret(config->name[i]) ? evtwin__file_check_private(path) : EVTWIN_OK;
    }
    explicit_bzero(text, size);
    evtwin__free(text);
    return st;
}

int evtwin__kafka_config_is_plain(const evtwin__kafka_config *config) {
    int is_plain = 1;
    for (size_t i = 0; i < config->n; i++) {
        if (strcmp(config->name[i], "security.protocol") == 0) {
            const char *v = config->value[i];
            is_plain = !evtwin__text_is_word(v, strlen(v), "ssl") &&
                       !evtwin__text_is_word(v, strlen(v), "sasl_ssl");
        }
    }
    return is_plain;
}

/* ---- make ---- */

static evtwin_status set_all(rd_kafka_conf_t *conf, const evtwin__kafka_property *p) {
    char why[ERROR_SIZE];
    for (; p != NULL && p->name != NULL; p++) {
        EVTWIN_FAIL_IF(rd_kafka_conf_set(conf, p->name, p->value, why, sizeof why) !=
                           RD_KAFKA_CONF_OK,
                       EVTWIN_E_ARG, "kafka: %s: %s", p->name, why);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_config_make(const evtwin__kafka_config *config, int is_producer,
                                        const evtwin__kafka_property *properties, void **conf_out) {
    const evtwin__kafka_property servers[] = {{"bootstrap.servers", config->servers}, {NULL, NULL}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    evtwin_status st = set_all(conf, both);
    st = st < 0 ? st : set_all(conf, is_producer ? of_producers : of_consumers);
    for (size_t i = 0; i < config->n && st >= 0; i++) {
        const evtwin__kafka_property own[] = {{config->name[i], config->value[i]}, {NULL, NULL}};
        st = set_all(conf, own);
    }
    st = st < 0 ? st : set_all(conf, servers);
    st = st < 0 ? st : set_all(conf, properties);
    if (st < 0) {
        rd_kafka_conf_destroy(conf);
        return st;
    }
    *conf_out = conf;
    return EVTWIN_OK;
}

/* ---- log and failures ---- */

/* Cover every place of a secret in the text by stars. */
static void hide(char *text, const char *secret) {
    const size_t n = strlen(secret);
    for (char *at = n > 0 ? strstr(text, secret) : NULL; at != NULL; at = strstr(at + n, secret)) {
        memset(at, '*', n);
    }
}

void evtwin__kafka_config_hide(const evtwin__kafka_config *config, const char *text,
                               char line[EVTWIN__KAFKA_LINE]) {
    char whole[2 * EVTWIN__KAFKA_LINE]; /* a secret that is cut off would not be found */
    snprintf(whole, sizeof whole, "%s", text);
    for (size_t i = 0; i < config->n; i++) {
        if (is_secret(config->name[i])) {
            hide(whole, config->value[i]);
        }
    }
    snprintf(line, EVTWIN__KAFKA_LINE, "%.*s", EVTWIN__KAFKA_LINE - 1, whole);
}

void evtwin__kafka_config_log(const evtwin__kafka_config *config, int is_detail, int level,
                              const char *text) {
    char line[EVTWIN__KAFKA_LINE];
    evtwin__kafka_config_hide(config, text, line);
    const evtwin_log_level ours = is_detail || level >= 6 ? EVTWIN_LOG_DEBUG
                                  : level == 5            ? EVTWIN_LOG_INFO
                                  : level == 4            ? EVTWIN_LOG_WARNING
                                                          : EVTWIN_LOG_ERROR;
    evtwin__log(ours, "kafka: %s", line);
}
