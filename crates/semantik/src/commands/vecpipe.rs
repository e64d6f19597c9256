//! `semantik vecpipe`: the model service.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use semantik_api::VecpipeOptions;
use semantik_app::vecpipe::{FOLDER, Vecpipe};
use semantik_core::ErrorCode;
use tokio_util::task::AbortOnDropHandle;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::server::{self, Server, Signals};

const EXAMPLES: &str = "\
Examples:
  semantik vecpipe
  semantik vecpipe --bind 127.0.0.1:0      any free port; the address is printed

Answers POST /embed, /rerank, /v1/embeddings, /upsert and /search; docs/vecpipe.md shows how. To be
reached from other machines it needs INTERNAL_API_KEY. Ctrl-C (or SIGTERM) lets running requests end,
at most SHUTDOWN_TIMEOUT_SECS (30).";

/// Arguments of `vecpipe`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VecpipeArgs {
    /// Address to answer at, for example 127.0.0.1:8000 [default: BIND_ADDRESS and VECPIPE_PORT]
    #[arg(long, value_name = "ADDR")]
    bind: Option<String>,
}

/// Runs until a signal comes.
pub async fn run(context: Context, args: VecpipeArgs) -> Result<Exit, CliError> {
    let settings = &context.config.vecpipe;
    let bind = match &args.bind {
        Some(text) => server::parse_bind(text, settings.bind)?,
        None => settings.bind,
    };
    if settings.internal_api_key.is_none() && !bind.ip().is_loopback() {
        return Err(open_to_everybody(bind));
    }
    let signals = Signals::new()?;
    let folder = server::take(&context.config.data_dir.join(FOLDER), &context.command)?;
    let listener = server::bind(bind, &context.command).await?;
    let address = listener.local_addr().map_err(CliError::internal)?;
    let metrics = match settings.metrics_port {
        Some(port) => Some(serve_metrics(&context, SocketAddr::new(bind.ip(), port)).await?),
        None => None,
    };
    let vecpipe = Vecpipe::open(&context.config).await?;
    let options = VecpipeOptions { bind: address, key: settings.internal_api_key.clone() };
    let router = semantik_api::vecpipe_router(vecpipe.clone(), options);
    let url = format!("http://{}", server::reachable(address));
    folder.announce(&url)?;
    greet(&context, &url, address);

    // Weights come while the service already answers; who needs them waits.
    let _warm_up = AbortOnDropHandle::new(tokio::spawn(async move { vecpipe.warm_up().await }));
    let linger = Duration::from_secs(context.config.server.shutdown_timeout_s);
    let exit =
        Server { context: &context, listener, router, folder, linger }.run(signals, std::future::ready(())).await;
    drop(metrics);
    exit
}

/// Answers `/metrics` on a port of its own, until what it returns is dropped.
async fn serve_metrics(
    context: &Context,
    bind: SocketAddr,
) -> Result<AbortOnDropHandle<std::io::Result<()>>, CliError> {
    let listener = server::bind(bind, &context.command)
        .await
        .map_err(|error| error.hint("it is for metrics: choose another METRICS_PORT, or 0 for none"))?;
    let router = semantik_api::metrics_router(bind);
    Ok(AbortOnDropHandle::new(tokio::spawn(axum::serve(listener, router).into_future())))
}

fn greet(context: &Context, url: &str, address: SocketAddr) {
    let settings = &context.config.vecpipe;
    if context.out.json {
        context.out.document(&serde_json::json!({
            "url": url,
            "pid": std::process::id(),
            "data_dir": context.config.data_dir.join(FOLDER),
            "metrics_port": settings.metrics_port,
            "key": settings.internal_api_key.is_some(),
        }));
    } else {
        context.out.line(format_args!("Semantik's model service answers at {url}; Ctrl-C stops it"));
    }
    tracing::info!(%address, "serving models");
}

fn open_to_everybody(bind: SocketAddr) -> CliError {
    let message = format!("{bind} can be reached from other machines, and there is no key to show");
    CliError::new(ErrorCode::InvalidConfig, message)
        .hint("set INTERNAL_API_KEY (or INTERNAL_API_KEY_FILE) to a secret that callers know, or bind to 127.0.0.1")
}
