/* SPDX-License-Identifier: MIT */
/* tools/train_together.c: see train_together.h. */

#include "train_together.h"

#include "train_options.h"

int train_together_join(const cli *c, evtwin_peers **out) {
    if (!cli_is_on(c, TOGETHER) || cli_is_on(c, AUDIT_ONLY)) { /* which looks, and trains nothing */
        return 0;
    }
    cli_detail("joining the processes that train together");
    const evtwin_status st = evtwin_peers_join(cli_number(c, TOGETHER_TIMEOUT), out);
    if (st < 0) {
        return cli_fail(CLI_A_SERVICE, st, NULL);
    }
    size_t n;
    const size_t rank = evtwin_peers_rank(*out, &n);
    cli_detail("this is process %zu of %zu that train together", rank, n);
    return 0;
}

/* What the others are told, besides the words, is that it is a failure. */
static evtwin_status status_of(int code) {
    return code == 0 ? EVTWIN_OK : EVTWIN_E_DATA;
}

int train_together_fail(evtwin_peers *peers, int code) {
    if (peers != NULL && code != 0) {
        evtwin_peers_agree(peers, status_of(code), cli_last_error());
    }
    return code;
}

int train_together_agree(evtwin_peers *peers, int code) {
    if (peers == NULL) {
        return code;
    }
    const evtwin_status st = evtwin_peers_agree(peers, status_of(code), cli_last_error());
    return code != 0 || st >= 0 ? code : cli_fail(CLI_A_SERVICE, st, NULL);
}
