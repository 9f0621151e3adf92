/* SPDX-License-Identifier: MIT */
/* serve/alert_message.h: several alerts as one message, for a web hook and for a mail. */
#ifndef EVTWIN_SERVE_ALERT_MESSAGE_H
#define EVTWIN_SERVE_ALERT_MESSAGE_H

#include "core/text.h"
#include "serve/alert_book.h"

enum { EVTWIN__MESSAGE_MAX_LISTED = 10 };

typedef struct evtwin__alert_message {
    char subject[256]; /* one line of UTF-8 */
    evtwin__text text; /* lines */
    evtwin__text json; /* {"text":…} as Slack takes it, and the alerts */
} evtwin__alert_message;

/* Of n > 0 alerts, whose list is sorted: what is raised, then what is cleared, the worst first; few
 * in full, many by their rule with a count and the first of the batteries. */
void evtwin__alert_message_write(evtwin__alert **list, size_t n, int64_t now_us,
                                 evtwin__alert_message *out);
void evtwin__alert_message_free(evtwin__alert_message *message);

/* The message as a mail, with its head: to (n_to). is_failed of out if memory ran out. */
void evtwin__alert_mail_write(const evtwin__alert_message *message, const char *from,
                              const char *const *to, size_t n_to, int64_t now_us, int64_t first_id,
                              evtwin__text *out);

#endif
