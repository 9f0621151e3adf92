/* SPDX-License-Identifier: MIT */
/* learn/together.c: see together.h. */

#include "learn/together.h"

#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"
#include "learn/end_of_life.h"
#include "learn/peers.h"
#include "learn/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the same everywhere ---- */

static void add_text(evtwin__sha256 *sha, const char *text) {
    const char *t = text != NULL ? text : "";
    evtwin__sha256_add(sha, t, strlen(t) + 1);
}

static void add_bytes(evtwin__sha256 *sha, const void *data, size_t size) {
    evtwin__sha256_add(sha, data, size);
}

static evtwin_status check_options(const evtwin_trainer *trainer) {
    const evtwin_train_options *o = &trainer->options;
    const double numbers[] = {o->learning_rate, o->eol_soh_percent, (double)o->cv_folds,
                              (double)o->n_repeats, (double)o->n_tune};
    char hex[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256 sha;
    evtwin__sha256_begin(&sha);
    add_text(&sha, EVTWIN_VERSION);
    add_bytes(&sha, &o->seed, sizeof o->seed);
    add_text(&sha, trainer->recipe->name);
    add_text(&sha, trainer->derive);
    add_bytes(&sha, numbers, sizeof numbers);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const int of_target[] = {trainer->target[t].trees, trainer->target[t].depth};
        add_bytes(&sha, of_target, sizeof of_target);
    }
    evtwin__sha256_end(&sha, hex);
    return evtwin__peers_same(trainer->peers, "the options (or the versions of the library)", hex,
                              sizeof hex);
}

static evtwin_status check_columns(const evtwin_trainer *trainer, const evtwin__dataset *data) {
    char hex[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256 sha;
    evtwin__sha256_begin(&sha);
    for (size_t i = 0; i < trainer->bundle.n_features; i++) {
        add_text(&sha, trainer->bundle.feature[i].name);
        add_text(&sha, trainer->bundle.feature[i].unit);
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        add_text(&sha, data->label[t].is_present ? data->label[t].column : NULL);
        add_text(&sha, data->label[t].is_present ? data->label[t].unit : NULL);
    }
    add_text(&sha, trainer->split_by);
    evtwin__sha256_end(&sha, hex);
    return evtwin__peers_same(trainer->peers, "features, targets or groups", hex, sizeof hex);
}

/* Rounds are watched by all or by none, since XGBoost makes their metrics together. */
static evtwin_status settle_rounds(evtwin_trainer *trainer) {
    double keep = trainer->options.keep_rounds != 0;
    EVTWIN_TRY(evtwin__peers_reduce(trainer->peers, EVTWIN__PEERS_MAX, &keep, 1));
    trainer->options.keep_rounds = keep > 0.0;
    return EVTWIN_OK;
}

/* Batteries need names that are their own among those of all processes. */
static evtwin_status check_groups(const evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin_status st = EVTWIN_OK;
    if (strcmp(trainer->split_by, "time") == 0) {
        st = evtwin__fail(EVTWIN_E_DATA, "processes that train together need batteries of their "
                                         "own: the table has one series only");
    } else if (data->groups.counter_col != EVTWIN_NO_COLUMN) {
        st = evtwin__fail(EVTWIN_E_UNSUPPORTED,
                          "processes that train together need a column that names the battery: "
                          "option group_by_reset numbers those of each process");
    }
    return evtwin__peers_agree(trainer->peers, st);
}

/* ---- the batteries of all ---- */

typedef char battery_hash[EVTWIN__BATTERY_HASH_SIZE];

static int compare_hashes(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Those of all processes, sorted, into all, which the caller frees. */
static evtwin_status gather_hashes(const evtwin_peers *p, const battery_hash *own, size_t n,
                                   battery_hash **all_out, size_t *n_out) {
    char *all = NULL;
    size_t *start = evtwin__calloc(p->n + 1, sizeof *start);
    EVTWIN_FAIL_IF(start == NULL, EVTWIN_E_NOMEM, "out of memory for %zu processes", p->n);
    const evtwin_status st = evtwin__peers_gather(p, own, n * sizeof *own, &all, start);
    const size_t size = st >= 0 ? start[p->n] : 0;
    evtwin__free(start);
    EVTWIN_TRY(st);
    *all_out = (battery_hash *)(void *)all;
    *n_out = size / sizeof *own;
    qsort(*all_out, *n_out, sizeof **all_out, compare_hashes);
    return EVTWIN_OK;
}

/* A process that has the battery knows its name. */
static evtwin_status fail_shared(const evtwin__dict *names, const char *hash) {
    static const char what[] =
        "is in the data of two processes that train together: give all rows of a battery to one";
    for (size_t g = 0; g < names->n; g++) {
        battery_hash own;
        evtwin__battery_hash(names->text[g], own);
        EVTWIN_FAIL_IF(strcmp(own, hash) == 0, EVTWIN_E_DATA, "battery '%s' %s", names->text[g],
                       what);
    }
    EVTWIN_FAIL(EVTWIN_E_DATA, "a battery (SHA-256 %s…) %s", hash, what);
}

/* Held out here and learned from there, a battery would score a model that has seen it. */
static evtwin_status check_shared(const evtwin_peers *p, const evtwin__dict *names) {
    battery_hash *own = evtwin__calloc(names->n + 1, sizeof *own), *all = NULL;
    size_t n = 0;
    evtwin_status st = evtwin__peers_agree(
        p, own == NULL ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu batteries", names->n)
                       : EVTWIN_OK);
    for (size_t g = 0; g < names->n && st >= 0; g++) {
        evtwin__battery_hash(names->text[g], own[g]);
    }
    st = st < 0 ? st : gather_hashes(p, own, names->n, &all, &n);
    for (size_t i = 1; i < n && st >= 0; i++) {
        st = strcmp(all[i], all[i - 1]) == 0 ? fail_shared(names, all[i]) : EVTWIN_OK;
    }
    evtwin__free(own);
    evtwin__free(all);
    return st;
}

/* The training batteries; none if they are too many, of all or of one process. */
static evtwin_status join_batteries(const evtwin_peers *p, const evtwin__dict *names,
                                    evtwin__bundle *b) {
    battery_hash *all = NULL;
    size_t n = 0;
    double most = (double)names->n;
    EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_MAX, &most, 1));
    EVTWIN_TRY(gather_hashes(p, b->battery, b->n_batteries, &all, &n));
    evtwin__free(b->battery);
    b->battery = all;
    b->n_batteries =
        n <= EVTWIN__BUNDLE_MAX_BATTERIES && most <= EVTWIN__BUNDLE_MAX_BATTERIES ? n : 0;
    return EVTWIN_OK;
}

/* ---- what the data of all are ---- */

/* The labels that are used: how many, and of an event how many times it is. */
static evtwin_status count_labels(const evtwin_peers *p, evtwin__dataset *data) {
    double v[2 * EVTWIN__T_COUNT];
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        v[2 * t] = (double)data->label[t].n;
        v[2 * t + 1] = (double)data->label[t].n_positive;
    }
    EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_SUM, v, 2 * EVTWIN__T_COUNT));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *l = &data->label[t];
        l->n_elsewhere = (size_t)v[2 * t] - l->n;
        l->n_positive_elsewhere = (size_t)v[2 * t + 1] - l->n_positive;
    }
    return EVTWIN_OK;
}

/* Rows, batteries and the span of their times. */
static evtwin_status join_source(const evtwin_peers *p, const evtwin__dataset *data,
                                 evtwin__bundle *b) {
    int64_t first_us = INT64_MAX, last_us = INT64_MIN;
    evtwin__dataset_span(data, &first_us, &last_us);
    const int has_time = first_us <= last_us;
    double sums[] = {(double)b->rows, (double)b->n_groups};
    double first = has_time ? (double)first_us : (double)NAN;
    double last = has_time ? (double)last_us : (double)NAN;
    EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_SUM, sums, 2));
    EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_MIN, &first, 1));
    EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_MAX, &last, 1));
    return evtwin__describe_source(b, (size_t)sums[0], (size_t)sums[1],
                                   isnan(first) ? INT64_MAX : (int64_t)first,
                                   isnan(last) ? INT64_MIN : (int64_t)last);
}

static evtwin_status join_ends(evtwin_trainer *trainer, const evtwin__dataset *data) {
    double lowest = evtwin__end_of_life_lowest(trainer, data);
    EVTWIN_TRY(evtwin__peers_reduce(trainer->peers, EVTWIN__PEERS_MIN, &lowest, 1));
    return evtwin__end_of_life_lower(trainer, data->label[EVTWIN__T_RUL].is_present, lowest);
}

evtwin_status evtwin__together_begin(evtwin_trainer *trainer, evtwin__dataset *data) {
    const evtwin_peers *p = trainer->peers;
    if (p == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(check_options(trainer));
    EVTWIN_TRY(check_columns(trainer, data));
    EVTWIN_TRY(settle_rounds(trainer));
    EVTWIN_TRY(check_groups(trainer, data));
    EVTWIN_TRY(check_shared(p, &data->groups.names));
    EVTWIN_TRY(join_batteries(p, &data->groups.names, &trainer->bundle));
    EVTWIN_TRY(join_source(p, data, &trainer->bundle));
    EVTWIN_TRY(join_ends(trainer, data));
    return count_labels(p, data);
}

/* ---- features ---- */

/* A tree does not mind how its columns are scaled, but all must scale them alike, whichever process
 * is the first. */
evtwin_status evtwin__together_scaler(const evtwin_peers *p, evtwin__scaler *scaler) {
    if (p == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_SUM, scaler->mean, scaler->n));
    EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_SUM, scaler->scale, scaler->n));
    for (size_t i = 0; i < scaler->n; i++) {
        scaler->mean[i] /= (double)p->n;
        scaler->scale[i] /= (double)p->n;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__together_features(evtwin_trainer *trainer) {
    const evtwin_peers *p = trainer->peers;
    evtwin__bundle *b = &trainer->bundle;
    const size_t n = b->n_features;
    if (p == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__together_scaler(p, &b->scaler));
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_MIN, &b->feature[i].min, 1));
        EVTWIN_TRY(evtwin__peers_reduce(p, EVTWIN__PEERS_MAX, &b->feature[i].max, 1));
    }
    return EVTWIN_OK;
}

/* ---- what was held out ---- */

/* One held-out row on its way: the numbers of its columns, in order, and the place of its group's
 * name. */
typedef struct sent_row {
    int64_t row, fold;
    double value[1 + EVTWIN__N_SCORED]; /* truth, then what was scored */
    int32_t group;                      /* as in the sender's table */
} sent_row;

static void pack(const evtwin_table *t, sent_row *rows) {
    const size_t n = evtwin_table_rows(t);
    for (size_t i = 0; i < n; i++) {
        rows[i].row = evtwin_table_i64(t, EVTWIN__HELD_ROW)[i];
        rows[i].fold = evtwin_table_i64(t, EVTWIN__HELD_FOLD)[i];
        rows[i].group = evtwin_table_codes(t, EVTWIN__HELD_GROUP)[i];
        for (size_t c = 0; c < 1 + EVTWIN__N_SCORED; c++) {
            rows[i].value[c] = evtwin_table_f64(t, EVTWIN__HELD_TRUTH + c)[i];
        }
    }
}

/* The names of a table's groups, one behind the other with their NULs; freed by the caller. */
static char *list_names(const evtwin_table *t, size_t *size) {
    const size_t n = evtwin_table_dict_size(t, EVTWIN__HELD_GROUP);
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        *size += strlen(evtwin_table_dict_text(t, EVTWIN__HELD_GROUP, (int32_t)i)) + 1;
    }
    char *names = evtwin__calloc(*size + 1, 1);
    for (size_t i = 0, at = 0; i < n && names != NULL; i++) {
        const char *name = evtwin_table_dict_text(t, EVTWIN__HELD_GROUP, (int32_t)i);
        memcpy(names + at, name, strlen(name) + 1);
        at += strlen(name) + 1;
    }
    return names;
}

/* Rows of one process behind those of the ones before. first: where they begin. */
static evtwin_status unpack(evtwin_table *to, size_t first, const sent_row *rows, size_t n,
                            const char *names) {
    int32_t group = -1, code = 0;
    const char *name = names;
    double *value[1 + EVTWIN__N_SCORED];
    for (size_t c = 0; c < 1 + EVTWIN__N_SCORED; c++) {
        value[c] = evtwin_table_f64_edit(to, EVTWIN__HELD_TRUTH + c);
    }
    for (size_t i = 0; i < n; i++) {
        if (rows[i].group != group) { /* they come by group, as the names do */
            name += group >= 0 ? strlen(name) + 1 : 0;
            group = rows[i].group;
            EVTWIN_TRY(evtwin_table_intern(to, EVTWIN__HELD_GROUP, name, &code));
        }
        EVTWIN_TRY(evtwin_table_set_i64(to, EVTWIN__HELD_ROW, first + i, rows[i].row));
        EVTWIN_TRY(evtwin_table_set_i64(to, EVTWIN__HELD_FOLD, first + i, rows[i].fold));
        EVTWIN_TRY(evtwin_table_set_code(to, EVTWIN__HELD_GROUP, first + i, code));
        for (size_t c = 0; c < 1 + EVTWIN__N_SCORED; c++) {
            value[c][first + i] = rows[i].value[c];
        }
    }
    return EVTWIN_OK;
}

/* What travels: rows and names, of this process and of all. */
typedef struct shipment {
    sent_row *own;
    char *own_names, *all, *all_names;
    size_t *start, *start_names;
    size_t n_own, own_names_size;
} shipment;

static void shipment_clear(shipment *s) {
    evtwin__free(s->own);
    evtwin__free(s->own_names);
    evtwin__free(s->all);
    evtwin__free(s->all_names);
    evtwin__free(s->start);
    evtwin__free(s->start_names);
}

static evtwin_status ship(const evtwin_peers *p, const evtwin_table *held_out, shipment *s) {
    s->n_own = evtwin_table_rows(held_out);
    s->own = evtwin__calloc(s->n_own + 1, sizeof *s->own);
    s->own_names = list_names(held_out, &s->own_names_size);
    s->start = evtwin__calloc(p->n + 1, sizeof *s->start);
    s->start_names = evtwin__calloc(p->n + 1, sizeof *s->start_names);
    EVTWIN_TRY(evtwin__peers_agree(
        p, s->own == NULL || s->own_names == NULL || s->start == NULL || s->start_names == NULL
               ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory to send %zu rows", s->n_own)
               : EVTWIN_OK));
    pack(held_out, s->own);
    EVTWIN_TRY(evtwin__peers_gather(p, s->own, s->n_own * sizeof *s->own, &s->all, s->start));
    return evtwin__peers_gather(p, s->own_names, s->own_names_size, &s->all_names, s->start_names);
}

static evtwin_status receive(const evtwin_peers *p, const shipment *s, evtwin_table *table) {
    const sent_row *rows = (const sent_row *)(const void *)s->all;
    EVTWIN_TRY(evtwin_table_resize(table, s->start[p->n] / sizeof *rows));
    for (size_t k = 0; k < p->n; k++) {
        const size_t first = s->start[k] / sizeof *rows, end = s->start[k + 1] / sizeof *rows;
        EVTWIN_TRY(
            unpack(table, first, rows + first, end - first, s->all_names + s->start_names[k]));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__together_held_out(const evtwin_peers *p, evtwin__result *result) {
    if (p == NULL) {
        return EVTWIN_OK;
    }
    shipment s = {0};
    evtwin_table *table = NULL;
    evtwin_status st = ship(p, result->held_out, &s);
    st = st < 0 ? st
                : evtwin__make_held_table(evtwin_table_unit(result->held_out, EVTWIN__HELD_TRUTH),
                                          0, &table);
    st = st < 0 ? st : receive(p, &s, table);
    shipment_clear(&s);
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    evtwin_table_free(result->held_out);
    result->held_out = table;
    return EVTWIN_OK;
}
