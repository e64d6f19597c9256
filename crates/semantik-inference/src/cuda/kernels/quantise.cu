// To 8 bits and back: one scale per token on the way in, that and one per output channel on the way
// out.

typedef struct {
    const element *rows; // [tokens, width]
    signed char *out;    // [tokens, width]
    float *scales;       // [tokens]
    int width;           // a multiple of 4
} QuantiseArguments;

// A block per token. What is not finite makes the whole row so, as it would in floats.
KERNEL(quantise, QuantiseArguments) {
    SHARED float between[WARP];
    const size start = (size)blockIdx.x * a.width;
    float most = 0;
    float strange = 0;
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        const four v = load_four(a.rows + start + at);
        for (int i = 0; i < 4; i++) {
            // Minimum and maximum pass over what is not a number.
            if (!(fabsf(v.x[i]) < INFINITE)) strange = 1;
            most = fmaxf(most, fabsf(v.x[i]));
        }
    }
    most = block_most(most, between);
    strange = block_most(strange, between);
    const int usable = strange == 0 && most > 1e-30f;
    const float factor = usable ? 127 / most : 0;
    if (threadIdx.x == 0) a.scales[blockIdx.x] = strange != 0 ? INFINITE - INFINITE : usable ? most / 127 : 0;
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        const four v = load_four(a.rows + start + at);
        unsigned bytes = 0;
        for (int i = 0; i < 4; i++) {
            const int rounded = usable ? (int)rintf(v.x[i] * factor) : 0;
            bytes |= ((unsigned)rounded & 0xffu) << (8 * i);
        }
        *(unsigned *)(a.out + start + at) = bytes;
    }
}

typedef struct {
    const int *sums;             // [tokens, width]
    const float *row_scales;     // [tokens]
    const float *column_scales;  // [width]
    const element *bias;         // [width], or null
    element *out;                // [tokens, width]
    int width;                   // a multiple of 4
} DequantiseArguments;

// A block per token.
KERNEL(dequantise, DequantiseArguments) {
    const size start = (size)blockIdx.x * a.width;
    const float scale = a.row_scales[blockIdx.x];
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        const int4 sums = *(const int4 *)(a.sums + start + at);
        const four columns = load_floats(a.column_scales + at);
        four v;
        v.x[0] = (float)sums.x, v.x[1] = (float)sums.y, v.x[2] = (float)sums.z, v.x[3] = (float)sums.w;
        for (int i = 0; i < 4; i++) v.x[i] *= scale * columns.x[i];
        if (a.bias) {
            const four bias = load_four(a.bias + at);
            for (int i = 0; i < 4; i++) v.x[i] += bias.x[i];
        }
        store_four(a.out + start + at, v);
    }
}
