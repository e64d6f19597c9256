//! `semantik healthcheck`: is the running server ready?

use axum::http::Method;
use semantik_core::ErrorCode;
use serde_json::Value;

use crate::client::Remote;
use crate::context::Context;
use crate::data_folder::{ServeAddress, served_at};
use crate::error::{CliError, Exit};

/// Asks `/readyz`; 0 when ready, 5 when not. Never opens the data folder.
pub async fn run(context: &Context) -> Result<Exit, CliError> {
    let address = served_at(&context.config.data_dir)
        .unwrap_or_else(|| ServeAddress { pid: 0, url: format!("http://{}", context.config.server.bind) });
    let remote = Remote::new(&address)?;
    let (status, body) = remote.send(Method::GET, "/readyz", None).await?;
    if !(200..300).contains(&status) {
        return Err(CliError::new(
            ErrorCode::StoreUnavailable,
            format!("the server at {} is not ready (status {status})", remote.url()),
        )
        .hint("its log and `semantik doctor` tell why"));
    }
    if context.out.json {
        context.out.document(&serde_json::from_slice::<Value>(&body).unwrap_or(Value::Null));
    } else {
        context.out.line(format_args!("ready: {}", remote.url()));
    }
    Ok(Exit::Ok)
}
