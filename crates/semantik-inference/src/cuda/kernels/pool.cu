// From the states of a text to its vector, or to how relevant it is.

#define POOL_MEAN 0
#define POOL_FIRST 1
#define POOL_LAST 2

typedef struct {
    const float *states; // [tokens, width]
    const int *offsets;  // [texts + 1]
    float *out;          // [texts, dimensions]
    int width;
    int dimensions; // the first numbers of a state that are taken
    int mode;
    int unit; // 1: give the vector the length 1
} PoolArguments;

// A block per text.
KERNEL(pool, PoolArguments) {
    SHARED float between[WARP];
    int first = a.offsets[blockIdx.x], end = a.offsets[blockIdx.x + 1];
    if (a.mode == POOL_FIRST && end > first) end = first + 1;
    if (a.mode == POOL_LAST && end > first) first = end - 1;
    const float share = end - first > 1 ? 1.0f / (end - first) : 1;
    float *vector = a.out + (size)blockIdx.x * a.dimensions, squares = 0;
    for (int at = threadIdx.x; at < a.dimensions; at += blockDim.x) {
        float sum = 0;
        for (int token = first; token < end; token++) sum += a.states[(size)token * a.width + at];
        sum *= share;
        squares += sum * sum;
        vector[at] = sum;
    }
    if (!a.unit) return;
    const float factor = 1 / fmaxf(sqrtf(block_sum(squares, between)), 1e-12f);
    for (int at = threadIdx.x; at < a.dimensions; at += blockDim.x) vector[at] *= factor;
}

typedef struct {
    const float *states; // [texts, width]
    const float *row;    // [width]
    float *out;          // [texts]
    float bias;
    int width;
    int tanh; // 1: the states go through tanh first
} ScoreArguments;

// The sigmoid of each state's product with `row`; a block per text.
KERNEL(score, ScoreArguments) {
    SHARED float between[WARP];
    float sum = 0;
    for (int at = threadIdx.x; at < a.width; at += blockDim.x) {
        const float x = a.states[(size)blockIdx.x * a.width + at];
        sum += (a.tanh ? tanhf(x) : x) * a.row[at];
    }
    sum = block_sum(sum, between) + a.bias;
    if (threadIdx.x == 0) a.out[blockIdx.x] = 1 / (1 + expf(-sum));
}
