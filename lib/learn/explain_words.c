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

enum { NAME_SIZE = 96, MOST_NAME = 91, WHOLE_SIZE = 2 * NAME_SIZE + 256 };

/* As much of it as there is room for, without half a character. */
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

/* ---- numbers ---- */

/* v >= 0 with so many decimals (per_unit 1, 10, …) and a comma before each three digits. */
static void write_number(double v, double per_unit, char *text, size_t size) {
    char room[EVTWIN__NUM_SIZE];
    const char *digits = evtwin__number_text(evtwin__round_to(v, per_unit), room);
    const size_t whole = strcspn(digits, ".e");
    text[0] = '\0';
    for (size_t i = 0; digits[i] != '\0'; i++) {
        const int is_next_three = i > 0 && i < whole && (whole - i) % 3 == 0;
        evtwin__text_append(text, size, "%s%c", is_next_three ? "," : "", digits[i]);
    }
}

/* As many decimals as say something. */
static double decimals_of(double amount, double at_ten, double at_one, double below) {
    return amount >= 1000.0 ? 1.0 : amount >= 10.0 ? at_ten : amount >= 1.0 ? at_one : below;
}

/* ---- names and units ---- */

/* What a reader sees of a unit: "Ah/day" is Ah a day. */
static void write_unit(const char *whole, char text[NAME_SIZE]) {
    static const struct {
        const char *unit, *text;
    } list[] = {{"percent", "%"}, {"degC", "°C"}, {"mOhm", "mΩ"}};
    char unit[MOST_NAME];
    cut_whole(unit, whole, sizeof unit);
    const size_t n = strcspn(unit, "/");
    const char *per = unit[n] == '/' ? unit + n + 1 : "";
    const int is_time = strcmp(per, "cycle") == 0 || strcmp(per, "day") == 0;
    snprintf(text, NAME_SIZE, "%.*s", (int)n, unit);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (strcmp(text, list[i].unit) == 0) {
            snprintf(text, NAME_SIZE, "%s", list[i].text);
            break;
        }
    }
    evtwin__text_append(text, NAME_SIZE, "%s%s", per[0] == '\0' ? "" : is_time ? " a " : "/", per);
}

/* Of a unit in which 0 is nothing, a change is a share of what there was: not of temperatures, nor
 * of a cell's voltage. */
static int is_of_ratio(const char *unit) {
    static const char *const list[] = {"mOhm", "Ohm", "Ah", "Wh", "kWh", "W", "kW", "cycles"};
    const size_t n = strcspn(unit, "/");
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (strlen(list[i]) == n && strncmp(unit, list[i], n) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "1 cycle a day", "2 cycles", "0.5 points". */
static void append_counted(const char *number, const char *unit, char *text) {
    const size_t word = strcspn(unit, " ");
    const int is_one = strcmp(number, "1") == 0 && word > 1 && unit[word - 1] == 's';
    evtwin__text_append(text, WHOLE_SIZE, "%s%s%.*s%s", number, word > 0 ? " " : "",
                        (int)(word - (size_t)is_one), unit, unit + word);
}

/* The length of a name before its tail, if it has that and a rest, else its length. */
static size_t length_before(const char *name, const char *tail) {
    const size_t n = strlen(name), k = strlen(tail);
    return n > k && strcmp(name + n - k, tail) == 0 ? n - k : n;
}

/* Where a name ends before its unit ("resistance_mohm" in mOhm, "throughput_ah_per_day" in Ah/day,
 * "rate_per_day" in cycles/day): the value brings it. */
static size_t length_without_unit(const char *name, const char *unit) {
    if (unit[0] == '\0' || strcmp(unit, "cycles") == 0) {
        return strlen(
            name); /* "charge_cycles" keeps its last word: the value goes without a unit */
    }
    char tail[NAME_SIZE] = "_";
    for (const char *c = unit; *c != '\0'; c++) {
        const char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        const char letter[2] = {lower, '\0'};
        evtwin__text_append(tail, sizeof tail, "%s", *c == '/' ? "_per_" : letter);
    }
    const char *per = strstr(tail, "_per_");
    const size_t n = length_before(name, tail);
    return n < strlen(name) || per == NULL ? n : length_before(name, per);
}

/* What a reason is about. */
typedef struct subject {
    char column[NAME_SIZE], name[NAME_SIZE]; /* as it is, and as it is read */
    char base[NAME_SIZE], unit[NAME_SIZE];   /* the unit of the column, and of the value */
    size_t quantity;                         /* EVTWIN__Q_COUNT: none of the schema's */
    evtwin__statistic statistic;
} subject;

/* A name with blanks; one of three letters in the schema is an abbreviation and is spelled out, as
 * its description begins. */
static void name_column(subject *s) {
    const int is_short = s->quantity != EVTWIN__Q_COUNT && strlen(s->column) <= 3;
    const char *text = is_short ? evtwin__schema[s->quantity].description : s->column;
    const size_t n = is_short ? strcspn(text, ":,") : length_without_unit(text, s->base);
    snprintf(s->name, sizeof s->name, "%.*s", (int)n, text);
    for (char *c = s->name; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
}

static subject subject_of(const evtwin_reason *r) {
    subject s = {.statistic = EVTWIN__H_NONE};
    const char *point = strrchr(r->feature, '.');
    cut_whole(s.column, r->feature, MOST_NAME);
    for (int k = 0; point != NULL && k < (int)EVTWIN__H_COUNT; k++) {
        if (strcmp(point + 1, evtwin__statistics[k].suffix) == 0 &&
            point - r->feature < (int)MOST_NAME) {
            s.column[point - r->feature] = '\0';
            s.statistic = (evtwin__statistic)k;
        }
    }
    cut_whole(s.base, r->unit, MOST_NAME);
    char *per = strrchr(s.base, '/');
    if (s.statistic != EVTWIN__H_NONE && evtwin__statistics[s.statistic].is_rate && per != NULL) {
        *per = '\0';
    }
    s.quantity = evtwin__quantity_by_name(s.column);
    write_unit(r->unit, s.unit);
    name_column(&s);
    return s;
}

/* ---- what is the case ---- */

static const char *words_of(const subject *s) {
    return s->statistic != EVTWIN__H_NONE ? evtwin__statistics[s->statistic].words : "";
}

/* "temperature 31 °C", and whether that is the row's. */
static void say_value(const evtwin_reason *r, const subject *s, char *text) {
    char number[NAME_SIZE];
    const double amount = fabs(r->value);
    write_number(amount, decimals_of(amount, 10.0, 10.0, 1000.0), number, sizeof number);
    evtwin__text_append(text, WHOLE_SIZE, "%s%s %s", s->name, words_of(s),
                        r->value < 0.0 ? "−" : "");
    /* "charge cycles 1,450 cycles" says it twice */
    append_counted(number, strcmp(s->base, "cycles") == 0 ? "" : s->unit, text);
    if (s->statistic == EVTWIN__H_LEVEL) {
        evtwin__text_append(text, WHOLE_SIZE, " (last %d cycles)",
                            evtwin__statistics[s->statistic].cycles);
    }
}

/* "discharging at 75 A", "charging", "not charging": what the schema's sign and flag mean. */
static int say_use(const evtwin_reason *r, const subject *s, char *text) {
    if (s->statistic != EVTWIN__H_NONE || s->quantity == EVTWIN__Q_COUNT) {
        return 0;
    }
    if (evtwin__schema[s->quantity].type == EVTWIN_BOOL) {
        const char *name = strncmp(s->name, "is ", 3) == 0 ? s->name + 3 : s->name;
        evtwin__text_append(text, WHOLE_SIZE, "%s%s", r->value != 0.0 ? "" : "not ", name);
        return 1;
    }
    if (s->quantity == EVTWIN__Q_CURRENT && fabs(r->value) >= 0.0005) {
        const subject as = {.name = "charging at", .unit = "A", .statistic = EVTWIN__H_NONE};
        evtwin_reason amount = *r;
        amount.value = fabs(r->value);
        evtwin__text_append(text, WHOLE_SIZE, "%s", r->value > 0.0 ? "dis" : "");
        say_value(&amount, &as, text);
        return 1;
    }
    return 0;
}

/* "resistance 12 % above its own start", "temperature 6 °C hotter than at its own start". */
static void say_change(const evtwin_reason *r, const subject *s, char *text) {
    const int is_percent = strcmp(s->base, "percent") == 0;
    const int is_temperature = strcmp(s->base, "degC") == 0;
    const int is_share = is_of_ratio(s->base) && r->start > 0.0;
    const double amount = fabs(is_share ? 100.0 * r->value / r->start : r->value);
    char number[NAME_SIZE];
    write_number(amount, decimals_of(amount, 1.0, 10.0, is_share ? 10.0 : 100.0), number,
                 sizeof number);
    evtwin__text_append(text, WHOLE_SIZE, "%s ", s->name);
    if (strcmp(number, "0") == 0) {
        evtwin__text_append(text, WHOLE_SIZE, "as at its own start");
        return;
    }
    append_counted(number, is_share ? "%" : is_percent ? "points" : s->unit, text);
    evtwin__text_append(text, WHOLE_SIZE, "%s its own start",
                        is_temperature && r->value > 0.0 ? " hotter than at"
                        : is_temperature                 ? " colder than at"
                        : r->value > 0.0                 ? " above"
                                                         : " below");
}

/* "wears 0.03 points a cycle", "resistance rises 1.2 mΩ in 100 cycles". */
static void say_slope(const evtwin_reason *r, const subject *s, char *text) {
    const double a_cycle = fabs(r->value), n = a_cycle < 0.01 ? 100.0 : 1.0;
    char number[NAME_SIZE], unit[NAME_SIZE];
    write_number(n * a_cycle, decimals_of(n * a_cycle, 1.0, 10.0, 100.0), number, sizeof number);
    write_unit(strcmp(s->base, "percent") == 0 ? "points" : s->base, unit);
    if (strcmp(number, "0") == 0) {
        evtwin__text_append(text, WHOLE_SIZE, "%s steady over %d cycles", s->name,
                            evtwin__statistics[s->statistic].cycles);
        return;
    }
    if (s->quantity == EVTWIN__Q_SOH && r->value < 0.0) {
        evtwin__text_append(text, WHOLE_SIZE, "wears ");
    } else {
        evtwin__text_append(text, WHOLE_SIZE, "%s %s ", s->name,
                            r->value > 0.0 ? "rises" : "falls");
    }
    append_counted(number, unit, text);
    evtwin__text_append(text, WHOLE_SIZE, "%s", n > 1.0 ? " in 100 cycles" : " a cycle");
}

static void say_case(const evtwin_reason *r, char *text) {
    const subject s = subject_of(r);
    text[0] = '\0';
    if (isnan(r->value)) { /* a window that has too little yet */
        evtwin__text_append(text, WHOLE_SIZE, "%s%s not known yet", s.name, words_of(&s));
    } else if (s.statistic == EVTWIN__H_CHANGE) {
        say_change(r, &s, text);
    } else if (s.statistic == EVTWIN__H_SLOPE50) {
        say_slope(r, &s, text);
    } else if (!say_use(r, &s, text)) {
        say_value(r, &s, text);
    }
}

/* ---- what it does ---- */

/* A probability moves by points, hundredths of 1. */
static void say_effect(const evtwin_reason *r, char *text) {
    const int is_points = r->effect_unit[0] == '\0' && r->is_approximate;
    const double effect = is_points ? 100.0 * r->effect : r->effect;
    const double amount = fabs(effect);
    char number[NAME_SIZE], unit[NAME_SIZE];
    write_unit(is_points ? "points" : r->effect_unit, unit);
    write_number(amount, decimals_of(amount, 1.0, 10.0, 100.0), number, sizeof number);
    evtwin__text_append(text, WHOLE_SIZE, ": %s%s", r->is_approximate ? "about " : "",
                        amount < 0.005 ? ""
                        : effect < 0.0 ? "−"
                                       : "+");
    append_counted(number, unit, text);
}

evtwin_status evtwin_reason_text(const evtwin_reason *reason, char *text, size_t text_size) {
    EVTWIN_FAIL_IF(reason == NULL || text == NULL || text_size == 0, EVTWIN_E_ARG,
                   "reason or text is NULL, or there is no room");
    EVTWIN_FAIL_IF(reason->size < sizeof *reason || reason->feature == NULL ||
                       reason->unit == NULL || reason->effect_unit == NULL,
                   EVTWIN_E_ARG, "the reason is not one of evtwin_predictor_reasons");
    char whole[WHOLE_SIZE];
    say_case(reason, whole);
    say_effect(reason, whole);
    cut_whole(text, whole, text_size);
    return EVTWIN_OK;
}
