/* SPDX-License-Identifier: MIT */
/* stream/sink_kafka.c: "kafka://host:port/topic" as a sink: one JSON record a message, a batch a
 * transaction, and what says that the batch is written in the same one. */

#include "core/clock.h"
#include "core/crash_site.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/kafka_outcome.h"
#include "stream/kafka_payloads.h"
#include "stream/kafka_position.h"
#include "stream/kafka_progress.h"
#include "stream/kafka_uri.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { WRITE_MS = 5000, ID_SIZE = 512 };
enum { ROWS = 0, PROGRESS = 1 }; /* topics of the producer */

/* How far a producer is on its way to be written to. */
typedef enum stage { STAGE_NEW, STAGE_STARTED, STAGE_HAS_TOPIC, STAGE_READING, STAGE_READY } stage;

typedef struct kafka_sink {
    evtwin__kafka_config *config;
    const char *topic;
    const char *transactional_id; /* of the URI; NULL = none */
    int key;                      /* 0 = battery_id, 1 = none */
    int transactions; /* 0: for readers that know none; then nothing knows what is there */
    char own_id[64];  /* for sources without a name that lasts */

    evtwin__kafka_producer *producer; /* NULL = none yet, or it broke */
    char id[ID_SIZE];                 /* of the producer */
    stage stage;
    evtwin__kafka_reader *reader;     /* while the progress is read */
    evtwin__kafka_progress *progress; /* NULL: the id says nothing about an earlier process */

    evtwin__kafka_payloads batch;
    evtwin__text record; /* of the progress */

    evtwin__kafka_outcome outcome; /* of a transaction whose end was not told */
} kafka_sink;

static const evtwin__param params[] = {
    EVTWIN__PARAM("transactional_id", TEXT, offsetof(kafka_sink, transactional_id)),
    EVTWIN__PARAM("transactions", WORD, offsetof(kafka_sink, transactions),
                  .words = EVTWIN__FLAG_WORDS),
    EVTWIN__PARAM("key", WORD, offsetof(kafka_sink, key), .words = {"battery_id", "none"}),
    EVTWIN__PARAM("names", WORD, offsetof(kafka_sink, batch.names), .words = EVTWIN__NAMES_WORDS),
    EVTWIN__PARAM("cloudevents", WORD, offsetof(kafka_sink, batch.cloudevents),
                  .words = EVTWIN__CLOUDEVENTS_WORDS),
    {.key = NULL}};

/* ---- open, close ---- */

static void drop_producer(kafka_sink *s) {
    evtwin__kafka_producer_free(s->producer);
    evtwin__kafka_reader_free(s->reader);
    evtwin__kafka_progress_free(s->progress);
    s->producer = NULL;
    s->reader = NULL;
    s->progress = NULL;
    s->stage = STAGE_NEW;
}

static void close_sink(void *ctx) {
    kafka_sink *s = ctx;
    drop_producer(s);
    evtwin__kafka_outcome_forget(&s->outcome);
    evtwin__kafka_config_free(s->config);
    evtwin__kafka_payloads_free(&s->batch);
    evtwin__text_free(&s->record);
}

static evtwin_status open_sink(const evtwin__uri *uri, void *ctx) {
    kafka_sink *s = ctx;
    s->transactions = 1;
    EVTWIN_TRY(evtwin__kafka_uri_read(uri, params, s, &s->config, &s->topic));
    EVTWIN_FAIL_IF(s->transactional_id != NULL &&
                       (s->transactional_id[0] == '\0' || strlen(s->transactional_id) > 200),
                   EVTWIN_E_ARG, "kafka: transactional_id has not 1 to 200 bytes");
    EVTWIN_FAIL_IF(s->transactional_id != NULL && !s->transactions, EVTWIN_E_ARG,
                   "kafka: transactional_id and transactions=0 are mutually exclusive");
    uint64_t number[2];
    EVTWIN_FAIL_IF(getrandom(number, sizeof number, 0) != (ssize_t)sizeof number, EVTWIN_E_IO,
                   "kafka: the system gives no random numbers");
    snprintf(s->own_id, sizeof s->own_id, "evtwin-%016llx%016llx", (unsigned long long)number[0],
             (unsigned long long)number[1]);
    return EVTWIN_OK;
}

/* ---- who writes ----
 * A transactional id that lasts lets a process know what the one before it has written: that of the
 * URI, or else that of the spool the rows come from. Any other source may have the same name on
 * another machine, so its producer takes an id that nobody has and knows nothing of earlier ones.
 */

static int is_spool(const char *source) {
    return source != NULL && strncmp(source, "spool:", 6) == 0;
}

static int has_lasting_id(const kafka_sink *s, const char *source) {
    return s->transactions && (s->transactional_id != NULL || is_spool(source));
}

static void choose_id(const kafka_sink *s, const char *source, char id[ID_SIZE]) {
    if (s->transactional_id != NULL) {
        snprintf(id, ID_SIZE, "%s", s->transactional_id);
    } else if (has_lasting_id(s, source)) {
        snprintf(id, ID_SIZE, "evtwin-%.200s-%s", source, s->topic);
    } else {
        snprintf(id, ID_SIZE, "%s", s->own_id);
    }
}

static evtwin_status create_producer(kafka_sink *s, const char *source) {
    const int lasts = has_lasting_id(s, source);
    const char *const topics[EVTWIN__KAFKA_TOPICS] = {
        [ROWS] = s->topic, [PROGRESS] = lasts ? EVTWIN__KAFKA_PROGRESS_TOPIC : NULL};
    choose_id(s, source, s->id);
    evtwin_status st = lasts ? evtwin__kafka_progress_create(s->id, &s->progress) : EVTWIN_OK;
    st = st < 0 ? st
                : evtwin__kafka_producer_create(s->config, s->transactions ? s->id : NULL, topics,
                                                &s->producer);
    if (st < 0) {
        drop_producer(s);
    }
    return st;
}

/* Make the topic where it is missing and that is allowed. */
static evtwin_status find_progress_topic(kafka_sink *s, int64_t deadline_ms) {
    static const char topic[] = EVTWIN__KAFKA_PROGRESS_TOPIC;
    evtwin_status st = evtwin__kafka_producer_check(s->producer, topic, 0, deadline_ms);
    if (st == EVTWIN_E_NOT_FOUND) {
        evtwin__kafka_producer_make_compacted(s->producer, topic, deadline_ms);
        st = evtwin__kafka_producer_check(s->producer, topic, 1, deadline_ms);
    }
    EVTWIN_TRY(st);
    evtwin__kafka_producer_warn_of_policy(s->producer, topic, deadline_ms);
    return EVTWIN_OK;
}

/* What earlier processes of the id have written; none can write any more. */
static evtwin_status read_progress(kafka_sink *s, int64_t deadline_ms) {
    if (s->stage == STAGE_HAS_TOPIC && s->progress != NULL) {
        EVTWIN_TRY(find_progress_topic(s, deadline_ms));
        EVTWIN_TRY(
            evtwin__kafka_reader_create(s->config, EVTWIN__KAFKA_PROGRESS_TOPIC, &s->reader));
        s->stage = STAGE_READING;
    }
    if (s->stage == STAGE_READING) {
        EVTWIN_TRY(evtwin__kafka_reader_run(s->reader, evtwin__kafka_progress_take, s->progress,
                                            deadline_ms));
        evtwin__kafka_reader_free(s->reader);
        s->reader = NULL;
    }
    s->stage = STAGE_READY;
    return EVTWIN_OK;
}

/* A producer for rows of that source, started and knowing what is there. */
static evtwin_status make_ready(kafka_sink *s, const char *source, int64_t deadline_ms) {
    char id[ID_SIZE];
    choose_id(s, source, id);
    if (s->producer != NULL && (evtwin__kafka_is_broken(s->producer) || strcmp(id, s->id) != 0)) {
        drop_producer(s);
    }
    EVTWIN_TRY(s->producer == NULL ? create_producer(s, source) : EVTWIN_OK);
    EVTWIN_TRY(evtwin__kafka_producer_start(s->producer, deadline_ms));
    s->stage = s->stage == STAGE_NEW ? STAGE_STARTED : s->stage;
    if (s->stage == STAGE_STARTED) {
        EVTWIN_TRY(evtwin__kafka_producer_check(s->producer, s->topic, 1, deadline_ms));
        s->stage = STAGE_HAS_TOPIC;
    }
    return s->stage < STAGE_READY ? read_progress(s, deadline_ms) : EVTWIN_OK;
}

/* ---- messages ---- */

static evtwin_status encode_rows(kafka_sink *s, const evtwin_table *rows, evtwin__binding *b) {
    EVTWIN_TRY(evtwin__bind(rows, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, b));
    EVTWIN_TRY(evtwin__binding_check_keys(b));
    return evtwin__kafka_payloads_rows(&s->batch, b, s->key == 0);
}

/* Add the messages from number `first` on to the transaction. */
static evtwin_status put_messages(kafka_sink *s, size_t first, int64_t deadline_ms) {
    return evtwin__kafka_payloads_put(&s->batch, s->producer, ROWS, first, deadline_ms);
}

/* ---- the end of a transaction ---- */

/* What the end did not tell. */
static evtwin_status take_end(kafka_sink *s, evtwin_status st) {
    if (st < 0 && evtwin__kafka_is_unsure(s->producer)) {
        evtwin__kafka_outcome_seek(&s->outcome, evtwin__kafka_written(s->producer));
    } else if (!evtwin__kafka_is_ending(s->producer) && st != EVTWIN_E_BUSY) {
        evtwin__kafka_outcome_decide(&s->outcome, st >= 0);
    }
    return st;
}

/* End the transaction of these messages; EVTWIN_DONE as evtwin__kafka_end. */
static evtwin_status end_transaction(kafka_sink *s, int with_offsets, int64_t deadline_ms) {
    const evtwin_status st = evtwin__kafka_end(s->producer, deadline_ms);
    if (st >= 0 ||
        !(evtwin__kafka_is_ending(s->producer) || evtwin__kafka_is_unsure(s->producer))) {
        return st;
    }
    evtwin__kafka_outcome_doubt(&s->outcome, s->batch.text.data, s->batch.text.size, s->batch.n,
                                with_offsets);
    return take_end(s, st);
}

/* Go on ending the transaction that the call before left. An aborted one leaves nothing. */
static evtwin_status settle(kafka_sink *s, int64_t deadline_ms) {
    if (s->producer == NULL || !evtwin__kafka_is_ending(s->producer)) {
        return EVTWIN_OK;
    }
    const evtwin_status st = take_end(s, evtwin__kafka_end(s->producer, deadline_ms));
    return evtwin__kafka_is_ending(s->producer) || st == EVTWIN_E_BUSY ? st : EVTWIN_OK;
}

/* How many of the messages, from the first on, are there already. */
static size_t count_committed(const kafka_sink *s) {
    return evtwin__kafka_outcome_count(&s->outcome, s->batch.text.data, s->batch.end, s->batch.n);
}

/* ---- write ---- */

/* The offsets that the batch was read up to, if a group on the same brokers has read it; else
 * EVTWIN_DONE. Without them the batch would be doubled by a kill, so whether they are the same must
 * be known: it is not if brokers do not say which cluster they are, as very old ones. */
static evtwin_status parse_offsets(kafka_sink *s, const evtwin_batch *batch, int64_t deadline_ms,
                                   evtwin__kafka_position *out) {
    if (!s->transactions || !batch->completes || batch->position == NULL ||
        batch->position[0] != '{' || evtwin__kafka_position_parse(batch->position, out) < 0) {
        return EVTWIN_DONE;
    }
    const char *cluster = evtwin__kafka_producer_cluster(s->producer, deadline_ms);
    const int is_late = cluster[0] == '\0' && evtwin__monotonic_ms() >= deadline_ms;
    if (cluster[0] == '\0' || strcmp(cluster, out->cluster) != 0 || out->offsets.n == 0 ||
        out->offsets.member[0] == '\0') {
        evtwin__kafka_position_free(out);
        EVTWIN_FAIL_IF(is_late, EVTWIN_E_AGAIN,
                       "kafka: the brokers have not reported their cluster id in time");
        return EVTWIN_DONE;
    }
    return EVTWIN_OK;
}

/* What says in the transaction that the batch is written: the offsets of its source, or a record of
 * its position. */
static evtwin_status put_progress(kafka_sink *s, const evtwin_batch *batch, int *with_offsets,
                                  int64_t deadline_ms) {
    evtwin__kafka_position position;
    evtwin_status st = parse_offsets(s, batch, deadline_ms, &position);
    EVTWIN_TRY(st);
    if (st == EVTWIN_OK) {
        *with_offsets = 1;
        st = evtwin__kafka_add_offsets(s->producer, &position.offsets);
        evtwin__kafka_position_free(&position);
        return st;
    }
    if (s->progress == NULL || batch->source == NULL || batch->position == NULL ||
        batch->position[0] == '\0') {
        return EVTWIN_OK;
    }
    size_t key_size = 0;
    EVTWIN_TRY(evtwin__kafka_progress_put(s->progress, batch->source, batch->position, &s->record,
                                          &key_size));
    const evtwin__kafka_record record = {.key = s->record.data,
                                         .key_size = key_size,
                                         .data = s->record.data + key_size,
                                         .size = s->record.size - key_size};
    return evtwin__kafka_put(s->producer, PROGRESS, &record, deadline_ms);
}

/* The messages from number `first` on as one transaction. */
static evtwin_status write_rows(kafka_sink *s, const evtwin_batch *batch, size_t first,
                                int64_t deadline_ms) {
    EVTWIN__CRASH_SITE("kafka.before_produce");
    EVTWIN_TRY(evtwin__kafka_begin(s->producer));
    int with_offsets = 0;
    evtwin_status st = put_messages(s, first, deadline_ms);
    EVTWIN__CRASH_SITE("kafka.after_produce");
    st = st < 0 ? st : put_progress(s, batch, &with_offsets, deadline_ms);
    if (st < 0) {
        evtwin__kafka_give_up(s->producer, st);
    }
    st = end_transaction(s, with_offsets, deadline_ms);
    EVTWIN_TRY(st);
    if (st == EVTWIN_DONE) {
        evtwin__log(EVTWIN_LOG_INFO,
                    "kafka: %zu records were read in a partition that is another reader's now, "
                    "which writes them",
                    s->batch.n);
    }
    return with_offsets ? EVTWIN_DONE : EVTWIN_OK;
}

static int covers(const kafka_sink *s, const evtwin_batch *batch) {
    return s->progress != NULL && batch->source != NULL && batch->position != NULL &&
           batch->position[0] != '\0' &&
           evtwin__kafka_progress_covers(s->progress, batch->source, batch->position);
}

/* What is committed must not be written again because there is no memory to note it. */
static evtwin_status note_progress(kafka_sink *s, const evtwin_batch *batch) {
    if (s->progress == NULL || batch->source == NULL || batch->position == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st =
        evtwin__kafka_progress_set(s->progress, batch->source, batch->position);
    if (st < 0) {
        evtwin__kafka_outcome_doubt(&s->outcome, s->batch.text.data, s->batch.text.size, s->batch.n,
                                    0);
        evtwin__kafka_outcome_decide(&s->outcome, 1);
    }
    return st;
}

static evtwin_status write_sink(void *ctx, const evtwin_batch *batch) {
    kafka_sink *s = ctx;
    const int64_t deadline_ms = evtwin__monotonic_ms() + WRITE_MS;
    evtwin__binding b;
    EVTWIN_TRY(encode_rows(s, batch->rows, &b));
    EVTWIN_TRY(settle(s, deadline_ms));
    EVTWIN_TRY(make_ready(s, batch->source, deadline_ms));
    if (covers(s, batch)) {
        evtwin__kafka_outcome_forget(&s->outcome);
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__kafka_outcome_find(&s->outcome, s->config, s->topic, deadline_ms));
    const size_t n_there = count_committed(s);
    evtwin_status st = s->outcome.committed.with_offsets ? EVTWIN_DONE : EVTWIN_OK;
    if (n_there < s->batch.n) {
        st = write_rows(s, batch, n_there, deadline_ms);
        EVTWIN_TRY(st);
    }
    evtwin__kafka_outcome_forget(&s->outcome);
    EVTWIN_TRY(note_progress(s, batch));
    return st;
}

static evtwin_status write_letters(void *ctx, const evtwin_letter *letters, size_t n) {
    kafka_sink *s = ctx;
    const int64_t deadline_ms = evtwin__monotonic_ms() + WRITE_MS;
    EVTWIN_TRY(evtwin__kafka_payloads_letters(&s->batch, letters, n));
    EVTWIN_TRY(settle(s, deadline_ms));
    EVTWIN_TRY(make_ready(s, NULL, deadline_ms));
    EVTWIN_TRY(evtwin__kafka_outcome_find(&s->outcome, s->config, s->topic, deadline_ms));
    const size_t n_there = count_committed(s);
    evtwin_status st = EVTWIN_OK;
    if (n_there < n) {
        EVTWIN_TRY(evtwin__kafka_begin(s->producer));
        st = put_messages(s, n_there, deadline_ms);
        if (st < 0) {
            evtwin__kafka_give_up(s->producer, st);
        }
        EVTWIN_TRY(end_transaction(s, 0, deadline_ms));
    }
    evtwin__kafka_outcome_forget(&s->outcome);
    return EVTWIN_OK;
}

/* ---- position, check ---- */

static evtwin_status find_position(void *ctx, const char *source, char *text, size_t text_size) {
    kafka_sink *s = ctx;
    const int64_t deadline_ms = evtwin__monotonic_ms() + WRITE_MS;
    if (!has_lasting_id(s, source)) {
        return EVTWIN_DONE;
    }
    EVTWIN_TRY(settle(s, deadline_ms));
    EVTWIN_TRY(make_ready(s, source, deadline_ms));
    const char *position = evtwin__kafka_progress_find(s->progress, source);
    if (position == NULL) {
        return EVTWIN_DONE;
    }
    const size_t size = strlen(position) + 1;
    EVTWIN_FAIL_IF(size > text_size, EVTWIN_E_RANGE, "a position of %zu bytes", size);
    memcpy(text, position, size);
    return EVTWIN_OK;
}

/* Without starting the producer, which would fence one that writes. */
static evtwin_status check_sink(void *ctx, int timeout_ms) {
    kafka_sink *s = ctx;
    const int64_t deadline_ms = evtwin__monotonic_ms() + timeout_ms;
    EVTWIN_TRY(s->producer == NULL ? create_producer(s, NULL) : EVTWIN_OK);
    return evtwin__kafka_producer_check(s->producer, s->topic, 0, deadline_ms);
}

const evtwin__scheme evtwin__sink_kafka = {
    .name = "kafka",
    .takes_host = 1,
    .passes_params = 1,
    .ctx_size = sizeof(kafka_sink),
    .open = open_sink,
    .sink = {.write = write_sink,
             .close = close_sink,
             .position = find_position,
             .check = check_sink,
             .write_letters = write_letters},
};
