/* SPDX-License-Identifier: MIT */
/* serve/alert_message.c: what is said of alerts, in words and as JSON. */

#include "serve/alert_message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef evtwin__alert alert;

static int is_cleared(const alert *a) {
    return a->cleared_us != INT64_MIN;
}

/* ---- groups: alerts of one rule with one fate ---- */

static int by_group(const void *x, const void *y) {
    const alert *a = *(alert *const *)x, *b = *(alert *const *)y;
    if (is_cleared(a) != is_cleared(b)) {
        return is_cleared(a) - is_cleared(b);
    }
    if (a->rule.level != b->rule.level) {
        return (int)b->rule.level - (int)a->rule.level;
    }
    const int rule = strcmp(a->rule.name, b->rule.name);
    return rule != 0 ? rule : strcmp(a->battery_id, b->battery_id);
}

static size_t group_size(alert **list, size_t n) {
    size_t size = 1;
    while (size < n && is_cleared(list[size]) == is_cleared(list[0]) &&
           strcmp(list[size]->rule.name, list[0]->rule.name) == 0) {
        size++;
    }
    return size;
}

/* "soc < 15", "no data", "no predictions" */
static void put_rule(const alert *a, char *text, size_t size) {
    const char *name = a->rule.name;
    const char *last = strrchr(name, ' '); /* the level */
    if (a->rule.quantity != NULL && last != NULL) {
        snprintf(text, size, "%.*s", (int)(last - name), name);
    } else {
        snprintf(text, size, "%s",
                 strcmp(name, "silent") == 0           ? "no data"
                 : strcmp(name, "no_predictions") == 0 ? "no predictions"
                                                       : name);
    }
}

/* ---- in words ---- */

/* Control characters, which an id of another program may have, stay out of lines and of heads. */
static void put_plain(evtwin__text *text, const char *string) {
    for (const char *c = string; *c != '\0'; c++) {
        evtwin__text_add(text, (unsigned char)*c < ' ' || *c == 127 ? "?" : c, 1);
    }
}

static void put_count(evtwin__text *text, size_t n, const char *what) {
    char line[80];
    (void)snprintf(line, sizeof line, " %zu %s", n, what);
    evtwin__text_put(text, line);
}

static void put_one(evtwin__text *text, const alert *a) {
    evtwin__text_put(text, is_cleared(a) ? "CLEARED " : evtwin_health_name(a->rule.level));
    evtwin__text_put(text, is_cleared(a) ? "" : " ");
    put_plain(text, a->battery_id);
    evtwin__text_put(text, ": ");
    put_plain(text, a->text);
    evtwin__text_put(text, "\n");
}

static void put_group(evtwin__text *text, alert **list, size_t n) {
    char rule[EVTWIN__ALERT_RULE_SIZE];
    put_rule(list[0], rule, sizeof rule);
    evtwin__text_put(text,
                     is_cleared(list[0]) ? "CLEARED" : evtwin_health_name(list[0]->rule.level));
    put_count(text, n, "batteries: ");
    evtwin__text_put(text, rule);
    evtwin__text_put(text, " (");
    for (size_t i = 0; i < n && i < EVTWIN__MESSAGE_MAX_LISTED; i++) {
        evtwin__text_put(text, i > 0 ? ", " : "");
        put_plain(text, list[i]->battery_id);
    }
    if (n > EVTWIN__MESSAGE_MAX_LISTED) {
        evtwin__text_put(text, " and");
        put_count(text, n - EVTWIN__MESSAGE_MAX_LISTED, "more");
    }
    evtwin__text_put(text, ")\n");
}

static void write_text(alert **list, size_t n, evtwin__text *text) {
    for (size_t i = 0; i < n;) {
        const size_t size = group_size(list + i, n - i);
        if (size == 1 || n <= EVTWIN__MESSAGE_MAX_LISTED) {
            put_one(text, list[i]);
            i++;
        } else {
            put_group(text, list + i, size);
            i += size;
        }
    }
}

/* The first line says it if there is no other; else how many there are. */
static void write_subject(alert **list, size_t n, const evtwin__text *text, char *subject,
                          size_t size) {
    size_t n_cleared = 0, n_groups = 0;
    for (size_t i = 0; i < n; i++) {
        n_cleared += is_cleared(list[i]) != 0;
    }
    for (size_t i = 0; i < n; n_groups++) {
        i += group_size(list + i, n - i);
    }
    char rule[EVTWIN__ALERT_RULE_SIZE];
    put_rule(list[0], rule, sizeof rule);
    if (n == 1 && !text->is_failed) {
        const char *end = memchr(text->data, '\n', text->size);
        snprintf(subject, size, "evtwin: %.*s",
                 end != NULL ? (int)(end - text->data) : (int)text->size, text->data);
    } else if (n_groups == 1) {
        snprintf(subject, size, "evtwin: %s%zu batteries: %s", n_cleared > 0 ? "CLEARED " : "", n,
                 rule);
    } else {
        snprintf(subject, size, "evtwin: %zu raised, %zu cleared", n - n_cleared, n_cleared);
    }
}

/* ---- JSON ---- */

/* Slack reads & < > as marks. */
static void escape_for_slack(const evtwin__text *from, evtwin__text *to) {
    for (size_t i = 0; i < from->size; i++) {
        const char c = from->data[i];
        if (c == '&' || c == '<' || c == '>') {
            evtwin__text_put(to, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
        } else {
            evtwin__text_add(to, &c, 1);
        }
    }
    evtwin__text_add(to, "", 1);
}

static void put_alert(evtwin__text *json, const alert *a) {
    evtwin__text_open(json, NULL, '{');
    evtwin__text_integer(json, "id", a->id);
    evtwin__text_string(json, "battery_id", a->battery_id);
    evtwin__text_string(json, "rule", a->rule.name);
    evtwin__text_string(json, "level", evtwin_health_name(a->rule.level));
    evtwin__text_string(json, "state", is_cleared(a) ? "cleared" : "raised");
    evtwin__text_string(json, "text", a->text);
    evtwin__text_number(json, "value", a->value);
    evtwin__text_number(json, "worst", a->worst);
    evtwin__text_time(json, "raised_at", a->raised_us);
    if (is_cleared(a)) {
        evtwin__text_time(json, "cleared_at", a->cleared_us);
    } else {
        evtwin__text_word(json, "cleared_at", "null");
    }
    evtwin__text_put(json, "}");
}

static void write_json(alert **list, size_t n, int64_t now_us, evtwin__alert_message *out) {
    evtwin__text *json = &out->json;
    evtwin__text words = {.size = 0}, escaped = {.size = 0};
    size_t n_cleared = 0;
    for (size_t i = 0; i < n; i++) {
        n_cleared += is_cleared(list[i]) != 0;
    }
    if (group_size(list, n) < n) { /* of one group its own line says all */
        evtwin__text_put(&words, out->subject);
        evtwin__text_put(&words, "\n");
    }
    evtwin__text_add(&words, out->text.data, out->text.size);
    escape_for_slack(&words, &escaped);
    json->is_failed |= words.is_failed | escaped.is_failed | out->text.is_failed;
    evtwin__text_open(json, NULL, '{');
    evtwin__text_string(json, "text", escaped.is_failed ? "" : escaped.data);
    evtwin__text_integer(json, "raised", (int64_t)(n - n_cleared));
    evtwin__text_integer(json, "cleared", (int64_t)n_cleared);
    evtwin__text_time(json, "sent_at", now_us);
    evtwin__text_open(json, "alerts", '[');
    for (size_t i = 0; i < n && i < EVTWIN__MESSAGE_MAX_LISTED; i++) {
        put_alert(json, list[i]);
    }
    evtwin__text_put(json, "]");
    evtwin__text_integer(json, "more",
                         n > EVTWIN__MESSAGE_MAX_LISTED ? (int64_t)(n - EVTWIN__MESSAGE_MAX_LISTED)
                                                        : 0);
    evtwin__text_put(json, "}\n");
    evtwin__text_free(&words);
    evtwin__text_free(&escaped);
}

void evtwin__alert_message_write(evtwin__alert **list, size_t n, int64_t now_us,
                                 evtwin__alert_message *out) {
    *out = (evtwin__alert_message){.subject = ""};
    qsort(list, n, sizeof *list, by_group);
    write_text(list, n, &out->text);
    write_subject(list, n, &out->text, out->subject, sizeof out->subject);
    write_json(list, n, now_us, out);
}

void evtwin__alert_message_free(evtwin__alert_message *message) {
    evtwin__text_free(&message->text);
    evtwin__text_free(&message->json);
}
