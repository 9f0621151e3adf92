/* SPDX-License-Identifier: MIT */
/* serve/http_waker.c: a streamed answer sleeps until another thread has more for it.
 *
 * A call between the reader's last look and its sleep must not be lost, and libmicrohttpd must not
 * be asked to resume what is not suspended: both are decided under one lock. */

#include "serve/http_parts.h"

#include <microhttpd.h>

void evtwin__waker_clear(evtwin__http_waker *waker) {
    pthread_mutex_lock(&waker->lock);
    waker->is_woken = 0;
    pthread_mutex_unlock(&waker->lock);
}

int evtwin__waker_sleep(evtwin__http_waker *waker) {
    pthread_mutex_lock(&waker->lock);
    const int may_sleep = !waker->is_woken;
    if (may_sleep) {
        waker->is_asleep = 1;
        MHD_suspend_connection(waker->mhd);
    }
    pthread_mutex_unlock(&waker->lock);
    return may_sleep;
}

void evtwin__http_wake(evtwin__http_waker *waker) {
    pthread_mutex_lock(&waker->lock);
    if (waker->is_asleep) {
        waker->is_asleep = 0;
        MHD_resume_connection(waker->mhd);
    }
    waker->is_woken = 1;
    pthread_mutex_unlock(&waker->lock);
}
