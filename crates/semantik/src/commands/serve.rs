//! `semantik serve`: HTTP, background work, and a clean end.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use semantik_app::App;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::server::{self, Server, Signals};

/// Open connections (event streams) must not hold back the end of the workers.
const LINGER: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  semantik serve
  semantik serve --bind 127.0.0.1:9000
  semantik serve --bind 127.0.0.1:0        any free port; the address is printed

Ctrl-C (or SIGTERM) lets running work reach its next safe point, at most SHUTDOWN_TIMEOUT_SECS
(30); a second Ctrl-C leaves at once. Nothing is lost either way: work continues at the next start.";

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Address to answer at, for example 127.0.0.1:8080 [default: BIND_ADDRESS and WEBUI_PORT]
    #[arg(long, value_name = "ADDR")]
    bind: Option<String>,
}

/// Runs until a signal comes.
pub async fn run(mut context: Context, args: ServeArgs) -> Result<Exit, CliError> {
    if let Some(text) = &args.bind {
        context.config.server.bind = server::parse_bind(text, context.config.server.bind)?;
    }
    let signals = Signals::new()?;
    let folder = server::take(&context.config.data_dir, &context.command)?;
    let listener = server::bind(context.config.server.bind, &context.command).await?;
    let address = listener.local_addr().map_err(CliError::internal)?;
    context.config.server.bind = address;
    let app = App::open(&context.config).await?;
    let workers = app.start_workers().await?;
    let router = semantik_api::router(app, semantik_api::ApiOptions { bind: address });
    let url = format!("http://{}", server::reachable(address));
    folder.announce(&url)?;
    greet(&context, &url, address);

    let server = Server { context: &context, listener, router, folder, linger: LINGER };
    server.run(signals, workers.stop()).await
}

fn greet(context: &Context, url: &str, address: SocketAddr) {
    if context.out.json {
        context.out.document(
            &serde_json::json!({ "url": url, "pid": std::process::id(), "data_dir": context.config.data_dir }),
        );
    } else {
        context.out.line(format_args!(
            "Semantik answers at {url} (data in {}); Ctrl-C stops it",
            context.config.data_dir.display()
        ));
    }
    tracing::info!(%address, data_dir = %context.config.data_dir.display(), "serving");
    if !address.ip().is_loopback() {
        context.out.warn(format_args!(
            "{address} can be reached from other machines and THERE IS NO LOGIN YET: \
             everybody who reaches it can read, change and delete everything. Bind to 127.0.0.1, or put a proxy with a login in front"
        ));
    }
}
