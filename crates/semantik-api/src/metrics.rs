//! Prometheus metrics: one recorder for the process, requests counted as they end, gauges read from
//! rows at each scrape.

use std::sync::OnceLock;

use axum::http::{Method, StatusCode};
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use semantik_app::{App, AppError, Caller};

const DURATION: &str = "http_request_duration_seconds";
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Texts and tokens that are computed together.
const SIZES: [f64; 9] = [1.0, 4.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 8192.0];

/// The process's recorder, installed by the first call.
pub(crate) fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Prefix("semantik_embedding_batch_".to_owned()), &SIZES)
        })
        .expect("the tables of buckets are not empty");
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another metrics recorder is installed; /metrics stays empty");
    }
    handle
}

/// Counts an answered request by route, never by address.
pub(crate) fn count_request(route: &str, method: &Method, status: StatusCode, seconds: f64) {
    let labels = [
        ("path", route.to_owned()),
        ("method", method_name(method).to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    counter!("http_requests_total", &labels).increment(1);
    histogram!(DURATION, &labels).record(seconds);
}

/// A client may invent methods; labels may not grow with them.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Reads documents, chunks and queues from the rows.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
pub(crate) async fn read_gauges(app: &App, caller: &Caller) -> Result<(), AppError> {
    let collections = app.collections(caller).await?;
    let sum = |count: fn(&semantik_core::collection::CollectionCounts) -> u64| {
        collections.iter().map(|summary| count(&summary.counts)).sum::<u64>() as f64
    };
    gauge!("semantik_collections").set(collections.len() as f64);
    gauge!("semantik_documents", "status" => "pending").set(sum(|c| c.pending));
    gauge!("semantik_documents", "status" => "processing").set(sum(|c| c.processing));
    gauge!("semantik_documents", "status" => "completed").set(sum(|c| c.completed));
    gauge!("semantik_documents", "status" => "failed").set(sum(|c| c.failed));
    gauge!("semantik_documents", "status" => "skipped").set(sum(|c| c.skipped));
    gauge!("semantik_chunks").set(sum(|c| c.chunks));
    gauge!("semantik_indexed_chunks").set(sum(|c| c.indexed_chunks));
    for view in app.queues(caller).await? {
        let queue = view.queue.as_str();
        gauge!("semantik_queue_jobs", "queue" => queue, "state" => "pending").set(view.pending as f64);
        gauge!("semantik_queue_jobs", "queue" => queue, "state" => "delayed").set(view.delayed as f64);
        gauge!("semantik_queue_jobs", "queue" => queue, "state" => "processing").set(view.processing as f64);
        gauge!("semantik_queue_jobs", "queue" => queue, "state" => "dead").set(view.dead as f64);
        gauge!("semantik_queue_oldest_seconds", "queue" => queue).set(view.oldest_ms as f64 / 1000.0);
    }
    Ok(())
}
