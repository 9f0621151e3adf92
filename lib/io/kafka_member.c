/* SPDX-License-Identifier: MIT */
/* io/kafka_member.c: the metadata of a member of a group to hex and back. */

#include "io/kafka_member.h"

#include "core/status.h"

#include <librdkafka/rdkafka.h>

#include <string.h>

enum { MAX_SIZE = EVTWIN__KAFKA_MEMBER / 2 - 1 };

static const char digits[] = "0123456789abcdef";

static evtwin_status fail(rd_kafka_error_t *error, evtwin_status status) {
    evtwin__fail(status, "member of a Kafka group: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return status;
}

evtwin_status evtwin__kafka_member_format(const void *member, char text[EVTWIN__KAFKA_MEMBER]) {
    void *data = NULL;
    size_t size = 0;
    text[0] = '\0';
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(member, &data, &size);
    if (error != NULL) {
        return fail(error, EVTWIN_E_EXTERNAL);
    }
    const int fits = size <= MAX_SIZE;
    for (size_t i = 0; i < size && fits; i++) {
        const unsigned char byte = ((const unsigned char *)data)[i];
        text[2 * i] = digits[byte >> 4];
        text[2 * i + 1] = digits[byte & 15];
        text[2 * i + 2] = '\0';
    }
    rd_kafka_mem_free(NULL, data);
    EVTWIN_FAIL_IF(!fits, EVTWIN_E_RANGE, "member of a Kafka group: longer than %d bytes",
                   MAX_SIZE);
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_member_parse(const char *text, void **member_out) {
    unsigned char data[MAX_SIZE];
    const size_t size = strlen(text) / 2;
    EVTWIN_FAIL_IF(size == 0 || size > sizeof data || strspn(text, digits) != 2 * size ||
                       text[2 * size] != '\0',
                   EVTWIN_E_PARSE, "not a member of a Kafka group");
    for (size_t i = 0; i < size; i++) {
        data[i] = (unsigned char)((strchr(digits, text[2 * i]) - digits) * 16 +
                                  (strchr(digits, text[2 * i + 1]) - digits));
    }
    rd_kafka_consumer_group_metadata_t *member = NULL;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_read(&member, data, size);
    if (error != NULL) {
        return fail(error, EVTWIN_E_PARSE);
    }
    *member_out = member;
    return EVTWIN_OK;
}
