/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_tracking.c: how the environment says to reach an MLflow server and its artifacts:
 * by MLflow's own names, the AWS tools', else those of the contract. */

#include "cli/cli_tracking.h"

#include <stdlib.h>
#include <string.h>

enum { URI_SIZE = 2048 };

/* The first of these variables that is set and not empty; NULL if none is. */
static const char *first_of(const char *const *names, size_t n) {
    const char *text = NULL;
    for (size_t i = 0; i < n && (text == NULL || text[0] == '\0'); i++) {
        text = getenv(names[i]);
    }
    return text != NULL && text[0] != '\0' ? text : NULL;
}

#define VARIABLE(...)                                                                              \
    first_of((const char *const[]){__VA_ARGS__},                                                   \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* A switch as MLflow reads it; anything else is reported. */
static int read_switch(const char *name, int *out) {
    static const char *const words[] = {"false", "False", "FALSE", "0",
                                        "true",  "True",  "TRUE",  "1"};
    enum { N_WORDS = sizeof words / sizeof words[0] };
    const char *text = VARIABLE(name);
    for (size_t i = 0; i < N_WORDS && text != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i >= N_WORDS / 2;
            return 0;
        }
    }
    CLI_FAIL_IF(text != NULL, CLI_CONFIG, "%s: '%s' is neither true nor false", name, text);
    return 0;
}

static int read_number(const char *name, double min, double max, double *out) {
    const char *text = VARIABLE(name);
    double value = 0.0;
    if (text == NULL) {
        return 0;
    }
    CLI_FAIL_IF(!cli_parse_number(text, &value) || !(value >= min && value <= max), CLI_CONFIG,
                "%s: '%s' is not a number from %g to %g", name, text, min, max);
    *out = value;
    return 0;
}

/* The contract's MINIO_ENDPOINT is a host and port. */
static const char *s3_endpoint(void) {
    static char uri[URI_SIZE];
    const char *text = VARIABLE("MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "MINIO_ENDPOINT");
    if (text == NULL || strstr(text, "://") != NULL) {
        return text;
    }
    snprintf(uri, sizeof uri, "http://%s", text);
    return uri;
}

/* Keys belong together, and a token to its keys: none goes along with those of another service. */
static void read_keys(evtwin_tracker_options *out) {
    const char *access = VARIABLE("AWS_ACCESS_KEY_ID"), *secret = VARIABLE("AWS_SECRET_ACCESS_KEY");
    const int is_aws = access != NULL || secret != NULL;
    out->s3_access_key = is_aws ? access : VARIABLE("MINIO_ACCESS_KEY");
    out->s3_secret_key = is_aws ? secret : VARIABLE("MINIO_SECRET_KEY");
    out->s3_session_token = is_aws ? VARIABLE("AWS_SESSION_TOKEN") : NULL;
}

int cli_tracking_options(evtwin_tracker_options *out) {
    double n_retries = 0;
    evtwin_tracker_options_init(out, sizeof *out);
    n_retries = out->n_retries;
    out->user = VARIABLE("MLFLOW_TRACKING_USERNAME");
    out->password = VARIABLE("MLFLOW_TRACKING_PASSWORD");
    out->token = VARIABLE("MLFLOW_TRACKING_TOKEN");
    out->ca_file = VARIABLE("MLFLOW_TRACKING_SERVER_CERT_PATH");
    CLI_TRY(read_switch("MLFLOW_TRACKING_INSECURE_TLS", &out->insecure_tls));
    CLI_TRY(read_number("MLFLOW_HTTP_REQUEST_TIMEOUT", 0.1, 86400, &out->timeout_s));
    CLI_TRY(read_number("MLFLOW_HTTP_REQUEST_MAX_RETRIES", 0, 100, &n_retries));
    out->n_retries = (int)n_retries;
    out->s3_ca_file = VARIABLE("AWS_CA_BUNDLE");
    out->s3_endpoint = s3_endpoint();
    read_keys(out);
    const char *region = VARIABLE("AWS_REGION", "AWS_DEFAULT_REGION");
    out->s3_region = region != NULL ? region : out->s3_region;
    return read_switch("MLFLOW_S3_IGNORE_TLS", &out->s3_insecure_tls);
}
