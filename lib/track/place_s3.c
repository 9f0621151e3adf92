/* SPDX-License-Identifier: MIT */
/* track/place_s3.c: artifacts in a bucket of S3, with our own keys; requests are path-style and
 * signed with the hash of what they carry. Source: Amazon S3 API reference; signing is libcurl's.
 */

#include "track/place.h"
#include "track/s3_list.h"
#include "track/url.h"

#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"
#include "core/uri.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of one PUT, 5 GiB; more would have to go in parts. Source: Amazon S3 User Guide, "Uploading
 * objects". */
#define MAX_PUT (UINT64_C(5) << 30)

enum { PIECE = 64 * 1024, MAX_PARTS = 1000, MAX_TOKEN = 2048 };

/* The headers and the identity of a request. */
typedef struct signing {
    char hash[96], token[MAX_TOKEN + 64], provider[96];
    const char *header[3];
} signing;

static evtwin_status sign(const evtwin__place *place, const char hash[EVTWIN__SHA256_HEX_SIZE],
                          signing *s, evtwin__request *request) {
    const evtwin_tracker_options *o = &place->tracker->options;
    size_t n = 0;
    snprintf(s->hash, sizeof s->hash, "x-amz-content-sha256: %s", hash);
    snprintf(s->provider, sizeof s->provider, "aws:amz:%s:s3", o->s3_region);
    s->header[n++] = s->hash;
    if (request->from_file) {
        s->header[n++] = "Content-Type: application/octet-stream";
    }
    if (o->s3_session_token != NULL) {
        EVTWIN_FAIL_IF(strlen(o->s3_session_token) > MAX_TOKEN, EVTWIN_E_ARG,
                       "s3_session_token has more than %d bytes", MAX_TOKEN);
        snprintf(s->token, sizeof s->token, "x-amz-security-token: %s", o->s3_session_token);
        s->header[n++] = s->token;
    }
    request->header = s->header;
    request->n_headers = n;
    request->sigv4 = s->provider;
    request->user = o->s3_access_key; /* not those of the tracking server */
    request->password = o->s3_secret_key;
    request->token = NULL;
    request->ca_file = o->s3_ca_file;
    request->is_insecure = o->s3_insecure_tls;
    return EVTWIN_OK;
}

static evtwin_status hash_of(int fd, const char *path, size_t size,
                             char hex[EVTWIN__SHA256_HEX_SIZE]) {
    char *piece = evtwin__calloc(1, PIECE);
    evtwin__sha256 sha;
    size_t at = 0;
    EVTWIN_FAIL_IF(piece == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    evtwin__sha256_begin(&sha);
    ssize_t n = 1;
    while (at < size && n > 0) {
        do {
            n = pread(fd, piece, size - at < PIECE ? size - at : PIECE, (off_t)at);
        } while (n < 0 && errno == EINTR);
        if (n > 0) {
            evtwin__sha256_add(&sha, piece, (size_t)n);
            at += (size_t)n;
        }
    }
    evtwin__free(piece);
    EVTWIN_FAIL_IF(at < size, EVTWIN_E_IO, "%s: cannot be read", path);
    evtwin__sha256_end(&sha, hex);
    return EVTWIN_OK;
}

/* ---- refusals ---- */

static const char *hint(const char *code) {
    static const struct {
        const char *code, *hint;
    } known[] = {{"NoSuchBucket", " (a bucket is not made here: make it first)"},
                 {"SignatureDoesNotMatch", " (is the secret key right?)"},
                 {"InvalidAccessKeyId", " (is the access key right?)"},
                 {"XAdminUserNotFound", " (is the access key right?)"}, /* versitygw's */
                 {"PermanentRedirect", " (is the region right?)"},
                 {"AuthorizationHeaderMalformed", " (is the region right?)"},
                 {"RequestTimeTooSkewed", " (is the clock right?)"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(code, known[i].code) == 0) {
            return known[i].hint;
        }
    }
    return "";
}

static evtwin_status status_of(int code, const char *word) {
    if (strcmp(word, "NoSuchBucket") == 0 || strcmp(word, "NoSuchKey") == 0) {
        return EVTWIN_E_NOT_FOUND;
    }
    if (code == 401 || code == 403 || strcmp(word, "XAdminUserNotFound") == 0) {
        return EVTWIN_E_DENIED;
    }
    return code == 429 || (code >= 502 && code <= 504) ? EVTWIN_E_AGAIN : EVTWIN_E_EXTERNAL;
}

static evtwin_status refused(const evtwin__place *place, const char *name,
                             const evtwin__reply *reply) {
    const char *xml = reply->body.data != NULL ? reply->body.data : "";
    char *code = evtwin__s3_element(xml, reply->body.size, "Code");
    char *words = evtwin__s3_element(xml, reply->body.size, "Message");
    const evtwin_status known = status_of(reply->code, code != NULL ? code : "");
    const char *what_to_do = hint(code != NULL ? code : "");
    if (code != NULL) {
        evtwin__track_hide(place->tracker, code);
    }
    if (words != NULL) {
        evtwin__track_hide(place->tracker, words);
    }
    const evtwin_status st =
        evtwin__fail(known, "%s: S3 answers %d%s%.60s%s%.300s%s", name, reply->code,
                     code != NULL ? " " : "", code != NULL ? code : "", words != NULL ? ": " : "",
                     words != NULL ? words : "", what_to_do);
    evtwin__free(code);
    evtwin__free(words);
    return st;
}

/* ---- files ---- */

static char *url_of(const evtwin__place *place, const char *path) {
    evtwin__text url = {0};
    char *key = evtwin__url_join(place->path, path);
    evtwin__text_put(&url, place->url);
    evtwin__text_put(&url, "/");
    url.is_failed |= key == NULL;
    if (key != NULL) {
        evtwin__url_add(&url, key, 1);
    }
    evtwin__free(key);
    return evtwin__url_end(&url);
}

static void name_of(const evtwin__place *place, const char *path,
                    char name[EVTWIN__TRACK_NAME_SIZE]) {
    snprintf(name, EVTWIN__TRACK_NAME_SIZE, "%.300s%s%.150s", place->uri,
             path[0] != '\0' ? "/" : "", EVTWIN__TRACK_SHOWN(place->tracker, path));
}

static evtwin_status send_file(const evtwin__place *place, const char *url, const char *name,
                               int fd, size_t size) {
    char hash[EVTWIN__SHA256_HEX_SIZE];
    signing s;
    const uint64_t bytes = size; /* a size_t of 32 bits holds less than the limit */
    EVTWIN_FAIL_IF(bytes > MAX_PUT, EVTWIN_E_RANGE,
                   "%s: has %zu bytes; S3 takes %" PRIu64
                   " (5 GiB) in one file: make it smaller, or "
                   "start the tracking server with --serve-artifacts",
                   name, size, MAX_PUT);
    evtwin__request request = evtwin__track_request(place->tracker, "PUT", url, name);
    request.from_file = 1;
    request.body_fd = fd;
    request.body_size = size;
    EVTWIN_TRY(hash_of(fd, name, size, hash));
    EVTWIN_TRY(sign(place, hash, &s, &request));
    evtwin__reply reply;
    evtwin_status st = evtwin__track_send(place->tracker, &request, 1, &reply);
    if (st == EVTWIN_OK && (reply.code < 200 || reply.code > 299)) {
        st = refused(place, name, &reply);
    }
    evtwin__text_free(&reply.body);
    return st;
}

static evtwin_status put(const evtwin__place *place, const char *path, int fd, size_t size) {
    char name[EVTWIN__TRACK_NAME_SIZE];
    char *url = url_of(place, path);
    EVTWIN_FAIL_IF(url == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    name_of(place, path, name);
    const evtwin_status st = send_file(place, url, name, fd, size);
    evtwin__free(url);
    return st;
}

static evtwin_status fetch_file(const evtwin__place *place, const char *url, const char *name,
                                const char *file, size_t max, size_t *size_out) {
    char hash[EVTWIN__SHA256_HEX_SIZE];
    signing s;
    evtwin__request request = evtwin__track_request(place->tracker, "GET", url, name);
    evtwin__sha256_hex("", 0, hash);
    EVTWIN_TRY(sign(place, hash, &s, &request));
    evtwin__reply reply;
    evtwin_status st = evtwin__place_fetch(place->tracker, &request, file, max, &reply);
    if (st == EVTWIN_OK && (reply.code < 200 || reply.code > 299)) {
        st = refused(place, name, &reply);
    }
    *size_out = reply.n_written;
    evtwin__text_free(&reply.body);
    return st;
}

static evtwin_status get(const evtwin__place *place, const char *path, const char *file, size_t max,
                         size_t *size_out) {
    char name[EVTWIN__TRACK_NAME_SIZE];
    char *url = url_of(place, path);
    EVTWIN_FAIL_IF(url == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    name_of(place, path, name);
    const evtwin_status st = fetch_file(place, url, name, file, max, size_out);
    evtwin__free(url);
    return st;
}

/* ---- lists ---- */

typedef struct listing {
    size_t n_prefix; /* of a key, which its path below the place does not have */
    evtwin__entry_fn fn;
    void *ctx;
} listing;

/* An object whose key ends with '/' is how some programs mark a folder. */
static evtwin_status tell(void *ctx, const char *key, int64_t size) {
    const listing *l = ctx;
    const size_t n = strlen(key);
    EVTWIN_FAIL_IF(n < l->n_prefix, EVTWIN_E_PARSE,
                   "a list of S3 has a key that was not requested");
    if (n == l->n_prefix || key[n - 1] == '/') {
        return EVTWIN_OK;
    }
    const evtwin__entry entry = {key + l->n_prefix, 0, size};
    return l->fn(l->ctx, &entry);
}

/* The parameters of a query in the order of the alphabet, as a signature wants them. */
static char *list_url(const evtwin__place *place, const char *prefix, const char *token) {
    evtwin__text url = {0};
    evtwin__text_put(&url, place->url);
    evtwin__text_put(&url, "/?");
    if (token != NULL) {
        evtwin__text_put(&url, "continuation-token=");
        evtwin__url_add(&url, token, 0);
        evtwin__text_put(&url, "&");
    }
    evtwin__text_put(&url, "list-type=2&prefix=");
    evtwin__url_add(&url, prefix, 0);
    return evtwin__url_end(&url);
}

/* One answer; *token is that of this part (NULL: the first), then of the next one. */
static evtwin_status list_part(const evtwin__place *place, const char *prefix, char **token,
                               listing *l) {
    char name[EVTWIN__TRACK_NAME_SIZE], hash[EVTWIN__SHA256_HEX_SIZE];
    signing s;
    char *url = list_url(place, prefix, *token);
    evtwin__free(*token);
    *token = NULL;
    EVTWIN_FAIL_IF(url == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    name_of(place, "", name);
    evtwin__request request = evtwin__track_request(place->tracker, "GET", url, name);
    evtwin__sha256_hex("", 0, hash);
    evtwin__reply reply = {.code = 0};
    evtwin_status st = sign(place, hash, &s, &request);
    if (st == EVTWIN_OK) {
        st = evtwin__track_send(place->tracker, &request, 1, &reply);
    }
    if (st == EVTWIN_OK && (reply.code < 200 || reply.code > 299)) {
        st = refused(place, name, &reply);
    } else if (st == EVTWIN_OK) {
        st = evtwin__s3_list(reply.body.data != NULL ? reply.body.data : "", reply.body.size, tell,
                             l, token);
    }
    evtwin__text_free(&reply.body);
    evtwin__free(url);
    return st;
}

static evtwin_status list(const evtwin__place *place, const char *path, evtwin__entry_fn fn,
                          void *ctx) {
    char *folder = evtwin__url_join(place->path, path);
    char *prefix = folder != NULL ? evtwin__url_join(folder, "/") : NULL;
    evtwin__free(folder);
    EVTWIN_FAIL_IF(prefix == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    const size_t n = strlen(prefix);
    if (n >= 2 && prefix[n - 2] == '/') { /* joined with one between */
        prefix[n - 1] = '\0';
    }
    if (strcmp(prefix, "/") == 0) { /* the bucket itself */
        prefix[0] = '\0';
    }
    listing l = {strlen(prefix), fn, ctx};
    char *token = NULL;
    evtwin_status st = EVTWIN_OK;
    size_t n_parts = 0;
    do {
        st = list_part(place, prefix, &token, &l);
    } while (st == EVTWIN_OK && token != NULL && ++n_parts < MAX_PARTS);
    const int is_cut = st == EVTWIN_OK && token != NULL;
    evtwin__free(token);
    evtwin__free(prefix);
    EVTWIN_FAIL_IF(is_cut, EVTWIN_E_RANGE, "artifacts at %.200s: a list of more than %d parts",
                   place->uri, MAX_PARTS);
    return st;
}

/* ---- the place ---- */

static const evtwin__place_kind s3 = {put, list, get};

/* "http://host:9000" or "https://s3.REGION.amazonaws.com", to which the keys go. */
static evtwin_status add_endpoint(const evtwin_tracker_options *o, evtwin__text *url) {
    evtwin__uri uri;
    if (o->s3_endpoint == NULL) {
        evtwin__text_put(url, "https://s3.");
        evtwin__text_put(url, o->s3_region);
        evtwin__text_put(url, ".amazonaws.com");
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__uri_parse(o->s3_endpoint, &uri));
    const int is_good = (strcmp(uri.scheme, "http") == 0 || strcmp(uri.scheme, "https") == 0) &&
                        uri.user[0] == '\0' && uri.host[0] != '\0' && uri.n_params == 0 &&
                        strspn(uri.path, "/") == strlen(uri.path);
    evtwin__uri_free(&uri);
    EVTWIN_FAIL_IF(!is_good, EVTWIN_E_ARG,
                   "the endpoint of S3 is not an address such as http://HOST:9000");
    size_t n = strlen(o->s3_endpoint);
    while (n > 0 && o->s3_endpoint[n - 1] == '/') {
        n--;
    }
    evtwin__text_add(url, o->s3_endpoint, n);
    return EVTWIN_OK;
}

static evtwin_status split(evtwin__place *place, const char *bucket, size_t n_bucket) {
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    const char *key = bucket + n_bucket + strspn(bucket + n_bucket, "/");
    EVTWIN_FAIL_IF(n_bucket == 0 || strspn(bucket, good) < n_bucket || bucket[0] == '.',
                   EVTWIN_E_PARSE, "artifacts at %.200s: not a bucket of S3", place->uri);
    EVTWIN_FAIL_IF(key[0] != '\0' && !evtwin__url_stays_below(key), EVTWIN_E_PARSE,
                   "artifacts at %.200s: a path that leads out of its folder", place->uri);
    evtwin__text url = {0};
    const evtwin_status st = add_endpoint(&place->tracker->options, &url);
    evtwin__text_put(&url, "/");
    evtwin__text_add(&url, bucket, n_bucket);
    place->url = evtwin__url_end(&url);
    place->path = evtwin__strdup(key);
    EVTWIN_FAIL_IF(st == EVTWIN_OK && (place->url == NULL || place->path == NULL), EVTWIN_E_NOMEM,
                   "out of memory for artifacts");
    return st;
}

evtwin_status evtwin__place_s3(evtwin__place *place) {
    const char *bucket = place->given + strlen("s3://");
    EVTWIN_FAIL_IF(
        place->tracker->options.s3_access_key == NULL, EVTWIN_E_STATE,
        "artifacts at %.200s: S3 needs keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        place->uri);
    place->kind = &s3;
    return split(place, bucket, strcspn(bucket, "/"));
}
