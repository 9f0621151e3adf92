/* SPDX-License-Identifier: MIT */
/* tests/support/train_alone.c: join the processes that train together, then train alone in the same
 * thread, which is refused, and in another, which is not. 0 if all is as it should be. */

#include "evtwin/evtwin.h"

#include <pthread.h>
#include <stdio.h>

static evtwin_status fit(void) {
    static const float x[] = {1, 2, 3, 4}, y[] = {1, 2, 3, 4};
    evtwin_model *model = NULL;
    const evtwin_status st = evtwin_model_fit(x, 4, 1, y, NULL, &model);
    evtwin_model_free(model);
    return st;
}

static evtwin_status train(void) {
    evtwin_table *table = NULL;
    evtwin_trainer *trainer = NULL;
    evtwin_status st = evtwin_table_create(&table);
    st = st < 0 ? st : evtwin_train(table, NULL, 0, NULL, &trainer);
    evtwin_trainer_free(trainer);
    evtwin_table_free(table);
    return st;
}

static void *fit_there(void *out) {
    *(evtwin_status *)out = fit();
    return NULL;
}

int main(void) {
    evtwin_peers *peers = NULL;
    pthread_t thread;
    evtwin_status there = EVTWIN_E_STATE;
    if (evtwin_peers_join(30, &peers) < 0) {
        fprintf(stderr, "join: %s\n", evtwin_last_error());
        return 1;
    }
    const evtwin_status fitted = fit(), trained = train();
    fprintf(stderr, "%s\n", evtwin_last_error());
    if (pthread_create(&thread, NULL, fit_there, &there) == 0) {
        pthread_join(thread, NULL);
    }
    const evtwin_status agreed = evtwin_peers_agree(peers, EVTWIN_OK, NULL);
    evtwin_peers_free(peers);
    const evtwin_status left = fit();
    fprintf(stderr, "fitted %d, trained %d, there %d, agreed %d, left %d\n", fitted, trained, there,
            agreed, left);
    return fitted != EVTWIN_E_STATE || trained != EVTWIN_E_STATE || there != EVTWIN_OK ||
           agreed != EVTWIN_OK || left != EVTWIN_OK;
}
