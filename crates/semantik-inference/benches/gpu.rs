//! An NVIDIA card against the processor, and how fast it is.
//!
//! `cargo bench -p semantik-inference --bench gpu -- [check|speed] [MODEL_FOLDER ...]`
//!
//! Without a word both. `check` compares vectors of the card with the processor's, for the small
//! models of the tests and the folders given, and each text alone with itself in company. `speed`
//! measures tokens per second of Qwen3-Embedding-0.6B's shape with random weights, and of the folders
//! given, without tokenizer. `benches/peers/gpu_torch.py` measures PyTorch over the same lengths.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use semantik_config::Device;
use semantik_core::collection::Quantization;
use semantik_inference::cuda::{self, Gpu, Place, Runner};
use semantik_inference::local::{LocalOptions, open_local};
use semantik_inference::{Embedder, Purpose};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 5;
/// Tokens of a round.
const TOKENS: usize = 262_144;
/// Lengths of the texts of a round; a name for the report.
const SHAPES: [(&str, &[usize]); 6] = [
    ("64", &[64]),
    ("128", &[128]),
    ("256", &[256]),
    ("512", &[512]),
    ("2048", &[2048]),
    ("64 to 249", &[64, 81, 97, 110, 124, 133, 150, 171, 190, 249]),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let only = arguments.first().filter(|word| ["check", "speed"].contains(&word.as_str())).cloned();
    arguments.drain(..usize::from(only.is_some()));
    let folders: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    let gpu = match Place::choose(Device::Auto, None)? {
        Place::Gpu { gpu, .. } => gpu,
        place @ Place::Cpu { .. } => {
            println!("no card, nothing is measured: {}", place.describe());
            return Ok(());
        }
    };
    println!("{}", gpu.card.describe());
    if only.as_deref() != Some("speed") {
        for family in ["bert", "xlm-roberta", "qwen3"] {
            check(tiny(family)?.path(), family, &gpu).await?;
        }
        for folder in &folders {
            check(folder, &folder.display().to_string(), &gpu).await?;
        }
    }
    if only.as_deref() != Some("check") {
        let random = random_qwen3()?;
        speed(random.path(), "Qwen3-Embedding-0.6B's shape", 151_000, &gpu).await?;
        for folder in &folders {
            speed(folder, &folder.display().to_string(), 20_000, &gpu).await?;
        }
    }
    Ok(())
}

/// A copy of a small model of the tests, as an embedder.
fn tiny(family: &str) -> Result<TempDir, Box<dyn Error>> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny").join(family);
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("1_Pooling"))?;
    for file in ["tokenizer.json", "model.safetensors", "config_sentence_transformers.json", "1_Pooling/config.json"] {
        std::fs::copy(from.join(file), folder.path().join(file))?;
    }
    let mut config: Value = serde_json::from_slice(&std::fs::read(from.join("config.json"))?)?;
    config["architectures"] = Value::Null;
    std::fs::write(folder.path().join("config.json"), config.to_string())?;
    Ok(folder)
}

async fn check(folder: &Path, name: &str, gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    let texts: Vec<String> = (0..60)
        .map(|at| format!("{}the word number {at} of a text", "some words and more of them, ".repeat(at % 13)))
        .collect();
    for quantization in Quantization::ALL.iter().copied() {
        let cpu = open_local(folder, name, LocalOptions { threads: 0, quantization })?;
        let card = cuda::open(folder, name, quantization, gpu)?;
        let (expected, found) = (embed(&*cpu, &texts).await?, embed(&*card, &texts).await?);
        let (mut least, mut apart, mut same) = (1.0f64, 0.0f32, 0);
        for ((text, left), right) in texts.iter().zip(&found).zip(&expected) {
            let product: f64 = left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            least = least.min(product);
            apart = left.iter().zip(right).fold(apart, |most, (a, b)| most.max((a - b).abs()));
            let alone = embed(&*card, std::slice::from_ref(text)).await?;
            same += usize::from(alone[0] == *left);
        }
        println!(
            "{name} {quantization}: cosine to the processor {least:.7} at least, {apart:e} apart at most; {same} of {} \
             the same bit for bit alone and in company",
            texts.len()
        );
    }
    Ok(())
}

async fn embed(model: &dyn Embedder, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    Ok(model.embed(texts.to_vec(), Purpose::Passage, &CancellationToken::new()).await?)
}

async fn speed(folder: &Path, name: &str, words: u32, gpu: &Gpu) -> Result<(), Box<dyn Error>> {
    for quantization in Quantization::ALL.iter().copied() {
        let began = Instant::now();
        let runner = Runner::open(folder, quantization, gpu)?;
        println!("{name} {quantization}: on the card after {:.1} s", began.elapsed().as_secs_f64());
        for (shape, lengths) in SHAPES {
            // The exact form is many times slower; it needs no such long round.
            let tokens = if quantization == Quantization::Float32 { TOKENS / 8 } else { TOKENS };
            let texts = texts(lengths, words, tokens);
            let Ok(_) = runner.run(texts.clone(), Purpose::Passage).await else {
                println!("{name} {quantization}, {shape} tokens: too long for the model");
                continue;
            };
            let mut rates = Vec::new();
            for _ in 0..ROUNDS {
                let (began, tokens) = (Instant::now(), texts.iter().map(Vec::len).sum::<usize>());
                runner.run(texts.clone(), Purpose::Passage).await?;
                rates.push(tokens as f64 / began.elapsed().as_secs_f64());
            }
            rates.sort_by(f64::total_cmp);
            let (least, median, most) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
            println!("{name} {quantization}, {shape} tokens: {median:.0} tokens/s [{least:.0}..{most:.0}]");
        }
        let query = vec![(0..18).collect::<Vec<u32>>()];
        let mut times = Vec::new();
        for _ in 0..200 {
            let began = Instant::now();
            runner.run(query.clone(), Purpose::Query).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        println!("{name} {quantization}, a query of 18 tokens: p50 {:.2} ms, p95 {:.2} ms", times[100], times[190]);
    }
    Ok(())
}

fn texts(lengths: &[usize], words: u32, most: usize) -> Vec<Vec<u32>> {
    let (mut texts, mut tokens, mut word) = (Vec::new(), 0, 1_u32);
    while tokens < most {
        let length = lengths[texts.len() % lengths.len()];
        let next = |_| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            word % words
        };
        texts.push((0..length).map(next).collect());
        tokens += length;
    }
    texts
}

/// A model folder of the published shape whose weights are noise; speed does not depend on them.
fn random_qwen3() -> Result<TempDir, Box<dyn Error>> {
    let (hidden, inner, layers, words) = (1024, 3072, 28, 151_936);
    let folder = tempfile::tempdir()?;
    let config = json!({
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_act": "silu", "hidden_size": hidden,
        "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": 16, "num_key_value_heads": 8,
        "head_dim": 128, "max_position_embeddings": 32_768, "vocab_size": words, "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000, "tie_word_embeddings": true,
    });
    std::fs::write(folder.path().join("config.json"), config.to_string())?;
    // Only its being there is asked for: a runner reads no text.
    std::fs::write(folder.path().join("tokenizer.json"), "{}")?;
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        half::bf16::from_f32((state >> 8) as f32 / (1 << 24) as f32 * 0.07 - 0.035).to_le_bytes()
    };
    let data: Vec<u8> = (0..words * hidden).flat_map(|_| noise()).collect();
    let ones: Vec<u8> = (0..hidden).flat_map(|_| half::bf16::ONE.to_le_bytes()).collect();
    let mut tensors = vec![
        ("model.embed_tokens.weight".to_owned(), vec![words, hidden]),
        ("model.norm.weight".to_owned(), vec![hidden]),
    ];
    for layer in 0..layers {
        let shapes: [(&str, Vec<usize>); 11] = [
            ("input_layernorm", vec![hidden]),
            ("self_attn.q_proj", vec![2048, hidden]),
            ("self_attn.k_proj", vec![1024, hidden]),
            ("self_attn.v_proj", vec![1024, hidden]),
            ("self_attn.q_norm", vec![128]),
            ("self_attn.k_norm", vec![128]),
            ("self_attn.o_proj", vec![hidden, 2048]),
            ("post_attention_layernorm", vec![hidden]),
            ("mlp.gate_proj", vec![inner, hidden]),
            ("mlp.up_proj", vec![inner, hidden]),
            ("mlp.down_proj", vec![hidden, inner]),
        ];
        tensors.extend(shapes.map(|(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape)));
    }
    let views = tensors.into_iter().enumerate().map(|(at, (name, shape))| {
        let bytes = 2 * shape.iter().product::<usize>();
        let start = if bytes == data.len() { 0 } else { 4096 * at };
        let from = if shape.len() == 1 { &ones[..bytes] } else { &data[start..start + bytes] };
        Ok((name, TensorView::new(Dtype::BF16, shape, from)?))
    });
    let views: Vec<_> = views.collect::<Result<_, safetensors::SafeTensorError>>()?;
    serialize_to_file(views, None, &folder.path().join("model.safetensors"))?;
    Ok(folder)
}
