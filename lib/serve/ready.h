/* SPDX-License-Identifier: MIT */
/* serve/ready.h: whether the program around a server is ready to work, as it says itself. */
#ifndef EVTWIN_SERVE_READY_H
#define EVTWIN_SERVE_READY_H

#include <pthread.h>

enum { EVTWIN__READY_SIZE = 256 };

/* Written by the program, read by the server's threads. */
typedef struct evtwin__ready {
    pthread_mutex_t lock;
    char reason[EVTWIN__READY_SIZE]; /* "" = it is ready */
} evtwin__ready;

/* reason NULL: it is ready; a long one is cut. */
void evtwin__ready_init(evtwin__ready *ready, const char *reason);
void evtwin__ready_destroy(evtwin__ready *ready);
void evtwin__ready_set(evtwin__ready *ready, const char *reason);

/* 1 if it is ready, else the reason is in *out. */
int evtwin__ready_get(evtwin__ready *ready, char out[EVTWIN__READY_SIZE]);

#endif
