/* SPDX-License-Identifier: MIT */
/* io/request.h: requests to an HTTP server, with a body from memory or a file and an answer into
 * memory or a file: bounded in time and size, certificates checked, redirects not followed. */
#ifndef EVTWIN_IO_REQUEST_H
#define EVTWIN_IO_REQUEST_H

#include "core/file.h"
#include "core/text.h"

#include "evtwin/base.h"

/* One thread's; its connections are used again. */
typedef struct evtwin__requester evtwin__requester;

/* EVTWIN_E_UNSUPPORTED in a build without libcurl, naming who needs it. */
evtwin_status evtwin__requester_create(const char *who, evtwin__requester **out);
void evtwin__requester_free(evtwin__requester *requester);

/* All borrowed; zero is a default. */
typedef struct evtwin__request {
    const char *method;        /* "GET", "POST", … */
    const char *url;           /* http: or https:, without user and password */
    const char *name;          /* for messages: what is asked, without a secret */
    const char *const *header; /* (n_headers) "Name: value" */
    size_t n_headers;
    const char *user, *password; /* NULL = none */
    const char *token;           /* bearer; NULL = none */
    const char *sigv4;           /* "aws:amz:REGION:s3": user and password are keys to sign with */
    int is_once; /* on a new connection: libcurl sends again by itself what an old one has lost */
    const char *ca_file; /* NULL = the authorities of the system */
    int is_insecure;     /* any certificate will do */
    double timeout_s;    /* of the whole; with a file: for how long nothing may move */
    const char *body;    /* NULL = none, unless from_file */
    size_t body_size;
    int from_file; /* 1: the body is body_fd's, from its start, body_size bytes */
    int body_fd;
    evtwin__writer *to; /* NULL = into memory; else where the body of an answer of 2xx goes */
    size_t max_answer;  /* bytes, of either */
    evtwin_progress_fn progress; /* not 0: give up */
    void *progress_ctx;
} evtwin__request;

typedef struct evtwin__reply {
    int code;             /* 200, 404, …; 0 = there was none */
    evtwin__text body;    /* freed by the caller: of memory, or of an answer that is not 2xx */
    size_t n_written;     /* bytes given to `to` */
    double retry_after_s; /* the server's wish; 0 = none */
    int may_have_arrived; /* the server may have seen it, whatever became of its answer */
} evtwin__reply;

/* EVTWIN_OK for an answer with any code. EVTWIN_E_AGAIN (not reachable, no answer in time, an
 * answer that ends early), EVTWIN_E_DENIED (certificate), EVTWIN_E_RANGE (more than max_answer),
 * EVTWIN_E_CANCELLED, EVTWIN_E_EXTERNAL, what writing to `to` or reading body_fd answers. */
evtwin_status evtwin__request_run(evtwin__requester *requester, const evtwin__request *request,
                                  evtwin__reply *reply);

#endif
