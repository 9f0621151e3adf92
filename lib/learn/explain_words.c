/* SPDX-License-Identifier: MIT */
/* learn/explain_words.c: a reason in words that a mechanic reads. */

#include "evtwin/explain.h"

#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/text.h"
#include "learn/history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 96, NUMBER_SIZE = 64 };

/* What a reader sees of a unit of the schema. */
static const char *unit_text(const char *unit) {
    static const struct {
        const char *unit, *text;
    } list[] = {{"percent", "%"},
                {"degC", "°C"},
                {"mOhm", "mΩ"},
                {"Ah/day", "Ah a day"},
                {"percent/cycle", "% a cycle"},
                {"degC/cycle", "°C a cycle"},
                {"mOhm/cycle", "mΩ a cycle"}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (strcmp(unit, list[i].unit) == 0) {
            return list[i].text;
        }
    }
    return unit;
}

/* Where a name ends before its unit ("resistance_mohm" in mOhm, "throughput_ah_per_day" in Ah/day):
 * the value brings it. */
static size_t length_without_unit(const char *name, const char *unit) {
    char tail[NAME_SIZE] = "_";
    for (const char *c = unit; *c != '\0'; c++) {
        const char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        const char letter[2] = {lower, '\0'};
        evtwin__text_append(tail, sizeof tail, "%s", *c == '/' ? "_per_" : letter);
    }
    const size_t n = strlen(name), k = strlen(tail);
    /* "charge_cycles" keeps its last word: the value goes without a unit then */
    const int is_word = strstr(name, unit) != NULL;
    return !is_word && n > k && strcmp(name + n - k, tail) == 0 ? n - k : n;
}

/* "soh against its own start" of soh.change: the words of the past behind the column's; "" of a
 * row's own value, which is left as it is. */
static const char *split_past(const char *feature, char column[NAME_SIZE]) {
    const char *point = strrchr(feature, '.');
    snprintf(column, NAME_SIZE, "%.90s", feature);
    for (int s = 0; point != NULL && s < (int)EVTWIN__H_COUNT; s++) {
        if (strcmp(point + 1, evtwin__statistics[s].suffix) == 0 && point - feature < NAME_SIZE) {
            column[point - feature] = '\0';
            return evtwin__statistics[s].words;
        }
    }
    return "";
}

/* A name with blanks; one of three letters is an abbreviation and is spelled out, as the schema's
 * description begins. */
static void write_column(const char *feature, char name[NAME_SIZE]) {
    const size_t q = evtwin__quantity_by_name(feature);
    if (q == EVTWIN__Q_COUNT) {
        snprintf(name, NAME_SIZE, "%.90s", feature);
        return;
    }
    const evtwin__quantity *quantity = &evtwin__schema[q];
    const int is_short = strlen(feature) <= 3;
    const char *text = is_short ? quantity->description : feature;
    const size_t n = is_short ? strcspn(text, ":,") : length_without_unit(text, quantity->unit);
    snprintf(name, NAME_SIZE, "%.*s", (int)n, text);
    for (char *c = name; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
}

static void write_name(const char *feature, char name[NAME_SIZE]) {
    char column[NAME_SIZE];
    const char *words = split_past(feature, column);
    write_column(column, name);
    evtwin__text_append(name, NAME_SIZE, "%s", words);
}

/* v >= 0 with so many decimals (per_unit 1, 10, …) and a comma before each three digits. */
static void append_number(double v, double per_unit, char *text, size_t size) {
    char room[EVTWIN__NUM_SIZE];
    const char *digits = evtwin__number_text(evtwin__round_to(v, per_unit), room);
    const size_t whole = strcspn(digits, ".e");
    for (size_t i = 0; digits[i] != '\0'; i++) {
        const int is_next_three = i > 0 && i < whole && (whole - i) % 3 == 0;
        evtwin__text_append(text, size, "%s%c", is_next_three ? "," : "", digits[i]);
    }
}

/* As many decimals as say something. */
static double decimals_of(double size, double most_at_one) {
    return size >= 1000.0 ? 1.0 : size >= 1.0 ? most_at_one : 1000.0;
}

static void append_value(const evtwin_reason *r, char *text, size_t size) {
    const size_t q = evtwin__quantity_by_name(r->feature);
    if (q != EVTWIN__Q_COUNT && evtwin__schema[q].type == EVTWIN_BOOL) {
        evtwin__text_append(text, size, r->value != 0.0 ? " yes" : " no");
        return;
    }
    if (isnan(r->value)) { /* a window that has too little yet */
        evtwin__text_append(text, size, " not known yet");
        return;
    }
    evtwin__text_append(text, size, r->value < 0.0 ? " −" : " ");
    append_number(fabs(r->value), decimals_of(fabs(r->value), 10.0), text, size);
    /* "charge cycles 1,450 cycles" says it twice */
    if (r->unit[0] != '\0' && strstr(r->feature, r->unit) == NULL) {
        evtwin__text_append(text, size, " %s", unit_text(r->unit));
    }
}

/* A probability moves by points, hundredths of 1. */
static void append_effect(const evtwin_reason *r, char *text, size_t size) {
    const int is_points = r->effect_unit[0] == '\0' && r->is_approximate;
    const double effect = is_points ? 100.0 * r->effect : r->effect;
    const double amount = fabs(effect);
    evtwin__text_append(text, size, ": %s%s", r->is_approximate ? "about " : "",
                        amount < 0.005 ? ""
                        : effect < 0.0 ? "−"
                                       : "+");
    append_number(amount, amount >= 10.0 ? 1.0 : amount >= 1.0 ? 10.0 : 100.0, text, size);
    evtwin__text_append(text, size, "%s%s", is_points || r->effect_unit[0] != '\0' ? " " : "",
                        is_points ? "points" : unit_text(r->effect_unit));
}

/* Back to the beginning of a character that was cut. */
static void cut_whole(char *text, const char *whole, size_t size) {
    size_t n = strlen(whole);
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)whole[n] & 0xC0) == 0x80) {
            n--;
        }
    }
    memcpy(text, whole, n);
    text[n] = '\0';
}

evtwin_status evtwin_reason_text(const evtwin_reason *reason, char *text, size_t text_size) {
    EVTWIN_FAIL_IF(reason == NULL || text == NULL || text_size == 0, EVTWIN_E_ARG,
                   "reason or text is NULL, or there is no room");
    EVTWIN_FAIL_IF(reason->size < sizeof *reason || reason->feature == NULL ||
                       reason->unit == NULL || reason->effect_unit == NULL,
                   EVTWIN_E_ARG, "the reason is not one of evtwin_predictor_reasons");
    char whole[NAME_SIZE + 3 * NUMBER_SIZE + 128];
    write_name(reason->feature, whole);
    append_value(reason, whole, sizeof whole);
    append_effect(reason, whole, sizeof whole);
    cut_whole(text, whole, text_size);
    return EVTWIN_OK;
}
