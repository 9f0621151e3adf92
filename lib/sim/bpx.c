/* SPDX-License-Identifier: MIT */
/* sim/bpx.c: a cell parameter file that names a BPX file gets from that what it does not say
 * itself. BPX is for models of electrodes and has neither an equivalent circuit nor ageing: what
 * is missing is listed, never made up. */

#include "sim/bpx.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

enum { MAX_BYTES = 4 << 20, PATH_SIZE = 4096 };

/* What a cell parameter file cannot be without: its reader (cell_parse.c) asks for each. */
static const char *const needed[][2] = {
    {"name"},
    {"chemistry"},
    {"description"},
    {"capacity_Ah"},
    {"v_min_V"},
    {"v_max_V"},
    {"ocv"},
    {"circuit", "r0_ohm"},
    {"circuit", "r1_ohm"},
    {"circuit", "tau1_s"},
    {"circuit", "r2_ohm"},
    {"circuit", "tau2_s"},
    {"circuit", "r0_activation_J_mol"},
    {"circuit", "rc_activation_J_mol"},
    {"circuit", "reference_degC"},
    {"thermal", "capacity_J_K"},
    {"thermal", "to_air_W_K"},
    {"ageing"},
};

/* ---- which file ---- */

/* "0.4", "1.0.0"; NULL if it is not a BPX file. */
static const char *version_of(const json_t *root, char text[EVTWIN__NUM_SIZE]) {
    const json_t *version = json_object_get(json_object_get(root, "Header"), "BPX");
    if (json_is_number(version)) {
        snprintf(text, EVTWIN__NUM_SIZE, "%.3g", json_number_value(version));
        return text;
    }
    return json_string_value(version);
}

/* Other versions may mean other things by the same names. */
static int is_known(const char *version) {
    return (version[0] == '0' || version[0] == '1') && (version[1] == '.' || version[1] == '\0');
}

/* A path from the folder of the file on that names it. */
static evtwin_status find_path(const char *name, const char *given, char path[PATH_SIZE]) {
    const char *slash = strrchr(name, '/');
    const int n_folder = given[0] != '/' && slash != NULL ? (int)(slash + 1 - name) : 0;
    const int n = snprintf(path, PATH_SIZE, "%.*s%s", n_folder, name, given);
    EVTWIN_FAIL_IF(n >= PATH_SIZE, EVTWIN_E_ARG, "'bpx' is a path of more than %d bytes",
                   PATH_SIZE - 1);
    return EVTWIN_OK;
}

static evtwin_status read_json(const char *path, json_t **out) {
    char *text = NULL;
    size_t size = 0;
    EVTWIN_TRY(evtwin__file_read(path, MAX_BYTES, &text, &size));
    const evtwin_status st = evtwin__json_parse(path, text, size, out);
    evtwin__free(text);
    return st;
}

/* ---- merge ---- */

/* What only the part has; members of an object one by one, but not those of a single value, which
 * belong together. */
static int merge(json_t *to, json_t *part, int depth) {
    const char *key;
    json_t *value;
    int is_failed = 0;
    json_object_foreach(part, key, value) {
        json_t *own = json_object_get(to, key);
        if (own == NULL) {
            is_failed |= json_object_set(to, key, value) != 0;
        } else if (depth > 0 && json_is_object(own) && json_is_object(value) &&
                   json_object_get(value, "source") == NULL) {
            is_failed |= merge(own, value, depth - 1);
        }
    }
    return is_failed;
}

/* A cell at a thermal boundary says so by other keys, and has all of them itself. */
static int is_at_boundary(const json_t *root) {
    const json_t *thermal = json_object_get(root, "thermal");
    return json_object_get(thermal, "to_boundary_W_K") != NULL ||
           json_object_get(thermal, "to_jig_W_K") != NULL;
}

static void list_missing(const json_t *root, evtwin__text *list) {
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        const json_t *v = json_object_get(root, needed[i][0]);
        const int has_part = needed[i][1] != NULL;
        if (has_part && v != NULL && !json_is_object(v)) {
            continue; /* something else is wrong, which the reader says */
        }
        v = has_part ? json_object_get(v, needed[i][1]) : v;
        if (v != NULL || (strcmp(needed[i][0], "thermal") == 0 && is_at_boundary(root))) {
            continue;
        }
        evtwin__text_put(list, list->size > 0 ? ", " : "");
        evtwin__text_put(list, needed[i][0]);
        evtwin__text_put(list, has_part ? "." : "");
        evtwin__text_put(list, has_part ? needed[i][1] : "");
    }
}

/* ---- both kinds of files ---- */

typedef struct words {
    evtwin__text taken, unused, missing;
    char source[400];
} words;

static void free_words(words *w) {
    evtwin__text_free(&w->taken);
    evtwin__text_free(&w->unused);
    evtwin__text_free(&w->missing);
}

static evtwin_status end_words(words *w) {
    evtwin__text_put(&w->taken, w->taken.size == 0 ? "nothing" : "");
    evtwin__text_add(&w->taken, "", 1);
    evtwin__text_add(&w->unused, "", 1);
    evtwin__text_add(&w->missing, "", 1);
    EVTWIN_FAIL_IF(w->taken.is_failed || w->unused.is_failed || w->missing.is_failed,
                   EVTWIN_E_NOMEM, "out of memory for a cell");
    return EVTWIN_OK;
}

/* The source of numbers is a string of JSON: no character that was cut, no path in Latin-1. */
static void make_valid(char *text) {
    size_t n;
    for (size_t left = strlen(text); left > 0; left -= n, text += n) {
        n = evtwin__utf8_length(text, left);
        *text = n > 0 ? *text : '?';
        n = n > 0 ? n : 1;
    }
}

/* The part of a BPX file, called `path`, that is a cell's. Errors are without the path. */
static evtwin_status convert(const json_t *bpx, const char *path, json_t **part_out, words *w) {
    char number[EVTWIN__NUM_SIZE];
    const char *version = version_of(bpx, number);
    EVTWIN_FAIL_IF(version == NULL, EVTWIN_E_PARSE, "is not a BPX file: 'Header' has no 'BPX'");
    EVTWIN_FAIL_IF(!is_known(version), EVTWIN_E_UNSUPPORTED,
                   "is of BPX %.20s; BPX 0.1 to 1.x is read", version);
    const char *title = json_string_value(json_object_get(json_object_get(bpx, "Header"), "Title"));
    snprintf(w->source, sizeof w->source, "%.200s (BPX %.20s%s%.100s)", path, version,
             title != NULL ? ": " : "", title != NULL ? title : "");
    make_valid(w->source);
    return evtwin__bpx_convert(bpx, w->source, part_out, &w->taken, &w->unused);
}

/* A BPX file alone can say what it has and what it lacks, but it cannot be simulated. */
static evtwin_status explain(const char *name, const json_t *bpx, words *w) {
    json_t *part = NULL;
    EVTWIN_TRY(convert(bpx, name, &part, w));
    list_missing(part, &w->missing);
    json_decref(part);
    EVTWIN_TRY(end_words(w));
    const char *slash = strrchr(name, '/');
    EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                "a BPX file does not have all that a simulated cell needs. Taken are %s; not used "
                "%s. Missing: %s. Give these in a cell file with \"bpx\": \"%s\" (docs/cells.md)",
                w->taken.data, w->unused.data, w->missing.data, slash != NULL ? slash + 1 : name);
}

static evtwin_status complete(const char *name, json_t *root, words *w) {
    char path[PATH_SIZE];
    const char *given = json_string_value(json_object_get(root, "bpx"));
    json_t *bpx = NULL, *part = NULL;
    EVTWIN_FAIL_IF(given == NULL, EVTWIN_E_PARSE, "key 'bpx' is not a string: the path of a file");
    EVTWIN_TRY(find_path(name, given, path));
    EVTWIN_TRY(read_json(path, &bpx));
    const evtwin_status st = convert(bpx, path, &part, w);
    json_decref(bpx);
    if (st < 0) {
        return evtwin__fail_in(st, "%.200s", path);
    }
    if (is_at_boundary(root)) {
        json_object_del(json_object_get(part, "thermal"), "to_air_W_K"); /* of a cell in air */
    }
    const int is_failed = merge(root, part, 1) != 0 || json_object_del(root, "bpx") != 0;
    json_decref(part);
    list_missing(root, &w->missing);
    EVTWIN_TRY(is_failed ? EVTWIN_E_NOMEM : end_words(w));
    EVTWIN_FAIL_IF(w->missing.size > 1, EVTWIN_E_SCHEMA,
                   "lacks %s, which its BPX file does not have either; the BPX file has %s",
                   w->missing.data, w->taken.data);
    evtwin__log(EVTWIN_LOG_INFO,
                "%s: of %s come, where it does not say them itself, %s; not used: %s", name,
                w->source, w->taken.data, w->unused.data);
    return EVTWIN_OK;
}

evtwin_status evtwin__bpx_complete(const char *name, json_t *root) {
    char number[EVTWIN__NUM_SIZE];
    words w = {.source = ""};
    evtwin_status st = EVTWIN_OK;
    if (json_object_get(root, "bpx") != NULL) {
        st = complete(name, root, &w);
    } else if (version_of(root, number) != NULL) {
        st = explain(name, root, &w);
    }
    free_words(&w);
    return st;
}
