/* SPDX-License-Identifier: MIT */
/* serve/http_aside.c: what may take long is done one after the other, beside all that is quick.
 *
 * Requests and the reads of streamed answers wait in lines of their own and take turns, so that a
 * long export delays a request by one read, not by all of it. */

#include "serve/http_parts.h"

#include "core/clock.h"
#include "core/status.h"

#include <microhttpd.h>
#include <string.h>

enum { MAX_REQUESTS = 64 }; /* that wait; reads are bounded by the number of streams */

int evtwin__aside_put(evtwin__connection *c, int line, void (*run)(evtwin__connection *c)) {
    struct evtwin__http *http = c->http;
    pthread_mutex_lock(&http->lock);
    evtwin__line *l = &http->line[line];
    const int is_taken =
        (line != EVTWIN__REQUESTS || l->n < MAX_REQUESTS) && !atomic_load(&http->is_aside_over);
    if (is_taken) {
        MHD_suspend_connection(c->mhd);
        c->aside_ms = evtwin__monotonic_ms();
        c->run_aside = run;
        c->next_aside = NULL;
        *(l->last != NULL ? &l->last->next_aside : &l->first) = c;
        l->last = c;
        l->n++;
        pthread_cond_signal(&http->wake);
    }
    pthread_mutex_unlock(&http->lock);
    return is_taken;
}

/* The line whose turn it is, or the other one if nobody waits there; NULL if nobody does. */
static evtwin__line *next_line(struct evtwin__http *http) {
    for (int i = 0; i < EVTWIN__N_LINES; i++) {
        evtwin__line *l = &http->line[http->turn];
        http->turn = (http->turn + 1) % EVTWIN__N_LINES;
        if (l->first != NULL) {
            return l;
        }
    }
    return NULL;
}

/* The next one; waits for it. NULL at the end, when none is left. */
static evtwin__connection *take(struct evtwin__http *http) {
    evtwin__connection *c = NULL;
    pthread_mutex_lock(&http->lock);
    evtwin__line *l;
    while ((l = next_line(http)) == NULL && !atomic_load(&http->is_aside_over)) {
        pthread_cond_wait(&http->wake, &http->lock);
    }
    if (l != NULL) {
        c = l->first;
        l->first = c->next_aside;
        l->last = l->first != NULL ? l->last : NULL;
        l->n--;
    }
    pthread_mutex_unlock(&http->lock);
    return c;
}

static void *run_all(void *ctx) {
    evtwin__connection *c;
    while ((c = take(ctx)) != NULL) {
        c->run_aside(c);
    }
    return NULL;
}

evtwin_status evtwin__aside_start(struct evtwin__http *http) {
    const int error = pthread_create(&http->aside, NULL, run_all, http);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "a thread of the HTTP server: %s", strerror(error));
    http->is_aside_running = 1;
    return EVTWIN_OK;
}

void evtwin__aside_stop(struct evtwin__http *http) {
    pthread_mutex_lock(&http->lock);
    atomic_store(&http->is_aside_over, 1);
    pthread_cond_signal(&http->wake);
    pthread_mutex_unlock(&http->lock);
    if (http->is_aside_running) {
        pthread_join(http->aside, NULL);
    }
}
