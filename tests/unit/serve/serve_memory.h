/* SPDX-License-Identifier: MIT */
/* tests/unit/serve/serve_memory.h: a server that has memory for so many allocations. */
#ifndef EVTWIN_TEST_SERVE_MEMORY_H
#define EVTWIN_TEST_SERVE_MEMORY_H

#include "serve_client.h"

#include "fail_nth.h"
#include "serve/server.h"

/* Nobody waits for these. */
static inline void read_all_of(evtwin__http_stream *stream, evtwin__text *to, int *is_whole_out) {
    char piece[4096];
    ptrdiff_t n;
    stream->open(stream->ctx, NULL);
    while ((n = stream->read(stream->ctx, piece, sizeof piece)) >= 0) {
        const long left = fail_nth_countdown; /* what we keep is not the server's */
        fail_nth_countdown = -1;
        evtwin__text_add(to, piece, (size_t)n);
        fail_nth_countdown = left;
    }
    stream->close(stream->ctx);
    *is_whole_out = n != EVTWIN__HTTP_BROKEN;
}

/* Start a server, ask it in this thread, free it, with memory for n_allocations; 1 if all went
 * well, and then *size_out (NULL is fine) is the size of the answer. Good or not, an answer is
 * whole, says so if it is not, and nothing is left behind. */
static inline int serve_with(int n_allocations, const char *uri, const char *target,
                             size_t *size_out) {
    evtwin_server_options options;
    evtwin_server_options_init(&options, sizeof options);
    options.listen = "127.0.0.1:0";
    options.store = uri;
    /* the answer stays the same however long the tests take */
    options.silent_after_s = options.predictions_stopped_after_s = 86400.0;
    evtwin_server *other = NULL;
    const long n_live = fail_nth_live;
    fail_nth_countdown = n_allocations;
    const evtwin_status st = evtwin_server_start(&options, &other);
    if (st < 0) {
        fail_nth_countdown = -1;
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_int_equal(fail_nth_live, n_live);
        return 0;
    }
    const evtwin__http_request request = {.method = "GET",
                                          .target = target,
                                          .target_length = strlen(target),
                                          .host = "localhost",
                                          .n_hosts = 1,
                                          .is_aside = 1};
    evtwin__http_response response = {0};
    evtwin__serve(other, &request, &response);
    int is_good = response.code == 200;
    evtwin__text text = {0};
    const char *data = response.asset != NULL ? response.asset : response.body.data;
    size_t size = response.asset != NULL ? response.asset_size : response.body.size;
    if (response.stream.ctx != NULL) {
        assert_int_equal(response.code, 200);
        read_all_of(&response.stream, &text, &is_good);
        size = text.size;
    }
    fail_nth_countdown = -1;
    if (response.stream.ctx == NULL) {
        assert_true(is_good || response.code == 503);
        json_t *value = json_loadb(data, size, 0, NULL);
        assert_non_null(value);
        json_decref(value);
    }
    evtwin__text_free(&text);
    evtwin__text_free(&response.body);
    evtwin_server_free(other);
    assert_int_equal(fail_nth_live, n_live);
    if (is_good && size_out != NULL) {
        *size_out = size;
    }
    return is_good;
}

/* The same with more and more memory until there is enough. The allocator must not change under the
 * threads of another server: there is none meanwhile. */
static inline void assert_survives_no_memory(const char *uri, const char *target) {
    size_t size = 0, before = 0, after = 0;
    evtwin_set_allocator(fail_nth_realloc, NULL);
    assert_true(serve_with(-1, uri, target, &before));
    int n = 0;
    while (!serve_with(n, uri, target, &size)) {
        n += 1 + n / 16; /* the deeper, the more alike */
        assert_true(n < 20000);
    }
    assert_true(n > 10);
    assert_true(serve_with(-1, uri, target, &after));
    /* Meanwhile ages may get more digits, and what got too old a notice. */
    if (size + 100 < before || after + 100 < size) {
        fail_msg("%s: %zu bytes, of %zu to %zu", target, size, before, after);
    }
    evtwin_set_allocator(NULL, NULL);
}

#endif
