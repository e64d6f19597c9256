// The norm of each query's and key's head and its turn by position, in one pass. Column `i` turns
// with column `i + head_dim / 2` (the half-split form of NeoX and Qwen).

#define MOST_PAIRS 4 // per lane: heads of at most 256 numbers

typedef struct {
    element *rows;             // [tokens, row]: queries, keys, values
    const unsigned *positions; // [tokens]
    const float *query_weight; // [head_dim], with the scale of the softmax in it
    const float *key_weight;   // [head_dim]
    const float *cosines;      // [positions, head_dim / 2]
    const float *sines;        // [positions, head_dim / 2]
    float epsilon;
    int row;
    int heads;
    int kv_heads;
    int head_dim; // even
} TurnArguments;

// A warp per head: the grid is tokens x groups of as many heads as a block has warps.
KERNEL(turn, TurnArguments) {
    const int head = blockIdx.y * (blockDim.x / WARP) + threadIdx.x / WARP, lane = threadIdx.x % WARP;
    if (head >= a.heads + a.kv_heads) return;
    const int half = a.head_dim / 2;
    const size token = blockIdx.x;
    element *left = a.rows + token * a.row + (size)head * a.head_dim, *right = left + half;
    const float *weight = head < a.heads ? a.query_weight : a.key_weight;
    const size angle = (size)a.positions[token] * half;
    float lefts[MOST_PAIRS], rights[MOST_PAIRS], squares = 0;
    UNROLL
    for (int i = 0; i < MOST_PAIRS; i++) {
        const int at = lane + i * WARP;
        lefts[i] = at < half ? widen(left[at]) : 0;
        rights[i] = at < half ? widen(right[at]) : 0;
        squares += lefts[i] * lefts[i] + rights[i] * rights[i];
    }
    const float factor = 1 / sqrtf(warp_sum(squares) / a.head_dim + a.epsilon);
    UNROLL
    for (int i = 0; i < MOST_PAIRS; i++) {
        const int at = lane + i * WARP;
        if (at >= half) continue;
        const float x = lefts[i] * factor * weight[at], y = rights[i] * factor * weight[at + half];
        const float cosine = a.cosines[angle + at], sine = a.sines[angle + at];
        left[at] = narrow(x * cosine - y * sine);
        right[at] = narrow(y * cosine + x * sine);
    }
}
