/* SPDX-License-Identifier: MIT */
/* stream/mqtt_seen.c: the last message of each number that a broker gave. A number is given to
 * another message once it is free, so the content decides. A message that is taken for a new one is
 * there twice, as without this; one is taken for an old one only if nothing in it differs. */

#include "stream/mqtt_seen.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEWEST = 256,
    MOST = 65536,       /* so many numbers there are */
    MOST_WRITTEN = 2000 /* a store keeps positions of 64 KiB */
};

static const uint64_t earlier_process = UINT64_MAX; /* instead of a connection */

evtwin_status evtwin__seen_init(evtwin__seen *seen, size_t n_unacknowledged) {
    size_t n = FEWEST;
    while (n < MOST && n < 2 * n_unacknowledged) {
        n *= 2;
    }
    seen->messages = evtwin__calloc(n, sizeof *seen->messages);
    EVTWIN_FAIL_IF(seen->messages == NULL, EVTWIN_E_NOMEM, "out of memory for %zu messages", n);
    seen->mask = n - 1;
    seen->round = 1;
    return EVTWIN_OK;
}

void evtwin__seen_free(evtwin__seen *seen) {
    evtwin__free(seen->messages);
}

static uint64_t hash_of(const evtwin__mqtt_message *m) {
    uint64_t hash = evtwin__hash(EVTWIN__HASH_BEGIN, m->topic, strlen(m->topic) + 1);
    hash = evtwin__hash(hash, m->response_topic, strlen(m->response_topic) + 1);
    hash = evtwin__hash(hash, &m->payload_size, sizeof m->payload_size);
    hash = evtwin__hash(hash, m->payload, m->payload_size);
    return evtwin__hash(hash, m->correlation, m->correlation_size);
}

int evtwin__seen_note(evtwin__seen *seen, uint64_t connection, const evtwin__mqtt_message *m) {
    if (m->qos == 0) {
        return 0;
    }
    evtwin__seen_message *last = &seen->messages[(size_t)m->mid & seen->mask];
    const evtwin__seen_message now = {connection, hash_of(m), m->mid, 0};
    const int is_again = last->connection != 0 && last->connection != connection &&
                         last->mid == now.mid && last->hash == now.hash;
    *last = now;
    return is_again;
}

void evtwin__seen_forget(evtwin__seen *seen, const evtwin__mqtt_message *m) {
    if (m->qos > 0) {
        seen->messages[(size_t)m->mid & seen->mask].connection = 0;
    }
}

/* ---- given, and not acknowledged ---- */

void evtwin__seen_give(evtwin__seen *seen, int mid) {
    evtwin__seen_message *last = &seen->messages[(size_t)mid & seen->mask];
    if (mid > 0 && last->mid == mid) {
        last->given = seen->round;
    }
}

void evtwin__seen_acknowledge(evtwin__seen *seen) {
    seen->round++;
}

void evtwin__seen_write(const evtwin__seen *seen, evtwin__text *text) {
    size_t n = 0;
    for (size_t i = 0; i <= seen->mask && n < MOST_WRITTEN; i++) {
        const evtwin__seen_message *m = &seen->messages[i];
        if (m->connection != 0 && m->given == seen->round) {
            char item[40];
            snprintf(item, sizeof item, "+%d.%llx", m->mid, (unsigned long long)m->hash);
            evtwin__text_put(text, item);
            n++;
        }
    }
}

int evtwin__seen_read(evtwin__seen *seen, const char *text) {
    while (*text == '+') {
        char *end = NULL;
        const unsigned long mid = strtoul(text + 1, &end, 10);
        if (end == text + 1 || *end != '.' || mid == 0 || mid >= MOST) {
            return 0;
        }
        const char *hash_text = end + 1;
        const uint64_t hash = strtoull(hash_text, &end, 16);
        if (end == hash_text) {
            return 0;
        }
        seen->messages[mid & seen->mask] =
            (evtwin__seen_message){earlier_process, hash, (int)mid, 0};
        text = end;
    }
    return *text == '\0';
}
