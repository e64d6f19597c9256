//! A body that hands out one part per poll.
//!
//! The form reader takes all a body has ready before it gives any of it away; without a pause a fast
//! sender would fill memory before the first limit is looked at.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, Bytes};
use futures::Stream;

/// The body behind a pause after each part.
pub(super) struct Paced {
    body: BodyDataStream,
    pause: bool,
}

impl Paced {
    pub(super) fn body(body: Body) -> Body {
        Body::from_stream(Self { body: body.into_data_stream(), pause: false })
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let part = Pin::new(&mut self.body).poll_next(context);
        self.pause = matches!(part, Poll::Ready(Some(_)));
        part
    }
}
