//! Jobs: what runs in the background, one file each, and the workers that run them.

mod delete_collection;
mod delete_source;
pub(crate) mod embed_chunks;
mod extract_document;
mod leases;
mod members;
mod purge_documents;
mod rename_points;
mod scan_plan;
mod scan_source;
mod spec;
mod worker;
mod workers;

pub(crate) use delete_collection::DeleteCollection;
pub(crate) use delete_source::DeleteSource;
pub(crate) use embed_chunks::EmbedChunks;
pub(crate) use extract_document::ExtractDocument;
pub(crate) use purge_documents::{PurgeDocuments, purge};
pub(crate) use rename_points::RenamePoints;
pub(crate) use scan_source::ScanSource;
pub(crate) use spec::{JobKind, JobSpec};
pub use workers::Workers;
