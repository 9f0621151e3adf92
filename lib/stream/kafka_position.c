/* SPDX-License-Identifier: MIT */
/* stream/kafka_position.c: positions of a kafka: source to text and back. */

#include "stream/kafka_position.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <string.h>

enum { MAX_PARTITION = 1000000 };

evtwin_status evtwin__kafka_position_format(const char *cluster,
                                            const evtwin__kafka_offsets *offsets,
                                            evtwin__text *text) {
    text->size = 0;
    text->is_failed = 0;
    evtwin__text_open(text, NULL, '{');
    evtwin__text_string(text, "cluster", cluster);
    evtwin__text_string(text, "group", offsets->group);
    evtwin__text_string(text, "topic", offsets->topic);
    evtwin__text_open(text, "offsets", '{');
    for (size_t i = 0; i < offsets->n; i++) {
        char partition[EVTWIN__NUM_SIZE];
        evtwin__format_i64(offsets->offset[i].partition, partition);
        evtwin__text_integer(text, partition, offsets->offset[i].next);
    }
    evtwin__text_put(text, "}");
    evtwin__text_string(text, "member", offsets->member);
    evtwin__text_add(text, "}", 2); /* its NUL too */
    EVTWIN_FAIL_IF(text->is_failed, EVTWIN_E_NOMEM, "out of memory for a position");
    return EVTWIN_OK;
}

/* A copy of a member of the object. */
static evtwin_status copy_text(const json_t *object, const char *key, const char **out) {
    const char *text = NULL;
    EVTWIN_TRY(evtwin__json_get_text("position", object, key, &text));
    *out = evtwin__strdup(text);
    EVTWIN_FAIL_IF(*out == NULL, EVTWIN_E_NOMEM, "out of memory for a position");
    return EVTWIN_OK;
}

static evtwin_status read_offsets(json_t *object, evtwin__kafka_offsets *out) {
    json_t *offsets = NULL;
    EVTWIN_TRY(evtwin__json_get_object("position", object, "offsets", &offsets));
    evtwin__kafka_offset *offset = evtwin__calloc(json_object_size(offsets), sizeof *offset);
    out->offset = offset;
    EVTWIN_FAIL_IF(offset == NULL, EVTWIN_E_NOMEM, "out of memory for a position");
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(offsets, key, value) {
        int64_t partition = -1;
        EVTWIN_FAIL_IF(!evtwin__parse_i64(key, strlen(key), &partition) || partition < 0 ||
                           partition > MAX_PARTITION || !json_is_integer(value) ||
                           json_integer_value(value) < 0,
                       EVTWIN_E_PARSE, "position: offset of partition %.40s is invalid", key);
        offset[out->n++] = (evtwin__kafka_offset){(int32_t)partition, json_integer_value(value)};
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__kafka_position_parse(const char *text, evtwin__kafka_position *out) {
    json_t *object = NULL;
    EVTWIN_TRY(evtwin__json_parse("position", text, strlen(text), &object));
    evtwin__kafka_position p = {.cluster = NULL};
    evtwin_status st = copy_text(object, "cluster", (const char **)&p.cluster);
    st = st < 0 ? st : copy_text(object, "group", &p.offsets.group);
    st = st < 0 ? st : copy_text(object, "topic", &p.offsets.topic);
    st = st < 0 ? st : copy_text(object, "member", &p.offsets.member);
    st = st < 0 ? st : read_offsets(object, &p.offsets);
    json_decref(object);
    if (st < 0) {
        evtwin__kafka_position_free(&p);
        return st;
    }
    *out = p;
    return EVTWIN_OK;
}

void evtwin__kafka_position_free(evtwin__kafka_position *position) {
    evtwin__free(position->cluster);
    evtwin__free((char *)position->offsets.group);
    evtwin__free((char *)position->offsets.topic);
    evtwin__free((char *)position->offsets.member);
    evtwin__free((evtwin__kafka_offset *)position->offsets.offset);
    *position = (evtwin__kafka_position){.cluster = NULL};
}
