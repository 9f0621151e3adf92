/* SPDX-License-Identifier: MIT */
/* serve/ready.c: whether the program around a server is ready to work, as it says itself. */

#include "serve/ready.h"

#include "core/utf8.h"

#include <string.h>

/* Always valid UTF-8: cut between two characters, with ? for a byte that is not of one. */
static void copy(char out[EVTWIN__READY_SIZE], const char *reason) {
    size_t n = 0;
    for (size_t left = reason != NULL ? strlen(reason) : 0; left > 0;) {
        const size_t length = evtwin__utf8_length(reason + n, left);
        const size_t step = length > 0 ? length : 1;
        if (n + step >= EVTWIN__READY_SIZE) {
            break;
        }
        memcpy(out + n, length > 0 ? reason + n : "?", step);
        n += step;
        left -= step;
    }
    out[n] = '\0';
}

void evtwin__ready_init(evtwin__ready *ready, const char *reason) {
    pthread_mutex_init(&ready->lock, NULL);
    copy(ready->reason, reason);
}

void evtwin__ready_destroy(evtwin__ready *ready) {
    pthread_mutex_destroy(&ready->lock);
}

void evtwin__ready_set(evtwin__ready *ready, const char *reason) {
    pthread_mutex_lock(&ready->lock);
    copy(ready->reason, reason);
    pthread_mutex_unlock(&ready->lock);
}

int evtwin__ready_get(evtwin__ready *ready, char out[EVTWIN__READY_SIZE]) {
    pthread_mutex_lock(&ready->lock);
    memcpy(out, ready->reason, EVTWIN__READY_SIZE);
    pthread_mutex_unlock(&ready->lock);
    return out[0] == '\0';
}
