/* SPDX-License-Identifier: MIT */
/* tools/sim_publish.c: sinks with a bounded memory for the time when one does not take records. */

#include "sim_publish.h"

#include "cli/cli.h"

#include "evtwin/stream.h"

#include <stdlib.h>
#include <string.h>

static const double first_pause_s = 0.5, longest_pause_s = 30;

typedef struct outlet {
    evtwin_sink *sink;
    evtwin_table *held; /* NULL while the sink takes everything */
    double pause_s, try_again_s;
    uint64_t n_delivered, n_lost;
    int is_stdout, is_failing, has_said_full;
} outlet;

struct publisher {
    outlet *outlets;
    size_t n_outlets, max_held;
};

static double longer_pause_s(double pause_s) {
    return pause_s * 2 < longest_pause_s ? pause_s * 2 : longest_pause_s;
}

/* CLI_CONTINUE, or the exit code: CLI_OK if a signal ended the wait for a locked database. */
static int open_outlet(outlet *o, const char *uri) {
    o->is_stdout = cli_sink_is_stdout(uri);
    int has_said = 0;
    for (double pause_s = first_pause_s;; pause_s = longer_pause_s(pause_s)) {
        const evtwin_status st = evtwin_sink_open(uri, &o->sink);
        if (st >= 0) {
            return CLI_CONTINUE;
        }
        if (st != EVTWIN_E_AGAIN) {
            return cli_fail(CLI_AN_OUTPUT, st, NULL);
        }
        if (!has_said) {
            cli_note("waiting for the store: %s", evtwin_last_error());
            has_said = 1;
        }
        if (cli_sleep_until_s(cli_now_s() + pause_s)) {
            cli_note("stopping");
            return CLI_OK;
        }
    }
}

int publisher_open(char *const *uris, size_t n, size_t max_held, publisher **out) {
    publisher *p = calloc(1, sizeof *p);
    outlet *outlets = calloc(n + 1, sizeof *outlets);
    if (p == NULL || outlets == NULL) {
        free(p);
        free(outlets);
        return cli_out_of_memory();
    }
    p->outlets = outlets;
    p->max_held = max_held;
    for (; p->n_outlets < n; p->n_outlets++) {
        const int code = open_outlet(&p->outlets[p->n_outlets], uris[p->n_outlets]);
        if (code != CLI_CONTINUE) {
            publisher_close(p, code);
            return code;
        }
    }
    *out = p;
    return CLI_CONTINUE;
}

/* Would the same records be refused again? A battery that another process writes stays its own. */
static int is_hopeless(const outlet *o, evtwin_status st) {
    return cli_is_hopeless(st) || st == EVTWIN_E_BUSY || o->is_stdout;
}

static int give_up(const outlet *o, evtwin_status st) {
    if (o->is_stdout && cli_stdout_has_no_reader()) {
        return CLI_FAILURE; /* … | head: nothing to say */
    }
    return cli_fail(CLI_AN_OUTPUT, st, NULL);
}

/* Keep a copy of the batch; beyond the limit the new records are lost, which is said. */
static void hold(const publisher *p, outlet *o, const evtwin_table *batch) {
    const size_t n = evtwin_table_rows(batch);
    const size_t n_held = o->held != NULL ? evtwin_table_rows(o->held) : 0;
    evtwin_status st = EVTWIN_OK;
    if (n_held + n > p->max_held) {
        st = EVTWIN_E_NOMEM;
    } else if (o->held == NULL) {
        st = evtwin_table_copy(batch, &o->held);
    } else {
        st = evtwin_table_append(o->held, batch);
    }
    if (st < 0) {
        o->n_lost += n;
        if (!o->has_said_full) {
            cli_error("%s: %zu record%s held and no more fit (--hold); new ones are being lost",
                      evtwin_sink_uri(o->sink), n_held, n_held == 1 ? " is" : "s are");
            o->has_said_full = 1;
        }
    }
}

static void note_failure(outlet *o, double now_s) {
    if (!o->is_failing) {
        cli_error("%s; its records are held in memory and offered again", evtwin_last_error());
        o->is_failing = 1;
        o->pause_s = first_pause_s;
    } else {
        cli_detail("%s", evtwin_last_error());
        o->pause_s = longer_pause_s(o->pause_s);
    }
    o->try_again_s = now_s + o->pause_s;
}

/* Write a table; EVTWIN_OK also means that what was held is gone. */
static evtwin_status deliver(outlet *o, const evtwin_table *table) {
    evtwin_status st = evtwin_sink_write(o->sink, table);
    if (st >= 0) {
        st = evtwin_sink_flush(o->sink);
    }
    if (st < 0) {
        return st;
    }
    o->n_delivered += evtwin_table_rows(table);
    return EVTWIN_OK;
}

static evtwin_status deliver_held(outlet *o) {
    if (o->held == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st = deliver(o, o->held);
    if (st >= 0) {
        const size_t n = evtwin_table_rows(o->held);
        cli_note("%s: takes records again; %zu held one%s delivered", evtwin_sink_uri(o->sink), n,
                 cli_s(n));
        evtwin_table_free(o->held);
        o->held = NULL;
        o->is_failing = o->has_said_full = 0;
    }
    return st;
}

static int offer_one(const publisher *p, outlet *o, const evtwin_table *batch) {
    const double now_s = cli_now_s();
    if (o->is_failing && now_s < o->try_again_s) {
        hold(p, o, batch);
        return 0;
    }
    evtwin_status st = deliver_held(o);
    if (st >= 0) {
        st = deliver(o, batch);
    }
    if (st >= 0) {
        return 0;
    }
    if (is_hopeless(o, st)) {
        return give_up(o, st);
    }
    note_failure(o, now_s);
    hold(p, o, batch);
    return 0;
}

int publisher_offer(publisher *p, const evtwin_table *batch) {
    for (size_t i = 0; i < p->n_outlets; i++) {
        const int code = offer_one(p, &p->outlets[i], batch);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

int publisher_close(publisher *p, int code) {
    for (size_t i = 0; i < p->n_outlets; i++) {
        outlet *o = &p->outlets[i];
        if (code == CLI_OK && deliver_held(o) < 0) {
            cli_error("%s", evtwin_last_error());
        }
        const uint64_t n_missing = o->n_lost + (o->held != NULL ? evtwin_table_rows(o->held) : 0);
        if (n_missing > 0) {
            cli_error("%s: %llu record%s not delivered", evtwin_sink_uri(o->sink),
                      (unsigned long long)n_missing, n_missing == 1 ? " was" : "s were");
            code = code == CLI_OK ? CLI_FAILURE : code;
        }
        if (o->n_delivered > 0) {
            cli_note("%llu record%s delivered to %s; closed", (unsigned long long)o->n_delivered,
                     cli_s(o->n_delivered), evtwin_sink_uri(o->sink));
        }
        evtwin_table_free(o->held);
        evtwin_sink_free(o->sink);
    }
    free(p->outlets);
    free(p);
    return code;
}
