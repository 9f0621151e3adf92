/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_tracking.h: how the environment says to reach an MLflow server. */
#ifndef EVTWIN_TOOLS_CLI_CLI_TRACKING_H
#define EVTWIN_TOOLS_CLI_CLI_TRACKING_H

#include "cli/cli.h"

#include "evtwin/track.h"

/* The defaults, then what these variables say: MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN,
 * _SERVER_CERT_PATH, _INSECURE_TLS, MLFLOW_HTTP_REQUEST_TIMEOUT and _MAX_RETRIES,
 * MLFLOW_S3_ENDPOINT_URL and _IGNORE_TLS, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, and MINIO_ENDPOINT, MINIO_ACCESS_KEY, MINIO_SECRET_KEY in place of
 * absent ones. (The server itself, MLFLOW_TRACKING_URI, is an option of the tool.) Strings are the
 * environment's or static. 0, or an exit code after the variable was reported that is not valid. */
int cli_tracking_options(evtwin_tracker_options *out);

#endif
