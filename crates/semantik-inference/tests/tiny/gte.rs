//! The ways in which the files of one GTE model may be written.

use semantik_core::collection::Quantization;
use semantik_inference::Purpose;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{edit, embed, embedder, embedding_folder, rename_tensors, rewrite};

/// Vectors of the tiny GTE after a change of its files.
async fn gte(change: impl FnOnce(&TempDir)) -> Vec<Vec<f32>> {
    let folder = embedding_folder("gte");
    change(&folder);
    let texts = ["Hello, world!".to_owned(), "one two three\n".repeat(20)];
    embed(&*embedder(&folder, Quantization::Float32), &texts, Purpose::Passage).await
}

#[tokio::test]
async fn gte_in_the_words_and_names_of_newer_libraries_is_the_same() {
    let expected = gte(|_| ()).await;
    for first in ["gte.", ""] {
        let newer = |folder: &TempDir| {
            edit(folder, "config.json", |config| {
                let config = config.as_object_mut().expect("it is an object");
                config.retain(|name, _| !["rope_theta", "rope_scaling", "pack_qkv"].contains(&name.as_str()));
                config.insert("model_type".into(), json!("gte"));
                // Scaling of 1000 by 8 with heads of 8 numbers.
                let rope = json!({ "rope_type": "linear", "rope_theta": 8000.0, "factor": 8f64.powf(0.25) });
                config.insert("rope_parameters".into(), rope);
            });
            rename_tensors(folder, |name| Some(name.replace("new.", first)));
        };
        assert_eq!(gte(newer).await, expected);
    }
    let plain = |folder: &TempDir| edit(folder, "config.json", |config| config["rope_scaling"] = Value::Null);
    assert_ne!(gte(plain).await, expected);
}

#[tokio::test]
async fn gte_with_queries_keys_and_values_apart_is_the_same() {
    let apart = |folder: &TempDir| {
        edit(folder, "config.json", |config| config["pack_qkv"] = json!(false));
        rewrite(folder, |(name, mut shape, data)| {
            if !name.contains("qkv_proj") {
                return vec![(name, shape, data)];
            }
            shape[0] /= 3;
            let part = |(part, data): (&str, &[u8])| (name.replace("qkv", part), shape.clone(), data.to_vec());
            ["q", "k", "v"].into_iter().zip(data.chunks(data.len() / 3)).map(part).collect()
        });
    };
    assert_eq!(gte(apart).await, gte(|_| ()).await);
}

#[tokio::test]
async fn gte_may_tell_two_segments_apart_or_one_or_none() {
    let segments = |rows: usize, scale: u8| {
        move |folder: &TempDir| {
            edit(folder, "config.json", |config| config["type_vocab_size"] = json!(rows));
            rewrite(folder, |(name, mut shape, mut data)| {
                if !name.contains("token_type") {
                    return vec![(name, shape, data)];
                }
                data.truncate(data.len() / 2 * rows);
                data.iter_mut().for_each(|byte| *byte *= scale);
                shape[0] = rows;
                if rows == 0 { Vec::new() } else { vec![(name, shape, data)] }
            });
        }
    };
    // A single text is all of the first segment.
    assert_eq!(gte(segments(1, 1)).await, gte(segments(2, 1)).await);
    assert_eq!(gte(segments(0, 1)).await, gte(segments(2, 0)).await);
    assert_ne!(gte(segments(0, 1)).await, gte(segments(2, 1)).await);
}

#[tokio::test]
async fn gte_without_a_file_about_pooling_takes_the_first_state() {
    let silent = |folder: &TempDir| {
        std::fs::remove_file(folder.path().join("1_Pooling/config.json")).expect("the fixture is there");
    };
    assert_eq!(gte(silent).await, gte(|_| ()).await);
}
