//! The `semantik` binary: parses, builds, runs, reports; the only place that picks engines.

mod cli;
mod client;
mod commands;
mod context;
mod data_folder;
mod error;
mod eval;
mod memory;
mod output;
mod passage;
mod progress;
mod quality;
mod server;
mod summary;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    memory::keep_small();
    // The extractor child must come before any thread, runtime or logger exists.
    if std::env::args_os().nth(1).is_some_and(|first| first == "extract-child") {
        return match semantik_ingest::extract::run_child() {
            Ok(()) => ExitCode::SUCCESS,
            // The parent is gone, and with it everybody who would listen.
            Err(_) => ExitCode::FAILURE,
        };
    }
    cli::run()
}
