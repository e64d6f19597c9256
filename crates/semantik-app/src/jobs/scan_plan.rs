//! Comparing what a source lists with what is known: what is new, changed, moved, gone.

use std::collections::{HashMap, HashSet};

use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::DocumentId;
use semantik_ingest::connect::Listed;

/// What to do about a source. Unchanged files appear nowhere.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) new: Vec<Listed>,
    /// The size differs, or the document never got to a good end.
    pub(super) changed: Vec<(DocumentId, Listed)>,
    /// Only the time differs: the bytes decide.
    pub(super) touched: Vec<(Document, Listed)>,
    /// Known and not listed. Only to be believed when the listing was complete.
    pub(super) vanished: Vec<Document>,
}

/// Compares; `known` are the source's top-level documents.
pub(super) fn compare(listed: Vec<Listed>, known: Vec<Document>) -> Plan {
    let mut plan = Plan::default();
    let mut known: HashMap<String, Document> =
        known.into_iter().map(|document| (document.uri.clone(), document)).collect();
    for file in listed {
        match known.remove(&file.uri) {
            None => plan.new.push(file),
            Some(document) if is_current(&document, &file) => {}
            Some(document) if is_touched(&document, &file) => plan.touched.push((document, file)),
            Some(document) => plan.changed.push((document.id, file)),
        }
    }
    plan.vanished = known.into_values().filter(|document| document.status != DocumentStatus::Deleting).collect();
    plan.vanished.sort_by(|a, b| a.uri.cmp(&b.uri));
    plan
}

fn is_current(document: &Document, file: &Listed) -> bool {
    let settled = match document.status {
        DocumentStatus::Completed | DocumentStatus::Failed | DocumentStatus::Skipped => true,
        DocumentStatus::Pending | DocumentStatus::Processing | DocumentStatus::Deleting => false,
    };
    settled && document.size == file.size && document.modified_at == file.modified_at
}

fn is_touched(document: &Document, file: &Listed) -> bool {
    document.status == DocumentStatus::Completed && document.content_hash.is_some() && document.size == file.size
}

/// Takes the touched files out of the plan: those with other bytes are changed, the rest comes back.
pub(super) fn take_untouched(plan: &mut Plan, hashes: &HashMap<String, String>) -> Vec<(Document, Listed)> {
    let (same, other): (Vec<_>, Vec<_>) = std::mem::take(&mut plan.touched)
        .into_iter()
        .partition(|(document, file)| document.content_hash.as_ref() == hashes.get(&file.uri));
    plan.changed.extend(other.into_iter().map(|(document, file)| (document.id, file)));
    same
}

/// New files that may be a vanished document under another name: those of equal size.
pub(super) fn rename_candidates(plan: &Plan) -> Vec<Listed> {
    let sizes: HashSet<u64> = plan
        .vanished
        .iter()
        .filter(|document| document.status == DocumentStatus::Completed && document.content_hash.is_some())
        .map(|document| document.size)
        .collect();
    plan.new.iter().filter(|file| file.size > 0 && sizes.contains(&file.size)).cloned().collect()
}

/// Takes renames out of the plan: a candidate whose bytes are a vanished document's. Each
/// document is used once, the same file name first.
pub(super) fn take_renames(plan: &mut Plan, hashes: &HashMap<String, String>) -> Vec<(Document, Listed)> {
    let mut renames = Vec::new();
    let mut rest = Vec::new();
    for file in std::mem::take(&mut plan.new) {
        let matches = |document: &Document| {
            document.status == DocumentStatus::Completed
                && document.content_hash.is_some()
                && document.content_hash.as_ref() == hashes.get(&file.uri)
        };
        let same_name = plan.vanished.iter().position(|document| matches(document) && document.name == file.name);
        match same_name.or_else(|| plan.vanished.iter().position(matches)) {
            Some(position) => renames.push((plan.vanished.remove(position), file)),
            None => rest.push(file),
        }
    }
    plan.new = rest;
    renames
}

#[cfg(test)]
mod tests {
    use semantik_core::id::{CollectionId, SourceId};

    use super::*;

    fn document(uri: &str, size: u64, modified: i64, hash: &str) -> Document {
        Document {
            id: DocumentId::generate(),
            collection: CollectionId::generate(),
            source: SourceId::generate(),
            parent: None,
            uri: uri.into(),
            name: uri.rsplit('/').next().unwrap_or(uri).into(),
            mime: None,
            size,
            modified_at: Some(modified),
            content_hash: Some(hash.into()),
            status: DocumentStatus::Completed,
            reason: None,
            pages: Vec::new(),
            title: None,
            language: None,
            tags: Vec::new(),
            chunk_count: 1,
            created_at: 0,
            updated_at: 0,
        }
    }

    fn listed(uri: &str, size: u64, modified: i64) -> Listed {
        let name = uri.rsplit('/').next().unwrap_or(uri).into();
        Listed { uri: uri.into(), name, path: uri.into(), size, modified_at: Some(modified) }
    }

    #[test]
    fn only_what_differs_is_planned() {
        let grown = document("grown", 1, 1, "b");
        let known = vec![document("same", 1, 1, "a"), grown, document("gone", 1, 1, "c")];
        let plan = compare(vec![listed("new", 5, 5), listed("same", 1, 1), listed("grown", 2, 2)], known);
        assert_eq!(plan.new.iter().map(|f| f.uri.as_str()).collect::<Vec<_>>(), ["new"]);
        assert_eq!(plan.changed.iter().map(|(_, f)| f.uri.as_str()).collect::<Vec<_>>(), ["grown"]);
        assert_eq!(plan.vanished.iter().map(|d| d.uri.as_str()).collect::<Vec<_>>(), ["gone"]);
        assert!(plan.touched.is_empty());
    }

    #[test]
    fn the_bytes_decide_about_a_touched_file() {
        let known = vec![document("same", 1, 1, "a"), document("other", 1, 1, "b"), document("unreadable", 1, 1, "c")];
        let mut plan = compare(vec![listed("same", 1, 2), listed("other", 1, 2), listed("unreadable", 1, 2)], known);
        assert!(plan.changed.is_empty());
        let hashes = [("same".into(), "a".into()), ("other".into(), "x".into())].into();
        let same = take_untouched(&mut plan, &hashes);
        assert_eq!(same.iter().map(|(_, f)| f.uri.as_str()).collect::<Vec<_>>(), ["same"]);
        assert_eq!(plan.changed.iter().map(|(_, f)| f.uri.as_str()).collect::<Vec<_>>(), ["other", "unreadable"]);
        assert!(plan.touched.is_empty());
    }

    #[test]
    fn a_document_without_an_end_is_read_again() {
        let mut waiting = document("waiting", 1, 1, "a");
        waiting.status = DocumentStatus::Pending;
        let plan = compare(vec![listed("waiting", 1, 1)], vec![waiting]);
        assert_eq!(plan.changed.len(), 1);
    }

    #[test]
    fn a_moved_file_keeps_its_document_and_a_copy_does_not_take_it() {
        let known = vec![document("old/a.txt", 7, 1, "hash-a"), document("stays.txt", 7, 1, "hash-s")];
        let files = vec![listed("copy.txt", 7, 3), listed("new/a.txt", 7, 2), listed("stays.txt", 7, 1)];
        let mut plan = compare(files, known);
        let candidates: Vec<_> = rename_candidates(&plan).into_iter().map(|file| file.uri).collect();
        assert_eq!(candidates, ["copy.txt", "new/a.txt"]);
        let hashes = HashMap::from([
            ("new/a.txt".to_owned(), "hash-a".to_owned()),
            ("copy.txt".to_owned(), "hash-s".to_owned()),
        ]);
        let renames = take_renames(&mut plan, &hashes);
        assert_eq!(renames.len(), 1);
        assert_eq!((renames[0].0.uri.as_str(), renames[0].1.uri.as_str()), ("old/a.txt", "new/a.txt"));
        assert_eq!(plan.new.iter().map(|f| f.uri.as_str()).collect::<Vec<_>>(), ["copy.txt"]);
        assert!(plan.vanished.is_empty());
    }
}
