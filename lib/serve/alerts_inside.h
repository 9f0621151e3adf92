/* SPDX-License-Identifier: MIT */
/* serve/alerts_inside.h: what the files of the watch for alerts share: its work is in
 * alert_watch.c, its thread, its start and its end in alerts.c. */
#ifndef EVTWIN_SERVE_ALERTS_INSIDE_H
#define EVTWIN_SERVE_ALERTS_INSIDE_H

#include "serve/alert_judge.h"
#include "serve/alert_lane.h"
#include "serve/alert_sending.h"

#include <pthread.h>
#include <stdatomic.h>

/* A line of the log about something that lasts is not repeated for a while. */
typedef struct evtwin__complaint {
    double said_s;
    char text[800];
} evtwin__complaint;

struct evtwin_alerts {
    char *uri;
    char holder[96];
    int64_t hold_us;
    evtwin__patience patience;
    evtwin__alert_lane *lane[EVTWIN__N_WAYS];
    evtwin__alert_sending sending[EVTWIN__N_WAYS];

    /* of the watch's own thread */
    evtwin_store *store; /* written under the lock */
    int64_t generation;
    evtwin__steady steady;
    int is_holder;            /* of the lease, when it was last tried */
    evtwin__alert_book *book; /* NULL: nothing is known yet */
    /* when it was tried, written, past ones were forgotten; when batteries are to be looked at */
    double leased_s, worst_s, forgot_s, looked_s;
    evtwin__complaint about_store, about_lane[EVTWIN__N_WAYS], about_refused;

    pthread_t thread;
    int has_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, gone;
    int is_stopped, is_woken, is_gone;

    /* messages since the start: delivered, failed; and whether this is the one that watches */
    atomic_ulong n_messages[EVTWIN__N_WAYS][2];
    atomic_ulong n_refused; /* addresses of mails that others got */
    atomic_int is_watching;
};

/* ---- alert_watch.c ---- */

/* For writing; but it is made by whoever writes batteries. */
evtwin_status evtwin__alerts_open_store(const char *uri, evtwin_store **out);

/* Take over if that is due, look at the batteries, write what has changed, give it out. What fails
 * is in the log, and tried again in the next step. */
void evtwin__alerts_step(evtwin_alerts *a);

/* Something is being delivered; what has arrived is noted. */
int evtwin__alerts_is_busy(evtwin_alerts *a);

/* Write what has been delivered, and let another one watch. */
void evtwin__alerts_give_back(evtwin_alerts *a);

#endif
