/* SPDX-License-Identifier: MIT */
/* tests/unit/track/fake_mlflow.h: a tracking server in threads of the test, for what a real one
 * cannot show: memory that is out at any moment, an answer that waits. It has one registered model,
 * whose artifacts are the files of a folder; what is written it takes and forgets. Its memory is
 * malloc's, so that it is not counted as the library's. */
#ifndef EVTWIN_TEST_FAKE_MLFLOW_H
#define EVTWIN_TEST_FAKE_MLFLOW_H

#include "test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define FAKE_RUN "0123456789abcdef0123456789abcdef"

enum { FAKE_MAX_PEERS = 64, FAKE_MAX_HEAD = 16384 };

struct fake_mlflow;

/* A connection and its thread. */
typedef struct fake_peer {
    struct fake_mlflow *server;
    int fd, is_used;
    pthread_t thread;
    atomic_int has_ended;
} fake_peer;

typedef struct fake_mlflow {
    const char *folder;         /* artifacts of its run, below "1": "1/bundle/manifest.json" */
    const char *name, *version; /* of its model */
    void (*before)(void *ctx, const char *method, const char *path); /* NULL, or called first */
    void *ctx;

    char uri[64];
    int fd;
    pthread_t acceptor;
    fake_peer peer[FAKE_MAX_PEERS];
} fake_mlflow;

/* ---- answers ---- */

static void fake_list(const fake_mlflow *m, const char *path, FILE *out) {
    char below[1024], *to = below;
    for (const char *c = path; *c != '\0' && to < below + sizeof below - 1; c++) {
        const int is_slash = strncmp(c, "%2F", 3) == 0;
        *to++ = is_slash ? '/' : *c;
        c += is_slash ? 2 : 0;
    }
    *to = '\0';
    char folder[2048];
    snprintf(folder, sizeof folder, "%s/%s", m->folder, below);
    DIR *dir = opendir(folder);
    const char *comma = "";
    fputs("{\"files\": [", out);
    for (const struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
        char file[4096];
        struct stat info;
        snprintf(file, sizeof file, "%s/%s", folder, d->d_name);
        if (d->d_name[0] != '.' && stat(file, &info) == 0) {
            fprintf(out, "%s{\"path\": \"%s\", \"is_dir\": %s, \"file_size\": %lld}", comma,
                    d->d_name, S_ISDIR(info.st_mode) ? "true" : "false", (long long)info.st_size);
            comma = ", ";
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    fputs("]}", out);
}

static int fake_file(const fake_mlflow *m, const char *path, FILE *out) {
    char file[8192], piece[4096];
    snprintf(file, sizeof file, "%s/%s", m->folder, path);
    FILE *f = fopen(file, "rb");
    for (size_t n; f != NULL && (n = fread(piece, 1, sizeof piece, f)) > 0;) {
        fwrite(piece, 1, n, out);
    }
    return f != NULL ? fclose(f), 200 : 404;
}

static int fake_answer(const fake_mlflow *m, const char *method, const char *path, FILE *out) {
    static const char files[] = "/api/2.0/mlflow-artifacts/artifacts", api[] = "/api/2.0/mlflow/";
    if (strcmp(path, "/version") == 0) {
        return fputs("3.17.2", out), 200;
    }
    if (strncmp(path, files, sizeof files - 1) == 0) {
        const char *rest = path + sizeof files - 1;
        if (strncmp(rest, "?path=", 6) == 0) {
            return fake_list(m, rest + 6, out), 200;
        }
        return strcmp(method, "GET") == 0 ? fake_file(m, rest + 1, out) : (fputs("{}", out), 200);
    }
    if (strncmp(path, api, sizeof api - 1) != 0) {
        return 404;
    }
    path += sizeof api - 1;
    if (strncmp(path, "experiments/get-by-name", 23) == 0) {
        return fputs("{\"error_code\": \"RESOURCE_DOES_NOT_EXIST\"}", out), 404;
    }
    if (strncmp(path, "registered-models/create", 24) == 0) {
        return fputs("{\"error_code\": \"RESOURCE_ALREADY_EXISTS\", \"message\": \"there\"}", out),
               400;
    }
    /* all that others read, at once */
    fprintf(out, "{\"experiment_id\": \"1\", \"artifact_uri\": \"mlflow-artifacts:/1\", "
                 "\"run\": {\"info\": {\"run_id\": \"" FAKE_RUN "\", \"experiment_id\": \"1\", "
                 "\"artifact_uri\": \"mlflow-artifacts:/1\"}}, "
                 "\"model\": {\"info\": {\"model_id\": \"m-1\", \"artifact_uri\": "
                 "\"mlflow-artifacts:/model\"}}, ");
    fprintf(out,
            "\"model_version\": {\"name\": \"%s\", \"version\": \"%s\", \"run_id\": \"" FAKE_RUN
            "\", \"source\": \"models:/m-1\", \"status\": \"READY\"}, ",
            m->name, m->version);
    fprintf(out, "\"model_versions\": [{\"name\": \"%s\", \"version\": \"%s\"}]}", m->name,
            m->version);
    return 200;
}

/* ---- connections ---- */

/* The head of a request with its end, or 0. */
static size_t fake_read_head(int fd, char head[FAKE_MAX_HEAD]) {
    size_t n = 0;
    while (n + 1 < FAKE_MAX_HEAD && recv(fd, head + n, 1, 0) == 1) {
        head[++n] = '\0';
        if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0) {
            return n;
        }
    }
    return 0;
}

static int fake_skip_body(int fd, const char *head) {
    const char *length = strcasestr(head, "\r\nContent-Length:");
    char piece[4096];
    for (long left = length != NULL ? atol(length + 17) : 0; left > 0;) {
        const ssize_t n = recv(fd, piece, left < 4096 ? (size_t)left : sizeof piece, 0);
        if (n <= 0) {
            return 0;
        }
        left -= n;
    }
    return 1;
}

static void *fake_serve(void *ctx) {
    fake_peer *peer = ctx;
    char head[FAKE_MAX_HEAD], method[16], path[4096];
    while (fake_read_head(peer->fd, head) > 0 && fake_skip_body(peer->fd, head) &&
           sscanf(head, "%15s %4095s", method, path) == 2) {
        char *body = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&body, &size);
        if (peer->server->before != NULL) {
            peer->server->before(peer->server->ctx, method, path);
        }
        const int code = fake_answer(peer->server, method, path, out);
        fclose(out);
        const int n =
            snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n", code, size);
        const int is_sent = send(peer->fd, head, (size_t)n, MSG_NOSIGNAL | MSG_MORE) == n &&
                            send(peer->fd, body, size, MSG_NOSIGNAL) == (ssize_t)size;
        free(body);
        if (!is_sent) {
            break;
        }
    }
    shutdown(peer->fd, SHUT_RDWR);
    atomic_store(&peer->has_ended, 1);
    return NULL;
}

static void fake_join(fake_peer *peer) {
    pthread_join(peer->thread, NULL);
    close(peer->fd);
    peer->is_used = 0;
}

static void *fake_accept(void *ctx) {
    fake_mlflow *m = ctx;
    for (int fd; (fd = accept(m->fd, NULL, NULL)) >= 0;) {
        fake_peer *free_one = NULL;
        for (size_t i = 0; i < FAKE_MAX_PEERS; i++) {
            fake_peer *peer = &m->peer[i];
            if (peer->is_used && atomic_load(&peer->has_ended)) {
                fake_join(peer);
            }
            free_one = peer->is_used ? free_one : peer;
        }
        if (free_one == NULL) {
            close(fd);
            continue;
        }
        *free_one = (fake_peer){.server = m, .fd = fd, .is_used = 1};
        pthread_create(&free_one->thread, NULL, fake_serve, free_one);
    }
    return NULL;
}

/* Set folder, name, version and before first. */
static void fake_start(fake_mlflow *m) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(m->fd >= 0);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(m->fd, 64), 0);
    assert_int_equal(getsockname(m->fd, (struct sockaddr *)&at, &size), 0);
    snprintf(m->uri, sizeof m->uri, "http://127.0.0.1:%d", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&m->acceptor, NULL, fake_accept, m), 0);
}

static void fake_stop(fake_mlflow *m) {
    shutdown(m->fd, SHUT_RDWR);
    pthread_join(m->acceptor, NULL);
    close(m->fd);
    for (size_t i = 0; i < FAKE_MAX_PEERS; i++) {
        if (m->peer[i].is_used) {
            shutdown(m->peer[i].fd, SHUT_RDWR);
            fake_join(&m->peer[i]);
        }
    }
}

#endif
