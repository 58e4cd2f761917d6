/* A vendor's photo library as the tests need it: every calling convention, and every way to misbehave. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define WIDTH 102
#define HEIGHT 126
#define RAW (WIDTH * HEIGHT * 3)
#define ROW 308
#define BMP (54 + HEIGHT * ROW)

/* Pixel (x, y) is blue = x, green = y, red = 200 + source byte 100. */
static void pixel(unsigned char *at, int x, int y, const unsigned char *source) {
    at[0] = x;
    at[1] = y;
    at[2] = 200 + source[100];
}

static void raw(const unsigned char *source, unsigned char *target) {
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) pixel(target + (y * WIDTH + x) * 3, x, y, source);
}

static void put32(unsigned char *at, int value) { memcpy(at, &value, 4); }

static void bmp_of(const unsigned char *source, unsigned char *target, int height, int bits) {
    memset(target, 0, BMP);
    target[0] = 'B';
    target[1] = 'M';
    put32(target + 2, BMP);
    put32(target + 10, 54);
    put32(target + 14, 40);
    put32(target + 18, WIDTH);
    put32(target + 22, height);
    target[26] = 1;
    target[28] = bits;
    for (int y = 0; y < HEIGHT; y++) {
        unsigned char *row = target + 54 + (height > 0 ? HEIGHT - 1 - y : y) * ROW;
        for (int x = 0; x < WIDTH; x++) pixel(row + x * 3, x, y, source);
    }
}

static void bmp(const unsigned char *source, unsigned char *target) { bmp_of(source, target, HEIGHT, 24); }

int unpack(const unsigned char *source, unsigned char *target, int code) {
    printf("chatter on standard output\n");
    fflush(stdout);
    if (code != 602) return 0;
    raw(source, target);
    return 1;
}

int _Unpack(const unsigned char *source, int size, unsigned char *target, int *length) {
    if (size != 1024) return 0;
    bmp(source, target);
    *length = BMP;
    return 1;
}

int Unpack(const unsigned char *source, unsigned char *target, int size) {
    if (size != 1024) return 0;
    bmp(source, target);
    return BMP;
}

void iDR220S_Dewlt(const unsigned char *source, unsigned char *target) { bmp(source, target); }

int WltToBmp(const unsigned char *source, unsigned char *target) {
    volatile unsigned char beyond = source[2047]; /* reads too much, as the real one is said to */
    (void)beyond;
    bmp(source, target);
    return 1;
}

int wlt2bmpBuffer(const unsigned char *source, unsigned char *target, int capacity) {
    if (capacity <= ROW * HEIGHT) return 0;
    bmp_of(source, target, -HEIGHT, 24);
    return 1;
}

static int file_to(const char *path, const char *made, int size) {
    unsigned char source[1024], *target = malloc(BMP + 100000);
    int in = open(path, O_RDONLY), out = open(made, O_WRONLY | O_CREAT, 0600);
    if (in < 0 || out < 0 || read(in, source, 1024) != 1024) return -3;
    bmp(source, target);
    if (write(out, target, size) != size) return -3;
    close(in);
    close(out);
    free(target);
    return 1;
}

int GetBmp(const char *path, int interface) {
    char made[4096];
    if (interface != 1) return -6;
    snprintf(made, sizeof made, "%.*s.bmp", (int)strlen(path) - 4, path);
    return file_to(path, made, BMP);
}

int dewlt(const char *path) { return file_to(path, "photo.bmp", BMP); }
int dewlt_huge(const char *path) { return file_to(path, "photo.bmp", BMP + 100000); }
int dewlt_nothing(const char *path) { return path != 0; }

int wrong_length(const unsigned char *source, int size, unsigned char *target, int *length) {
    (void)size;
    bmp(source, target);
    *length = 2000;
    return 1;
}

int impossible_length(const unsigned char *source, int size, unsigned char *target, int *length) {
    (void)source, (void)size, (void)target;
    *length = 1 << 30;
    return 1;
}

int negative_length(const unsigned char *source, unsigned char *target, int size) {
    (void)source, (void)target, (void)size;
    return -5;
}

int wrong_geometry(const unsigned char *source, unsigned char *target) {
    bmp(source, target);
    put32(target + 18, 358);
    put32(target + 22, 441);
    return 1;
}

int wrong_depth(const unsigned char *source, unsigned char *target) {
    bmp_of(source, target, HEIGHT, 8);
    return 1;
}

int wrong_start(const unsigned char *source, unsigned char *target) {
    bmp(source, target);
    put32(target + 10, 2000);
    return 1;
}

int early_start(const unsigned char *source, unsigned char *target) {
    bmp(source, target);
    put32(target + 10, 53);
    return 1;
}

int negative_start(const unsigned char *source, unsigned char *target) {
    bmp(source, target);
    put32(target + 10, -1);
    return 1;
}

int no_bmp(const unsigned char *source, unsigned char *target) {
    raw(source, target);
    return 1;
}

int crash(void) {
    volatile int *nowhere = 0;
    *nowhere = 1;
    return 1;
}

int hang(void) {
    for (;;) {
    }
}

int leave(void) { exit(0); }
int leave_badly(void) { _exit(3); }

int beyond_target(const unsigned char *source, unsigned char *target) {
    bmp(source, target);
    target[39886] = 1;
    return 1;
}

int before_target(const unsigned char *source, unsigned char *target) {
    bmp(source, target);
    target[-1] = 1;
    return 1;
}

int before_source(unsigned char *source, unsigned char *target) {
    bmp(source, target);
    source[-60000] = 1;
    return 1;
}

int far_beyond(unsigned char *source, unsigned char *target) {
    (void)source;
    memset(target, 0, 64 << 20);
    return 1;
}

/* Succeeds only where no memory dump is made, memory is bounded and few files may be open. */
int fenced(const unsigned char *source, unsigned char *target) {
    struct rlimit core, memory, files;
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_AS, &memory);
    getrlimit(RLIMIT_NOFILE, &files);
    if (core.rlim_max != 0 || memory.rlim_max != 1 << 30 || files.rlim_max != 64) return 0;
    if (prctl(PR_GET_DUMPABLE) != 0) return 0;
    bmp(source, target);
    return 1;
}

int hungry(void) {
    for (;;) {
        volatile char *block = malloc(64 << 20);
        if (!block) return 0;
        *block = 1;
    }
}
