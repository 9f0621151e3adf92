/* SPDX-License-Identifier: MIT */
/* mlflow_client.c: evtwin/track.h for the tests in Python. Reads commands from standard input, one
 * a line, its words separated by tabs, and answers each with a line: "OK", a tab, what came, or the
 * name of the status, a tab, and the error text.
 *
 *     mlflow_client URI [OPTION=VALUE]...
 */
#include <evtwin/track.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 8, MAX_LINES = 20000, MAX_RUNS = 8 };

static evtwin_tracker *tracker;
static evtwin_run *runs[MAX_RUNS];
static size_t n_runs;
static char said[8192];

static char *cut(char *text, char separator) {
    char *at = strchr(text, separator);
    if (at != NULL) {
        *at++ = '\0';
    }
    return at;
}

static evtwin_run *last_run(void) {
    return n_runs > 0 ? runs[(n_runs - 1) % MAX_RUNS] : NULL;
}

static const char *word_or_null(const char *word) {
    return word != NULL && word[0] != '\0' ? word : NULL;
}

/* ---- columns of a file: KEY<tab>VALUE[<tab>STEP<tab>TIME_US] ---- */

static const char *key[MAX_LINES], *value[MAX_LINES];
static double number[MAX_LINES];
static int64_t step[MAX_LINES], time_us[MAX_LINES];

static char *read_all(const char *path) {
    FILE *f = fopen(path, "rb");
    size_t size = 0, n;
    char *text = malloc(64 << 20);
    if (f == NULL || text == NULL) {
        perror(path);
        exit(3);
    }
    while ((n = fread(text + size, 1, (64 << 20) - 1 - size, f)) > 0) {
        size += n;
    }
    fclose(f);
    text[size] = '\0';
    return text;
}

static size_t columns(char *text) {
    size_t n = 0;
    for (char *line = text, *next; line != NULL && line[0] != '\0' && n < MAX_LINES; line = next) {
        next = cut(line, '\n');
        char *v = cut(line, '\t'), *s = v != NULL ? cut(v, '\t') : NULL;
        char *t = s != NULL ? cut(s, '\t') : NULL;
        key[n] = line;
        value[n] = v != NULL ? v : "";
        number[n] = strtod(value[n], NULL);
        step[n] = s != NULL ? strtoll(s, NULL, 10) : 0;
        time_us[n] = t != NULL ? strtoll(t, NULL, 10) : 0;
        n++;
    }
    return n;
}

/* ---- commands ---- */

static evtwin_status keep(evtwin_status st, evtwin_run *run) {
    if (st == EVTWIN_OK) {
        evtwin_run_free(runs[n_runs % MAX_RUNS]);
        runs[n_runs++ % MAX_RUNS] = run;
        snprintf(said, sizeof said, "%s\t%s\t%s", evtwin_run_id(run), evtwin_run_experiment_id(run),
                 evtwin_run_artifact_uri(run));
    }
    return st;
}

/* run EXPERIMENT_ID NAME PARENT [TAGS_FILE] */
static evtwin_status start(char **w) {
    evtwin_run_options o;
    evtwin_run *run = NULL;
    evtwin_run_options_init(&o, sizeof o);
    o.name = word_or_null(w[2]);
    o.parent_run_id = word_or_null(w[3]);
    char *text = word_or_null(w[4]) != NULL ? read_all(w[4]) : NULL;
    o.n_tags = text != NULL ? columns(text) : 0;
    o.tag_keys = key;
    o.tag_values = value;
    const evtwin_status st = evtwin_run_start(tracker, w[1], &o, &run);
    free(text);
    return keep(st, run);
}

/* params|metrics|tags FILE [MODEL_ID] */
static evtwin_status log_columns(char **w) {
    char *text = read_all(w[1]);
    const size_t n = columns(text);
    evtwin_status st;
    if (strcmp(w[0], "params") == 0) {
        st = evtwin_run_log_params(last_run(), key, value, n);
    } else if (strcmp(w[0], "tags") == 0) {
        st = evtwin_run_set_tags(last_run(), key, value, n);
    } else {
        st = evtwin_run_log_metrics(last_run(), key, number, step, time_us, n, word_or_null(w[2]));
    }
    free(text);
    return st;
}

/* dataset NAME DIGEST SOURCE PROFILE CONTEXT */
static evtwin_status dataset(char **w) {
    evtwin_run_dataset d;
    evtwin_run_dataset_init(&d, sizeof d);
    d.name = w[1];
    d.digest = w[2];
    d.source = w[3];
    d.profile = word_or_null(w[4]);
    d.context = word_or_null(w[5]);
    return evtwin_run_log_dataset(last_run(), &d);
}

static evtwin_status say_version(evtwin_status st, const evtwin_tracker_version *v) {
    if (st == EVTWIN_OK) {
        snprintf(said, sizeof said, "%s\t%s\t%s\t%s\t%s\t%s", v->name, v->version, v->run_id,
                 v->model_id, v->source, v->artifact_uri);
    }
    return st;
}

/* version NAME SOURCE RUN_ID MODEL_ID */
static evtwin_status make_version(char **w) {
    evtwin_tracker_version_options o;
    evtwin_tracker_version v;
    evtwin_tracker_version_options_init(&o, sizeof o);
    o.run_id = word_or_null(w[3]);
    o.model_id = word_or_null(w[4]);
    o.description = "of a test";
    return say_version(evtwin_tracker_create_version(tracker, w[1], w[2], &o, &v, sizeof v), &v);
}

static evtwin_status of_models(char **w) {
    evtwin_tracker_version v;
    evtwin_logged_model m;
    if (strcmp(w[0], "register") == 0) {
        return evtwin_tracker_register(tracker, w[1], word_or_null(w[2]));
    }
    if (strcmp(w[0], "version") == 0) {
        return make_version(w);
    }
    if (strcmp(w[0], "alias") == 0) {
        return evtwin_tracker_set_alias(tracker, w[1], w[2], w[3]);
    }
    if (strcmp(w[0], "unalias") == 0) {
        return evtwin_tracker_delete_alias(tracker, w[1], w[2]);
    }
    if (strcmp(w[0], "resolve") == 0) {
        return say_version(evtwin_tracker_resolve(tracker, w[1], &v, sizeof v), &v);
    }
    if (strcmp(w[0], "finish_model") == 0) {
        return evtwin_run_finish_model(last_run(), w[1], atoi(w[2]), 0);
    }
    if (strcmp(w[0], "note_model") == 0) {
        return evtwin_run_note_model(last_run(), w[1]);
    }
    const evtwin_status st =
        evtwin_run_begin_model(last_run(), w[1], word_or_null(w[2]), &m, sizeof m);
    if (st == EVTWIN_OK) {
        snprintf(said, sizeof said, "%s\t%s", m.id, m.artifact_uri);
    }
    return st;
}

static evtwin_status server(void) {
    evtwin_tracker_server s;
    const evtwin_status st = evtwin_tracker_server_get(tracker, &s, sizeof s);
    if (st == EVTWIN_OK) {
        snprintf(said, sizeof said, "%s\t%d\t%d\t%d", s.version, s.major, s.minor,
                 s.has_logged_models);
    }
    return st;
}

static evtwin_status run_command(char **w) {
    evtwin_run *run = NULL;
    const char *c = w[0];
    if (strcmp(c, "server") == 0) {
        return server();
    }
    if (strcmp(c, "experiment") == 0) {
        return evtwin_tracker_experiment(tracker, w[1], said);
    }
    if (strcmp(c, "run") == 0) {
        return start(w);
    }
    if (strcmp(c, "resume") == 0) {
        const evtwin_status st = evtwin_run_resume(tracker, w[1], &run);
        return keep(st, run);
    }
    if (strcmp(c, "params") == 0 || strcmp(c, "metrics") == 0 || strcmp(c, "tags") == 0) {
        return log_columns(w);
    }
    if (strcmp(c, "dataset") == 0) {
        return dataset(w);
    }
    if (strcmp(c, "artifacts") == 0) {
        return evtwin_run_log_artifacts(last_run(), w[1], w[2]);
    }
    if (strcmp(c, "end") == 0) {
        return evtwin_run_end(last_run(), (evtwin_run_status)atoi(w[1]));
    }
    if (strcmp(c, "upload") == 0) {
        return evtwin_tracker_upload(tracker, w[1], w[2], w[3]);
    }
    if (strcmp(c, "download") == 0) {
        return evtwin_tracker_download(tracker, w[1], w[2]);
    }
    return of_models(w);
}

/* ---- options ---- */

static void set_option(evtwin_tracker_options *o, char *word) {
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"user", &o->user},
                 {"password", &o->password},
                 {"token", &o->token},
                 {"ca_file", &o->ca_file},
                 {"s3_endpoint", &o->s3_endpoint},
                 {"s3_access_key", &o->s3_access_key},
                 {"s3_secret_key", &o->s3_secret_key},
                 {"s3_session_token", &o->s3_session_token},
                 {"s3_region", &o->s3_region},
                 {"s3_ca_file", &o->s3_ca_file}};
    const char *v = cut(word, '=');
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(word, texts[i].name) == 0) {
            *texts[i].text = v;
            return;
        }
    }
    if (strcmp(word, "timeout_s") == 0) {
        o->timeout_s = atof(v);
    } else if (strcmp(word, "n_retries") == 0) {
        o->n_retries = atoi(v);
    } else if (strcmp(word, "retry_pause_s") == 0) {
        o->retry_pause_s = atof(v);
    } else if (strcmp(word, "insecure_tls") == 0) {
        o->insecure_tls = atoi(v);
    } else if (strcmp(word, "s3_insecure_tls") == 0) {
        o->s3_insecure_tls = atoi(v);
    } else if (strcmp(word, "max_download_bytes") == 0) {
        o->max_download_bytes = strtoull(v, NULL, 10);
    } else if (strcmp(word, "max_download_files") == 0) {
        o->max_download_files = strtoull(v, NULL, 10);
    } else {
        fprintf(stderr, "unknown option %s\n", word);
        exit(3);
    }
}

static void log_line(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    fprintf(stderr, "%d %s\n", (int)level, text);
}

static void answer(evtwin_status st) {
    printf("%s\t%s\n", st == EVTWIN_OK ? "OK" : evtwin_status_name(st),
           st == EVTWIN_OK ? said : evtwin_last_error());
    fflush(stdout);
    said[0] = '\0';
}

int main(int argc, char **argv) {
    static char line[65536];
    evtwin_tracker_options o;
    if (argc < 2) {
        return 3;
    }
    evtwin_set_log(log_line, NULL);
    evtwin_tracker_options_init(&o, sizeof o);
    for (int i = 2; i < argc; i++) {
        set_option(&o, argv[i]);
    }
    answer(evtwin_tracker_open(argv[1], &o, &tracker));
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *w[MAX_WORDS] = {0};
        line[strcspn(line, "\n")] = '\0';
        char *word = line;
        for (size_t i = 0; i < MAX_WORDS && word != NULL; i++) {
            w[i] = word;
            word = cut(word, '\t');
        }
        answer(run_command(w));
    }
    for (size_t i = 0; i < n_runs && i < MAX_RUNS; i++) {
        evtwin_run_free(runs[i]);
    }
    evtwin_tracker_free(tracker);
    return 0;
}
