//! `GET /operations/{id}/events`
//!
//! The change feed only says when to look; the row is the truth, so a lost message costs a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use semantik_app::{App, Caller};
use semantik_core::id::OperationId;
use semantik_core::operation::Operation;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use crate::auth::Auth;
use crate::error::Problem;
use crate::extract::Param;

/// Least time between two events.
const PAUSE: Duration = Duration::from_millis(250);
/// Most time between two looks.
const POLL: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Server-sent events: `operation` with the operation at each change, until it ends.
#[utoipa::path(
    get, path = "/api/v2/operations/{id}/events", tag = "operations",
    params(("id" = OperationId, Path)),
    responses((status = 200, content_type = "text/event-stream", body = Operation))
)]
pub(super) async fn operation_events(
    State(app): State<App>,
    Auth(caller): Auth,
    Param(id): Param<OperationId>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let first = app.operation(&caller, id).await?;
    let watch = Watch { changes: app.changes(), app, caller, first: Some(first), last: None };
    let events = futures::stream::unfold(watch, async |mut watch| {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat")))
}

struct Watch<C> {
    app: App,
    caller: Caller,
    changes: Receiver<C>,
    first: Option<Operation>,
    last: Option<Operation>,
}

impl<C: Clone> Watch<C> {
    /// The next event; `None` after the terminal state, or when the operation is gone.
    async fn next(&mut self) -> Option<Event> {
        let operation = match self.first.take() {
            Some(first) => first,
            None => self.changed().await?,
        };
        let event = Event::default().event("operation").json_data(&operation).ok();
        self.last = Some(operation);
        event
    }

    async fn changed(&mut self) -> Option<Operation> {
        let last = self.last.clone().filter(|operation| !operation.status.is_terminal())?;
        loop {
            sleep(PAUSE).await;
            self.hint().await;
            let now = self.app.operation(&self.caller, last.id).await.ok()?;
            if now != last {
                return Some(now);
            }
        }
    }

    /// Waits for word of any change, but not for long.
    async fn hint(&mut self) {
        let wait = POLL.saturating_sub(PAUSE);
        if let Ok(Err(RecvError::Closed)) = timeout(wait, self.changes.recv()).await {
            sleep(wait).await;
        }
        self.changes = self.changes.resubscribe();
    }
}
