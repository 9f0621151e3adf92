/* SPDX-License-Identifier: MIT */
/* tools/delivery.h: a pump whose source, sinks and spool are those of a command line, and what is
 * reported of them. */
#ifndef EVTWIN_TOOLS_DELIVERY_H
#define EVTWIN_TOOLS_DELIVERY_H

#include "cli/cli.h"

#include "evtwin/spool.h"

/* What becomes of the records for a sink that does not take them now. */
typedef enum delivery_way {
    DELIVERY_ASKS,   /* whoever runs the pump looks at what it answers, and reports it */
    DELIVERY_HOLDS,  /* they are held in memory */
    DELIVERY_SPOOLS, /* they wait in a spool */
    DELIVERY_WAITS   /* the source waits */
} delivery_way;

typedef struct delivery {
    evtwin_pump *pump;
    void (*on_batch)(void *ctx, const evtwin_pump_event *event);        /* delivered, or held */
    void (*on_refusal)(void *ctx, const evtwin_refusal *refusal);       /* NULL = passed over */
    void (*on_out_of_range)(void *ctx, const evtwin_pump_event *event); /* likewise */
    void (*on_share)(void *ctx); /* other batteries come; likewise */
    void *ctx;                   /* of all of them */
    delivery_way way;
    const char *spool;    /* its folder, NULL = none */
    uint64_t n_losses;    /* that the pump reported */
    int is_spool_full;    /* or cannot be written: nothing is accepted now */
    int uses_stdout;      /* a sink writes to standard output */
    int is_stdout_broken; /* and failed to */
} delivery;

/* The options of a tool that can spool, in a row of its table from `first` on. */
enum {
    DELIVERY_SPOOL,
    DELIVERY_SPOOL_SIZE,
    DELIVERY_SPOOL_FULL,
    DELIVERY_SPOOL_RENAME,
    DELIVERY_SPOOL_FORGET,
    DELIVERY_N_OPTIONS
};

#define DELIVERY_OPTIONS(first)                                                                    \
    [(first) + DELIVERY_SPOOL] =                                                                   \
        CLI_STRING("spool", "DIR", NULL,                                                           \
                   .help = "keep accepted records in this folder until every sink has them: none " \
                           "is lost by a crash, and no sink waits for another"),                   \
               [(first) + DELIVERY_SPOOL_SIZE] =                                                   \
                   CLI_RANGE(CLI_INTEGER, "spool-size", "MB", "1024", 1, 1e7,                      \
                             .help = "size limit of the spool on disk"),                           \
               [(first) + DELIVERY_SPOOL_FULL] = CLI_STRING(                                       \
                   "spool-full", "WAY", "block", .choices = "block|drop-oldest|drop-newest",       \
                   .help = "when it is full: block (stop reading), drop-oldest or drop-newest; "   \
                           "dropped records are counted"),                                         \
               [(first) + DELIVERY_SPOOL_RENAME] =                                                 \
                   CLI_STRINGS("spool-rename", "OLD=NEW", NULL,                                    \
                               .help = "give the records that wait for sink OLD to sink NEW, "     \
                                       "when its URI has changed; may be repeated"),               \
               [(first) + DELIVERY_SPOOL_FORGET] =                                                 \
                   CLI_STRINGS("spool-forget", "SINK", NULL,                                       \
                               .help = "give up the records that wait for a sink that is no "      \
                                       "longer used; may be repeated")

/* Make the pump, which holds records if its options say so; the rest of *d is kept. 0, or an exit
 * code. */
int delivery_open(delivery *d, const evtwin_pump_options *options);

/* Of the options from `first` on: the others need --spool. 0, or an exit code. */
int delivery_check_options(const cli *c, size_t first);

/* The next step where records wait for a sink that is not named. */
#define DELIVERY_WAY_OUT "--spool-rename OLD=NEW or --spool-forget SINK"

/* --check of that spool for these (n) sinks and that of letters (NULL = none), as of check.h. */
void delivery_check_spool(int *code, const cli *c, size_t first, const char *const *sinks, size_t n,
                          const char *letters);

/* Deliver through the spool of the options from `first` on, if they name one. 0, or an exit code.
 */
int delivery_open_spool(delivery *d, const cli *c, size_t first);

/* The source, taken also on failure, or the one that a URI names. 0, or an exit code. */
int delivery_take_source(delivery *d, evtwin_source *source);
int delivery_open_source(delivery *d, const char *uri);

/* Open a sink; waits: also for a locked database. 0, or an exit code (CLI_CONTINUE: a signal ended
 * the wait). */
int delivery_open_sink(delivery *d, const char *uri, int waits);

/* The sink of what is refused. Likewise. */
int delivery_open_dead_letters(delivery *d, const char *uri);

/**
 * One batch, where records are held or spooled. A sink that fails is named once; its records are
 * offered again with growing pauses. CLI_CONTINUE, CLI_OK at the end of the source, another exit
 * code only for what waiting cannot cure: another process writes the same battery, a record the
 * sink refuses, standard output gone.
 */
int delivery_run(delivery *d, int timeout_ms);

/* As cli_fail, with the way out where records wait in the spool for a sink that is not named. */
int delivery_fail(const delivery *d, cli_role role, evtwin_status status);

/* Report the records of each sink that did not arrive. `code`, or CLI_FAILURE if there are any. */
int delivery_report_missing(const delivery *d, int code);

/* Deliver what is held at the end; a database that another process holds for some seconds must not
 * cost the last records. */
evtwin_status delivery_flush(delivery *d);

/* Offer what is held once more, flush, report the totals of each sink. `code`, or CLI_FAILURE if
 * records did not arrive. */
int delivery_finish(delivery *d, int code);

#endif
