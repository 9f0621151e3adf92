/* SPDX-License-Identifier: MIT */
/* serve/process_metrics.c: what Prometheus expects of every program: its start, its time, its
 * memory. */

#include "serve/exposition.h"

#include "core/num.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/self/stat after the command's ")", from the third of proc(5) on. */
enum { UTIME = 11, STIME = 12, STARTTIME = 19, VSIZE = 20, RSS = 21, N_FIELDS = 22 };

/* Read the numbers of /proc/self/stat; 0 if there is no such file, or it looks otherwise. */
static int read_stat(double field[N_FIELDS]) {
    char text[1024];
    const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    const char *s = strrchr(text, ')'); /* the command may hold any character */
    if (s == NULL) {
        return 0;
    }
    s++;
    for (int i = 0; i < N_FIELDS; i++) {
        s += strspn(s, " ");
        const size_t length = strcspn(s, " \n");
        if (i > 0 && !evtwin__parse_f64(s, length, &field[i])) { /* field 0 is a letter */
            return 0;
        }
        s += length;
    }
    return 1;
}

/* Open descriptors, this look not counted; -1 if unknown. */
static int count_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return -1;
    }
    int n = -3; /* ".", ".." and the folder itself */
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static void expose_one(evtwin__exposition *e, const char *name, evtwin__metric_type type,
                       const char *unit, const char *help, double value) {
    evtwin__expose_family(e, name, type, unit, help);
    evtwin__expose(e, name, type == EVTWIN__COUNTER ? "_total" : "", NULL, 0, value);
}

void evtwin__expose_process(evtwin__exposition *e) {
    double field[N_FIELDS];
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    struct timespec real, boot;
    if (read_stat(field) && ticks > 0.0 && clock_gettime(CLOCK_REALTIME, &real) == 0 &&
        clock_gettime(CLOCK_BOOTTIME, &boot) == 0) {
        /* both clocks in whole milliseconds, so that the start does not tremble between scrapes */
        const double boot_s = (double)(real.tv_sec - boot.tv_sec) +
                              (double)((real.tv_nsec - boot.tv_nsec) / 1000000) * 1e-3;
        expose_one(e, "process_cpu_seconds", EVTWIN__COUNTER, "seconds",
                   "User and system time used.", (field[UTIME] + field[STIME]) / ticks);
        expose_one(e, "process_start_time_seconds", EVTWIN__GAUGE, "seconds",
                   "Start of the process since 1970.", boot_s + field[STARTTIME] / ticks);
        expose_one(e, "process_virtual_memory_bytes", EVTWIN__GAUGE, "bytes", "Virtual memory.",
                   field[VSIZE]);
        expose_one(e, "process_resident_memory_bytes", EVTWIN__GAUGE, "bytes", "Resident memory.",
                   field[RSS] * (double)sysconf(_SC_PAGESIZE));
    }
    const int n_open = count_descriptors();
    struct rlimit limit;
    if (n_open >= 0) {
        expose_one(e, "process_open_fds", EVTWIN__GAUGE, NULL, "Open file descriptors.", n_open);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        expose_one(e, "process_max_fds", EVTWIN__GAUGE, NULL, "Limit of open file descriptors.",
                   (double)limit.rlim_cur);
    }
}
