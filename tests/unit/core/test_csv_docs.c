/* SPDX-License-Identifier: MIT */
/* test_csv_docs.c: docs/files.md has every name, unit and word that CSV files may have. */

#include "test.h"

#include "core/csv_words.h"
#include "core/schema.h"

static char docs[262144];

static int read_docs(void **state) {
    (void)state;
    FILE *f = fopen(SOURCE_DIR "/docs/files.md", "rb");
    if (f == NULL) {
        return -1;
    }
    docs[fread(docs, 1, sizeof docs - 1, f)] = '\0';
    fclose(f);
    return 0;
}

/* The word stands in the line, as code. */
static void check_word(const char *line, const char *word) {
    char code[160], text[2048];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
    snprintf(code, sizeof code, "`%s`", word);
    for (char *c = text; *c != '\0'; c++) {
        if (strncasecmp(c, code, strlen(code)) == 0) {
            return;
        }
    }
    fail_msg("%s is not in this line of docs/files.md: %s", code, text);
}

static const char *line_of(const char *begins) {
    const char *line = strstr(docs, begins);
    if (line == NULL) {
        fail_msg("docs/files.md has no line that begins with %s", begins);
    }
    return line + 1;
}

static void every_name_and_unit(void **state) {
    (void)state;
    static const char vss[] = "Vehicle.Powertrain.TractionBattery.";
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const evtwin__quantity *of = &evtwin__schema[q];
        if (!evtwin__is_of(q, EVTWIN__TELEMETRY)) {
            continue;
        }
        char begin[80];
        snprintf(begin, sizeof begin, "\n| `%s`", of->name);
        const char *line = line_of(begin);
        check_word(line, of->json_key);
        for (size_t i = 0; i < EVTWIN__MAX_ALIASES && of->alias[i].name != NULL; i++) {
            const int is_vss = strncmp(of->alias[i].name, vss, strlen(vss)) == 0;
            check_word(line, of->alias[i].name + (is_vss ? strlen(vss) : 0));
        }
        const evtwin__unit *unit;
        for (size_t i = 0; (unit = evtwin__unit_at(of->unit, i)) != NULL; i++) {
            check_word(line, unit->name);
        }
        const evtwin__shifted *shifted;
        for (size_t i = 0; (shifted = evtwin__shifted_at(of->unit, i)) != NULL; i++) {
            check_word(line, shifted->name);
        }
    }
}

static void every_word(void **state) {
    (void)state;
    const char *word;
    int value;
    for (size_t i = 0; (word = evtwin__missing_word(i)) != NULL; i++) {
        check_word(line_of("\n| a missing value"), word);
    }
    for (size_t i = 0; (word = evtwin__bool_word(i, &value)) != NULL; i++) {
        check_word(line_of("\n| true and false"), word);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_name_and_unit, read_docs),
        cmocka_unit_test_setup(every_word, read_docs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
