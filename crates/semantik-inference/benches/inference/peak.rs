//! What this processor can multiply and add, and the tokens a second that would allow.
//!
//! `peak MODEL WORK`. Every core at once repeats independent multiply-adds in registers with the
//! widest instructions the processor has: the peak no product of matrices can pass. The ceiling of
//! a model is its linear layers at the peak of the precision and its attention at that of float32,
//! over the passages in `WORK`. The last line is the argument for `benches/peers/compare.py
//! --ceiling`.

use std::error::Error;

use crate::corpus::Corpus;

/// Prints peaks and ceilings.
pub fn measure(corpus: &Corpus) -> Result<(), Box<dyn Error>> {
    let config: Config = serde_json::from_slice(&std::fs::read(corpus.model.join("config.json"))?)?;
    let lengths: Vec<f64> = corpus.tokens.iter().flatten().map(|tokens| f64::from(*tokens)).collect();
    let tokens: f64 = lengths.iter().sum();
    // A token meets every weight once, and every token of its text twice in attention: scores and sums.
    let linear =
        2.0 * config.layers() * config.hidden_size * (4.0 * config.hidden_size + 2.0 * config.intermediate_size);
    let seen = lengths.iter().map(|length| length * length).sum::<f64>() / tokens;
    let attention = 4.0 * config.layers() * config.hidden_size * seen;
    let cores = std::thread::available_parallelism()?.get();
    let peaks = peaks(cores);
    let Some((_, exact)) = peaks.first().copied() else {
        println!("no kernel of this benchmark fits this processor");
        return Ok(());
    };
    let mut ceilings = Vec::new();
    for (precision, peak) in peaks {
        let ceiling = 1.0 / (linear / peak + attention / exact);
        println!("{precision}: {:.0} Gop/s on {cores} cores, at most {ceiling:.0} tokens/s", peak / 1e9);
        ceilings.push(format!("{precision}={ceiling:.0}"));
    }
    println!("{}", ceilings.join(" "));
    Ok(())
}

#[derive(serde::Deserialize)]
struct Config {
    hidden_size: f64,
    intermediate_size: f64,
    num_hidden_layers: f64,
}

impl Config {
    fn layers(&self) -> f64 {
        self.num_hidden_layers
    }
}

/// Operations a second of all cores, float32 first.
#[cfg(target_arch = "x86_64")]
fn peaks(cores: usize) -> Vec<(&'static str, f64)> {
    use x86::{Kernel, avx2, avx512};
    let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let vnni = wide && is_x86_feature_detected!("avx512vnni");
    let narrow = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let kernels: [(&str, Kernel); 3] = match (wide && vnni, wide, narrow) {
        (true, ..) => [("float32", avx512::FMA), ("float16", avx512::WORDS), ("int8", avx512::BYTES)],
        (_, true, _) => [("float32", avx512::FMA), ("float16", avx512::WORDS_OLD), ("int8", avx512::BYTES_OLD)],
        (.., true) => [("float32", avx2::FMA), ("float16", avx2::WORDS), ("int8", avx2::BYTES)],
        _ => return Vec::new(),
    };
    kernels.map(|(precision, kernel)| (precision, x86::rate(kernel, cores))).to_vec()
}

#[cfg(not(target_arch = "x86_64"))]
fn peaks(_cores: usize) -> Vec<(&'static str, f64)> {
    Vec::new()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::hint::black_box;
    use std::time::Instant;

    /// Rounds of a measurement; every round has twelve independent multiply-adds.
    const ROUNDS: u64 = 40_000_000;
    const CHAINS: u64 = 12;

    /// A loop of multiply-adds, and the operations of one of them.
    #[derive(Clone, Copy)]
    pub struct Kernel {
        pub run: unsafe fn(u64),
        pub operations: u64,
    }

    /// Operations a second with `cores` threads at it, the best of three.
    pub fn rate(kernel: Kernel, cores: usize) -> f64 {
        let once = || {
            let began = Instant::now();
            std::thread::scope(|scope| {
                for _ in 0..cores {
                    // SAFETY: the caller found the instructions on this processor.
                    scope.spawn(|| unsafe { (kernel.run)(black_box(ROUNDS)) });
                }
            });
            (cores as u64 * ROUNDS * CHAINS * kernel.operations) as f64 / began.elapsed().as_secs_f64()
        };
        (0..3).map(|_| once()).fold(0.0, f64::max)
    }

    macro_rules! kernel {
        ($name:ident, $features:literal, $operations:literal, $zero:expr, $step:expr) => {
            pub const $name: super::Kernel = {
                #[target_feature(enable = $features)]
                unsafe fn run(rounds: u64) {
                    let mut sums = [black_box($zero); super::CHAINS as usize];
                    let (left, right) = (black_box($zero), black_box($zero));
                    for _ in 0..rounds {
                        for sum in &mut sums {
                            *sum = $step(*sum, left, right);
                        }
                    }
                    black_box(sums);
                }
                super::Kernel { run, operations: $operations }
            };
        };
    }

    pub mod avx512 {
        use std::arch::x86_64::{
            _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_madd_epi16,
            _mm512_maddubs_epi16, _mm512_setzero_ps, _mm512_setzero_si512,
        };
        use std::hint::black_box;

        kernel!(FMA, "avx512f", 32, _mm512_setzero_ps(), |sum, a, b| _mm512_fmadd_ps(a, b, sum));
        kernel!(WORDS, "avx512f,avx512vnni", 64, _mm512_setzero_si512(), |sum, a, b| _mm512_dpwssd_epi32(sum, a, b));
        kernel!(BYTES, "avx512f,avx512vnni", 128, _mm512_setzero_si512(), |sum, a, b| _mm512_dpbusd_epi32(sum, a, b));
        kernel!(WORDS_OLD, "avx512f,avx512bw", 64, _mm512_setzero_si512(), |sum, a, b| _mm512_add_epi32(
            sum,
            _mm512_madd_epi16(black_box(a), b)
        ));
        kernel!(BYTES_OLD, "avx512f,avx512bw", 128, _mm512_setzero_si512(), |sum, a, b| _mm512_add_epi32(
            sum,
            _mm512_madd_epi16(_mm512_maddubs_epi16(black_box(a), b), b)
        ));
    }

    pub mod avx2 {
        use std::arch::x86_64::{
            _mm256_add_epi32, _mm256_fmadd_ps, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_setzero_ps,
            _mm256_setzero_si256,
        };
        use std::hint::black_box;

        kernel!(FMA, "avx2,fma", 16, _mm256_setzero_ps(), |sum, a, b| _mm256_fmadd_ps(a, b, sum));
        kernel!(WORDS, "avx2", 32, _mm256_setzero_si256(), |sum, a, b| _mm256_add_epi32(
            sum,
            _mm256_madd_epi16(black_box(a), b)
        ));
        kernel!(BYTES, "avx2", 64, _mm256_setzero_si256(), |sum, a, b| _mm256_add_epi32(
            sum,
            _mm256_madd_epi16(_mm256_maddubs_epi16(black_box(a), b), b)
        ));
    }
}
