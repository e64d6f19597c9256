// Attention over ragged texts in 32-bit floats: exact, for every size of head, on every card.
// Queries come with the scale of the softmax and the base-2 exponent in them. A tile is some
// neighbouring queries of one text; keys are folded in block after block.

#define QUERY_ROWS 16
#define KEY_ROWS 32
#define LANES 16       // threads that share a query
#define COLUMNS ((HEAD_DIM + LANES - 1) / LANES) // per thread

typedef struct {
    const element *rows; // [tokens, row]: queries, keys, values
    const int *tiles;    // [tiles, 3]: the text's first token, its length, the tile's first query
    element *out;        // [tokens, heads * HEAD_DIM]
    int row;
    int heads;
    int kv_heads;
    int causal;
} AttendArguments;

DEVICE void copy_rows(float *to, int stride, const element *from, int row, int count, int most) {
    for (int at = threadIdx.x; at < most * HEAD_DIM; at += blockDim.x) {
        const int y = at / HEAD_DIM, x = at % HEAD_DIM;
        to[y * stride + x] = y < count ? widen(from[(size)y * row + x]) : 0;
    }
}

// The grid is tiles x heads, blocks of QUERY_ROWS * LANES threads. Dynamic shared memory in floats:
// (QUERY_ROWS + KEY_ROWS) * (HEAD_DIM + 1) + KEY_ROWS * HEAD_DIM + QUERY_ROWS * (KEY_ROWS + 1).
KERNEL(attend, AttendArguments) {
    DYNAMIC_SHARED
    const int stride = HEAD_DIM + 1;
    float *queries = dynamic_shared, *keys = queries + QUERY_ROWS * stride;
    float *values = keys + KEY_ROWS * stride, *shares = values + KEY_ROWS * HEAD_DIM;
    const int start = a.tiles[3 * blockIdx.x], length = a.tiles[3 * blockIdx.x + 1];
    const int first = a.tiles[3 * blockIdx.x + 2], head = blockIdx.y;
    const int pair = head / (a.heads / a.kv_heads);
    const element *text = a.rows + (size)start * a.row;
    const element *key_columns = text + (a.heads + pair) * HEAD_DIM;
    const element *value_columns = text + (a.heads + a.kv_heads + pair) * HEAD_DIM;
    copy_rows(queries, stride, text + (size)first * a.row + head * HEAD_DIM, a.row, length - first, QUERY_ROWS);
    const int y = threadIdx.x / LANES, lane = threadIdx.x % LANES, query = first + y;
    const int end = a.causal && first + QUERY_ROWS < length ? first + QUERY_ROWS : length;
    float sums[COLUMNS], total = 0, most = -INFINITE;
    UNROLL
    for (int i = 0; i < COLUMNS; i++) sums[i] = 0;
    for (int from = 0; from < end; from += KEY_ROWS) {
        __syncthreads();
        copy_rows(keys, stride, key_columns + (size)from * a.row, a.row, length - from, KEY_ROWS);
        copy_rows(values, HEAD_DIM, value_columns + (size)from * a.row, a.row, length - from, KEY_ROWS);
        __syncthreads();
        float scores[KEY_ROWS / LANES], largest = most;
        for (int i = 0; i < KEY_ROWS / LANES; i++) {
            const int key = lane + i * LANES, place = from + key;
            float score = 0;
            for (int x = 0; x < HEAD_DIM; x++) score += queries[y * stride + x] * keys[key * stride + x];
            scores[i] = place >= length || (a.causal && place > query) ? -INFINITE : score;
            largest = fmaxf(largest, scores[i]);
        }
        for (int step = LANES / 2; step > 0; step /= 2)
            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, step));
        // The first block always holds a key that the query sees, so `largest` is finite here.
        const float shrink = exp2f(most - largest);
        most = largest;
        total *= shrink;
        for (int i = 0; i < KEY_ROWS / LANES; i++) {
            const float share = exp2f(scores[i] - most);
            total += share;
            shares[y * (KEY_ROWS + 1) + lane + i * LANES] = share;
        }
        __syncwarp(ALL_LANES);
        UNROLL
        for (int i = 0; i < COLUMNS; i++) sums[i] *= shrink;
        for (int key = 0; key < KEY_ROWS; key++) {
            const float share = shares[y * (KEY_ROWS + 1) + key];
            UNROLL
            for (int i = 0; i < COLUMNS; i++) {
                const int x = lane + i * LANES;
                if (HEAD_DIM % LANES == 0 || x < HEAD_DIM) sums[i] += share * values[key * HEAD_DIM + x];
            }
        }
    }
    for (int step = LANES / 2; step > 0; step /= 2) total += __shfl_xor_sync(ALL_LANES, total, step);
    if (query >= length) return;
    element *out = a.out + (size)(start + query) * a.heads * HEAD_DIM + head * HEAD_DIM;
    UNROLL
    for (int i = 0; i < COLUMNS; i++) {
        const int x = lane + i * LANES;
        if (x < HEAD_DIM) out[x] = narrow(sums[i] / total);
    }
}
