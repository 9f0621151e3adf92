/* SPDX-License-Identifier: MIT */
/* tools/sim_publish.c: sinks with a bounded memory for the time when one does not take records. */

#include "sim_publish.h"

#include "cli.h"

#include "evtwin/stream.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int opens_stdout(const char *uri) {
    return strcmp(uri, "jsonl:-") == 0 || strcmp(uri, "csv:-") == 0;
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
        outlet *o = &p->outlets[p->n_outlets];
        const evtwin_status st = evtwin_sink_open(uris[p->n_outlets], &o->sink);
        if (st < 0) {
            const int code = cli_fail(CLI_AN_OUTPUT, st, NULL);
            publisher_close(p, code);
            return code;
        }
        o->is_stdout = opens_stdout(uris[p->n_outlets]);
    }
    *out = p;
    return 0;
}

/* Would the same records be refused again? */
static int is_hopeless(const outlet *o, evtwin_status st) {
    switch (st) {
    case EVTWIN_E_ARG:
    case EVTWIN_E_RANGE:
    case EVTWIN_E_SCHEMA:
    case EVTWIN_E_CORRUPT:
    case EVTWIN_E_UNSUPPORTED:
        return 1;
    case EVTWIN_E_BUSY:
        return o->n_delivered == 0; /* someone else holds the battery, not just the lock */
    default:
        return o->is_stdout;
    }
}

static int stdout_has_no_reader(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static int give_up(const outlet *o, evtwin_status st) {
    if (o->is_stdout && stdout_has_no_reader()) {
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
            cli_error("%s: %zu records are held and no more fit (--hold); new ones are being lost",
                      evtwin_sink_uri(o->sink), n_held);
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
        o->pause_s = o->pause_s * 2 < longest_pause_s ? o->pause_s * 2 : longest_pause_s;
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
        cli_note("%s: takes records again; %zu held ones delivered", evtwin_sink_uri(o->sink),
                 evtwin_table_rows(o->held));
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
                     o->n_delivered == 1 ? "" : "s", evtwin_sink_uri(o->sink));
        }
        evtwin_table_free(o->held);
        evtwin_sink_free(o->sink);
    }
    free(p->outlets);
    free(p);
    return code;
}
