/* SPDX-License-Identifier: MIT */
/* serve/alert_book.h: the alerts that are not over, in memory: what is found in a round of looking
 * at all batteries raises them, what is not found any more clears them after a while. It knows no
 * store, no clock and no thread. */
#ifndef EVTWIN_SERVE_ALERT_BOOK_H
#define EVTWIN_SERVE_ALERT_BOOK_H

#include "evtwin/thresholds.h"

/* Ways of delivery, and what was delivered of an alert. */
enum { EVTWIN__WEBHOOK, EVTWIN__MAIL, EVTWIN__N_WAYS };
enum { EVTWIN__NOT_WANTED = -1, EVTWIN__SENT_NOTHING, EVTWIN__SENT_RAISED, EVTWIN__SENT_ALL };

enum { EVTWIN__ALERT_RULE_SIZE = 128, EVTWIN__ALERT_TEXT_SIZE = 160 };

/* Why there is an alert. Its name is its identity: "soc < 15 CRITICAL", "silent". */
typedef struct evtwin__alert_rule {
    char name[EVTWIN__ALERT_RULE_SIZE];
    const char *quantity; /* of a limit, static; NULL = not a limit */
    int is_below;
    double limit;
    evtwin_health level;
} evtwin__alert_rule;

/* What a look at a battery finds. */
typedef struct evtwin__finding {
    evtwin__alert_rule rule;
    double value;  /* NaN = not known */
    int may_raise; /* 0: an alert stays, but none is raised: a stricter one says more */
    char text[EVTWIN__ALERT_TEXT_SIZE]; /* "soc 14.2 < 15" */
} evtwin__finding;

typedef struct evtwin__alert {
    int64_t id;
    char *battery_id;
    evtwin__alert_rule rule;
    int64_t raised_us, cleared_us; /* INT64_MIN: it is not cleared */
    double value, worst;
    char text[EVTWIN__ALERT_TEXT_SIZE];
    signed char sent[EVTWIN__N_WAYS];
    signed char sending[EVTWIN__N_WAYS]; /* what is being delivered; 0 = nothing */
    int has_news;                        /* the store does not have it as it is */
    int is_worse;                        /* only its worst value has changed */
    int is_found;                        /* in this round */
    int64_t calm_us;                     /* since when it is not found; INT64_MIN = it is */
    struct evtwin__alert *next;          /* of the battery */
} evtwin__alert;

typedef struct evtwin__alert_book evtwin__alert_book;

/* The next alert gets the id first_id; wanted says by which ways new ones are to be delivered. */
evtwin_status evtwin__alert_book_create(int64_t first_id, const int wanted[EVTWIN__N_WAYS],
                                        evtwin__alert_book **out);
void evtwin__alert_book_free(evtwin__alert_book *book); /* NULL is fine */

/* Take in what a store has, as evtwin__store_due_alerts gives it (NULL: nothing). */
evtwin_status evtwin__alert_book_load(evtwin__alert_book *book, const evtwin_table *alerts);

/* A round: begin, note what is found, end. now_us is the time of day; the monotonic clock says how
 * long something was not found: cleared is what was not found for hold_us. */
void evtwin__alert_book_begin(evtwin__alert_book *book);
evtwin_status evtwin__alert_book_find(evtwin__alert_book *book, const char *battery_id,
                                      const evtwin__finding *finding, int64_t now_us);
void evtwin__alert_book_end(evtwin__alert_book *book, int64_t now_us, int64_t monotonic_us,
                            int64_t hold_us);

/* What the store has to be told, as a table for evtwin__store_put_alerts; with_worse: also worst
 * values. EVTWIN_DONE, *out NULL: nothing. When it has it: evtwin__alert_book_stored, which forgets
 * what is over. */
evtwin_status evtwin__alert_book_changes(evtwin__alert_book *book, int with_worse,
                                         evtwin_table **out);
void evtwin__alert_book_stored(evtwin__alert_book *book, int with_worse);

/* Alerts that the store has and that are still to be delivered by a way: borrowed in list (max),
 * returns how many there are. */
size_t evtwin__alert_book_due(evtwin__alert_book *book, int way, evtwin__alert **list, size_t max);

/* They are being delivered; then it went well or not. */
void evtwin__alert_book_sending(evtwin__alert **list, size_t n, int way);
void evtwin__alert_book_sent(evtwin__alert_book *book, int way, int went_well);

size_t evtwin__alert_book_count(const evtwin__alert_book *book); /* not cleared */

#endif
