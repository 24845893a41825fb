/* What waking another process through Redis takes, with no queue around it: RPUSH here, BLPOP in a child that waits.
 *
 *     blocking_pop SOCKET
 *
 * The delay runs from the call here to the answer there, in the pauses of Pkgmill's own measurement. Prints one line of
 * JSON. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UNMEASURED = 5, SAMPLES = 100 };

static void fail(const char *what) {
    fprintf(stderr, "blocking_pop: %s\n", what);
    exit(1);
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static redisContext *dial(const char *path) {
    redisContext *link = redisConnectUnix(path);
    if (link == NULL || link->err) fail(link ? link->errstr : "no memory");
    return link;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void pop(const char *path) {
    static double samples[SAMPLES];
    redisContext *link = dial(path);
    for (int i = -UNMEASURED; i < SAMPLES; i++) {
        redisReply *reply = redisCommand(link, "BLPOP bench-pop 30");
        long long now = nanoseconds();
        if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) fail("nothing came");
        if (i >= 0) samples[i] = (now - atoll(reply->element[1]->str)) / 1e6;
        freeReplyObject(reply);
    }
    qsort(samples, SAMPLES, sizeof *samples, compare);
    printf("{\"subject\":\"blpop\",\"figures\":[");
    for (int i = 0; i < 2; i++) {
        int percent = i ? 99 : 50;
        printf("%s{\"measure\":\"latency-p%d\",\"unit\":\"ms\",\"median\":%.6f,\"count\":%d}", i ? "," : "", percent,
            samples[(SAMPLES * percent + 99) / 100 - 1], SAMPLES);
    }
    printf("]}\n");
}

int main(int count, char **words) {
    if (count != 2) fail("usage: blocking_pop SOCKET");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        pop(words[1]);
        return 0;
    }
    redisContext *link = dial(words[1]);
    srand(getpid());
    for (int i = 0; i < UNMEASURED + SAMPLES; i++) {
        usleep(100000 + rand() % 200000);
        redisReply *reply = redisCommand(link, "RPUSH bench-pop %lld", nanoseconds());
        if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) fail("RPUSH");
        freeReplyObject(reply);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0) fail("the child failed");
    return 0;
}
