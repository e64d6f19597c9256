//! Gives each engine a mark of its own source: what was made by another engine is made again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The source of each engine, and the name of its mark.
const ENGINES: [(&str, &str); 2] = [("src/local", "SEMANTIK_ENGINE_MARK"), ("src/cuda", "SEMANTIK_CUDA_MARK")];

fn main() -> io::Result<()> {
    ENGINES.iter().try_for_each(|(folder, name)| mark(folder, name))
}

fn mark(folder: &str, name: &str) -> io::Result<()> {
    let mut files = Vec::new();
    collect(Path::new(folder), &mut files)?;
    files.sort();
    let mut mark = 0xcbf2_9ce4_8422_2325;
    for file in files {
        for byte in file.to_string_lossy().bytes().chain(fs::read(&file)?) {
            // FNV-1a: the source is nobody's secret and nobody's attack.
            mark = (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    println!("cargo::rerun-if-changed={folder}");
    println!("cargo::rustc-env={name}={mark:016x}");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
