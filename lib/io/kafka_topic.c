/* SPDX-License-Identifier: MIT */
/* io/kafka_topic.c: requests about a topic itself: make one that is compacted, ask how it is kept.
 * All are best effort. */

#include "core/status.h"
#include "io/kafka_client.h"

#include <librdkafka/rdkafka.h>

#include <string.h>

enum { ADMIN_MS = 2000 };

/* Options and answer of a request to the brokers that is best effort. */
typedef struct admin_call {
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options;
    int timeout_ms;
} admin_call;

static admin_call begin_call(rd_kafka_t *rk, rd_kafka_admin_op_t op, int64_t deadline_ms) {
    char why[256];
    const int left_ms = evtwin__kafka_left_ms(deadline_ms);
    const admin_call call = {.queue = rd_kafka_queue_new(rk),
                             .options = rd_kafka_AdminOptions_new(rk, op),
                             .timeout_ms = left_ms < 1          ? 1
                                           : left_ms < ADMIN_MS ? left_ms
                                                                : ADMIN_MS};
    rd_kafka_AdminOptions_set_request_timeout(call.options, call.timeout_ms, why, sizeof why);
    return call;
}

/* The answer, for the caller to destroy; NULL if none came. */
static rd_kafka_event_t *end_call(const admin_call *call, const char *topic) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(call->queue, call->timeout_ms + 100);
    if (event == NULL || rd_kafka_event_error(event) != 0) {
        evtwin__log(EVTWIN_LOG_DEBUG, "kafka: topic %s: %s", topic,
                    event != NULL ? rd_kafka_event_error_string(event) : "no answer");
    }
    rd_kafka_AdminOptions_destroy(call->options);
    rd_kafka_queue_destroy(call->queue);
    return event;
}

void evtwin__kafka_producer_make_compacted(evtwin__kafka_producer *p, const char *topic,
                                           int64_t deadline_ms) {
    rd_kafka_t *rk = evtwin__kafka_producer_client(p)->rk;
    /* small segments, so that little is left to read that a newer record has replaced */
    static const evtwin__kafka_property config[] = {{"cleanup.policy", "compact"},
                                                    {"segment.bytes", "16777216"},
                                                    {"min.cleanable.dirty.ratio", "0.1"}};
    char why[256];
    rd_kafka_NewTopic_t *new_topic = rd_kafka_NewTopic_new(topic, 1, -1, why, sizeof why);
    if (new_topic == NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof config / sizeof config[0]; i++) {
        rd_kafka_NewTopic_set_config(new_topic, config[i].name, config[i].value);
    }
    admin_call call = begin_call(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS, deadline_ms);
    rd_kafka_CreateTopics(rk, &new_topic, 1, call.options, call.queue);
    rd_kafka_event_destroy(end_call(&call, topic));
    rd_kafka_NewTopic_destroy(new_topic);
}

void evtwin__kafka_producer_warn_of_policy(evtwin__kafka_producer *p, const char *topic,
                                           int64_t deadline_ms) {
    rd_kafka_t *rk = evtwin__kafka_producer_client(p)->rk;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    if (resource == NULL) {
        return;
    }
    admin_call call = begin_call(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline_ms);
    rd_kafka_DescribeConfigs(rk, &resource, 1, call.options, call.queue);
    rd_kafka_event_t *event = end_call(&call, topic);
    const rd_kafka_DescribeConfigs_result_t *result =
        event != NULL ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    size_t n = 0, n_entries = 0;
    const rd_kafka_ConfigResource_t **resources =
        result != NULL ? rd_kafka_DescribeConfigs_result_resources(result, &n) : NULL;
    const rd_kafka_ConfigEntry_t **entries =
        n > 0 ? rd_kafka_ConfigResource_configs(resources[0], &n_entries) : NULL;
    for (size_t i = 0; i < n_entries; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy") == 0 && value != NULL &&
            strcmp(value, "compact") != 0) {
            evtwin__log(EVTWIN_LOG_WARNING,
                        "kafka: topic %s has cleanup.policy=%s, so its records are deleted after "
                        "the retention time, and batches may then be written again: set it to "
                        "compact (kafka-configs)",
                        topic, value);
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
}
