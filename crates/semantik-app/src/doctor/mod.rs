//! Health for probes, and the doctor: checks with findings that end in what to do.

mod extractor;

use std::collections::BTreeMap;

use semantik_core::collection::Quantization;
use semantik_core::job::JobQueue;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::collections::FormatCount;
use crate::{App, AppError, Caller, reconcile};

pub use extractor::try_extractor;

/// A part of the system and whether it works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Component {
    pub name: String,
    pub ok: bool,
    pub detail: String,
}

/// Whether the process can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    pub ready: bool,
    pub components: Vec<Component>,
}

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemInfo {
    pub version: String,
    pub model: String,
    /// SHA-256 of the weights.
    pub model_hash: String,
    pub quantization: Quantization,
    pub dimensions: usize,
    pub max_tokens: usize,
    /// Larger files are refused (`MAX_FILE_SIZE_MB`).
    pub max_file_mb: u64,
    pub data_dir: String,
}

/// A check the doctor made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    pub name: String,
    pub ok: bool,
    pub detail: String,
}

/// Something wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    pub area: String,
    pub message: String,
    pub remedy: String,
}

/// What the doctor found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoctorReport {
    pub problems: Vec<Problem>,
    pub checks: Vec<Check>,
    pub counts: DoctorCounts,
}

/// Counts over all collections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoctorCounts {
    pub documents_by_status: BTreeMap<String, u64>,
    pub documents_by_format: Vec<FormatCount>,
    pub chunk_rows: u64,
    pub index_points: u64,
}

impl DoctorReport {
    fn check(&mut self, name: &str, detail: String) {
        self.checks.push(Check { name: name.into(), ok: true, detail });
    }

    fn problem(&mut self, area: &str, message: String, remedy: &str) {
        self.checks.push(Check { name: area.into(), ok: false, detail: message.clone() });
        self.problems.push(Problem { area: area.into(), message, remedy: remedy.into() });
    }
}

impl App {
    /// Whether store and index answer. A model that is not loaded yet is fine.
    pub async fn health(&self) -> Health {
        let mut components = Vec::new();
        let mut add = |name: &str, result: Result<String, AppError>| {
            let (ok, detail) = match result {
                Ok(detail) => (true, detail),
                Err(error) => (false, error.to_string()),
            };
            components.push(Component { name: name.into(), ok, detail });
        };
        let queued = self.store().queue_stats(JobQueue::Embed).await;
        add("store", queued.map(|stats| format!("{} passages jobs waiting", stats.pending)).map_err(Into::into));
        add("index", self.parts.engine.list().await.map(|list| format!("{} indexes", list.len())).map_err(Into::into));
        add("model", Ok(self.embedder().info().name.clone()));
        Health { ready: components.iter().all(|component| component.ok), components }
    }

    /// What runs here.
    ///
    /// # Errors
    /// None today; kept fallible for remote embedders.
    pub async fn system_info(&self, _caller: &Caller) -> Result<SystemInfo, AppError> {
        let model = self.embedder().info();
        Ok(SystemInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            model: model.name.clone(),
            model_hash: model.hash.clone(),
            quantization: model.quantization,
            dimensions: model.dimensions,
            max_tokens: model.max_tokens,
            max_file_mb: self.config().extract.max_file_mb,
            data_dir: self.config().data_dir.display().to_string(),
        })
    }

    /// Examines store, queues and (when asked) every chunk against every point.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub async fn doctor(&self, caller: &Caller, consistency: bool) -> Result<DoctorReport, AppError> {
        let mut report = DoctorReport::default();
        match self.store().verify().await?.as_slice() {
            [] => report.check("store", "the database is sound".into()),
            findings => {
                report.problem("store", findings.join("; "), "stop Semantik and restore the data folder from a backup")
            }
        }
        let mut dead = 0;
        for &queue in JobQueue::ALL {
            dead += self.store().queue_stats(queue).await?.dead;
        }
        if let Some(device) = self.embedder().device() {
            report.check("device", device);
        }
        report.check("queues", format!("{dead} jobs gave up"));
        if let Err(error) = self.embedder().identify().await {
            let error = AppError::from(error);
            report.problem("model", error.to_string(), &error.hint().unwrap_or_default());
        }
        for summary in self.collections(caller).await? {
            let name = &summary.collection.name;
            add_counts(&mut report.counts, &summary.counts, summary.formats);
            if let Err(error) = self.check_model(&self.store().dataset_and_index(summary.collection.id).await?.1) {
                report.problem("model", format!("collection `{name}`: {error}"), &error.hint().unwrap_or_default());
            }
            if consistency {
                self.check_consistency(&mut report, &summary.collection).await?;
            }
        }
        Ok(report)
    }

    async fn check_consistency(
        &self,
        report: &mut DoctorReport,
        collection: &semantik_core::collection::Collection,
    ) -> Result<(), AppError> {
        let difference = reconcile::compare(self, collection.id).await?;
        report.counts.chunk_rows += difference.rows;
        report.counts.index_points += difference.points;
        let name = &collection.name;
        let busy = !self.store().operations(Some(collection.id), true, 1).await?.is_empty();
        if difference.missing.is_empty() && difference.orphans.is_empty() {
            report.check(
                "consistency",
                format!("collection `{name}`: {} chunks, {} points", difference.rows, difference.points),
            );
        } else if busy {
            let detail = format!(
                "collection `{name}` is being indexed: {} of {} chunks have their point",
                difference.points, difference.rows
            );
            report.check("consistency", detail);
        } else {
            let message = format!(
                "collection `{name}`: {} chunks without a point ({} of them not yet indexed), {} points without a chunk",
                difference.missing.len(),
                difference.unindexed,
                difference.orphans.len()
            );
            report.problem("consistency", message, "nothing to do: reconcile repairs this within 300 s while `semantik serve` runs; run the sync again if documents are pending");
        }
        Ok(())
    }
}

fn add_counts(
    total: &mut DoctorCounts,
    counts: &semantik_core::collection::CollectionCounts,
    formats: Vec<FormatCount>,
) {
    let by_status = [
        ("pending", counts.pending),
        ("processing", counts.processing),
        ("completed", counts.completed),
        ("failed", counts.failed),
        ("skipped", counts.skipped),
    ];
    for (status, count) in by_status {
        *total.documents_by_status.entry(status.into()).or_default() += count;
    }
    for format in formats {
        let same = |known: &&mut FormatCount| known.status == format.status && known.mime == format.mime;
        match total.documents_by_format.iter_mut().find(same) {
            Some(known) => known.count += format.count,
            None => total.documents_by_format.push(format),
        }
    }
}
