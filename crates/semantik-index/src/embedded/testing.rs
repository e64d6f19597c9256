//! Numbers for tests: the same ones at every run.

/// 64 random bits (splitmix64).
pub(crate) fn bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number in -1..1.
pub(crate) fn uniform(state: &mut u64) -> f32 {
    (bits(state) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}
