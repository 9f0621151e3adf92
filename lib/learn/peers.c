/* SPDX-License-Identifier: MIT */
/* learn/peers.c: see peers.h. */

#include "learn/peers.h"

#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"
#include "core/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_SIZE = 512 };

evtwin_status evtwin__peers_explain(const evtwin_peers *p, evtwin_status st) {
    static const char from_xgboost[] = "XGBoost: ";
    if (p == NULL || st != EVTWIN_E_EXTERNAL ||
        strncmp(evtwin_last_error(), from_xgboost, sizeof from_xgboost - 1) != 0) {
        return st;
    }
    char who[EVTWIN__PEERS_WHO_SIZE], text[WORDS_SIZE];
    evtwin__peers_who(p, who);
    snprintf(text, sizeof text, "%s", evtwin_last_error());
    EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "%s left, was lost or sent nothing for %d s, or %s", who,
                p->timeout_s, text);
}

static double reduced(evtwin__peers_op op, double a, double b) {
    switch (op) {
    case EVTWIN__PEERS_SUM:
        return a + b;
    case EVTWIN__PEERS_MIN:
        return fmin(a, b);
    default:
        return fmax(a, b);
    }
}

evtwin_status evtwin__peers_reduce(const evtwin_peers *p, evtwin__peers_op op, double *v,
                                   size_t n) {
    char *all = NULL;
    size_t start_of_all[2],
        *start = p != NULL ? evtwin__calloc(p->n + 1, sizeof *start) : start_of_all;
    if (p == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(start == NULL, EVTWIN_E_NOMEM, "out of memory for %zu processes", p->n);
    const evtwin_status st = evtwin__peers_gather(p, v, n * sizeof *v, &all, start);
    for (size_t k = 0; k < p->n && st >= 0; k++) {
        for (size_t i = 0; i < n; i++) {
            double of_k;
            memcpy(&of_k, all + start[k] + i * sizeof of_k, sizeof of_k);
            v[i] = k == 0 ? of_k : reduced(op, v[i], of_k);
        }
    }
    evtwin__free(all);
    evtwin__free(start);
    return st;
}

evtwin_status evtwin__peers_gather(const evtwin_peers *p, const void *own, size_t size,
                                   char **all_out, size_t *start) {
    const size_t n = p != NULL ? p->n : 1, rank = p != NULL ? p->rank : 0;
    start[0] = 0;
    for (size_t k = 0; k < n; k++) {
        uint64_t of_k = size;
        EVTWIN_TRY(p != NULL ? evtwin__peers_broadcast(p, &of_k, sizeof of_k, k) : EVTWIN_OK);
        start[k + 1] = start[k] + (size_t)of_k;
    }
    char *all = evtwin__calloc(start[n] + 1, 1);
    EVTWIN_FAIL_IF(all == NULL, EVTWIN_E_NOMEM, "out of memory for %zu bytes of %zu processes",
                   start[n], n);
    if (size > 0) {
        memcpy(all + start[rank], own, size);
    }
    for (size_t k = 0; k < n && p != NULL; k++) {
        const size_t of_k = start[k + 1] - start[k];
        const evtwin_status st =
            of_k > 0 ? evtwin__peers_broadcast(p, all + start[k], of_k, k) : EVTWIN_OK;
        if (st < 0) {
            evtwin__free(all);
            return st;
        }
    }
    *all_out = all;
    return EVTWIN_OK;
}

/* A text that was cut ends with a whole character. */
static void end_whole(char *text) {
    enum { LONGEST = 4 };
    size_t n = strlen(text);
    for (int i = 0; i < LONGEST && n + 1 == WORDS_SIZE - (size_t)i; i++) {
        if (evtwin__utf8_is_valid(text, n)) {
            return;
        }
        text[--n] = '\0';
    }
}

evtwin_status evtwin__peers_agree_why(const evtwin_peers *p, evtwin_status st, const char *why) {
    if (p == NULL) {
        return st;
    }
    char own[WORDS_SIZE] = "";
    evtwin_status failure = EVTWIN_OK;
    char words[WORDS_SIZE] = "";
    size_t who = 0;
    if (st < 0) {
        snprintf(own, sizeof own, "%s", why != NULL ? why : evtwin_last_error());
        end_whole(own);
    }
    for (size_t k = 0; k < p->n; k++) {
        struct {
            int32_t status;
            char words[WORDS_SIZE];
        } said = {.status = (int32_t)st};
        memcpy(said.words, own, sizeof own);
        EVTWIN_TRY(evtwin__peers_broadcast(p, &said, sizeof said, k));
        if (said.status < 0 && failure == EVTWIN_OK) {
            failure = (evtwin_status)said.status;
            who = k;
            said.words[WORDS_SIZE - 1] = '\0';
            memcpy(words, said.words, sizeof words);
        }
    }
    EVTWIN_FAIL_IF(st < 0, st, "%s", own);
    EVTWIN_FAIL_IF(failure < 0, failure == EVTWIN_E_CANCELLED ? failure : EVTWIN_E_EXTERNAL,
                   "process %zu of %zu that train together failed: %s", who, p->n, words);
    return st;
}

evtwin_status evtwin__peers_agree(const evtwin_peers *p, evtwin_status st) {
    return evtwin__peers_agree_why(p, st, NULL);
}

evtwin_status evtwin__peers_same(const evtwin_peers *p, const char *what, const void *data,
                                 size_t size) {
    if (p == NULL) {
        return EVTWIN_OK;
    }
    char own[EVTWIN__SHA256_HEX_SIZE], first[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256_hex(data, size, own);
    memcpy(first, own, sizeof own);
    EVTWIN_TRY(evtwin__peers_broadcast(p, first, sizeof first, 0));
    const int is_same = memcmp(own, first, sizeof own) == 0;
    return evtwin__peers_agree(p, is_same ? EVTWIN_OK
                                          : evtwin__fail(EVTWIN_E_ARG,
                                                         "%s differ between this process and "
                                                         "process 0 that train together",
                                                         what));
}

/* ---- for callers ---- */

evtwin_status evtwin_peers_agree(evtwin_peers *peers, evtwin_status status, const char *why) {
    EVTWIN_FAIL_IF(peers == NULL, EVTWIN_E_ARG, "peers is NULL");
    EVTWIN_TRY(evtwin__peers_check(peers));
    const evtwin_status st = evtwin__peers_agree_why(peers, status, why);
    return st < 0 ? st : EVTWIN_OK;
}

size_t evtwin_peers_rank(const evtwin_peers *peers, size_t *n_processes) {
    if (n_processes != NULL) {
        *n_processes = peers != NULL ? peers->n : 0;
    }
    return peers != NULL ? peers->rank : 0;
}
