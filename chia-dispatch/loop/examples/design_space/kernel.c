/* Multiplies two matrices in tiles, and says how long that took and what came out. */
#include <stdio.h>
#include <time.h>

#ifndef TILE
#define TILE 8
#endif
#ifndef UNROLL
#define UNROLL 1
#endif
#define N 192

static double a[N][N], b[N][N], c[N][N];

static void multiply(void) {
    for (int ii = 0; ii < N; ii += TILE)
        for (int kk = 0; kk < N; kk += TILE)
            for (int i = ii; i < ii + TILE && i < N; i++)
                for (int k = kk; k < kk + TILE && k < N; k++) {
                    double factor = a[i][k];
                    int j = 0;
                    for (; j + UNROLL <= N; j += UNROLL)
                        for (int u = 0; u < UNROLL; u++)
                            c[i][j + u] += factor * b[k][j + u];
                    for (; j < N; j++)
                        c[i][j] += factor * b[k][j];
                }
}

int main(void) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (i * 7 + j) % 11;
            b[i][j] = (i + j * 5) % 13;
        }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    multiply();
    clock_gettime(CLOCK_MONOTONIC, &end);
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum += c[i][j] * ((i + 2 * j) % 3);
    long long nanoseconds = (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec);
    printf("%lld %.0f\n", nanoseconds, sum);
    return 0;
}
