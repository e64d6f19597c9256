//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use metrics_exporter_prometheus::PrometheusHandle;
use semantik_app::App;
use tokio::sync::Semaphore;

/// Uploads received at the same time; more are told to come back.
const UPLOADS: usize = 16;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct ApiState {
    pub app: App,
    pub metrics: PrometheusHandle,
    pub uploads: Arc<Semaphore>,
}

impl ApiState {
    pub(crate) fn new(app: App) -> Self {
        let metrics = crate::metrics::recorder();
        Self { app, metrics, uploads: Arc::new(Semaphore::new(UPLOADS)) }
    }
}

impl FromRef<ApiState> for App {
    fn from_ref(state: &ApiState) -> Self {
        state.app.clone()
    }
}
