//! The inner loops: Hamming distances of sign bits and dot products of codes.
//!
//! One portable body each, compiled again for wider instruction sets and chosen at run time; only
//! AVX-512 has its own Hamming loop. NEON is the base of aarch64, where the portable body uses it.

/// Writes the Hamming distance of `query` to each row of `bits` into `out`.
pub(super) fn hamming(query: &[u64], bits: &[u8], out: &mut [u16]) {
    debug_assert_eq!(bits.len(), query.len() * 8 * out.len());
    #[cfg(target_arch = "x86_64")]
    {
        if query.len() <= 64 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq") {
            // SAFETY: the features were detected on the line above.
            return unsafe { x86::hamming_avx512(query, bits, out) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            // SAFETY: the features were detected on the line above.
            return unsafe { x86::hamming_popcnt(query, bits, out) };
        }
    }
    hamming_portable(query, bits, out);
}

/// The dot product of a query in fixed point and the lower bytes of codes.
fn dot(query: &[i16], codes: &[u8]) -> i32 {
    debug_assert_eq!(query.len(), codes.len());
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the feature was detected on the line above.
        return unsafe { x86::dot_avx2(query, codes) };
    }
    dot_portable(query, codes)
}

/// A query in fixed point, so small that its sums with codes never leave an `i32`.
pub(super) struct FixedQuery {
    values: Vec<i16>,
    /// For each byte of sign bits and each value of it, the sum of the values at its set bits.
    signed: Vec<[i32; 256]>,
    /// Half the sum of the values: codes stand for the middle of their step.
    half: f32,
    /// What one unit of a product is worth, before the record's scale.
    unit: f32,
}

impl FixedQuery {
    pub(super) fn new(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let room = (i32::MAX as f32 * 0.49 / (256.0 * vector.len() as f32)).min(32_767.0);
        let unit = if largest > 0.0 { largest / room } else { 1.0 };
        let values: Vec<i16> = vector.iter().map(|value| (value / unit).round() as i16).collect();
        let signed = values.chunks(8).map(sums_of_subsets).collect();
        let half = 0.5 * values.iter().map(|value| f32::from(*value)).sum::<f32>();
        Self { values, signed, half, unit }
    }

    /// The dot product with a record, before its scale.
    pub(super) fn dot(&self, bits: &[u8], codes: &[u8]) -> f32 {
        let negative: i32 = bits.iter().zip(&self.signed).map(|(byte, sums)| sums[usize::from(*byte)]).sum();
        ((dot(&self.values, codes) - 256 * negative) as f32 + self.half) * self.unit
    }
}

fn sums_of_subsets(values: &[i16]) -> [i32; 256] {
    let mut sums = [0; 256];
    for (bit, value) in values.iter().enumerate() {
        for at in 0..1 << bit {
            sums[at | 1 << bit] = sums[at] + i32::from(*value);
        }
    }
    sums
}

#[inline(always)]
fn hamming_portable(query: &[u64], bits: &[u8], out: &mut [u16]) {
    for (row, distance) in bits.chunks_exact(query.len() * 8).zip(out) {
        let words = row.as_chunks::<8>().0;
        *distance = query.iter().zip(words).map(|(a, b)| (a ^ u64::from_le_bytes(*b)).count_ones()).sum::<u32>() as u16;
    }
}

#[inline(always)]
fn dot_portable(query: &[i16], codes: &[u8]) -> i32 {
    query.iter().zip(codes).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi64, _mm512_maskz_loadu_epi64, _mm512_popcnt_epi64, _mm512_reduce_add_epi64,
        _mm512_setzero_si512, _mm512_xor_si512,
    };

    #[target_feature(enable = "avx2,popcnt")]
    pub(super) fn hamming_popcnt(query: &[u64], bits: &[u8], out: &mut [u16]) {
        super::hamming_portable(query, bits, out);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn dot_avx2(query: &[i16], codes: &[u8]) -> i32 {
        super::dot_portable(query, codes)
    }

    /// At most 64 words a query, so that it stays in eight registers.
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    pub(super) fn hamming_avx512(query: &[u64], bits: &[u8], out: &mut [u16]) {
        assert!(query.len() <= 64, "the query fits eight registers");
        assert!(bits.len() >= query.len() * 8 * out.len(), "there is a row for each distance");
        let masks: Vec<u8> = query.chunks(8).map(|part| (0xffu16 >> (8 - part.len())) as u8).collect();
        let mut wide: [__m512i; 8] = [_mm512_setzero_si512(); 8];
        for (part, (values, mask)) in wide.iter_mut().zip(query.chunks(8).zip(&masks)) {
            // SAFETY: the mask has one bit for each of the values.
            *part = unsafe { _mm512_maskz_loadu_epi64(*mask, values.as_ptr().cast()) };
        }
        for (index, distance) in out.iter_mut().enumerate() {
            let mut sum = _mm512_setzero_si512();
            for (part, mask) in masks.iter().enumerate() {
                // SAFETY: the row starts at `index * words` and the mask stops at its last word;
                // the assertion above says that the row is there.
                let row = unsafe {
                    let start = bits.as_ptr().cast::<i64>().add(index * query.len() + part * 8);
                    _mm512_maskz_loadu_epi64(*mask, start)
                };
                sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(wide[part], row)));
            }
            *distance = _mm512_reduce_add_epi64(sum) as u16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::code;
    use super::*;

    #[test]
    fn every_instruction_set_gives_what_the_portable_loops_give() {
        let mut state = 1u64;
        let mut next = || crate::embedded::testing::bits(&mut state);
        for words in [1, 2, 6, 8, 12, 16, 17, 64, 70] {
            let query: Vec<u64> = (0..words).map(|_| next()).collect();
            let rows: Vec<u8> = (0..words * 33).flat_map(|_| next().to_le_bytes()).collect();
            let (mut fast, mut plain) = (vec![0u16; 33], vec![0u16; 33]);
            hamming(&query, &rows, &mut fast);
            hamming_portable(&query, &rows, &mut plain);
            assert_eq!(fast, plain, "{words} words");
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
                // SAFETY: the features were detected on the line above.
                unsafe { x86::hamming_popcnt(&query, &rows, &mut fast) };
                assert_eq!(fast, plain, "{words} words");
            }
            let values: Vec<i16> = (0..words * 64 - 3).map(|_| next() as i16 >> 3).collect();
            assert_eq!(dot(&values, &rows[..values.len()]), dot_portable(&values, &rows[..values.len()]));
        }
    }

    #[test]
    fn a_product_in_fixed_point_is_the_one_of_the_decoded_vector() {
        let mut state = 3u64;
        let mut random = |_| crate::embedded::testing::uniform(&mut state);
        for dimensions in [1, 7, 384, 1024, 8192] {
            let pairs: [(Vec<f32>, Vec<f32>); 3] = [
                ((0..dimensions).map(&mut random).collect(), (0..dimensions).map(&mut random).collect()),
                (vec![1.0; dimensions], vec![1.0; dimensions]),
                (vec![-1.0; dimensions], vec![1.0; dimensions]),
            ];
            for (query, vector) in pairs {
                let (mut bits, mut codes) = (Vec::new(), Vec::new());
                code::push_bits(&vector, &mut bits);
                code::push_codes(&vector, &mut codes);
                let exact: f32 = code::decode(&bits, &codes).iter().zip(&query).map(|(a, b)| a * b).sum();
                let (codes, scale) = code::split_codes(&codes);
                let got = FixedQuery::new(&query).dot(&bits, codes) * scale;
                assert!((got - exact).abs() < 1e-3 * dimensions as f32, "{dimensions}: {got} and {exact}");
            }
        }
    }
}
