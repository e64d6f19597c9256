//! Vectors and texts, read from files or made up.

use std::error::Error;
use std::path::Path;

pub struct Corpus {
    dimensions: usize,
    vectors: Vec<f32>,
    pub texts: Vec<String>,
}

impl Corpus {
    pub fn len(&self) -> usize {
        self.texts.len().min(self.vectors.len() / self.dimensions)
    }

    pub fn vector(&self, at: usize) -> &[f32] {
        &self.vectors[at * self.dimensions..(at + 1) * self.dimensions]
    }

    /// A few words of a text.
    pub fn query(&self, at: usize) -> String {
        self.texts[at].split_whitespace().step_by(9).take(4).collect::<Vec<_>>().join(" ")
    }
}

pub fn read(vectors: &Path, texts: &Path, dimensions: usize) -> Result<Corpus, Box<dyn Error>> {
    let bytes = std::fs::read(vectors)?;
    let vectors = bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let texts = std::fs::read_to_string(texts)?.lines().map(str::to_owned).collect();
    Ok(Corpus { dimensions, vectors, texts })
}

pub fn make_up(count: usize, dimensions: usize) -> Corpus {
    let mut random = Random(42);
    let spread: Vec<f32> = (0..dimensions).map(|at| 1.0 / (1.0 + at as f32 / 60.0).sqrt()).collect();
    let offset: Vec<f32> = spread.iter().map(|spread| random.normal() * spread * 0.3).collect();
    let draw = |random: &mut Random| -> Vec<f32> { spread.iter().map(|spread| random.normal() * spread).collect() };
    let centres: Vec<Vec<f32>> = (0..count / 200 + 1).map(|_| draw(&mut random)).collect();
    let mut vectors = Vec::with_capacity(count * dimensions);
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        let (own, centre) = (draw(&mut random), &centres[random.bits() as usize % centres.len()]);
        let sum: Vec<f32> = own.iter().zip(centre).zip(&offset).map(|((a, b), c)| 0.9 * a + b + c).collect();
        let norm = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        vectors.extend(sum.iter().map(|value| value / norm));
        texts.push((0..120).map(|_| random.word()).collect::<Vec<_>>().join(" "));
    }
    Corpus { dimensions, vectors, texts }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn share(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.share() * 2.0 - 1.0).sum::<f32>() / 1.41
    }

    /// One of 60,000 words; the n-th most frequent occurs about 1/n as often as the first.
    fn word(&mut self) -> String {
        let mut rank = 60_000f32.powf(self.share()) as usize;
        let mut word = String::new();
        while rank > 0 {
            word.push_str(["ba", "ke", "lo", "mi", "nu", "ra", "se", "ti", "vo", "zan"][rank % 10]);
            rank /= 10;
        }
        word
    }
}
