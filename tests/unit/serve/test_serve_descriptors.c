/* SPDX-License-Identifier: MIT */
/* A server that runs out of descriptors. Apart from the others because it forks: the parent has no
 * threads. */

#include "serve_client.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A server in a process that may have few descriptors; says its port through out, and ends when in
 * is closed. */
static void serve_with_few_descriptors(int in, int out, const char *uri) {
    const struct rlimit few = {40, 40};
    evtwin_server *s = start_server(uri, NULL);
    const int its_port = evtwin_server_port(s);
    char byte;
    const int ok = setrlimit(RLIMIT_NOFILE, &few) == 0 &&
                   write(out, &its_port, sizeof its_port) == (ssize_t)sizeof its_port;
    (void)!read(in, &byte, 1);
    evtwin_server_free(s);
    _exit(ok ? 0 : 1);
}

/* More clients than there are descriptors: nothing spins, nothing breaks, and once they go the
 * server answers as before. */
static void test_few_descriptors(void **state) {
    (void)state;
    enum { N = 80 };
    const char *uri = fresh_uri("few.db");
    const record one = {"BATTERY_001", evtwin_time_now(), 1, 50, 90, 30, 500, 0.1, NULL};
    fill_store(uri, &one, 1);
    int to[2], from[2], its_port = 0;
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        close(to[1]);
        serve_with_few_descriptors(to[0], from[1], uri);
    }
    close(to[0]);
    close(from[1]);
    assert_int_equal(read(from[0], &its_port, sizeof its_port), sizeof its_port);
    int fd[N];
    for (int i = 0; i < N; i++) {
        fd[i] = client_connect(its_port);
    }
    usleep(1000000);
    for (int i = 0; i < N; i++) {
        close(fd[i]);
    }
    int code = 0;
    for (int i = 0; i < 100 && code != 200; i++) {
        usleep(20000);
        reply r = client_get(its_port, "/api/battery/latest");
        code = r.code;
        reply_free(&r);
    }
    assert_int_equal(code, 200);
    close(to[1]);
    close(from[0]);
    int status = -1;
    struct rusage used;
    assert_int_equal(wait4(pid, &status, 0, &used), pid);
    assert_int_equal(status, 0);
    const double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    if (cpu_s > 0.4) {
        fail_msg("%g s of processor time in about a second", cpu_s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_descriptors),
    };
    return CLIENT_HAS_SERVER && has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
