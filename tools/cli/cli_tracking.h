/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_tracking.h: how the environment says to reach an MLflow server. */
#ifndef EVTWIN_TOOLS_CLI_CLI_TRACKING_H
#define EVTWIN_TOOLS_CLI_CLI_TRACKING_H

#include "cli/cli.h"

#include "evtwin/track.h"

/* The defaults, then what these variables say: MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN,
 * _SERVER_CERT_PATH, _INSECURE_TLS, MLFLOW_HTTP_REQUEST_TIMEOUT and _MAX_RETRIES,
 * MLFLOW_S3_ENDPOINT_URL (else AWS_ENDPOINT_URL_S3, MINIO_ENDPOINT), MLFLOW_S3_IGNORE_TLS,
 * AWS_CA_BUNDLE, AWS_REGION (else AWS_DEFAULT_REGION), AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY
 * and AWS_SESSION_TOKEN, and if neither key is set MINIO_ACCESS_KEY with MINIO_SECRET_KEY. (The
 * server itself, MLFLOW_TRACKING_URI, is an option of the tool.) Strings are the environment's or
 * static. 0, or an exit code after the variable was reported that is not valid. */
int cli_tracking_options(evtwin_tracker_options *out);

#endif
