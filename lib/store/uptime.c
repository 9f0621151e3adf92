/* SPDX-License-Identifier: MIT */
/* store/uptime.c: how long the machine has been running: a clock that nobody sets. */

#include "store/uptime.h"

#include "core/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Past the C library, where programs that fake the time of a process sit. */
static int64_t boottime_us(void) {
    struct timespec now = {0};
    syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char name[EVTWIN__BOOT_SIZE];

/* Without a name for the start (no /proc) two processes cannot compare: each has a name of its own.
 */
static void find_name(void) {
    const int fd = evtwin__fd_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
    const ssize_t n = fd >= 0 ? evtwin__fd_read(fd, name, sizeof name - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (n > 0) {
        name[strcspn(name, "\n")] = '\0';
    } else {
        snprintf(name, sizeof name, "process %ld %lld", (long)getpid(), (long long)boottime_us());
    }
}

int64_t evtwin__uptime_us(char boot[EVTWIN__BOOT_SIZE]) {
    pthread_once(&once, find_name);
    memcpy(boot, name, sizeof name);
    return boottime_us();
}
