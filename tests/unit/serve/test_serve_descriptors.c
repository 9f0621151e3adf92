/* SPDX-License-Identifier: MIT */
/* A server that runs out of descriptors. Apart from the others because it forks: the parent has no
 * threads. */

#include "serve_client.h"

#include "core/clock.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

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

/* Processor time of another process. */
static double cpu_s(pid_t pid) {
    clockid_t clock;
    struct timespec t;
    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    assert_int_equal(clock_gettime(clock, &t), 0);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
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
    const double began_s = evtwin__monotonic_s(), used_s = cpu_s(pid);
    usleep(1000000);
    const double busy_s = cpu_s(pid) - used_s, held_s = evtwin__monotonic_s() - began_s;
    for (int i = 0; i < N; i++) {
        close(fd[i]);
    }
    int code = 0;
    const double end_s = evtwin__monotonic_s() + 60.0;
    while (code != 200 && evtwin__monotonic_s() < end_s) {
        usleep(20000);
        reply r = client_get(its_port, "/api/battery/latest");
        code = r.code;
        reply_free(&r);
    }
    assert_int_equal(code, 200);
    close(to[1]);
    close(from[0]);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    if (busy_s > 0.4 * held_s) {
        fail_msg("%g s of processor time in %g s", busy_s, held_s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_descriptors),
    };
    return CLIENT_HAS_SERVER && has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
