/* Loaded into a process by deploy/faults.sh (LD_PRELOAD): a wall clock that jumps, and a slow disk.
   DOZVON_CLOCK names a file with seconds to add to the wall clock; the monotonic clock stays as it is.
   DOZVON_SLOW names a file with milliseconds that each fsync takes longer. Both are read at each call.
   libfaketime cannot be used here: it does not start together with jemalloc, which Redis is built with. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long number_in(const char *variable) {
    const char *path = getenv(variable);
    char text[32] = {0};
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    long got = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    return got > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int failed = (int)syscall(SYS_clock_gettime, clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += number_in("DOZVON_CLOCK");
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

static void slow_down(void) {
    long ms = number_in("DOZVON_SLOW");
    if (ms > 0) usleep((useconds_t)ms * 1000);
}

int fsync(int fd) {
    slow_down();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    slow_down();
    return (int)syscall(SYS_fdatasync, fd);
}
