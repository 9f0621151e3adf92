/* SPDX-License-Identifier: MIT */
/* serve/alert_book.c: alerts are raised and cleared, each battery and rule at most one at a time.
 */

#include "serve/alert_book.h"

#include "core/dict.h"
#include "core/mem.h"
#include "core/schema.h"
#include "core/status.h"
#include "store/alerts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef evtwin__alert alert;

struct evtwin__alert_book {
    int64_t next_id;
    size_t n_before; /* at the beginning of the round */
    int wanted[EVTWIN__N_WAYS];
    size_t n, capacity;
    alert **alert;        /* (n) in the order of their ids */
    evtwin__dict battery; /* those that ever had one */
    size_t n_heads;
    alert **head; /* (n_heads) by the battery's code: those of it that are not cleared */
};

/* ---- make and free ---- */

evtwin_status evtwin__alert_book_create(int64_t first_id, const int wanted[EVTWIN__N_WAYS],
                                        evtwin__alert_book **out) {
    evtwin__alert_book *book = evtwin__calloc(1, sizeof *book);
    EVTWIN_FAIL_IF(book == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
    book->next_id = first_id;
    memcpy(book->wanted, wanted, sizeof book->wanted);
    *out = book;
    return EVTWIN_OK;
}

static void free_alert(alert *a) {
    if (a != NULL) {
        evtwin__free(a->battery_id);
        evtwin__free(a);
    }
}

void evtwin__alert_book_free(evtwin__alert_book *book) {
    if (book == NULL) {
        return;
    }
    for (size_t i = 0; i < book->n; i++) {
        free_alert(book->alert[i]);
    }
    evtwin__free(book->alert);
    evtwin__free(book->head);
    evtwin__dict_free(&book->battery);
    evtwin__free(book);
}

/* Where the battery's alerts begin, with room for it. */
static evtwin_status head_of(evtwin__alert_book *book, const char *battery_id, alert ***out) {
    int32_t code = 0;
    EVTWIN_TRY(evtwin__dict_intern(&book->battery, battery_id, strlen(battery_id), &code));
    if ((size_t)code >= book->n_heads) {
        const size_t n = 2 * (size_t)code + 64;
        alert **head = evtwin__realloc(book->head, n, sizeof *head);
        EVTWIN_FAIL_IF(head == NULL, EVTWIN_E_NOMEM, "out of memory for alerts");
        memset(head + book->n_heads, 0, (n - book->n_heads) * sizeof *head);
        book->head = head;
        book->n_heads = n;
    }
    *out = &book->head[code];
    return EVTWIN_OK;
}

/* Take an alert, which is freed if that fails. */
static evtwin_status take(evtwin__alert_book *book, alert *a) {
    alert **head = NULL;
    evtwin_status st = head_of(book, a->battery_id, &head);
    if (st >= 0 && book->n == book->capacity) {
        const size_t capacity = book->capacity * 2 + 64;
        alert **list = evtwin__realloc(book->alert, capacity, sizeof *list);
        if (list == NULL) {
            st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu alerts", capacity);
        } else {
            book->alert = list;
            book->capacity = capacity;
        }
    }
    if (st < 0) {
        free_alert(a);
        return st;
    }
    book->alert[book->n++] = a;
    if (a->cleared_us == INT64_MIN) {
        a->next = *head;
        *head = a;
    }
    return EVTWIN_OK;
}

/* ---- a round ---- */

void evtwin__alert_book_begin(evtwin__alert_book *book) {
    book->n_before = book->n;
    for (size_t i = 0; i < book->n; i++) {
        book->alert[i]->is_found = 0;
    }
}

/* What is raised in one round has one time. Listed by falling ids, the worst comes first. */
static int by_severity(const void *x, const void *y) {
    const alert *a = *(alert *const *)x, *b = *(alert *const *)y;
    if (a->rule.level != b->rule.level) {
        return a->rule.level < b->rule.level ? -1 : 1;
    }
    const int battery = strcmp(b->battery_id, a->battery_id);
    return battery != 0 ? battery : strcmp(b->rule.name, a->rule.name);
}

static void number_new(evtwin__alert_book *book) {
    const size_t n = book->n - book->n_before;
    alert **list = n > 0 ? book->alert + book->n_before : NULL;
    if (n > 1) {
        qsort(list, n, sizeof *list, by_severity);
    }
    for (size_t i = 0; i < n; i++) {
        list[i]->id = book->next_id - (int64_t)(n - i);
    }
    book->n_before = book->n;
}

static int is_worse(const alert *a, double value) {
    const int is_limit = a->rule.quantity != NULL;
    return isnan(a->worst) ? !isnan(value)
                           : (is_limit && a->rule.is_below ? value < a->worst : value > a->worst);
}

static evtwin_status raise(evtwin__alert_book *book, const char *battery_id,
                           const evtwin__finding *f, int64_t now_us) {
    alert *a = evtwin__calloc(1, sizeof *a);
    char *id = evtwin__strdup(battery_id);
    if (a == NULL || id == NULL) {
        evtwin__free(a);
        evtwin__free(id);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for an alert");
    }
    *a = (alert){.id = book->next_id,
                 .battery_id = id,
                 .rule = f->rule,
                 .raised_us = now_us,
                 .cleared_us = INT64_MIN,
                 .value = f->value,
                 .worst = f->value,
                 .has_news = 1,
                 .is_found = 1,
                 .calm_us = INT64_MIN};
    memcpy(a->text, f->text, sizeof a->text);
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        a->sent[w] = book->wanted[w] ? EVTWIN__SENT_NOTHING : EVTWIN__NOT_WANTED;
    }
    EVTWIN_TRY(take(book, a));
    book->next_id++;
    return EVTWIN_OK;
}

evtwin_status evtwin__alert_book_find(evtwin__alert_book *book, const char *battery_id,
                                      const evtwin__finding *finding, int64_t now_us) {
    const int32_t code = evtwin__dict_find(&book->battery, battery_id, strlen(battery_id));
    alert *a = code >= 0 && (size_t)code < book->n_heads ? book->head[code] : NULL;
    while (a != NULL && strcmp(a->rule.name, finding->rule.name) != 0) {
        a = a->next;
    }
    if (a == NULL) {
        return finding->may_raise ? raise(book, battery_id, finding, now_us) : EVTWIN_OK;
    }
    a->is_found = 1;
    a->calm_us = INT64_MIN;
    if (is_worse(a, finding->value)) {
        a->worst = finding->value;
        a->is_worse = 1;
    }
    return EVTWIN_OK;
}

static void clear(evtwin__alert_book *book, alert *a, int64_t now_us) {
    const int32_t code = evtwin__dict_find(&book->battery, a->battery_id, strlen(a->battery_id));
    alert **at = &book->head[code];
    while (*at != a) {
        at = &(*at)->next;
    }
    *at = a->next;
    a->next = NULL;
    a->cleared_us = now_us > a->raised_us ? now_us : a->raised_us; /* the clock was set back */
    a->has_news = 1;
}

void evtwin__alert_book_end(evtwin__alert_book *book, int64_t now_us, int64_t monotonic_us,
                            int64_t hold_us) {
    number_new(book);
    for (size_t i = 0; i < book->n; i++) {
        alert *a = book->alert[i];
        if (a->is_found || a->cleared_us != INT64_MIN) {
            continue;
        }
        a->calm_us = a->calm_us == INT64_MIN ? monotonic_us : a->calm_us;
        if (monotonic_us - a->calm_us >= hold_us) {
            clear(book, a, now_us);
        }
    }
}

size_t evtwin__alert_book_count(const evtwin__alert_book *book) {
    size_t n = 0;
    for (size_t i = 0; i < book->n; i++) {
        n += book->alert[i]->cleared_us == INT64_MIN;
    }
    return n;
}

/* ---- to the store, and from it ---- */

static int is_for_store(const alert *a, int with_worse) {
    return a->has_news || (with_worse && a->is_worse);
}

static evtwin_status set_row(evtwin_table *t, size_t row, const alert *a) {
    const evtwin__alert_rule *r = &a->rule;
    EVTWIN_TRY(evtwin_table_set_i64(t, EVTWIN__A_ID, row, a->id));
    EVTWIN_TRY(evtwin_table_set_text(t, EVTWIN__A_BATTERY_ID, row, a->battery_id));
    EVTWIN_TRY(evtwin_table_set_text(t, EVTWIN__A_RULE, row, r->name));
    if (r->quantity != NULL) {
        EVTWIN_TRY(evtwin_table_set_text(t, EVTWIN__A_QUANTITY, row, r->quantity));
        EVTWIN_TRY(evtwin_table_set_text(t, EVTWIN__A_OPERATOR, row, r->is_below ? "<" : ">"));
        EVTWIN_TRY(evtwin_table_set_f64(t, EVTWIN__A_LIMIT, row, r->limit));
    }
    EVTWIN_TRY(evtwin_table_set_text(t, EVTWIN__A_LEVEL, row, evtwin_health_name(r->level)));
    EVTWIN_TRY(evtwin_table_set_i64(t, EVTWIN__A_RAISED_AT, row, a->raised_us));
    if (a->cleared_us != INT64_MIN) {
        EVTWIN_TRY(evtwin_table_set_i64(t, EVTWIN__A_CLEARED_AT, row, a->cleared_us));
    }
    EVTWIN_TRY(evtwin_table_set_f64(t, EVTWIN__A_VALUE, row, a->value));
    EVTWIN_TRY(evtwin_table_set_f64(t, EVTWIN__A_WORST, row, a->worst));
    EVTWIN_TRY(evtwin_table_set_text(t, EVTWIN__A_TEXT, row, a->text));
    static const size_t column[EVTWIN__N_WAYS] = {EVTWIN__A_WEBHOOK, EVTWIN__A_MAIL};
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        if (a->sent[w] != EVTWIN__NOT_WANTED) {
            EVTWIN_TRY(evtwin_table_set_i64(t, column[w], row, a->sent[w]));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__alert_book_changes(evtwin__alert_book *book, int with_worse,
                                         evtwin_table **out) {
    size_t n = 0, row = 0;
    for (size_t i = 0; i < book->n; i++) {
        n += is_for_store(book->alert[i], with_worse) != 0;
    }
    *out = NULL;
    if (n == 0) {
        return EVTWIN_DONE;
    }
    evtwin_table *table = NULL;
    EVTWIN_TRY(evtwin__alert_table_create(&table));
    evtwin_status st = evtwin_table_resize(table, n);
    for (size_t i = 0; i < book->n && st >= 0; i++) {
        if (is_for_store(book->alert[i], with_worse)) {
            st = set_row(table, row++, book->alert[i]);
        }
    }
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

static int is_over(const alert *a) {
    int is_delivered = 1;
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        is_delivered &= (a->sent[w] == EVTWIN__NOT_WANTED || a->sent[w] == EVTWIN__SENT_ALL) &&
                        a->sending[w] == 0;
    }
    return a->cleared_us != INT64_MIN && is_delivered;
}

void evtwin__alert_book_stored(evtwin__alert_book *book, int with_worse) {
    size_t n = 0;
    for (size_t i = 0; i < book->n; i++) {
        alert *a = book->alert[i];
        a->is_worse = is_for_store(a, with_worse) ? 0 : a->is_worse;
        a->has_news = 0;
        if (is_over(a)) {
            free_alert(a);
        } else {
            book->alert[n++] = a;
        }
    }
    book->n = n;
}

/* ---- load ---- */

static void load_rule(const evtwin_table *t, size_t row, evtwin__alert_rule *r) {
    const char *name = evtwin_table_text(t, EVTWIN__A_RULE, row);
    const char *quantity = evtwin_table_text(t, EVTWIN__A_QUANTITY, row);
    const char *sign = evtwin_table_text(t, EVTWIN__A_OPERATOR, row);
    const char *level = evtwin_table_text(t, EVTWIN__A_LEVEL, row);
    const size_t q = quantity != NULL ? evtwin__quantity_by_name(quantity) : EVTWIN__Q_COUNT;
    snprintf(r->name, sizeof r->name, "%s", name != NULL ? name : "");
    r->quantity = q < EVTWIN__Q_COUNT ? evtwin__schema[q].name : NULL;
    r->is_below = sign != NULL && sign[0] == '<';
    r->limit = evtwin_table_number(t, EVTWIN__A_LIMIT, row);
    r->level = level != NULL && strcmp(level, "CRITICAL") == 0 ? EVTWIN_HEALTH_CRITICAL
                                                               : EVTWIN_HEALTH_WARNING;
}

static int64_t time_of(const evtwin_table *t, evtwin__alert_column col, size_t row) {
    return evtwin_table_is_valid(t, col, row) ? evtwin_table_i64(t, col)[row] : INT64_MIN;
}

static evtwin_status load_row(evtwin__alert_book *book, const evtwin_table *t, size_t row) {
    static const evtwin__alert_column column[EVTWIN__N_WAYS] = {EVTWIN__A_WEBHOOK, EVTWIN__A_MAIL};
    const char *battery_id = evtwin_table_text(t, EVTWIN__A_BATTERY_ID, row);
    const char *text = evtwin_table_text(t, EVTWIN__A_TEXT, row);
    alert *a = evtwin__calloc(1, sizeof *a);
    char *id = evtwin__strdup(battery_id != NULL ? battery_id : "");
    if (a == NULL || id == NULL) {
        evtwin__free(a);
        evtwin__free(id);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for an alert");
    }
    a->id = evtwin_table_i64(t, EVTWIN__A_ID)[row];
    a->battery_id = id;
    load_rule(t, row, &a->rule);
    a->raised_us = time_of(t, EVTWIN__A_RAISED_AT, row);
    a->cleared_us = time_of(t, EVTWIN__A_CLEARED_AT, row);
    a->value = evtwin_table_number(t, EVTWIN__A_VALUE, row);
    a->worst = evtwin_table_number(t, EVTWIN__A_WORST, row);
    a->calm_us = INT64_MIN;
    snprintf(a->text, sizeof a->text, "%s", text != NULL ? text : "");
    for (int w = 0; w < EVTWIN__N_WAYS; w++) {
        const int64_t sent = time_of(t, column[w], row);
        a->sent[w] = sent == INT64_MIN || !book->wanted[w] ? EVTWIN__NOT_WANTED
                     : sent >= EVTWIN__SENT_ALL            ? EVTWIN__SENT_ALL
                                                           : (signed char)(sent > 0);
    }
    return take(book, a);
}

evtwin_status evtwin__alert_book_load(evtwin__alert_book *book, const evtwin_table *alerts) {
    for (size_t i = evtwin_table_rows(alerts); i > 0; i--) { /* the newest come first */
        EVTWIN_TRY(load_row(book, alerts, i - 1));
    }
    return EVTWIN_OK;
}

/* ---- delivery ---- */

static signed char goal_of(const alert *a) {
    return a->cleared_us != INT64_MIN ? EVTWIN__SENT_ALL : EVTWIN__SENT_RAISED;
}

size_t evtwin__alert_book_due(evtwin__alert_book *book, int way, evtwin__alert **list, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < book->n && book->wanted[way]; i++) {
        alert *a = book->alert[i];
        if (!a->has_news && a->sending[way] == 0 && a->sent[way] != EVTWIN__NOT_WANTED &&
            a->sent[way] < goal_of(a)) {
            if (n < max) {
                list[n] = a;
            }
            n++;
        }
    }
    return n;
}

void evtwin__alert_book_sending(evtwin__alert **list, size_t n, int way) {
    for (size_t i = 0; i < n; i++) {
        list[i]->sending[way] = goal_of(list[i]);
    }
}

void evtwin__alert_book_sent(evtwin__alert_book *book, int way, int went_well) {
    for (size_t i = 0; i < book->n; i++) {
        alert *a = book->alert[i];
        if (a->sending[way] != 0 && went_well) {
            a->sent[way] = a->sending[way];
            a->has_news = 1;
        }
        a->sending[way] = 0;
    }
}
