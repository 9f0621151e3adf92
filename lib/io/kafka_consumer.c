/* SPDX-License-Identifier: MIT */
/* io/kafka_consumer.c: a member of a consumer group. Its protocol is the eager one: whenever the
 * group changes, all partitions are given back and begin anew at what is committed, so that what
 * was read and not acknowledged is read again by whoever has them then. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "io/kafka_client.h"
#include "io/kafka_member.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <string.h>

enum { COMMITTED_MS = 5000, PROBE_MS = 1000 };

struct evtwin__kafka_consumer {
    evtwin__kafka_client client;
    const char *group, *topic;
    rd_kafka_message_t *message; /* that was given last; NULL = none */
    evtwin__kafka_offset *kept;  /* where to begin at the earliest */
    size_t n_kept;
    unsigned assignment;
    char member[EVTWIN__KAFKA_MEMBER]; /* of the last assignment; "" = none yet */
    rd_kafka_topic_partition_list_t *mine;
    int is_unstarted;         /* what is mine: it is not known yet where it begins */
    int is_member;            /* of the group, since the first poll */
    int has_reported_absence; /* of the topic */
    int is_down;              /* no broker was left, as of the last report */
};

/* ---- assignment ---- */

static int64_t kept_offset(const evtwin__kafka_consumer *c, int32_t partition) {
    for (size_t i = 0; i < c->n_kept; i++) {
        if (c->kept[i].partition == partition) {
            return c->kept[i].next;
        }
    }
    return -1;
}

static void forget_assignment(evtwin__kafka_consumer *c) {
    c->assignment++;
    c->member[0] = '\0';
    if (c->mine != NULL) {
        rd_kafka_topic_partition_list_destroy(c->mine);
    }
    c->mine = NULL;
    c->is_unstarted = 0;
}

/* Who we are now: taken here, where no later assignment can have come between. */
static void note_member(evtwin__kafka_consumer *c) {
    rd_kafka_consumer_group_metadata_t *member = rd_kafka_consumer_group_metadata(c->client.rk);
    if (member == NULL) {
        return;
    }
    if (evtwin__kafka_member_format(member, c->member) < 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "kafka: %s", evtwin_last_error());
    }
    rd_kafka_consumer_group_metadata_destroy(member);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque) {
    /* the client is the first member */
    evtwin__kafka_consumer *c = opaque;
    forget_assignment(c);
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        rd_kafka_assign(rk, NULL);
        return;
    }
    note_member(c);
    c->mine = rd_kafka_topic_partition_list_copy(partitions);
    c->is_unstarted = 1;
    /* none for now, so that the others of the group need not wait for us if it changes again */
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    rd_kafka_assign(rk, none);
    rd_kafka_topic_partition_list_destroy(none);
    rd_kafka_yield(rk); /* poll returns, and what is mine is started */
}

/* Set where each partition begins: at the group's offset unless a later one is kept, which the
 * group is told of: the next position says nothing of a partition in which nothing new comes. */
static void choose_starts(evtwin__kafka_consumer *c, rd_kafka_topic_partition_list_t *committed) {
    rd_kafka_topic_partition_list_t *later = rd_kafka_topic_partition_list_new(committed->cnt);
    for (int i = 0; i < committed->cnt; i++) {
        rd_kafka_topic_partition_t *p = &committed->elems[i];
        const int64_t kept = kept_offset(c, p->partition);
        if (kept >= 0 && kept > p->offset) {
            p->offset = kept;
            rd_kafka_topic_partition_list_add(later, c->topic, p->partition)->offset = kept;
        } else if (p->offset < 0) { /* the group has read nothing of it */
            p->offset = RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    if (later->cnt > 0) {
        (void)rd_kafka_commit(c->client.rk, later, 1);
    }
    rd_kafka_topic_partition_list_destroy(later);
}

static int first_error(const rd_kafka_topic_partition_list_t *partitions) {
    int code = 0;
    for (int i = 0; i < partitions->cnt && code == 0; i++) {
        code = partitions->elems[i].err;
    }
    return code;
}

/* Start what is mine once the group's offsets are known; EVTWIN_DONE if they are not yet, as while
 * a transaction that has offsets of them is open. librdkafka by itself begins at the earliest
 * message if the assignment changes while it waits for such a transaction. */
static evtwin_status start_partitions(evtwin__kafka_consumer *c, int timeout_ms) {
    const int wait_ms = timeout_ms < 1 ? 1 : timeout_ms < COMMITTED_MS ? timeout_ms : COMMITTED_MS;
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_copy(c->mine);
    int code = partitions->cnt > 0 ? rd_kafka_committed(c->client.rk, partitions, wait_ms) : 0;
    code = code != 0 ? code : first_error(partitions);
    if (code == 0) {
        choose_starts(c, partitions);
        rd_kafka_assign(c->client.rk, partitions);
        c->is_unstarted = c->is_down = 0;
        c->client.problem = 0;
        evtwin__log(EVTWIN_LOG_INFO, "kafka: group %s: %d partitions of %s are read here", c->group,
                    partitions->cnt, c->topic);
    }
    rd_kafka_topic_partition_list_destroy(partitions);
    if (evtwin__kafka_status(code) == EVTWIN_E_DENIED) {
        return evtwin__kafka_fail(&c->client, code, rd_kafka_err2str(code));
    }
    return code == 0 ? EVTWIN_OK : EVTWIN_DONE;
}

/* ---- create, free ---- */

evtwin_status evtwin__kafka_consumer_create(const evtwin__kafka_config *config, const char *group,
                                            const char *topic, evtwin__kafka_consumer **out) {
    const evtwin__kafka_property properties[] = {{"group.id", group},
                                                 {"enable.auto.commit", "false"},
                                                 {"enable.auto.offset.store", "false"},
                                                 {"isolation.level", "read_committed"},
                                                 {"auto.offset.reset", "earliest"},
                                                 {"partition.assignment.strategy", "range"},
                                                 {"allow.auto.create.topics", "false"},
                                                 {NULL, NULL}};
    void *conf = NULL;
    EVTWIN_TRY(evtwin__kafka_config_make(config, 0, properties, &conf));
    evtwin__kafka_consumer *c = evtwin__calloc(1, sizeof *c);
    if (c == NULL) {
        rd_kafka_conf_destroy(conf);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a consumer");
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    const evtwin_status st = evtwin__kafka_client_open(&c->client, config, 0, conf);
    if (st < 0) {
        evtwin__free(c);
        return st;
    }
    c->group = group;
    c->topic = topic;
    *out = c;
    return EVTWIN_OK;
}

void evtwin__kafka_consumer_free(evtwin__kafka_consumer *c) {
    if (c == NULL) {
        return;
    }
    if (c->message != NULL) {
        rd_kafka_message_destroy(c->message);
    }
    /* leave the group, so that the others need not wait for our session to time out */
    if (c->is_member) {
        rd_kafka_consumer_close(c->client.rk);
    }
    evtwin__kafka_client_close(&c->client);
    forget_assignment(c);
    evtwin__free(c->kept);
    evtwin__free(c);
}

evtwin_status evtwin__kafka_consumer_keep(evtwin__kafka_consumer *c,
                                          const evtwin__kafka_offset *offset, size_t n) {
    evtwin__kafka_offset *copy = evtwin__calloc(n, sizeof *copy);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "out of memory for offsets");
    if (n > 0) {
        memcpy(copy, offset, n * sizeof *copy);
    }
    evtwin__free(c->kept);
    c->kept = copy;
    c->n_kept = n;
    return EVTWIN_OK;
}

/* ---- poll ---- */

/* What came in the place of a message. What librdkafka goes on with by itself is no failure. */
static evtwin_status judge_event(evtwin__kafka_consumer *c, int code, const char *text) {
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF || code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) {
        return EVTWIN_DONE;
    }
    const evtwin_status st = evtwin__kafka_status(code);
    if (st == EVTWIN_E_NOT_FOUND) {
        if (!c->has_reported_absence) {
            evtwin__log(EVTWIN_LOG_WARNING, "kafka: topic %s does not exist; waiting for it",
                        c->topic);
        }
        c->has_reported_absence = 1;
        return EVTWIN_DONE;
    }
    if (st == EVTWIN_E_DENIED) {
        return evtwin__kafka_fail(&c->client, code, text);
    }
    evtwin__kafka_config_log(c->client.config, 0, 4, text);
    return EVTWIN_DONE;
}

/* Nothing came: because no broker answers? Once that was reported it is until one does. */
static evtwin_status judge_silence(evtwin__kafka_consumer *c, int timeout_ms) {
    char why[256];
    const int fatal = rd_kafka_fatal_error(c->client.rk, why, sizeof why);
    if (fatal != 0) { /* nothing will come any more */
        return evtwin__kafka_fail(&c->client, fatal, why);
    }
    c->is_down |= c->client.problem != 0;
    if (!c->is_down) {
        return EVTWIN_DONE;
    }
    const rd_kafka_metadata_t *metadata = NULL;
    const int probe_ms = timeout_ms < 1 ? 1 : timeout_ms < PROBE_MS ? timeout_ms : PROBE_MS;
    const int code = rd_kafka_metadata(c->client.rk, 0, NULL, &metadata, probe_ms);
    rd_kafka_poll(c->client.rk, 0);
    if (code != 0) {
        return evtwin__kafka_fail(&c->client, code, rd_kafka_err2str(code));
    }
    rd_kafka_metadata_destroy(metadata);
    c->is_down = 0;
    c->client.problem = 0;
    return EVTWIN_DONE;
}

/* A check alone must not make the others of the group wait for it. */
static evtwin_status join(evtwin__kafka_consumer *c) {
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, c->topic, RD_KAFKA_PARTITION_UA);
    const int code = rd_kafka_subscribe(c->client.rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    EVTWIN_FAIL_IF(code != 0, EVTWIN_E_ARG, "topic %.250s: %s", c->topic, rd_kafka_err2str(code));
    c->is_member = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_poll(evtwin__kafka_consumer *c, int timeout_ms,
                                 evtwin__kafka_message *out) {
    if (c->message != NULL) {
        rd_kafka_message_destroy(c->message);
        c->message = NULL;
    }
    EVTWIN_TRY(c->is_member ? EVTWIN_OK : join(c));
    EVTWIN_TRY(c->is_unstarted ? start_partitions(c, timeout_ms) : EVTWIN_OK);
    rd_kafka_message_t *m = rd_kafka_consumer_poll(c->client.rk, c->is_unstarted ? 0 : timeout_ms);
    rd_kafka_poll(c->client.rk, 0); /* reports of errors */
    if (m == NULL) {
        return judge_silence(c, timeout_ms);
    }
    if (m->err != 0) {
        const evtwin_status st = judge_event(c, m->err, rd_kafka_message_errstr(m));
        rd_kafka_message_destroy(m);
        return st;
    }
    c->message = m;
    c->has_reported_absence = c->is_down = 0;
    c->client.problem = 0;
    *out = (evtwin__kafka_message){.data = m->payload != NULL ? m->payload : "",
                                   .size = m->payload != NULL ? m->len : 0,
                                   .partition = m->partition,
                                   .offset = m->offset};
    return EVTWIN_OK;
}

unsigned evtwin__kafka_assignment(const evtwin__kafka_consumer *c) {
    return c->assignment;
}

const char *evtwin__kafka_member(const evtwin__kafka_consumer *c) {
    return c->member;
}

const char *evtwin__kafka_consumer_cluster(evtwin__kafka_consumer *c) {
    return evtwin__kafka_client_cluster(&c->client, PROBE_MS);
}

/* ---- commit ---- */

evtwin_status evtwin__kafka_commit(evtwin__kafka_consumer *c, const evtwin__kafka_offset *offset,
                                   size_t n, int64_t deadline_ms) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n && c->mine != NULL; i++) {
        const int32_t partition = offset[i].partition;
        if (rd_kafka_topic_partition_list_find(c->mine, c->topic, partition) != NULL) {
            rd_kafka_topic_partition_list_add(list, c->topic, partition)->offset = offset[i].next;
        }
    }
    int code = 0;
    if (list->cnt > 0) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(c->client.rk);
        code = rd_kafka_commit_queue(c->client.rk, list, queue, NULL, NULL);
        rd_kafka_event_t *event =
            code == 0 ? rd_kafka_queue_poll(queue, evtwin__kafka_left_ms(deadline_ms)) : NULL;
        code = code != 0       ? code
               : event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT
                               : rd_kafka_event_error(event);
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
    }
    rd_kafka_topic_partition_list_destroy(list);

    /* the group has changed: whoever has the partitions now reads from the older offsets */
    if (code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
        code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
        code == RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST || code == RD_KAFKA_RESP_ERR__NO_OFFSET) {
        return EVTWIN_OK;
    }
    return code == 0 ? EVTWIN_OK : evtwin__kafka_fail(&c->client, code, rd_kafka_err2str(code));
}

evtwin_status evtwin__kafka_consumer_check(evtwin__kafka_consumer *c, int64_t deadline_ms) {
    return evtwin__kafka_client_check(&c->client, c->topic, 0, deadline_ms);
}
