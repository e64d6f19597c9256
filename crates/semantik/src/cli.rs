//! The command line: global flags, the list of commands, and the way from arguments to exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};

use crate::commands::{
    collections, doctor, documents, eval, healthcheck, index, migrate, models, operations, search, serve, vecpipe,
};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::telemetry::{self, Role};

const EXAMPLES: &str = "\
Begin:
  semantik index ~/Documents              read a folder and make it searchable
  semantik search \"where did we agree on the price\"
  semantik serve                          search page and API at http://127.0.0.1:8080

While `semantik serve` runs, every other command talks to it; otherwise the command opens the
data folder itself.

Exit codes: 0 fine, 1 internal error, 2 wrong usage or input, 3 not found, 4 conflict or busy,
5 unavailable, 6 some documents failed (with --strict), 130 interrupted.";

/// Search your files by meaning, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "semantik", version, about, after_help = EXAMPLES, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// Where Semantik keeps everything [default: ./data, or SEMANTIK_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub data_dir: Option<PathBuf>,
    /// Where models are kept [default: models in the data folder, or HF_CACHE_DIR]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub model_cache: Option<PathBuf>,
    /// Print one JSON document on stdout; errors as JSON on stderr
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// No colours (NO_COLOR is honoured as well)
    #[arg(long, global = true, env = "NO_COLOR", hide_env = true, value_parser = FalseyValueParser::new(), help_heading = "Global options")]
    pub no_color: bool,
    /// Only results and errors
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Tell more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server: search page, API, background work
    Serve(serve::ServeArgs),
    /// Start the model service: embeddings, reranking and vector spaces over HTTP
    Vecpipe(vecpipe::VecpipeArgs),
    /// Make a folder searchable, or bring it up to date
    Index(index::IndexArgs),
    /// Find passages
    Search(search::SearchArgs),
    /// List, show, create and delete collections
    Collections(collections::CollectionsArgs),
    /// Look at documents, and try failed ones again
    Documents(documents::DocumentsArgs),
    /// Follow and cancel running work
    Operations(operations::OperationsArgs),
    /// Obtain, check and remove models
    Models(models::ModelsArgs),
    /// Measure how good search is on judged queries
    Eval(eval::EvalArgs),
    /// Find out what is wrong, and what to do about it
    Doctor(doctor::DoctorArgs),
    /// Bring the store's tables to another version
    Migrate(migrate::MigrateArgs),
    /// Ask the running server whether it is ready (for containers)
    Healthcheck,
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Serve(_) => "serve",
            Self::Vecpipe(_) => "vecpipe",
            Self::Index(_) => "index",
            Self::Search(_) => "search",
            Self::Collections(_) => "collections",
            Self::Documents(_) => "documents",
            Self::Operations(_) => "operations",
            Self::Models(_) => "models",
            Self::Eval(_) => "eval",
            Self::Doctor(_) => "doctor",
            Self::Migrate(_) => "migrate",
            Self::Healthcheck => "healthcheck",
        }
    }
}

/// Arguments in, exit code out.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let out = Output::new(cli.global.json, cli.global.quiet, cli.global.no_color);
    let exit = start(cli).unwrap_or_else(|error| {
        out.error(&error);
        error.exit
    });
    ExitCode::from(exit as u8)
}

/// Help, version, and arguments that make no sense.
fn refuse(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && json {
        let text = error.to_string();
        let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").trim();
        Output::new(true, false, true).error(&CliError::usage(message).hint("--help shows the usage"));
    } else {
        // A closed pipe is not worth a word.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { Exit::Usage as u8 } else { Exit::Ok as u8 })
}

fn start(cli: Cli) -> Result<Exit, CliError> {
    let context = Context::new(&cli.global, cli.command.name())?;
    let role =
        if matches!(cli.command, Command::Serve(_) | Command::Vecpipe(_)) { Role::Server } else { Role::Command };
    telemetry::start(&context.config, role, cli.global.verbose);
    // An error means that somebody installed one before, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::internal)?;
    let result = runtime.block_on(dispatch(cli.command, context));
    // Work that does not end by itself (a blocked disk) must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

async fn dispatch(command: Command, context: Context) -> Result<Exit, CliError> {
    match command {
        Command::Serve(args) => serve::run(context, args).await,
        Command::Vecpipe(args) => vecpipe::run(context, args).await,
        Command::Index(args) => index::run(&context, args).await,
        Command::Search(args) => search::run(&context, args).await,
        Command::Collections(args) => collections::run(&context, args).await,
        Command::Documents(args) => documents::run(&context, args).await,
        Command::Operations(args) => operations::run(&context, args).await,
        Command::Models(args) => models::run(&context, args).await,
        Command::Eval(args) => eval::run(&context, args).await,
        Command::Doctor(args) => doctor::run(&context, args).await,
        Command::Migrate(args) => migrate::run(&context, args).await,
        Command::Healthcheck => healthcheck::run(&context).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_and_after_the_command() {
        for line in [["semantik", "--json", "search", "x"], ["semantik", "search", "x", "--json"]] {
            assert!(Cli::try_parse_from(line).expect("valid").global.json);
        }
    }
}
