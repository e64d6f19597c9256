//! `semantik serve`: HTTP, background work, and a clean end.

use std::future::IntoFuture;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use semantik_app::{App, Workers};
use semantik_core::ErrorCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::data_folder::{self, DataFolder, Taken};
use crate::error::{CliError, Exit};

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
        context.config.server.bind = parse_bind(text, context.config.server.bind)?;
    }
    let mut signals = Signals::new()?;
    let folder = match DataFolder::take(&context.config.data_dir, &context.command)? {
        Taken::Mine(folder) => folder,
        Taken::Busy(holder) => {
            let address = data_folder::served_at(&context.config.data_dir);
            return Err(data_folder::busy(&context.config.data_dir, holder.as_ref(), address.as_ref()));
        }
    };
    let listener = bind(context.config.server.bind).await?;
    let address = listener.local_addr().map_err(CliError::internal)?;
    context.config.server.bind = address;
    let app = App::open(&context.config).await?;
    let workers = app.start_workers().await?;
    let router = semantik_api::router(app, semantik_api::ApiOptions { bind: address });
    let url = format!("http://{}", reachable(address));
    folder.announce(&url)?;
    greet(&context, &url, address);

    let stop = CancellationToken::new();
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
    let mut server = tokio::spawn(server);
    tokio::select! {
        () = signals.next() => {}
        ended = &mut server => return Err(CliError::internal(format!("the server ended by itself: {ended:?}"))),
    }
    folder.retract();
    stop.cancel();
    context.out.note("stopping; running work goes to its next safe point (Ctrl-C again leaves at once)");
    let timeout = Duration::from_secs(context.config.server.shutdown_timeout_s);
    tokio::select! {
        () = drain(server, workers) => Ok(Exit::Ok),
        () = tokio::time::sleep(timeout) => {
            context.out.warn(format_args!("work did not stop within {} s; it continues at the next start", timeout.as_secs()));
            Ok(Exit::Ok)
        }
        () = signals.next() => Ok(Exit::Interrupted),
    }
}

/// Connections may stay open (event streams); they must not hold back the workers.
async fn drain(server: tokio::task::JoinHandle<std::io::Result<()>>, workers: Workers) {
    let abort = server.abort_handle();
    workers.stop().await;
    if tokio::time::timeout(Duration::from_secs(2), server).await.is_err() {
        abort.abort();
    }
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

async fn bind(address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => CliError {
            code: "address_in_use".into(),
            exit: Exit::Conflict,
            message: format!("{address} is in use by another program"),
            hint: Some(format!("stop it, or choose another port: semantik serve --bind {}:0", address.ip())),
        },
        _ => CliError::new(ErrorCode::InvalidConfig, format!("cannot listen on {address}: {error}"))
            .hint("choose an address of this machine and a port you may use with --bind"),
    })
}

fn parse_bind(text: &str, default: SocketAddr) -> Result<SocketAddr, CliError> {
    let address =
        text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, default.port())));
    let address = address.or_else(|| {
        let port = text.strip_prefix(':').or_else(|| text.strip_prefix("localhost:"))?;
        Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.parse().ok()?))
    });
    address.ok_or_else(|| {
        CliError::usage(format!("--bind: `{text}` is not an address such as 127.0.0.1 or 127.0.0.1:8080"))
    })
}

/// An address a client on this machine can use: "any" means loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// SIGTERM and SIGINT alike.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, CliError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(CliError::internal)?,
            interrupt: signal(SignalKind::interrupt()).map_err(CliError::internal)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_given_in_part() {
        let default = "127.0.0.1:8080".parse().expect("valid");
        let check = |text, expect: &str| assert_eq!(parse_bind(text, default).expect("valid").to_string(), expect);
        check("0.0.0.0", "0.0.0.0:8080");
        check("127.0.0.1:9000", "127.0.0.1:9000");
        check(":9000", "127.0.0.1:9000");
        check("localhost:0", "127.0.0.1:0");
        assert!(parse_bind("nowhere", default).is_err());
    }

    #[test]
    fn clients_on_this_machine_get_an_address_they_can_use() {
        assert_eq!(reachable("0.0.0.0:1".parse().expect("valid")).to_string(), "127.0.0.1:1");
        assert_eq!(reachable("[::]:1".parse().expect("valid")).to_string(), "[::1]:1");
    }
}
