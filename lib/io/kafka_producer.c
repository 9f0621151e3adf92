/* SPDX-License-Identifier: MIT */
/* io/kafka_producer.c: a transactional producer, whose transaction is ended in steps that can be
 * repeated: whatever the brokers do, it is known whether it was committed. One without an id writes
 * without transactions: its steps are the same, and what fails may be there in part. */

#include "core/clock.h"
#include "core/crash_site.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "io/kafka_client.h"
#include "io/kafka_member.h"

#include <librdkafka/rdkafka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { POLL_MS = 50 };

typedef enum step {
    STEP_START,      /* not started */
    STEP_IDLE,       /* between two transactions */
    STEP_OPEN,       /* messages are added */
    STEP_OFFSETS,    /* the offsets are sent */
    STEP_COMMITTING, /* begun to commit, which is not to be taken back */
    STEP_ABORTING,
    STEP_BROKEN, /* for good: another producer is needed */
    STEP_FENCED  /* for good: another producer has the id */
} step;

struct evtwin__kafka_producer {
    evtwin__kafka_client client;
    const char *topic_name[EVTWIN__KAFKA_TOPICS];
    rd_kafka_topic_t *topic[EVTWIN__KAFKA_TOPICS]; /* NULL: not written to yet, or not used */
    char *transactional_id;                        /* NULL: no transactions */
    int n_failed;     /* messages without a transaction that were not delivered */
    int failure_code; /* of the last of them */
    step step;
    int64_t opened_ms;         /* when the transaction began */
    int64_t young_ms;          /* less than the brokers' time-out of a transaction */
    evtwin__kafka_place place; /* of a message of it in the first topic */

    /* offsets of the transaction; NULL = none */
    rd_kafka_topic_partition_list_t *offsets;
    rd_kafka_consumer_group_metadata_t *member;
    int is_stale;  /* the member is not in the group any more */
    int is_unsure; /* it broke while it was committed, and no broker says that it was not */

    evtwin_status failure; /* why it is aborted */
    char reason[512];
};

/* ---- create, free ---- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    evtwin__kafka_producer *p = opaque; /* its client is the first member */
    (void)rk;
    if (message->err != 0) {
        p->n_failed++;
        p->failure_code = message->err;
    } else if (message->_private == p->topic_name[0] && message->offset >= 0) {
        p->place = (evtwin__kafka_place){message->partition, message->offset};
    }
}

/* Two thirds of transaction.timeout.ms. */
static int64_t read_young_ms(const rd_kafka_conf_t *conf) {
    char text[32];
    size_t size = sizeof text;
    int64_t timeout_ms = 0;
    const int code = rd_kafka_conf_get(conf, "transaction.timeout.ms", text, &size);
    return code == RD_KAFKA_CONF_OK && evtwin__parse_i64(text, strlen(text), &timeout_ms)
               ? timeout_ms * 2 / 3
               : 10000;
}

evtwin_status evtwin__kafka_producer_create(const evtwin__kafka_config *config,
                                            const char *transactional_id, const char *const *topics,
                                            evtwin__kafka_producer **out) {
    const evtwin__kafka_property properties[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {transactional_id != NULL ? "transactional.id" : NULL, transactional_id},
        {NULL, NULL}};
    void *conf = NULL;
    EVTWIN_TRY(evtwin__kafka_config_make(config, 1, properties, &conf));
    evtwin__kafka_producer *p = evtwin__calloc(1, sizeof *p);
    char *id = evtwin__strdup(transactional_id);
    if (p == NULL || (id == NULL && transactional_id != NULL)) {
        evtwin__free(p);
        evtwin__free(id);
        rd_kafka_conf_destroy(conf);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a producer");
    }
    p->transactional_id = id;
    p->young_ms = read_young_ms(conf);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    memcpy(p->topic_name, topics, sizeof p->topic_name);
    const evtwin_status st = evtwin__kafka_client_open(&p->client, config, 1, conf);
    if (st < 0) {
        evtwin__kafka_producer_free(p);
        return st;
    }
    *out = p;
    return EVTWIN_OK;
}

static void drop_offsets(evtwin__kafka_producer *p) {
    if (p->offsets != NULL) {
        rd_kafka_topic_partition_list_destroy(p->offsets);
    }
    if (p->member != NULL) {
        rd_kafka_consumer_group_metadata_destroy(p->member);
    }
    p->offsets = NULL;
    p->member = NULL;
}

void evtwin__kafka_producer_free(evtwin__kafka_producer *p) {
    if (p == NULL) {
        return;
    }
    drop_offsets(p);
    for (int i = 0; i < EVTWIN__KAFKA_TOPICS; i++) {
        if (p->topic[i] != NULL) {
            rd_kafka_topic_destroy(p->topic[i]);
        }
    }
    evtwin__kafka_client_close(&p->client);
    evtwin__free(p->transactional_id);
    evtwin__free(p);
}

/* ---- failures ---- */

static evtwin_status fail_fenced(const evtwin__kafka_producer *p) {
    EVTWIN_FAIL(EVTWIN_E_BUSY,
                "another producer has taken the transactional id %.200s; give each producer its "
                "own with ?transactional_id=, or stop the other one",
                p->transactional_id);
}

static int is_fencing(int code) {
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* The group has gone on without the member whose offsets these are. */
static int is_staleness(int code) {
    return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

/* What made the producer fail for good, if it did; else `code`. */
static int fatal_code(const evtwin__kafka_producer *p, int code) {
    const int fatal = rd_kafka_fatal_error(p->client.rk, NULL, 0);
    return fatal != 0 ? fatal : code;
}

/* The producer itself is lost; another one helps, unless it lacks a right. Brokers also fence one
 * whose transaction they have timed out, which is nobody else's doing: only a young transaction was
 * taken by another producer. */
static evtwin_status fail_for_good(evtwin__kafka_producer *p, int code, const char *text) {
    char reason[256];
    const int fatal = rd_kafka_fatal_error(p->client.rk, reason, sizeof reason);
    code = fatal != 0 ? fatal : code;
    const int is_denied = p->step == STEP_START && evtwin__kafka_status(code) == EVTWIN_E_DENIED;
    const int is_young = p->step == STEP_START || p->step == STEP_IDLE ||
                         evtwin__monotonic_ms() - p->opened_ms < p->young_ms;
    p->step = is_fencing(code) && is_young ? STEP_FENCED : STEP_BROKEN;
    if (p->step == STEP_FENCED) {
        return fail_fenced(p);
    }
    char line[EVTWIN__KAFKA_LINE];
    evtwin__kafka_config_hide(p->client.config, fatal != 0 ? reason : text, line);
    EVTWIN_FAIL(is_denied ? EVTWIN_E_DENIED : EVTWIN_E_AGAIN, "%s", line);
}

/* Nothing of the transaction is to last, because of the last failure. */
static void note_failure(evtwin__kafka_producer *p, evtwin_status st) {
    p->failure = st;
    snprintf(p->reason, sizeof p->reason, "%s", evtwin_last_error());
}

/* What a transactional call answered (NULL = success), which is freed: the step changes with it.
 * EVTWIN_E_AGAIN without another step: repeat the call. */
static evtwin_status judge(evtwin__kafka_producer *p, rd_kafka_error_t *error) {
    if (error == NULL) {
        return EVTWIN_OK;
    }
    rd_kafka_poll(p->client.rk, 0); /* reasons */
    const int code = rd_kafka_error_code(error);
    const int was_committing = p->step == STEP_COMMITTING;
    const char *text = rd_kafka_error_string(error);
    evtwin_status st;
    if (rd_kafka_error_is_fatal(error)) {
        st = fail_for_good(p, code, text);
    } else if (rd_kafka_error_txn_requires_abort(error)) {
        p->is_stale |= p->step == STEP_OFFSETS && is_staleness(code);
        p->step = STEP_ABORTING;
        st = evtwin__kafka_fail(&p->client, code, text);
        note_failure(p, st);
    } else {
        st = evtwin__kafka_fail(&p->client, code, text);
        if (!rd_kafka_error_is_retriable(error) && p->step != STEP_START) {
            p->step = STEP_BROKEN;
        }
    }
    /* a transaction that was taken from its producer was aborted */
    p->is_unsure = was_committing && p->step == STEP_BROKEN && !is_fencing(fatal_code(p, code));
    rd_kafka_error_destroy(error);
    return st;
}

int evtwin__kafka_is_unsure(const evtwin__kafka_producer *p) {
    return p->is_unsure;
}

evtwin__kafka_place evtwin__kafka_written(const evtwin__kafka_producer *p) {
    return p->place;
}

int evtwin__kafka_is_broken(const evtwin__kafka_producer *p) {
    return p->step == STEP_BROKEN;
}

/* ---- start ---- */

/* Not before it is to be written to: librdkafka asks for a topic that it has a handle of, and a
 * broker may make one that is asked for, without compaction. */
static evtwin_status open_topics(evtwin__kafka_producer *p) {
    for (int i = 0; i < EVTWIN__KAFKA_TOPICS; i++) {
        const char *name = p->topic_name[i];
        if (name != NULL && p->topic[i] == NULL) {
            p->topic[i] = rd_kafka_topic_new(p->client.rk, name, NULL);
            EVTWIN_FAIL_IF(p->topic[i] == NULL, EVTWIN_E_ARG, "topic %.250s: %s", name,
                           rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_producer_start(evtwin__kafka_producer *p, int64_t deadline_ms) {
    if (p->step == STEP_FENCED) {
        return fail_fenced(p);
    }
    if (p->step != STEP_START) {
        return EVTWIN_OK;
    }
    if (p->transactional_id != NULL) {
        EVTWIN_TRY(
            judge(p, rd_kafka_init_transactions(p->client.rk, evtwin__kafka_left_ms(deadline_ms))));
    }
    p->client.problem = 0;
    p->step = STEP_IDLE;
    return EVTWIN_OK;
}

/* ---- what is asked of its client ---- */

evtwin__kafka_client *evtwin__kafka_producer_client(evtwin__kafka_producer *p) {
    return &p->client;
}

const char *evtwin__kafka_producer_cluster(evtwin__kafka_producer *p, int64_t deadline_ms) {
    return evtwin__kafka_client_cluster(&p->client, evtwin__kafka_left_ms(deadline_ms));
}

evtwin_status evtwin__kafka_producer_check(evtwin__kafka_producer *p, const char *topic, int makes,
                                           int64_t deadline_ms) {
    return evtwin__kafka_client_check(&p->client, topic, makes, deadline_ms);
}

/* ---- a transaction ---- */

evtwin_status evtwin__kafka_begin(evtwin__kafka_producer *p) {
    EVTWIN_FAIL_IF(p->step != STEP_IDLE, EVTWIN_E_STATE, "a transaction is open");
    EVTWIN_TRY(open_topics(p));
    if (p->transactional_id != NULL) {
        EVTWIN_TRY(judge(p, rd_kafka_begin_transaction(p->client.rk)));
    }
    p->n_failed = 0;
    p->place = (evtwin__kafka_place){-1, -1};
    p->step = STEP_OPEN;
    p->opened_ms = evtwin__monotonic_ms();
    p->is_stale = 0;
    p->failure = EVTWIN_OK;
    return EVTWIN_OK;
}

static rd_kafka_headers_t *make_headers(const evtwin__kafka_record *record) {
    rd_kafka_headers_t *list =
        record->n_headers > 0 ? rd_kafka_headers_new(record->n_headers) : NULL;
    for (size_t i = 0; i < record->n_headers; i++) {
        rd_kafka_header_add(list, record->headers[i].name, -1, record->headers[i].value, -1);
    }
    return list;
}

/* 0, or why the message was not taken. */
static int produce(evtwin__kafka_producer *p, int topic, const evtwin__kafka_record *record) {
    rd_kafka_headers_t *headers = make_headers(record);
    if (headers == NULL) {
        const int rc = rd_kafka_produce(p->topic[topic], RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                                        (void *)record->data, record->size, record->key,
                                        record->key_size, (void *)p->topic_name[topic]);
        return rc != 0 ? (int)rd_kafka_last_error() : 0;
    }
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        p->client.rk, RD_KAFKA_V_RKT(p->topic[topic]), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(record->key, record->key_size),
        RD_KAFKA_V_VALUE((void *)record->data, record->size), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE((void *)p->topic_name[topic]), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers); /* else they are its own */
    }
    return (int)code;
}

evtwin_status evtwin__kafka_put(evtwin__kafka_producer *p, int topic,
                                const evtwin__kafka_record *record, int64_t deadline_ms) {
    int code;
    while ((code = produce(p, topic, record)) != 0) {
        const int left_ms = evtwin__kafka_left_ms(deadline_ms);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || left_ms == 0) {
            return evtwin__kafka_fail(&p->client, code, rd_kafka_err2str(code));
        }
        rd_kafka_poll(p->client.rk, left_ms < POLL_MS ? left_ms : POLL_MS);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_add_offsets(evtwin__kafka_producer *p,
                                        const evtwin__kafka_offsets *offsets) {
    drop_offsets(p);
    EVTWIN_TRY(evtwin__kafka_member_parse(offsets->member, (void **)&p->member));
    p->offsets = rd_kafka_topic_partition_list_new((int)offsets->n);
    for (size_t i = 0; i < offsets->n; i++) {
        rd_kafka_topic_partition_list_add(p->offsets, offsets->topic, offsets->offset[i].partition)
            ->offset = offsets->offset[i].next;
    }
    return EVTWIN_OK;
}

void evtwin__kafka_give_up(evtwin__kafka_producer *p, evtwin_status why) {
    if (p->step == STEP_OPEN) {
        note_failure(p, why);
        p->step = STEP_ABORTING;
    }
}

int evtwin__kafka_is_ending(const evtwin__kafka_producer *p) {
    return p->step == STEP_OPEN || p->step == STEP_OFFSETS || p->step == STEP_COMMITTING ||
           p->step == STEP_ABORTING;
}

/* Wait for the deliveries of messages without a transaction. */
static evtwin_status await_deliveries(evtwin__kafka_producer *p, int timeout_ms) {
    rd_kafka_flush(p->client.rk, timeout_ms);
    if (rd_kafka_fatal_error(p->client.rk, NULL, 0) != 0) {
        return fail_for_good(p, RD_KAFKA_RESP_ERR__FATAL, "");
    }
    if (rd_kafka_outq_len(p->client.rk) > 0) {
        return evtwin__kafka_fail(&p->client, RD_KAFKA_RESP_ERR__TIMED_OUT,
                                  "messages are not acknowledged yet");
    }
    const int code = p->failure_code;
    p->step = STEP_IDLE;
    return p->n_failed == 0 ? EVTWIN_OK
                            : evtwin__kafka_fail(&p->client, code, rd_kafka_err2str(code));
}

/* Drop messages without a transaction that are not delivered yet. */
static evtwin_status drop_messages(evtwin__kafka_producer *p, int timeout_ms) {
    rd_kafka_purge(p->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(p->client.rk, timeout_ms);
    p->step = STEP_IDLE;
    return EVTWIN_OK;
}

/* Take one step to the end. */
static evtwin_status take_step(evtwin__kafka_producer *p, int timeout_ms) {
    void *rk = p->client.rk;
    if (p->transactional_id == NULL && p->step == STEP_COMMITTING) {
        return await_deliveries(p, timeout_ms);
    }
    if (p->transactional_id == NULL && p->step == STEP_ABORTING) {
        return drop_messages(p, timeout_ms);
    }
    switch (p->step) {
    case STEP_OPEN:
        p->step = p->offsets != NULL ? STEP_OFFSETS : STEP_COMMITTING;
        EVTWIN__CRASH_SITE("kafka.before_commit");
        return EVTWIN_OK;
    case STEP_OFFSETS:
        EVTWIN_TRY(
            judge(p, rd_kafka_send_offsets_to_transaction(rk, p->offsets, p->member, timeout_ms)));
        EVTWIN__CRASH_SITE("kafka.after_offsets");
        p->step = STEP_COMMITTING;
        return EVTWIN_OK;
    case STEP_COMMITTING:
        EVTWIN_TRY(judge(p, rd_kafka_commit_transaction(rk, timeout_ms)));
        EVTWIN__CRASH_SITE("kafka.after_commit");
        p->step = STEP_IDLE;
        return EVTWIN_OK;
    case STEP_ABORTING:
        EVTWIN_TRY(judge(p, rd_kafka_abort_transaction(rk, timeout_ms)));
        p->step = STEP_IDLE;
        return EVTWIN_OK;
    case STEP_FENCED:
        return fail_fenced(p);
    case STEP_START:
    case STEP_IDLE:
    case STEP_BROKEN:
    default:
        EVTWIN_FAIL(EVTWIN_E_STATE, "no transaction is open");
    }
}

evtwin_status evtwin__kafka_end(evtwin__kafka_producer *p, int64_t deadline_ms) {
    evtwin_status st = EVTWIN_OK;
    int is_aborted = p->step == STEP_ABORTING;
    while (evtwin__kafka_is_ending(p)) {
        const step before = p->step;
        st = take_step(p, evtwin__kafka_left_ms(deadline_ms));
        is_aborted |= p->step == STEP_ABORTING;
        if (st < 0 && p->step == before) {
            if (evtwin__kafka_left_ms(deadline_ms) == 0) {
                return st; /* not known yet */
            }
            rd_kafka_poll(p->client.rk, POLL_MS); /* an answer that came at once is no hurry */
        }
    }
    drop_offsets(p);
    if (p->step != STEP_IDLE) {
        return st < 0 ? st : EVTWIN_E_AGAIN;
    }
    p->client.problem = 0;
    if (is_aborted && p->is_stale) {
        return EVTWIN_DONE;
    }
    EVTWIN_TRY(is_aborted ? EVTWIN_OK : st);
    EVTWIN_FAIL_IF(is_aborted, p->failure, "the transaction was aborted: %s", p->reason);
    return EVTWIN_OK;
}
