//! What the long-running commands share: taking the folder, listening, signals, a clean end.

use std::future::IntoFuture;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use semantik_core::ErrorCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::data_folder::{self, DataFolder, Taken};
use crate::error::{CliError, Exit};

/// A server about to answer.
pub struct Server<'a> {
    pub context: &'a Context,
    pub listener: TcpListener,
    pub router: Router,
    /// Announces the address until the end begins.
    pub folder: DataFolder,
    /// How long connections may stay open after the rest has ended.
    pub linger: Duration,
}

impl Server<'_> {
    /// Answers until a signal comes; then `rest` and the connections end, in bounded time.
    pub async fn run(self, mut signals: Signals, rest: impl Future<Output = ()>) -> Result<Exit, CliError> {
        let out = &self.context.out;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let server = axum::serve(self.listener, self.router).with_graceful_shutdown(stopped).into_future();
        let mut server = tokio::spawn(server);
        tokio::select! {
            () = signals.next() => {}
            ended = &mut server => return Err(CliError::internal(format!("the server ended by itself: {ended:?}"))),
        }
        self.folder.retract();
        stop.cancel();
        out.note("stopping; running work goes to its next safe point (Ctrl-C again leaves at once)");
        let timeout = Duration::from_secs(self.context.config.server.shutdown_timeout_s);
        let drain = async {
            let abort = server.abort_handle();
            rest.await;
            if tokio::time::timeout(self.linger, server).await.is_err() {
                abort.abort();
            }
        };
        tokio::select! {
            () = drain => Ok(Exit::Ok),
            () = tokio::time::sleep(timeout) => {
                out.warn(format_args!("work did not stop within {} s; it continues at the next start", timeout.as_secs()));
                Ok(Exit::Ok)
            }
            () = signals.next() => Ok(Exit::Interrupted),
        }
    }
}

/// Takes the lock of a folder for a server.
pub fn take(path: &Path, command: &str) -> Result<DataFolder, CliError> {
    match DataFolder::take(path, command)? {
        Taken::Mine(folder) => Ok(folder),
        Taken::Busy(holder) => {
            let address = data_folder::served_at(path);
            Err(data_folder::busy(path, holder.as_ref(), address.as_ref()))
        }
    }
}

/// Listens at `address` for `command`, the command as a person would name it.
pub async fn bind(address: SocketAddr, command: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => CliError {
            code: "address_in_use".into(),
            exit: Exit::Conflict,
            message: format!("{address} is in use by another program"),
            hint: Some(format!("stop it, or choose another port: {command} --bind {}:0", address.ip())),
        },
        _ => CliError::new(ErrorCode::InvalidConfig, format!("cannot listen on {address}: {error}"))
            .hint("choose an address of this machine and a port you may use with --bind"),
    })
}

/// An address that may be given in part.
pub fn parse_bind(text: &str, default: SocketAddr) -> Result<SocketAddr, CliError> {
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
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// SIGTERM and SIGINT alike.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn new() -> Result<Self, CliError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(CliError::internal)?,
            interrupt: signal(SignalKind::interrupt()).map_err(CliError::internal)?,
        })
    }

    pub async fn next(&mut self) {
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
