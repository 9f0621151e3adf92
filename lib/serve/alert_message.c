/* SPDX-License-Identifier: MIT */
/* serve/alert_message.c: what is said of alerts, in words and as JSON. */

#include "serve/alert_message.h"

#include "core/num.h"
#include "core/schema.h"
#include "serve/condition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef evtwin__alert alert;

static const int64_t late_us = 120000000;

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

/* A limit as it is read at night on a phone. */
typedef struct wording {
    char quantity[48]; /* "charge" */
    const char *unit;  /* " %" */
    double scale;
} wording;

static wording wording_of(const alert *a) {
    static const struct {
        const char *quantity, *name;
    } names[] = {{"soc", "charge"},
                 {"soh", "state of health"},
                 {"rul_prediction", "remaining life"},
                 {"failure_probability", "failure risk"}};
    static const struct {
        const char *unit, *shown;
    } units[] = {{"percent", " %"},
                 {"degC", " \xc2\xb0"
                          "C"},
                 {"cycles", " cycles"},
                 {"V", " V"},
                 {"A", " A"},
                 {"W", " W"},
                 {"s", " s"},
                 {"mOhm", " m\xce\xa9"}};
    wording w = {.unit = "", .scale = 1.0};
    const size_t q = evtwin__quantity_by_name(a->rule.quantity);
    snprintf(w.quantity, sizeof w.quantity, "%s", a->rule.quantity);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].quantity, a->rule.quantity) == 0) {
            snprintf(w.quantity, sizeof w.quantity, "%s", names[i].name);
        }
    }
    for (char *c = w.quantity; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    for (size_t i = 0; q < EVTWIN__Q_COUNT && i < sizeof units / sizeof units[0]; i++) {
        w.unit = strcmp(evtwin__schema[q].unit, units[i].unit) == 0 ? units[i].shown : w.unit;
    }
    if (q == EVTWIN__Q_FAILURE_PROBABILITY) {
        w.unit = " %";
        w.scale = 100.0;
    }
    return w;
}

static int is_beyond(const alert *a, double value) {
    return a->rule.is_below ? value < a->rule.limit : value > a->rule.limit;
}

/* "14.2 %": with one decimal, or as many as it takes to lie on its side of the limit. */
static const char *value_text(const alert *a, const wording *w, double value, char text[48]) {
    char number[EVTWIN__NUM_SIZE];
    double shown = value, unit = 10.0;
    for (int i = 0; i < 6; i++, unit *= 10.0) {
        shown = round(value * w->scale * unit) / unit;
        if (is_beyond(a, shown / w->scale) == is_beyond(a, value)) {
            break;
        }
    }
    snprintf(text, 48, "%s%s", evtwin__number_text(shown, number), w->unit);
    return text;
}

static const char *limit_text(const alert *a, const wording *w, char text[48]) {
    char number[EVTWIN__NUM_SIZE];
    const double limit = round(a->rule.limit * w->scale * 1e6) / 1e6;
    snprintf(text, 48, "%s %s%s", a->rule.is_below ? "below" : "above",
             evtwin__number_text(limit, number), w->unit);
    return text;
}

/* "charge below 15 %", "no data", "no predictions" */
static void put_rule(const alert *a, char *text, size_t size) {
    char limit[48];
    if (a->rule.quantity != NULL) {
        const wording w = wording_of(a);
        snprintf(text, size, "%s %s", w.quantity, limit_text(a, &w, limit));
    } else {
        const char *name = a->rule.name;
        snprintf(text, size, "%s",
                 strcmp(name, "silent") == 0           ? "no data"
                 : strcmp(name, "no_predictions") == 0 ? "no predictions"
                                                       : name);
    }
}

/* "charge 14.2 %, below 15 %", "no data for 16 s" */
static void put_raised(const alert *a, char *text, size_t size) {
    char limit[48], value[48];
    if (a->rule.quantity == NULL || isnan(a->value)) {
        snprintf(text, size, "%s", a->text);
        return;
    }
    const wording w = wording_of(a);
    snprintf(text, size, "%s %s, %s%s", w.quantity, value_text(a, &w, a->value, value),
             is_beyond(a, a->value) ? "" : "was ", limit_text(a, &w, limit));
}

/* "charge below 15 %, over after 25 min (lowest 12.1 %)" */
static void put_cleared(const alert *a, char *text, size_t size) {
    char rule[EVTWIN__ALERT_RULE_SIZE], duration[32], value[48], worst[80] = "";
    put_rule(a, rule, sizeof rule);
    if (a->rule.quantity != NULL && is_beyond(a, a->worst)) {
        const wording w = wording_of(a);
        snprintf(worst, sizeof worst, " (%s %s)", a->rule.is_below ? "lowest" : "highest",
                 value_text(a, &w, a->worst, value));
    }
    snprintf(text, size, "%s, over after %s%s", rule,
             evtwin__duration_text(1e-6 * (double)(a->cleared_us - a->raised_us), duration), worst);
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

/* A message that comes late says so. */
static void put_time(evtwin__text *text, int64_t raised_us, int64_t now_us) {
    char time[EVTWIN_TIME_TEXT_SIZE], line[64];
    if (now_us - raised_us > late_us && evtwin_time_format(raised_us, time, sizeof time) >= 0) {
        snprintf(line, sizeof line, " (raised %.10s %.5s UTC)", time, time + 11);
        evtwin__text_put(text, line);
    }
}

static void put_one(evtwin__text *text, const alert *a, int64_t now_us) {
    char words[256];
    evtwin__text_put(text, is_cleared(a) ? "CLEARED " : evtwin_health_name(a->rule.level));
    evtwin__text_put(text, is_cleared(a) ? "" : " ");
    put_plain(text, a->battery_id);
    evtwin__text_put(text, ": ");
    if (is_cleared(a)) {
        put_cleared(a, words, sizeof words);
    } else {
        put_raised(a, words, sizeof words);
    }
    put_plain(text, words);
    if (!is_cleared(a)) {
        put_time(text, a->raised_us, now_us);
    }
    evtwin__text_put(text, "\n");
}

static void put_group(evtwin__text *text, alert **list, size_t n) {
    char rule[EVTWIN__ALERT_RULE_SIZE];
    put_rule(list[0], rule, sizeof rule);
    evtwin__text_put(text,
                     is_cleared(list[0]) ? "CLEARED" : evtwin_health_name(list[0]->rule.level));
    put_count(text, n, "batteries: ");
    put_plain(text, rule);
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

static void write_text(alert **list, size_t n, int64_t now_us, evtwin__text *text) {
    for (size_t i = 0; i < n;) {
        const size_t size = group_size(list + i, n - i);
        if (size == 1 || n <= EVTWIN__MESSAGE_MAX_LISTED) {
            put_one(text, list[i], now_us);
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
    size_t n_cleared = 0, n_critical = 0, n_groups = 0;
    for (size_t i = 0; i < n; i++) {
        n_cleared += is_cleared(list[i]) != 0;
        n_critical += !is_cleared(list[i]) && list[i]->rule.level == EVTWIN_HEALTH_CRITICAL;
    }
    const size_t n_warning = n - n_cleared - n_critical;
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
        snprintf(subject, size, "evtwin: %s %zu batteries: %s",
                 n_cleared > 0 ? "CLEARED" : evtwin_health_name(list[0]->rule.level), n, rule);
    } else {
        const struct {
            size_t n;
            const char *what;
        } parts[] = {{n_critical, "CRITICAL"}, {n_warning, "WARNING"}, {n_cleared, "CLEARED"}};
        size_t length = (size_t)snprintf(subject, size, "evtwin:");
        for (size_t i = 0; i < 3; i++) {
            if (parts[i].n > 0 && length < size) {
                length += (size_t)snprintf(subject + length, size - length, "%s %zu %s",
                                           subject[length - 1] == ':' ? "" : ",", parts[i].n,
                                           parts[i].what);
            }
        }
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
    write_text(list, n, now_us, &out->text);
    write_subject(list, n, &out->text, out->subject, sizeof out->subject);
    write_json(list, n, now_us, out);
}

void evtwin__alert_message_free(evtwin__alert_message *message) {
    evtwin__text_free(&message->text);
    evtwin__text_free(&message->json);
}
