// Layer norm and norm by the root mean square, with the residual sum in the same pass. Mean and
// variance are taken in two passes over a row in shared memory; the one-pass formula loses digits
// where the mean is large.

typedef struct {
    float *states;        // [rows, width]
    const element *added; // [rows, width], or null
    const float *weight;  // [width]
    const float *shift;   // [width], or null for a norm by the root mean square
    element *out;         // [rows, width], or null
    float epsilon;
    int width;   // a multiple of 4
    int replace; // 1: states become the normed row; 0: states become the sum
} NormArguments;

// A block per row; dynamic shared memory: `width` floats.
KERNEL(norm_rows, NormArguments) {
    DYNAMIC_SHARED
    SHARED float between[WARP];
    float *row = dynamic_shared;
    const size start = (size)blockIdx.x * a.width;
    float sum = 0;
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        four v = load_floats(a.states + start + at);
        if (a.added) {
            const four more = load_four(a.added + start + at);
            for (int i = 0; i < 4; i++) v.x[i] += more.x[i];
            if (!a.replace) store_floats(a.states + start + at, v);
        }
        store_floats(row + at, v);
        for (int i = 0; i < 4; i++) sum += v.x[i];
    }
    const float mean = a.shift ? block_sum(sum, between) / a.width : 0;
    float squares = 0;
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        const four v = load_floats(row + at);
        for (int i = 0; i < 4; i++) squares += (v.x[i] - mean) * (v.x[i] - mean);
    }
    const float variance = block_sum(squares, between) / a.width;
    const float factor = 1 / sqrtf(variance + a.epsilon);
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        four v = load_floats(row + at);
        const four weight = load_floats(a.weight + at);
        for (int i = 0; i < 4; i++) v.x[i] = (v.x[i] - mean) * factor * weight.x[i];
        if (a.shift) {
            const four shift = load_floats(a.shift + at);
            for (int i = 0; i < 4; i++) v.x[i] += shift.x[i];
        }
        if (a.replace) store_floats(a.states + start + at, v);
        if (a.out) store_four(a.out + start + at, v);
    }
}
