// A card as the kernels see it, on one processor thread. Each thread of a block is a fibre that runs
// until it waits for its warp or its block; blocks run one after another. What a card leaves
// undefined ends the program here: a barrier that some threads never reach, a lane that left its
// warp before a shuffle.
#ifndef EMULATE_H
#define EMULATE_H

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define EMULATED
#define DEVICE static inline
#define SHARED static __attribute__((aligned(16)))
#define DYNAMIC_SHARED float *dynamic_shared = emulated_shared;
#define UNROLL
#define INFINITE __builtin_inff()
#define KERNEL(name, Arguments)                                                                                        \
    static void name##_body(const Arguments a);                                                                        \
    void name##_thread(const void *a) { name##_body(*(const Arguments *)a); }                                          \
    unsigned long long name##_bytes(void) { return sizeof(Arguments); }                                                \
    static void name##_body(const Arguments a)

typedef struct { unsigned x, y, z; } dim3;
typedef struct { float x, y, z, w; } __attribute__((aligned(16))) float4;
typedef struct { int x, y, z, w; } __attribute__((aligned(16))) int4;
typedef struct { unsigned x, y, z, w; } __attribute__((aligned(16))) uint4;
typedef struct { unsigned x, y; } __attribute__((aligned(8))) uint2;

#define MOST_THREADS 1024
#define STACK_BYTES (128 * 1024)
#define SHARED_BYTES (232 * 1024)

enum { RUNS, AT_WARP, AT_BLOCK, DONE };

static dim3 threadIdx, blockIdx, blockDim, gridDim;
static float *emulated_shared;
static struct {
    jmp_buf place;
    ucontext_t start;
    int state, begun;
} fibres[MOST_THREADS];
static char *stacks;
static jmp_buf scheduler;
static void (*thread_body)(const void *);
static const void *thread_arguments;

static void fail(const char *why) {
    fprintf(stderr, "emulated card: %s (block %u,%u thread %u)\n", why, blockIdx.x, blockIdx.y, threadIdx.x);
    abort();
}

static void wait_at(int where) {
    const unsigned me = threadIdx.x;
    fibres[me].state = where;
    if (!_setjmp(fibres[me].place)) _longjmp(scheduler, 1);
    threadIdx.x = me;
}

// A fibre stays for the next block: to begin one costs system calls.
static void fibre(void) {
    const unsigned me = threadIdx.x;
    for (;;) {
        thread_body(thread_arguments);
        wait_at(DONE);
        threadIdx.x = me;
    }
}

static void run_until_wait(unsigned thread) {
    threadIdx.x = thread;
    if (_setjmp(scheduler)) return;
    if (fibres[thread].begun) _longjmp(fibres[thread].place, 1);
    fibres[thread].begun = 1;
    getcontext(&fibres[thread].start);
    fibres[thread].start.uc_stack.ss_sp = stacks + (size_t)thread * STACK_BYTES;
    fibres[thread].start.uc_stack.ss_size = STACK_BYTES;
    fibres[thread].start.uc_link = 0;
    makecontext(&fibres[thread].start, fibre, 0);
    setcontext(&fibres[thread].start);
}

static void run_block(void) {
    const unsigned count = blockDim.x;
    // Each thread runs as far as it may before the next: a missing barrier shows, whichever of two
    // threads should have waited for the other, as long as both orders are tried.
    const unsigned backwards = (blockIdx.x + blockIdx.y) & 1;
    for (unsigned i = 0; i < count; i++) fibres[i].state = RUNS;
    for (;;) {
        unsigned done = 0, at_block = 0, moved = 0;
        for (unsigned i = 0; i < count; i++) {
            const unsigned thread = backwards ? count - 1 - i : i;
            if (fibres[thread].state == RUNS) run_until_wait(thread), moved = 1;
        }
        for (unsigned warp = 0; warp < count; warp += 32) {
            unsigned here = 0, left = 0;
            for (unsigned i = warp; i < warp + 32 && i < count; i++)
                here += fibres[i].state == AT_WARP, left += fibres[i].state == DONE;
            if (here && left) fail("a lane left its warp before the others were done");
            if (here == 32)
                for (unsigned i = warp; i < warp + 32; i++) fibres[i].state = RUNS, moved = 1;
        }
        for (unsigned i = 0; i < count; i++) done += fibres[i].state == DONE, at_block += fibres[i].state == AT_BLOCK;
        if (done == count) return;
        if (at_block && done) fail("a thread left its block before a barrier");
        if (at_block == count)
            for (unsigned i = 0; i < count; i++) fibres[i].state = RUNS, moved = 1;
        if (!moved) fail("threads wait for each other");
    }
}

// Runs a whole grid. Returns 0, or 1 when the launch could not be one of a card.
int emulated_launch(void (*body)(const void *), const void *arguments, const unsigned *grid, unsigned threads,
                    unsigned shared_bytes) {
    if (threads == 0 || threads > MOST_THREADS || threads % 32 || shared_bytes > SHARED_BYTES) return 1;
    if (!grid[0] || !grid[1] || grid[1] > 65535) return 1;
    if (!stacks) stacks = malloc((size_t)MOST_THREADS * STACK_BYTES);
    if (!emulated_shared) emulated_shared = aligned_alloc(128, SHARED_BYTES);
    thread_body = body, thread_arguments = arguments;
    blockDim.x = threads, blockDim.y = blockDim.z = 1, gridDim.x = grid[0], gridDim.y = grid[1], gridDim.z = 1;
    for (unsigned y = 0; y < grid[1]; y++)
        for (unsigned x = 0; x < grid[0]; x++) {
            blockIdx.x = x, blockIdx.y = y;
            // What a kernel has not written must not look like zeros, nor what it was not given.
            memset(emulated_shared, 0xff, shared_bytes < SHARED_BYTES ? shared_bytes + 64 : SHARED_BYTES);
            run_block();
        }
    return 0;
}

#define __syncthreads() wait_at(AT_BLOCK)
#define __syncwarp(mask) wait_at(AT_WARP)

static float shuffled[MOST_THREADS];

static inline float __shfl_xor_sync(unsigned mask, float value, int step) {
    const unsigned me = threadIdx.x;
    if (mask != 0xffffffffu) fail("a shuffle of some lanes only");
    shuffled[me] = value;
    wait_at(AT_WARP);
    const float got = shuffled[me / 32 * 32 + ((me % 32) ^ (unsigned)step)];
    wait_at(AT_WARP);
    return got;
}

static inline unsigned bits_of(float x) {
    unsigned u;
    memcpy(&u, &x, 4);
    return u;
}

static inline float of_bits(unsigned u) {
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static inline float emulated_widen(unsigned short x, int kind) {
    if (kind == 2) return of_bits((unsigned)x << 16);
    const unsigned sign = (unsigned)(x & 0x8000) << 16, exponent = x >> 10 & 31, fraction = x & 1023;
    if (exponent == 31) return of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) return (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
    return of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

// To the nearest, ties to even.
static inline unsigned short emulated_narrow(float x, int kind) {
    const unsigned u = bits_of(x), sign = u >> 16 & 0x8000;
    if (x != x) return kind == 2 ? 0x7fff : sign | 0x7e00;
    if (kind == 2) return (unsigned short)((u + 0x7fff + (u >> 16 & 1)) >> 16);
    const float size = fabsf(x);
    if (size >= 65520.0f) return sign | 0x7c00;
    if (size < 0x1p-14f) return sign | (unsigned short)rintf(size * 0x1p24f);
    const unsigned v = bits_of(size), rounded = v + 0xfff + (v >> 13 & 1);
    return sign | (unsigned short)((rounded - (112u << 23)) >> 13);
}

// The warp's places to lay things down for the collective operations on tensor cores.
static struct {
    unsigned a[32][4], b[32][2];
    const unsigned short *rows[32];
} laid[MOST_THREADS / 32];

#define LOW_OR_HIGH(pair, odd) emulated_widen((unsigned short)((odd) ? (pair) >> 16 : (pair)), ELEMENT)

// mma.m16n8k16: the fragments as the PTX manual draws them.
static inline void emulated_tensor(float *c, const unsigned *a, unsigned b0, unsigned b1) {
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    memcpy(laid[warp].a[lane], a, 16);
    laid[warp].b[lane][0] = b0, laid[warp].b[lane][1] = b1;
    wait_at(AT_WARP);
    for (int i = 0; i < 4; i++) {
        const unsigned row = lane / 4 + (i < 2 ? 0 : 8), column = lane % 4 * 2 + i % 2;
        double sum = c[i];
        for (unsigned k = 0; k < 16; k++) {
            const unsigned from_a = laid[warp].a[row % 8 * 4 + k % 8 / 2][(row < 8 ? 0 : 1) + (k < 8 ? 0 : 2)];
            const unsigned from_b = laid[warp].b[column * 4 + k % 8 / 2][k < 8 ? 0 : 1];
            sum += (double)LOW_OR_HIGH(from_a, k % 2) * LOW_OR_HIGH(from_b, k % 2);
        }
        c[i] = (float)sum;
    }
    wait_at(AT_WARP);
}

static inline void lay_rows(const unsigned short *row) {
    if ((size_t)row % 16) fail("ldmatrix of a row that is not 16-byte aligned");
    laid[threadIdx.x / 32].rows[threadIdx.x % 32] = row;
    wait_at(AT_WARP);
}

// ldmatrix.x4: lane l gets of each matrix row l / 4, columns 2 (l % 4) and the next.
static inline void emulated_matrices(unsigned *to, const unsigned short *row) {
    const unsigned lane = threadIdx.x % 32;
    lay_rows(row);
    for (int i = 0; i < 4; i++) {
        const unsigned short *from = laid[threadIdx.x / 32].rows[8 * i + lane / 4] + lane % 4 * 2;
        to[i] = from[0] | (unsigned)from[1] << 16;
    }
    wait_at(AT_WARP);
}

// ldmatrix.x4.trans: rows and columns change places.
static inline void emulated_matrices_turned(unsigned *to, const unsigned short *row) {
    const unsigned lane = threadIdx.x % 32;
    lay_rows(row);
    for (int i = 0; i < 4; i++) {
        const unsigned short *const *rows = laid[threadIdx.x / 32].rows + 8 * i;
        to[i] = rows[lane % 4 * 2][lane / 4] | (unsigned)rows[lane % 4 * 2 + 1][lane / 4] << 16;
    }
    wait_at(AT_WARP);
}

// Copies on their way to shared memory: nothing arrives before the thread waits for it.
#define MOST_COPIES 64
static struct {
    struct {
        unsigned short *to;
        const unsigned short *from;
        int there;
        unsigned group;
    } copies[MOST_COPIES];
    unsigned count, groups;
} underway[MOST_THREADS];

static inline void emulated_copy_later(unsigned short *to, const unsigned short *from, int there) {
    const unsigned me = threadIdx.x, at = underway[me].count++;
    if (at >= MOST_COPIES) fail("too many copies are underway");
    if ((size_t)to % 16 || (there && (size_t)from % 16)) fail("a copy of 16 bytes that is not aligned");
    underway[me].copies[at].to = to, underway[me].copies[at].from = from;
    underway[me].copies[at].there = there, underway[me].copies[at].group = underway[me].groups;
}

static inline void emulated_end_of_copies(void) { underway[threadIdx.x].groups++; }

static inline void emulated_wait_but(unsigned newest) {
    const unsigned me = threadIdx.x;
    unsigned left = 0;
    for (unsigned i = 0; i < underway[me].count; i++) {
        if (underway[me].copies[i].group + newest >= underway[me].groups) {
            underway[me].copies[left++] = underway[me].copies[i];
        } else if (underway[me].copies[i].there) {
            memcpy(underway[me].copies[i].to, underway[me].copies[i].from, 16);
        } else {
            memset(underway[me].copies[i].to, 0, 16);
        }
    }
    underway[me].count = left;
}

#endif
