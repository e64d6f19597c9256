// The first states: a token's word, plus its place where the model learns places.

#define SECOND_TEXT 0x80000000u

typedef struct {
    const unsigned *ids;       // [tokens]; the highest bit marks the second text of a pair
    const unsigned *positions; // [tokens]
    const element *words;      // [vocabulary, width]
    const float *places;       // [segments, reach, width], or null
    float *states;             // [tokens, width]
    int width;                 // a multiple of 4
    int reach;
    int segments;
} EmbedArguments;

// A block per token.
KERNEL(embed, EmbedArguments) {
    const size token = blockIdx.x;
    const unsigned id = a.ids[token];
    const int segment = id & SECOND_TEXT ? a.segments - 1 : 0;
    const element *word = a.words + (size)(id & ~SECOND_TEXT) * a.width;
    const float *place = a.places ? a.places + ((size)segment * a.reach + a.positions[token]) * a.width : 0;
    float *state = a.states + token * a.width;
    for (int at = 4 * threadIdx.x; at < a.width; at += 4 * blockDim.x) {
        four v = load_four(word + at);
        if (place) {
            const four p = load_floats(place + at);
            for (int i = 0; i < 4; i++) v.x[i] += p.x[i];
        }
        store_floats(state + at, v);
    }
}
