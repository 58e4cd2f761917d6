/* A certified fingerprint library as the tests need it (GA/T 1012's interface), and every way to misbehave.
   Byte 100 of the record says how: 0 compares, 1 refuses, 2 hangs, 3 crashes, 4 writes too far, 5 gives no similarity. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE (256 * 360)

static int begun = 0;

int FP_Begin(void) { return begun = 1; }

int FP_End(void) {
    begun = 0;
    return 1;
}

/* The record's bytes 200..207 are those in the middle of the image. */
static float alike(const unsigned char *image, const unsigned char *record) {
    return memcmp(image + IMAGE / 2, record + 200, 8) == 0 ? 0.75f : 0.1f;
}

int FP_ImageMatch(unsigned char *image, unsigned char *record, float *similarity) {
    if (!begun) return -1;
    switch (record[100]) {
        case 1: return -9;
        case 2: for (;;) sleep(1);
        case 3: abort();
        case 4: image[IMAGE] = 1; break;
        case 5: *similarity = 7.0f; return 1;
    }
    *similarity = alike(image, record);
    return 1;
}

int FP_FeatureExtract(unsigned char scanner, unsigned char finger, unsigned char *image, unsigned char *feature) {
    (void)scanner;
    if (!begun || finger != 99) return -1;
    memcpy(feature, image + IMAGE / 2, 8);
    return 1;
}

int FP_FeatureMatch(unsigned char *feature, unsigned char *record, float *similarity) {
    *similarity = memcmp(feature, record + 200, 8) == 0 ? 0.9f : 0.0f;
    return 1;
}
