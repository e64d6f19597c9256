// The curves between the two products of a feed-forward part.

typedef struct {
    element *values; // [count]
    size count;      // a multiple of 4
} GeluArguments;

// x / 2 * (1 + erf(x / sqrt 2)), exact: written with erfc, which loses no digits far to the left.
KERNEL(gelu, GeluArguments) {
    const size step = (size)gridDim.x * blockDim.x * 4;
    for (size at = ((size)blockIdx.x * blockDim.x + threadIdx.x) * 4; at < a.count; at += step) {
        four v = load_four(a.values + at);
        for (int i = 0; i < 4; i++) v.x[i] = 0.5f * v.x[i] * erfcf(v.x[i] * -0.70710678118654752f);
        store_four(a.values + at, v);
    }
}

typedef struct {
    const element *wide; // [tokens, 2 * width]: gates, then what they gate
    element *out;        // [tokens, width]
    int width;           // a multiple of 4
} GateArguments;

// silu(left half) * right half; a block per token.
KERNEL(gate, GateArguments) {
    const size token = blockIdx.x;
    const element *gates = a.wide + token * 2 * a.width, *gated = gates + a.width;
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        four v = load_four(gates + at);
        const four other = load_four(gated + at);
        for (int i = 0; i < 4; i++) v.x[i] = v.x[i] / (1 + expf(-v.x[i])) * other.x[i];
        store_four(a.out + token * a.width + at, v);
    }
}
