/* SPDX-License-Identifier: MIT */
/* test_file.c: files read under a cap; files that appear whole or not at all. */

#include "test.h"

#include "fail_nth.h"

#include "core/file.h"
#include "core/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static void expect_content(const char *path, const char *want, size_t size) {
    char *data = NULL;
    size_t n = 0;
    assert_ok(evtwin__file_read(path, 1 << 20, &data, &n));
    assert_int_equal(n, size);
    assert_memory_equal(data, want, size);
    assert_int_equal(data[n], '\0');
    evtwin__free(data);
}

static size_t entries_in(const char *folder) {
    DIR *d = opendir(folder);
    assert_non_null(d);
    size_t n = 0;
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n - 2; /* . and .. */
}

static const char *fresh_folder(const char *name) {
    const char *path = temp_path(name);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

static void writes_and_reads_any_bytes(void **state) {
    (void)state;
    static const char *const names[] = {"plain",     "with blank", "\xc3\xa4\xe2\x82\xac",
                                        "a%20?#&=:", "-x",         "a\nb"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = temp_path(names[i]);
        assert_ok(evtwin__file_write(path, "a\0b\n", 4));
        expect_content(path, "a\0b\n", 4);
        assert_ok(evtwin__file_write(path, "", 0));
        expect_content(path, "", 0);
    }

    /* the longest name that a folder takes */
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    char path[512];
    snprintf(path, sizeof path, "%.200s/%s", fresh_folder("longest"), longest);
    assert_ok(evtwin__file_write(path, "x", 1));
    expect_content(path, "x", 1);
}

static void reads_only_up_to_the_cap(void **state) {
    (void)state;
    const char *path = temp_file("cap", "12345678");
    char *data = NULL;
    size_t n = 0;
    assert_ok(evtwin__file_read(path, 8, &data, &n));
    evtwin__free(data);
    data = NULL;
    assert_fails(evtwin__file_read(path, 7, &data, &n), EVTWIN_E_UNSUPPORTED, "cap|7 bytes");
    assert_null(data);
    assert_fails(evtwin__file_read("/dev/zero", 100000, &data, &n), EVTWIN_E_UNSUPPORTED,
                 "/dev/zero|device");

    /* a file that does not tell its size */
    assert_ok(evtwin__file_read("/proc/self/status", 1 << 20, &data, &n));
    assert_true(n > 100);
    evtwin__free(data);
}

static void tells_absent_from_unreadable(void **state) {
    (void)state;
    char *data = NULL;
    size_t n = 0;
    assert_fails(evtwin__file_read(temp_path("absent"), 9, &data, &n), EVTWIN_E_NOT_FOUND,
                 "absent");
    const char *file = temp_file("file", "x");
    char below[300];
    snprintf(below, sizeof below, "%s/below", file);
    assert_fails(evtwin__file_read(below, 9, &data, &n), EVTWIN_E_NOT_FOUND, "below");
    assert_fails(evtwin__file_read("/tmp", 9, &data, &n), EVTWIN_E_IO, "/tmp");
    assert_fails(evtwin__file_write("/tmp", "x", 1), EVTWIN_E_IO, "/tmp");
    assert_fails(evtwin__file_write(temp_path("no/folder"), "x", 1), EVTWIN_E_NOT_FOUND,
                 "no/folder");
    assert_null(data);
}

static const char *fresh_pipe(const char *name) {
    const char *path = temp_path(name);
    assert_int_equal(mkfifo(path, 0600), 0);
    return path;
}

/* Signals that come again and again, as somebody who wants to stop sends them. */
static void on_alarm(int number) {
    (void)number;
}

static void set_alarms(int every_us) {
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    const struct itimerval timer = {.it_interval.tv_usec = every_us, .it_value.tv_usec = every_us};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void the_other_end_of_a_pipe_does_not_hold_a_stop_up(void **state) {
    (void)state;
    const char *path = fresh_pipe("held");
    char *data = NULL;
    size_t n = 0;
    set_alarms(10000);
    assert_fails(evtwin__file_read(path, 9, &data, &n), EVTWIN_E_IO, "held");
    assert_fails(evtwin__file_write(path, "x", 1), EVTWIN_E_IO, "held");
    set_alarms(0);
    assert_null(data);
}

static void a_pipe_is_open_at_once_and_waits_for_its_writer(void **state) {
    (void)state;
    const char *path = fresh_pipe("pipe");
    int out = -1, in = -1;
    assert_fails(evtwin__fd_open_output(path, O_WRONLY, 0, &out), EVTWIN_E_AGAIN, "pipe");
    assert_ok(evtwin__fd_open_input(path, 0, &in));
    assert_ok(evtwin__fd_open_output(path, O_WRONLY, 0, &out));
    assert_int_equal(fcntl(out, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(close(in), 0);
    assert_int_equal(close(out), 0);

    /* a file read whole waits for the writer, a file written for the reader */
    const pid_t writer = fork();
    if (writer == 0) {
        _exit(evtwin__file_write(path, "from afar", 9) != EVTWIN_OK);
    }
    expect_content(path, "from afar", 9);
    int status = 1;
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
}

static void leaves_nothing_behind(void **state) {
    (void)state;
    const char *folder = fresh_folder("nothing");
    char path[300];
    snprintf(path, sizeof path, "%s/f", folder);
    assert_ok(evtwin__file_write(path, "old", 3));

    evtwin__writer *w = NULL;
    assert_ok(evtwin__writer_open(path, &w));
    assert_ok(evtwin__writer_write(w, "new", 3));
    assert_int_equal(entries_in(folder), 2);
    expect_content(path, "old", 3);
    evtwin__writer_abandon(w);
    assert_int_equal(entries_in(folder), 1);
    expect_content(path, "old", 3);
    evtwin__writer_abandon(NULL);
}

/* A limit on the file size stands in for a full disk; in a child, because it lasts. */
static void a_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    const char *folder = fresh_folder("full");
    char path[300];
    snprintf(path, sizeof path, "%s/f", folder);
    assert_ok(evtwin__file_write(path, "old", 3));
    const pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        const struct rlimit limit = {100000, 100000};
        char *big = calloc(1, 300000);
        const int failed = setrlimit(RLIMIT_FSIZE, &limit) == 0 && big != NULL &&
                           evtwin__file_write(path, big, 300000) == EVTWIN_E_IO &&
                           strstr(evtwin_last_error(), path) != NULL;
        free(big);
        _exit(failed ? 0 : 1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(entries_in(folder), 1);
    expect_content(path, "old", 3);

    assert_fails(evtwin__file_write("/dev/full", "x", 1), EVTWIN_E_IO, "/dev/full");
    assert_int_equal(access("/dev/full", F_OK), 0);
}

static void keeps_links_modes_and_devices(void **state) {
    (void)state;
    char target[300], link[300];
    snprintf(target, sizeof target, "%s", temp_file("target", "old"));
    snprintf(link, sizeof link, "%s", temp_path("link"));
    assert_int_equal(chmod(target, 0640), 0);
    assert_int_equal(symlink(target, link), 0);
    assert_ok(evtwin__file_write(link, "new", 3));
    struct stat info;
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(target, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    expect_content(target, "new", 3);

    assert_ok(evtwin__file_write("/dev/null", "x", 1));
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

static void many_small_and_large_writes_add_up(void **state) {
    (void)state;
    const char *path = temp_path("many");
    evtwin__writer *w = NULL;
    assert_ok(evtwin__writer_open(path, &w));
    static char block[70000];
    memset(block, 'b', sizeof block);
    size_t want = 0;
    for (size_t i = 0; i < 3000; i++) {
        const size_t n = i % 500 == 499 ? sizeof block : i % 101;
        assert_ok(evtwin__writer_write(w, block, n));
        want += n;
    }
    assert_ok(evtwin__writer_commit(w));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, want);
}

static void a_dash_is_standard_output(void **state) {
    (void)state;
    const char *path = temp_path("stdout");
    fflush(stdout);
    const int saved = dup(1);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    dup2(fd, 1);
    const evtwin_status st = evtwin__file_write("-", "out", 3);
    const ssize_t n = write(1, "!", 1); /* still open */
    dup2(saved, 1);
    close(saved);
    close(fd);
    assert_int_equal(st, EVTWIN_OK);
    assert_int_equal(n, 1);
    expect_content(path, "out!", 4);
}

static void makes_folders_on_the_way(void **state) {
    (void)state;
    const char *path = temp_path("a/b//c/");
    struct stat info;
    assert_ok(evtwin__mkdirs(path));
    assert_int_equal(stat(path, &info), 0);
    assert_ok(evtwin__mkdirs(path));
    assert_ok(evtwin__mkdirs("/"));
    const char *file = temp_file("in-the-way", "x");
    assert_fails(evtwin__mkdirs(file), EVTWIN_E_IO, "in-the-way");
    char below[300];
    snprintf(below, sizeof below, "%s/x/y", file);
    assert_fails(evtwin__mkdirs(below), EVTWIN_E_IO, "in-the-way");
    assert_int_equal(evtwin__mkdirs(""), EVTWIN_E_IO);
}

static evtwin_status write_and_read(void *ctx) {
    const char *path = ctx;
    char *data = NULL;
    size_t size = 0;
    evtwin_status st = evtwin__file_write(path, "x", 1);
    if (st == EVTWIN_OK) {
        st = evtwin__file_read(path, 9, &data, &size);
    }
    evtwin__free(data);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    const char *folder = fresh_folder("nomem");
    char path[300];
    snprintf(path, sizeof path, "%s/f", folder);
    assert_true(fail_every_allocation(write_and_read, path) > 4);
    assert_int_equal(entries_in(folder), 1);
}

/* What a killed process left goes with the next file that is written there; what a living one is
 * writing, and what only looks alike, stays. */
static void temporary_files_of_the_dead_are_swept(void **state) {
    (void)state;
    static const char *const others[] = {".evtwin-1-2.tmpx", ".evtwin-1.tmp", "evtwin-1-2.tmp"};
    char folder[256], target[300], path[300];
    snprintf(folder, sizeof folder, "%s", fresh_folder("swept"));
    snprintf(target, sizeof target, "%s/x", folder);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, others[i]);
        assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
    }
    snprintf(path, sizeof path, "%s/.evtwin-4000000-17.tmp", folder);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
    evtwin__writer *living = NULL;
    assert_ok(evtwin__writer_open(target, &living));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(entries_in(folder), 3 + 1);
    snprintf(path, sizeof path, "%s/y", folder);
    assert_ok(evtwin__file_write(path, "y", 1));
    assert_ok(evtwin__writer_write(living, "x", 1));
    assert_ok(evtwin__writer_commit(living));
    expect_content(target, "x", 1);
    assert_int_equal(entries_in(folder), 3 + 2);
}

static void new_files_are_their_owners(void **state) {
    (void)state;
    const mode_t before = umask(0);
    char path[300], folder[256];
    snprintf(folder, sizeof folder, "%s", temp_path("private"));
    snprintf(path, sizeof path, "%s/x", folder);
    assert_ok(evtwin__mkdirs(folder));
    evtwin__writer *w = NULL;
    assert_ok(evtwin__writer_open(path, &w));
    assert_ok(evtwin__writer_commit(w));
    umask(before);
    struct stat info;
    assert_int_equal(stat(folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_any_bytes),
        cmocka_unit_test(reads_only_up_to_the_cap),
        cmocka_unit_test(tells_absent_from_unreadable),
        cmocka_unit_test(the_other_end_of_a_pipe_does_not_hold_a_stop_up),
        cmocka_unit_test(a_pipe_is_open_at_once_and_waits_for_its_writer),
        cmocka_unit_test(leaves_nothing_behind),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(keeps_links_modes_and_devices),
        cmocka_unit_test(many_small_and_large_writes_add_up),
        cmocka_unit_test(a_dash_is_standard_output),
        cmocka_unit_test(makes_folders_on_the_way),
        cmocka_unit_test(temporary_files_of_the_dead_are_swept),
        cmocka_unit_test(new_files_are_their_owners),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
