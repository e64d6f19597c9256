//! Members of archives and attachments of messages: documents of their own that live and die with
//! their container.

use std::collections::HashMap;

use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::DocumentId;
use semantik_core::job::ClaimedJob;
use semantik_ingest::extract::Member;
use semantik_store::{Commit, DocumentChange, NewDocument};
use sha2::{Digest, Sha256};

use super::{ExtractDocument, JobSpec, PurgeDocuments};
use crate::documents::{hex, original_key};
use crate::{App, AppError};

/// Makes the rows of a container's members what the container holds now.
pub(super) async fn reconcile(
    app: &App,
    job: &ClaimedJob,
    container: &Document,
    members: Vec<Member>,
    commit: &mut Commit,
) -> Result<(), AppError> {
    let known = app.store().children(container.id).await?;
    let mut known: HashMap<String, Document> =
        known.into_iter().map(|document| (document.uri.clone(), document)).collect();
    for member in members {
        let uri = format!("{}!/{}", container.uri, member.name);
        let hash = hex(&Sha256::digest(&member.bytes));
        let size = member.bytes.len() as u64;
        let id = match known.remove(&uri) {
            Some(document)
                if document.status == DocumentStatus::Completed && document.content_hash.as_ref() == Some(&hash) =>
            {
                continue;
            }
            Some(document) => {
                commit.documents.push(DocumentChange::Reopened {
                    id: document.id,
                    size,
                    modified_at: container.modified_at,
                });
                document.id
            }
            None => {
                let id = DocumentId::generate();
                commit.new_documents.push(new_member(id, container, uri, &member.name, size, hash));
                id
            }
        };
        app.blobs().put(&original_key(id), member.bytes).await?;
        let spec = JobSpec::of(&ExtractDocument { v: 1, document: id }, &id.to_string());
        commit.jobs.push(spec.build(job.operation, job.collection));
    }
    let gone: Vec<DocumentId> = known.into_values().map(|document| document.id).collect();
    for batch in gone.chunks(500) {
        commit.documents.extend(batch.iter().map(|&id| DocumentChange::Deleting(id)));
        let key = batch.first().map(ToString::to_string).unwrap_or_default();
        let spec = JobSpec::of(&PurgeDocuments { v: 1, documents: batch.to_vec() }, &key);
        commit.jobs.push(spec.build(job.operation, job.collection));
    }
    Ok(())
}

fn new_member(id: DocumentId, container: &Document, uri: String, name: &str, size: u64, hash: String) -> NewDocument {
    NewDocument {
        id,
        collection: container.collection,
        source: container.source,
        parent: Some(container.id),
        uri,
        name: name.rsplit('/').next().unwrap_or(name).to_owned(),
        size,
        modified_at: container.modified_at,
        content_hash: Some(hash),
        tags: container.tags.clone(),
        status: DocumentStatus::Pending,
        reason: None,
    }
}
