// What every kernel needs: the number format, sums over a block, and the words that differ between
// a card and the emulation of one.
//
// The text is C that is also CUDA C: NVRTC compiles it for a card, the tests compile it with the C
// compiler against tests/cuda/emulate.h and run it on the processor. Macros set from outside:
//   ELEMENT   what activations are held in: 0 float, 1 IEEE half, 2 bfloat16
//   HEAD_DIM  numbers of an attention head: a multiple of 8, at most 256
// Every kernel takes one structure, which src/cuda/kernels.rs mirrors field by field.

#ifndef EMULATED
#define KERNEL(name, Arguments) extern "C" __global__ void name(const Arguments a)
#define DEVICE static __device__ __forceinline__
#define SHARED __shared__ __align__(16)
#define DYNAMIC_SHARED extern __shared__ __align__(16) float dynamic_shared[];
#define UNROLL _Pragma("unroll")
#define INFINITE __int_as_float(0x7f800000)
#endif

#define WARP 32
#define ALL_LANES 0xffffffffu
typedef unsigned long long size;

#if ELEMENT == 0

typedef float element;

DEVICE float widen(element x) { return x; }
DEVICE element narrow(float x) { return x; }

#else

typedef unsigned short element;

#ifdef EMULATED
DEVICE float widen(element x) { return emulated_widen(x, ELEMENT); }
DEVICE element narrow(float x) { return emulated_narrow(x, ELEMENT); }
#elif ELEMENT == 1
DEVICE float widen(element x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
    return y;
}
DEVICE element narrow(float x) {
    element y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
#else
DEVICE float widen(element x) { return __uint_as_float((unsigned)x << 16); }
DEVICE element narrow(float x) {
    element y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
#endif

#endif

// Four neighbours at an address that is a multiple of four elements.
typedef struct {
    float x[4];
} four;

DEVICE four load_floats(const float *from) {
    const float4 v = *(const float4 *)from;
    four to;
    to.x[0] = v.x, to.x[1] = v.y, to.x[2] = v.z, to.x[3] = v.w;
    return to;
}

DEVICE void store_floats(float *to, four from) {
    float4 v;
    v.x = from.x[0], v.y = from.x[1], v.z = from.x[2], v.w = from.x[3];
    *(float4 *)to = v;
}

#if ELEMENT == 0

DEVICE four load_four(const element *from) { return load_floats(from); }
DEVICE void store_four(element *to, four from) { store_floats(to, from); }

#else

DEVICE unsigned pack(float low, float high) { return (unsigned)narrow(low) | (unsigned)narrow(high) << 16; }

DEVICE four load_four(const element *from) {
    const uint2 v = *(const uint2 *)from;
    four to;
    to.x[0] = widen((element)v.x), to.x[1] = widen((element)(v.x >> 16));
    to.x[2] = widen((element)v.y), to.x[3] = widen((element)(v.y >> 16));
    return to;
}

DEVICE void store_four(element *to, four from) {
    uint2 v;
    v.x = pack(from.x[0], from.x[1]), v.y = pack(from.x[2], from.x[3]);
    *(uint2 *)to = v;
}

#endif

DEVICE float warp_sum(float x) {
    for (int step = WARP / 2; step > 0; step /= 2) x += __shfl_xor_sync(ALL_LANES, x, step);
    return x;
}

DEVICE float warp_most(float x) {
    for (int step = WARP / 2; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, step));
    return x;
}

// Over all threads of the block, the same for each; `between` holds one number per warp. The order
// of the sum depends on the size of the block alone.
DEVICE float block_sum(float x, float *between) {
    x = warp_sum(x);
    __syncthreads();
    if (threadIdx.x % WARP == 0) between[threadIdx.x / WARP] = x;
    __syncthreads();
    float sum = 0;
    for (int warp = 0; warp < (int)(blockDim.x / WARP); warp++) sum += between[warp];
    return sum;
}

DEVICE float block_most(float x, float *between) {
    x = warp_most(x);
    __syncthreads();
    if (threadIdx.x % WARP == 0) between[threadIdx.x / WARP] = x;
    __syncthreads();
    float most = between[0];
    for (int warp = 1; warp < (int)(blockDim.x / WARP); warp++) most = fmaxf(most, between[warp]);
    return most;
}
