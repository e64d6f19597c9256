//! Work that ends when its caller no longer wants it.

use tokio_util::sync::CancellationToken;

use crate::InferenceError;

/// What `work` gives, unless `cancel` comes first; `work` is dropped then.
///
/// # Errors
/// [`InferenceError::Cancelled`], or what `work` says.
pub(crate) async fn leave_on<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, InferenceError>>,
) -> Result<T, InferenceError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(InferenceError::Cancelled),
        done = work => done,
    }
}
