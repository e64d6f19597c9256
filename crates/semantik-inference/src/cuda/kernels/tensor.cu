// Attention over ragged texts on tensor cores: 16-bit inputs, 32-bit sums, the softmax in registers.
// The same tiles and the same arguments as `attend`, but TILE_ROWS queries to a tile.
//
// A warp has 16 queries. With g = lane / 4 and t = lane % 4, the fragments of `mma.m16n8k16` are:
//   a: rows g and g + 8, columns 2t, 2t + 1 and 8 more      (row-major: queries, then shares)
//   b: column g, rows 2t, 2t + 1 and 8 more                 (column-major: keys, then values)
//   c: rows g and g + 8, columns 2t, 2t + 1                 (scores, then sums)

#if ELEMENT > 0 && HEAD_DIM % 16 == 0 && HEAD_DIM <= 128

#define TILE_ROWS 64
#define TILE_KEYS 64
#define STRIDE (HEAD_DIM + 8) // an odd number of 16-byte pieces, so that no two rows share banks

#ifdef EMULATED
#define TENSOR emulated_tensor
#define MATRICES emulated_matrices
#define MATRICES_TURNED emulated_matrices_turned
#define COPY_LATER emulated_copy_later
#define END_OF_COPIES emulated_end_of_copies
#define WAIT_BUT(newest) emulated_wait_but(newest)
#else

#if ELEMENT == 1
#define FORMATS "f32.f16.f16.f32"
#else
#define FORMATS "f32.bf16.bf16.f32"
#endif

// c += a x b
DEVICE void TENSOR(float *c, const unsigned *a, unsigned b0, unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col." FORMATS
                 " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8 x 8 matrices whose rows the lanes point to, eight lanes each.
DEVICE void MATRICES(unsigned *to, const element *row) {
    const unsigned at = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(at)
                 : "memory");
}

// The same, each turned.
DEVICE void MATRICES_TURNED(unsigned *to, const element *row) {
    const unsigned at = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(at)
                 : "memory");
}

// Sixteen bytes on their way to shared memory while the thread goes on; zeros where not `there`.
DEVICE void COPY_LATER(element *to, const element *from, int there) {
    const unsigned at = (unsigned)__cvta_generic_to_shared(to), bytes = there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes) : "memory");
}

DEVICE void END_OF_COPIES(void) { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits for all but the `newest` groups of copies of this thread.
#define WAIT_BUT(newest) asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory")

#endif

// Begins to fetch TILE_ROWS rows of a head, zeros after `count` of them.
DEVICE void fetch(element *to, const element *from, int row, int count) {
    UNROLL
    for (int i = 0; i < TILE_ROWS * HEAD_DIM / 8 / 128; i++) {
        const int at = threadIdx.x + i * 128, y = at / (HEAD_DIM / 8), x = at % (HEAD_DIM / 8) * 8;
        COPY_LATER(to + y * STRIDE + x, y < count ? from + (size)y * row + x : from, y < count);
    }
    END_OF_COPIES();
}

DEVICE float four_lanes_most(float x) {
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}

DEVICE float four_lanes_sum(float x) {
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

// The grid is tiles x heads, blocks of 128 threads.
KERNEL(attend_tensor, AttendArguments) {
    SHARED element keys[TILE_KEYS * STRIDE];
    SHARED element values[TILE_KEYS * STRIDE];
    const int start = a.tiles[3 * blockIdx.x], length = a.tiles[3 * blockIdx.x + 1];
    const int first = a.tiles[3 * blockIdx.x + 2], head = blockIdx.y;
    const int pair = head / (a.heads / a.kv_heads);
    const element *text = a.rows + (size)start * a.row;
    const element *key_columns = text + (a.heads + pair) * HEAD_DIM;
    const element *value_columns = text + (a.heads + a.kv_heads + pair) * HEAD_DIM;
    const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;

    // Queries go through the values' place into registers while the first keys are on their way.
    unsigned queries[HEAD_DIM / 16][4];
    fetch(values, text + (size)first * a.row + head * HEAD_DIM, a.row, length - first);
    fetch(keys, key_columns, a.row, length);
    WAIT_BUT(1);
    __syncthreads();
    UNROLL
    for (int k = 0; k < HEAD_DIM / 16; k++)
        MATRICES(queries[k], values + (warp * 16 + lane % 16) * STRIDE + k * 16 + lane / 16 * 8);

    float sums[HEAD_DIM / 8][4], total[2], most[2];
    UNROLL
    for (int n = 0; n < HEAD_DIM / 8; n++) sums[n][0] = sums[n][1] = sums[n][2] = sums[n][3] = 0;
    total[0] = total[1] = 0;
    most[0] = most[1] = -INFINITE;
    const int query = first + warp * 16 + g;
    const int end = a.causal && first + TILE_ROWS < length ? first + TILE_ROWS : length;

    for (int from = 0; from < end; from += TILE_KEYS) {
        // The keys are here, and every warp is done with the values before these.
        WAIT_BUT(0);
        __syncthreads();
        fetch(values, value_columns + (size)from * a.row, a.row, length - from);

        float scores[TILE_KEYS / 8][4];
        UNROLL
        for (int n = 0; n < TILE_KEYS / 8; n++) scores[n][0] = scores[n][1] = scores[n][2] = scores[n][3] = 0;
        UNROLL
        for (int k = 0; k < HEAD_DIM / 16; k++) {
            UNROLL
            for (int n = 0; n < TILE_KEYS / 16; n++) {
                unsigned b[4];
                MATRICES(b, keys + (n * 16 + lane / 16 * 8 + lane % 8) * STRIDE + k * 16 + lane / 8 % 2 * 8);
                TENSOR(scores[2 * n], queries[k], b[0], b[1]);
                TENSOR(scores[2 * n + 1], queries[k], b[2], b[3]);
            }
        }

        // Every warp is done with these keys; the next ones may come meanwhile.
        __syncthreads();
        const int next = from + TILE_KEYS;
        if (next < end) fetch(keys, key_columns + (size)next * a.row, a.row, length - next);
        else END_OF_COPIES();

        // What a query does not see; only the last blocks hold any.
        if (next > length || (a.causal && next > first)) {
            UNROLL
            for (int n = 0; n < TILE_KEYS / 8; n++) {
                UNROLL
                for (int i = 0; i < 4; i++) {
                    const int key = from + n * 8 + 2 * t + i % 2;
                    if (key >= length || (a.causal && key > query + i / 2 * 8)) scores[n][i] = -INFINITE;
                }
            }
        }

        UNROLL
        for (int half = 0; half < 2; half++) {
            float largest = most[half];
            UNROLL
            for (int n = 0; n < TILE_KEYS / 8; n++)
                largest = fmaxf(largest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
            largest = four_lanes_most(largest);
            // The first block always holds a key that the query sees, so `largest` is finite here.
            const float shrink = exp2f(most[half] - largest);
            most[half] = largest;
            float sum = 0;
            UNROLL
            for (int n = 0; n < TILE_KEYS / 8; n++) {
                UNROLL
                for (int i = 2 * half; i < 2 * half + 2; i++) {
                    scores[n][i] = exp2f(scores[n][i] - largest);
                    sum += scores[n][i];
                }
            }
            total[half] = total[half] * shrink + sum;
            UNROLL
            for (int n = 0; n < HEAD_DIM / 8; n++) sums[n][2 * half] *= shrink, sums[n][2 * half + 1] *= shrink;
        }

        WAIT_BUT(1);
        __syncthreads();
        UNROLL
        for (int k = 0; k < TILE_KEYS / 16; k++) {
            unsigned shares[4];
            shares[0] = pack(scores[2 * k][0], scores[2 * k][1]);
            shares[1] = pack(scores[2 * k][2], scores[2 * k][3]);
            shares[2] = pack(scores[2 * k + 1][0], scores[2 * k + 1][1]);
            shares[3] = pack(scores[2 * k + 1][2], scores[2 * k + 1][3]);
            UNROLL
            for (int n = 0; n < HEAD_DIM / 16; n++) {
                unsigned b[4];
                MATRICES_TURNED(b, values + (k * 16 + lane % 16) * STRIDE + n * 16 + lane / 16 * 8);
                TENSOR(sums[2 * n], shares, b[0], b[1]);
                TENSOR(sums[2 * n + 1], shares, b[2], b[3]);
            }
        }
    }

    UNROLL
    for (int half = 0; half < 2; half++) {
        const float factor = 1 / four_lanes_sum(total[half]);
        const int place = query + half * 8;
        if (place >= length) continue;
        element *out = a.out + (size)(start + place) * a.heads * HEAD_DIM + head * HEAD_DIM + 2 * t;
        UNROLL
        for (int n = 0; n < HEAD_DIM / 8; n++)
            *(unsigned *)(out + n * 8) = pack(sums[n][2 * half] * factor, sums[n][2 * half + 1] * factor);
    }
}

#endif
