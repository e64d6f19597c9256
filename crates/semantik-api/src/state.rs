//! What handlers share.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRef;
use metrics_exporter_prometheus::PrometheusHandle;
use semantik_app::App;
use tokio::sync::Semaphore;

use crate::ApiOptions;

/// Memory all uploads in progress may take together, in [`UPLOAD_UNIT`]s.
const UPLOAD_UNITS: usize = 1024;

/// Bytes of one permit of [`ApiState::uploads`].
pub(crate) const UPLOAD_UNIT: usize = 1024 * 1024;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub app: App,
    pub bind: SocketAddr,
    pub metrics: PrometheusHandle,
    pub uploads: Arc<Semaphore>,
}

impl ApiState {
    pub(crate) fn new(app: App, options: ApiOptions) -> Self {
        let metrics = crate::metrics::recorder();
        Self { app, bind: options.bind, metrics, uploads: Arc::new(Semaphore::new(UPLOAD_UNITS)) }
    }
}

impl FromRef<ApiState> for App {
    fn from_ref(state: &ApiState) -> Self {
        state.app.clone()
    }
}
