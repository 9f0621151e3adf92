/* SPDX-License-Identifier: MIT */
/* bare/startup.c: from reset to main on a Cortex-M4; the debugger's semihosting is the console and
 * the disk. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern char stack_top[], bss_start[], bss_end[], tls_data[], tls_end[], tls_block[];
extern void initialise_monitor_handles(void);
extern int main(int argc, char **argv);

void reset(void);

static void halt(void) {
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_top, (void *)reset, (void *)halt, (void *)halt, (void *)halt, (void *)halt, (void *)halt};

void reset(void) {
    volatile uint32_t *const coprocessors = (uint32_t *)0xE000ED88;
    *coprocessors |= 0xFu << 20; /* the floating-point unit */
    __asm volatile("dsb; isb");
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    memcpy(tls_block, tls_data, (size_t)(tls_end - tls_data));
    initialise_monitor_handles();
    exit(main(1, (char *[]){"results", NULL}));
}

/* The one thread's block, two words before which the compiler counts from. Only r0 may change. */
__attribute__((naked)) void *__aeabi_read_tp(void);
void *__aeabi_read_tp(void) {
    __asm("ldr r0, =tls_block - 8\n bx lr");
}

/* What newlib calls and a machine without a system does not have. */
void _init(void);
void _init(void) {
}

void _fini(void);
void _fini(void) {
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    (void)clock;
    *now = (struct timespec){0};
    return 0;
}
