/* Loaded before the C library: the wall clock shows what the file WALL_CLOCK says, the other clocks what they show.
   "+86400" in the file is a day later, "-86400" a day earlier, "=86400" that second of 1970 for ever. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int found = (int)syscall(SYS_clock_gettime, clock, now);
    const char *path = getenv("WALL_CLOCK");
    FILE *file;
    if (found != 0 || clock != CLOCK_REALTIME || path == NULL || (file = fopen(path, "r")) == NULL)
        return found;
    char how;
    long long seconds;
    if (fscanf(file, "%c%lld", &how, &seconds) == 2) {
        now->tv_sec = how == '=' ? seconds : how == '-' ? now->tv_sec - seconds : now->tv_sec + seconds;
        now->tv_nsec = how == '=' ? 0 : now->tv_nsec;
    }
    fclose(file);
    return found;
}
