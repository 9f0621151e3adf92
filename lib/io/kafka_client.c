/* SPDX-License-Identifier: MIT */
/* io/kafka_client.c: a client of librdkafka, what it reports of its connections, and its errors as
 * statuses of ours. */

#include "io/kafka_client.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <string.h>

enum { ERROR_SIZE = 256, RETRY_MS = 100 };
enum { LOG_SHOWN = 5, SHOW_EVERY_MS = 60000 }; /* levels as of syslog */

int evtwin__kafka_left_ms(int64_t deadline_ms) {
    const int64_t left = deadline_ms - evtwin__monotonic_ms();
    return left <= 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

/* ---- what librdkafka reports ---- */

/* Remember why a later time-out will be one. That a broker refused us says more than that then
 * none is left. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque) {
    evtwin__kafka_client *client = opaque;
    char fatal[ERROR_SIZE];
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(rk, fatal, sizeof fatal);
        reason = fatal;
    }
    const int is_vague = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    evtwin__kafka_config_log(client->config, 1, 3, reason);
    if (is_vague && client->problem != 0) {
        return;
    }
    client->problem = code;
    if (is_vague) { /* its text counts brokers, in which versions of librdkafka differ */
        snprintf(client->reason, sizeof client->reason, "none of %.200s can be reached",
                 evtwin__kafka_config_servers(client->config));
        return;
    }
    const char *insides = strstr(reason, " (after "); /* "… 0ms in state CONNECT, 3 …" */
    const size_t n = insides != NULL ? (size_t)(insides - reason) : strlen(reason);
    snprintf(client->reason, sizeof client->reason, "%.*s", (int)n, reason);
}

/* Does it reach the caller as well, as a failure, or as none if a retry helps? */
static int is_detail(const char *facility) {
    static const char *const details[] = {"FAIL",     "ERROR",      "FATAL",      "TXNERR",
                                          "ADDPARTS", "ADDOFFSETS", "GETPID",     "REQTMOUT",
                                          "BROKER",   "SSL",        "SSLCERTVRFY"};
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
        if (strcmp(facility, details[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* From any thread of librdkafka's. A kind of line is shown once a minute. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    evtwin__kafka_client *client = rd_kafka_opaque(rk);
    const uint64_t kind = evtwin__hash(EVTWIN__HASH_BEGIN, facility, strlen(facility));
    const int64_t now_ms = evtwin__monotonic_ms();
    int hides = is_detail(facility);
    if (level <= LOG_SHOWN && !hides) {
        hides = atomic_load(&client->shown_kind) == kind &&
                now_ms - atomic_load(&client->shown_ms) < SHOW_EVERY_MS;
        if (!hides) {
            atomic_store(&client->shown_kind, kind);
            atomic_store(&client->shown_ms, now_ms);
        }
    }
    evtwin__kafka_config_log(client->config, hides, level, text);
}

/* OpenSSL has judged a certificate, which librdkafka's own text does not tell. From any thread of
 * librdkafka's. */
static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
                          const char *data, size_t size, char *why, size_t why_size, void *opaque) {
    evtwin__kafka_client *client = opaque;
    (void)rk, (void)broker, (void)id, (void)depth, (void)data, (void)size;
    if (*error != 0) {
        atomic_store(&client->certificate, *error);
        snprintf(why, why_size, "error %d", *error);
    }
    return *error == 0;
}

/* ---- statuses ---- */

/* What is wrong with a certificate and what to do, by OpenSSL's X509_V_ERR_…; NULL = rare. */
static const char *certificate_error(int error) {
    switch (error) {
    case 9:
        return "is not valid yet; is the clock of this machine right?";
    case 10:
        return "has expired";
    case 18: /* self-signed: the certificate itself, the authority; no issuer; no way to check */
    case 19:
    case 20:
    case 21:
        return "is of an unknown authority; name the file of its authority by ssl.ca.location";
    case 23:
        return "was revoked";
    case 62: /* host name, IP address */
    case 64:
        return "is for another host name; connect by a name that is in it";
    default:
        return NULL;
    }
}

/* Did a broker's certificate end the handshake? */
static evtwin_status fail_for_certificate(const evtwin__kafka_client *client) {
    const char *handshake = strstr(client->reason, ": SSL handshake failed");
    const char *why = certificate_error(atomic_load(&client->certificate));
    if (handshake == NULL || why == NULL || strstr(handshake, "certificate verify") == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL(EVTWIN_E_DENIED, "%.*s: the broker's certificate %s",
                (int)(handshake - client->reason), client->reason, why);
}

static evtwin_status status_of_tls(const char *reason) {
    return strstr(reason, "certificate") != NULL || strstr(reason, "verify") != NULL
               ? EVTWIN_E_DENIED
               : EVTWIN_E_AGAIN;
}

evtwin_status evtwin__kafka_status(int code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return EVTWIN_E_DENIED;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return EVTWIN_E_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        return EVTWIN_E_ARG;
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return EVTWIN_E_UNSUPPORTED;
    default:
        return EVTWIN_E_AGAIN;
    }
}

/* Is it only that nothing came? */
static int is_silence(int code) {
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
}

evtwin_status evtwin__kafka_fail(const evtwin__kafka_client *client, int code, const char *text) {
    char line[EVTWIN__KAFKA_LINE];
    if (is_silence(code) && client->problem != 0) {
        EVTWIN_TRY(fail_for_certificate(client));
        const evtwin_status st = client->problem == RD_KAFKA_RESP_ERR__SSL
                                     ? status_of_tls(client->reason)
                                     : evtwin__kafka_status(client->problem);
        evtwin__kafka_config_hide(client->config, client->reason, line);
        EVTWIN_FAIL(st, "no answer from a broker: %s", line);
    }
    evtwin__kafka_config_hide(client->config, text, line);
    EVTWIN_FAIL_IF(is_silence(code), EVTWIN_E_AGAIN, "%s (brokers: %.200s)", line,
                   evtwin__kafka_config_servers(client->config));
    EVTWIN_FAIL(evtwin__kafka_status(code), "%s", line);
}

/* ---- open, close ---- */

evtwin_status evtwin__kafka_client_open(evtwin__kafka_client *client,
                                        const evtwin__kafka_config *config, int is_producer,
                                        void *conf) {
    char why[ERROR_SIZE];
    *client = (evtwin__kafka_client){.config = config};
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate); /* if it has TLS */
    client->rk =
        rd_kafka_new(is_producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (client->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        char line[EVTWIN__KAFKA_LINE];
        evtwin__kafka_config_hide(config, why, line);
        EVTWIN_FAIL(EVTWIN_E_ARG, "kafka: %s", line);
    }
    return EVTWIN_OK;
}

void evtwin__kafka_client_close(evtwin__kafka_client *client) {
    if (client->rk != NULL) {
        rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    evtwin__free(client->cluster);
    *client = (evtwin__kafka_client){.rk = NULL};
}

const char *evtwin__kafka_client_cluster(evtwin__kafka_client *client, int timeout_ms) {
    if (client->cluster == NULL) {
        char *id = rd_kafka_clusterid(client->rk, timeout_ms);
        client->cluster = evtwin__strdup(id);
        if (id != NULL) {
            rd_kafka_mem_free(client->rk, id);
        }
    }
    return client->cluster != NULL ? client->cluster : "";
}

/* ---- check ---- */

/* What the brokers say of one topic. */
static int topic_error(const rd_kafka_metadata_t *metadata, const char *topic) {
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, topic) == 0) {
            return metadata->topics[i].err;
        }
    }
    return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/* Ask once. A list of all topics makes none; asking for one may. */
static evtwin_status ask(evtwin__kafka_client *client, const char *topic, int makes,
                         int timeout_ms) {
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_topic_t *one = makes ? rd_kafka_topic_new(client->rk, topic, NULL) : NULL;
    const int code = rd_kafka_metadata(client->rk, !makes, one, &metadata, timeout_ms);
    rd_kafka_poll(client->rk, 0); /* the reason, if it is known */
    const int error = code == 0 ? topic_error(metadata, topic) : 0;
    if (code == 0) {
        rd_kafka_metadata_destroy(metadata);
    }
    if (one != NULL) {
        rd_kafka_topic_destroy(one);
    }
    if (code != 0) {
        return evtwin__kafka_fail(client, code, rd_kafka_err2str(code));
    }
    client->problem = 0;
    EVTWIN_FAIL_IF(evtwin__kafka_status(error) == EVTWIN_E_NOT_FOUND, EVTWIN_E_NOT_FOUND,
                   "topic %s does not exist; create it, or let the brokers do so "
                   "(auto.create.topics.enable)",
                   topic);
    EVTWIN_FAIL_IF(error != 0, evtwin__kafka_status(error), "topic %s: %s", topic,
                   rd_kafka_err2str(error));
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_client_check(evtwin__kafka_client *client, const char *topic, int makes,
                                         int64_t deadline_ms) {
    for (;;) {
        const int left_ms = evtwin__kafka_left_ms(deadline_ms);
        const evtwin_status st = ask(client, topic, makes, left_ms < 1000 ? left_ms : 1000);
        const int may_pass = st == EVTWIN_E_AGAIN || (makes && st == EVTWIN_E_NOT_FOUND);
        if (!may_pass || evtwin__kafka_left_ms(deadline_ms) <= RETRY_MS) {
            return st;
        }
        rd_kafka_poll(client->rk, RETRY_MS);
    }
}
