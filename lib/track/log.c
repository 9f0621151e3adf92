/* SPDX-License-Identifier: MIT */
/* track/log.c: parameters, metrics, tags and data sets of a run, in pieces that the server takes.
 */

#include "track/key_characters.h"
#include "track/run.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Source: mlflow/utils/validation.py. MLflow 2 and 3 cut longer values without a word. */
enum {
    MAX_METRICS = 1000,
    MAX_PARAMS = 100,
    MAX_TAGS = 100,
    MAX_KEY = 250,
    MAX_PARAM = 6000,
    MAX_TAG = 5000,
    MAX_DIGEST = 36,
    FULL_BODY = 500000 /* of 1,000,000 bytes */
};

/* ---- checks ---- */

static size_t count_characters(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

/* What MLflow's validate_param_and_metric_name takes on every system: a relative path in its normal
 * form of letters, digits (of any script) and "_-. :". A wrong one fails the whole request, so it
 * is known before.
 */
static int is_key(const char *key) {
    for (const char *name = key;;) {
        const size_t n = strcspn(name, "/");
        if (n == 0 || (n <= 2 && strspn(name, ".") >= n)) {
            return 0;
        }
        if (name[n] == '\0') {
            break;
        }
        name += n + 1;
    }
    if (strncmp(key, "..", 2) == 0) { /* for MLflow, "..a" leads out as well */
        return 0;
    }
    return evtwin__key_has_good_characters(key);
}

static evtwin_status check_key(const char *what, const char *key) {
    EVTWIN_FAIL_IF(key == NULL, EVTWIN_E_ARG, "a key of a %s is NULL", what);
    EVTWIN_FAIL_IF(count_characters(key) > MAX_KEY, EVTWIN_E_RANGE,
                   "%s \"%.60s…\": the key has more than %d characters", what, key, MAX_KEY);
    EVTWIN_FAIL_IF(
        !is_key(key), EVTWIN_E_ARG,
        "%s \"%.60s\": a key has letters, digits, '_', '-', '.', ' ', ':' and single '/' "
        "between names",
        what, key);
    return EVTWIN_OK;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The server refuses a whole request for one key that is there twice. */
static evtwin_status check_unique(const char *const *keys, size_t n) {
    if (n == 0) {
        return EVTWIN_OK;
    }
    const char **sorted = evtwin__calloc(n, sizeof *sorted);
    const char *twice = NULL;
    EVTWIN_FAIL_IF(sorted == NULL, EVTWIN_E_NOMEM, "out of memory for parameters");
    memcpy(sorted, keys, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < n && twice == NULL; i++) {
        twice = strcmp(sorted[i - 1], sorted[i]) == 0 ? sorted[i] : NULL;
    }
    evtwin__free(sorted);
    EVTWIN_FAIL_IF(twice != NULL, EVTWIN_E_ARG, "duplicate parameter \"%.60s\"", twice);
    return EVTWIN_OK;
}

static evtwin_status check_params(const char *const *keys, const char *const *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(check_key("parameter", keys[i]));
        EVTWIN_FAIL_IF(values[i] == NULL, EVTWIN_E_ARG, "parameter \"%.60s\": the value is NULL",
                       keys[i]);
        EVTWIN_FAIL_IF(
            count_characters(values[i]) > MAX_PARAM, EVTWIN_E_RANGE,
            "parameter \"%.60s\": the value has %zu characters; MLflow keeps %d: log it as "
            "an artifact",
            keys[i], count_characters(values[i]), MAX_PARAM);
    }
    return check_unique(keys, n);
}

static evtwin_status check_metrics(const char *const *keys, const double *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(check_key("metric", keys[i]));
        EVTWIN_FAIL_IF(isinf(values[i]), EVTWIN_E_RANGE,
                       "metric \"%.60s\" is infinite, which MLflow would change to 1.8e308",
                       keys[i]);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__track_check_tags(const char *const *keys, const char *const *values,
                                       size_t n) {
    EVTWIN_FAIL_IF(n > 0 && (keys == NULL || values == NULL), EVTWIN_E_ARG,
                   "the keys or values of tags are NULL");
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(check_key("tag", keys[i]));
        EVTWIN_FAIL_IF(values[i] == NULL, EVTWIN_E_ARG, "tag \"%.60s\": the value is NULL",
                       keys[i]);
    }
    return EVTWIN_OK;
}

/* ---- pieces ---- */

typedef struct batch {
    evtwin_run *run;
    const char *list; /* "metrics", "params", "tags" */
    size_t max;
    evtwin__text body;
    size_t n;
} batch;

static evtwin_status send_batch(batch *b) {
    if (b->n == 0) {
        return EVTWIN_OK;
    }
    evtwin__text_put(&b->body, "]}");
    b->n = 0;
    return evtwin__track_call(
        b->run->tracker, &(evtwin__track_ask){"POST", "runs/log-batch", b->run->id, &b->body, 1},
        NULL);
}

/* Make room for one more, which follows. */
static evtwin_status next_of(batch *b) {
    if (b->n >= b->max || b->body.size > FULL_BODY) {
        EVTWIN_TRY(send_batch(b));
    }
    if (b->n == 0) {
        evtwin__text_open(&b->body, NULL, '{');
        evtwin__text_string(&b->body, "run_id", b->run->id);
        evtwin__text_open(&b->body, b->list, '[');
    }
    b->n++;
    return EVTWIN_OK;
}

/* With at most n bytes of value, cut between characters. */
static void add_pair(evtwin__text *body, const char *key, const char *value, size_t n) {
    char *part = NULL;
    if (strlen(value) > n) {
        while (n > 0 && ((unsigned char)value[n] & 0xc0) == 0x80) {
            n--;
        }
        part = evtwin__strndup(value, n);
        body->is_failed |= part == NULL;
        value = part != NULL ? part : "";
    }
    evtwin__text_open(body, NULL, '{');
    evtwin__text_string(body, "key", key);
    evtwin__text_string(body, "value", value);
    evtwin__text_put(body, "}");
    evtwin__free(part);
}

static void add_tag(evtwin__text *body, const char *key, const char *value) {
    if (strlen(value) > MAX_TAG) {
        evtwin__log(EVTWIN_LOG_WARNING, "tag \"%.60s\": cut to the %d bytes that MLflow keeps", key,
                    MAX_TAG);
    }
    add_pair(body, key, value, MAX_TAG);
}

void evtwin__track_tags(evtwin__text *body, const char *key, const char *const *keys,
                        const char *const *values, size_t n) {
    if (key != NULL) {
        evtwin__text_open(body, key, '[');
    }
    for (size_t i = 0; i < n; i++) {
        add_tag(body, keys[i], values[i]);
    }
    if (key != NULL) {
        evtwin__text_put(body, "]");
    }
}

static evtwin_status finish(batch *b, evtwin_status st) {
    if (st == EVTWIN_OK) {
        st = send_batch(b);
    }
    evtwin__text_free(&b->body);
    return st;
}

static evtwin_status check_columns(const evtwin_run *run, const void *keys, const void *values,
                                   size_t n) {
    EVTWIN_FAIL_IF(run == NULL || (n > 0 && (keys == NULL || values == NULL)), EVTWIN_E_ARG,
                   "run, keys or values is NULL");
    return EVTWIN_OK;
}

evtwin_status evtwin_run_log_params(evtwin_run *run, const char *const *keys,
                                    const char *const *values, size_t n) {
    EVTWIN_TRY(check_columns(run, keys, values, n));
    EVTWIN_TRY(check_params(keys, values, n));
    batch b = {.run = run, .list = "params", .max = MAX_PARAMS};
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < n && st == EVTWIN_OK; i++) {
        if ((st = next_of(&b)) == EVTWIN_OK) {
            add_pair(&b.body, keys[i], values[i], SIZE_MAX);
        }
    }
    return finish(&b, st);
}

/* NaN goes as a string, by the rules of protocol buffers; a bare one makes MLflow drop it and all
 * that follows, without a word. */
static void add_metric(evtwin__text *body, const char *key, double value, int64_t time_ms,
                       int64_t step, const char *model_id) {
    evtwin__text_open(body, NULL, '{');
    evtwin__text_string(body, "key", key);
    if (isnan(value)) {
        evtwin__text_string(body, "value", "NaN");
    } else {
        evtwin__text_number(body, "value", value);
    }
    evtwin__text_integer(body, "timestamp", time_ms);
    evtwin__text_integer(body, "step", step);
    if (model_id != NULL && model_id[0] != '\0') {
        evtwin__text_string(body, "model_id", model_id);
    }
    evtwin__text_put(body, "}");
}

evtwin_status evtwin_run_log_metrics(evtwin_run *run, const char *const *keys, const double *values,
                                     const int64_t *steps, const int64_t *times_us, size_t n,
                                     const char *model_id) {
    EVTWIN_TRY(check_columns(run, keys, values, n));
    EVTWIN_TRY(check_metrics(keys, values, n));
    const int64_t now_us = evtwin_time_now();
    batch b = {.run = run, .list = "metrics", .max = MAX_METRICS};
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < n && st == EVTWIN_OK; i++) {
        if ((st = next_of(&b)) == EVTWIN_OK) {
            add_metric(&b.body, keys[i], values[i],
                       (times_us != NULL ? times_us[i] : now_us) / 1000,
                       steps != NULL ? steps[i] : 0, model_id);
        }
    }
    return finish(&b, st);
}

evtwin_status evtwin_run_set_tags(evtwin_run *run, const char *const *keys,
                                  const char *const *values, size_t n) {
    EVTWIN_TRY(check_columns(run, keys, values, n));
    EVTWIN_TRY(evtwin__track_check_tags(keys, values, n));
    batch b = {.run = run, .list = "tags", .max = MAX_TAGS};
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < n && st == EVTWIN_OK; i++) {
        if ((st = next_of(&b)) == EVTWIN_OK) {
            add_tag(&b.body, keys[i], values[i]);
        }
    }
    return finish(&b, st);
}

/* ---- data sets ---- */

evtwin_status evtwin_run_dataset_init(evtwin_run_dataset *dataset, size_t size) {
    const evtwin_run_dataset none = {.size = sizeof none};
    return evtwin__options_init(dataset, size, &none, sizeof none);
}

static void write_dataset(evtwin__text *body, const evtwin_run *run, const evtwin_run_dataset *d) {
    static const char *const context_key[] = {"mlflow.data.context"};
    evtwin__text_open(body, NULL, '{');
    evtwin__text_string(body, "run_id", run->id);
    evtwin__text_open(body, "datasets", '[');
    evtwin__text_open(body, NULL, '{');
    evtwin__track_tags(body, "tags", context_key, &d->context, d->context != NULL ? 1 : 0);
    evtwin__text_open(body, "dataset", '{');
    evtwin__text_string(body, "name", d->name);
    evtwin__text_string(body, "digest", d->digest);
    evtwin__text_string(body, "source_type", d->source_type != NULL ? d->source_type : "local");
    evtwin__text_string(body, "source", d->source);
    if (d->schema != NULL) {
        evtwin__text_string(body, "schema", d->schema);
    }
    if (d->profile != NULL) {
        evtwin__text_string(body, "profile", d->profile);
    }
    evtwin__text_put(body, "}}]}");
}

evtwin_status evtwin_run_log_dataset(evtwin_run *run, const evtwin_run_dataset *dataset) {
    evtwin_run_dataset d = {.size = sizeof d};
    EVTWIN_FAIL_IF(run == NULL || dataset == NULL, EVTWIN_E_ARG, "run or dataset is NULL");
    EVTWIN_TRY(evtwin__options_merge(&d, sizeof d, dataset, "evtwin_run_dataset_init"));
    EVTWIN_FAIL_IF(d.name == NULL || d.digest == NULL || d.source == NULL, EVTWIN_E_ARG,
                   "a data set needs name, digest and source");
    EVTWIN_FAIL_IF(count_characters(d.digest) > MAX_DIGEST, EVTWIN_E_RANGE,
                   "data set \"%.60s\": the digest has more than %d characters", d.name,
                   MAX_DIGEST);
    evtwin__text body = {0};
    write_dataset(&body, run, &d);
    return evtwin__track_call(
        run->tracker, &(evtwin__track_ask){"POST", "runs/log-inputs", run->id, &body, 1}, NULL);
}
