//! How a vector is stored: nine bits a dimension and a scale.
//!
//! A value is `(code + 0.5) * scale` with a code in -256..256. The code's sign is kept among the
//! sign bits, which the scan reads, and its lower byte among the codes: together they are twice as
//! fine as the byte alone. The scale has 15 significant bits, so that the product is exact and a
//! vector that was read back gives the same bytes when it is stored again.

/// The largest value in units of the scale.
const LARGEST: f32 = 255.5;

/// Bytes of the sign bits of a vector, padded to whole 64-bit words.
pub(super) fn bits_bytes(dimensions: usize) -> usize {
    dimensions.div_ceil(64) * 8
}

/// Bytes of the codes and the scale of a vector.
pub(super) fn codes_bytes(dimensions: usize) -> usize {
    dimensions + size_of::<f32>()
}

/// Appends the sign bits of a vector: a bit is set when the value is negative.
pub(super) fn push_bits(vector: &[f32], out: &mut Vec<u8>) {
    for chunk in vector.chunks(64) {
        let word = chunk.iter().enumerate().fold(0u64, |word, (at, value)| word | u64::from(*value < 0.0) << at);
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// Appends the lower bytes of a vector's codes, then its scale.
pub(super) fn push_codes(vector: &[f32], out: &mut Vec<u8>) {
    let largest = vector.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    let scale = round_up_to_15_bits(largest / LARGEST);
    let inverse = if scale > 0.0 { 1.0 / f64::from(scale) } else { 0.0 };
    // The sign decides the half a code is in, whatever rounding did.
    let code = |value: &f32| match (f64::from(*value) * inverse).floor() {
        code if *value < 0.0 => code.clamp(-256.0, -1.0) as i16 as u8,
        code => code.clamp(0.0, 255.0) as u8,
    };
    out.extend(vector.iter().map(code));
    out.extend_from_slice(&scale.to_le_bytes());
}

/// The vector of a record.
pub(super) fn decode(bits: &[u8], codes: &[u8]) -> Vec<f32> {
    let (codes, scale) = split_codes(codes);
    let value = |(at, code): (usize, &u8)| {
        let negative = bits[at / 8] >> (at % 8) & 1 == 1;
        (f32::from(*code) - if negative { 255.5 } else { -0.5 }) * scale
    };
    codes.iter().enumerate().map(value).collect()
}

/// The codes and the scale of a record.
pub(super) fn split_codes(record: &[u8]) -> (&[u8], f32) {
    let (codes, scale) = record.split_at(record.len() - size_of::<f32>());
    (codes, f32::from_le_bytes(scale.try_into().expect("the scale is the last four bytes")))
}

fn round_up_to_15_bits(value: f32) -> f32 {
    f32::from_bits((value.to_bits() + 0x1ff) & !0x1ff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_read_back_gives_the_same_bytes_again() {
        let mut state = 7u64;
        for dimensions in [1, 63, 64, 384, 384, 384, 384] {
            let vector: Vec<f32> = (0..dimensions).map(|_| crate::embedded::testing::uniform(&mut state)).collect();
            let store = |vector: &[f32]| {
                let (mut bits, mut codes) = (Vec::new(), Vec::new());
                push_bits(vector, &mut bits);
                push_codes(vector, &mut codes);
                (bits, codes)
            };
            let (bits, codes) = store(&vector);
            assert_eq!((bits.len(), codes.len()), (bits_bytes(dimensions), codes_bytes(dimensions)));
            let read = decode(&bits, &codes);
            let step = split_codes(&codes).1;
            assert!(read.iter().zip(&vector).all(|(a, b)| (a - b).abs() <= 0.51 * step));
            assert_eq!(store(&read), (bits, codes));
        }
        let (mut bits, mut codes) = (Vec::new(), Vec::new());
        push_bits(&[0.0; 8], &mut bits);
        push_codes(&[0.0; 8], &mut codes);
        assert_eq!(decode(&bits, &codes), [0.0; 8]);
    }
}
