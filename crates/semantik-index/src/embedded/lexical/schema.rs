//! The fields of the lexical index, and how a point becomes one of its documents.

use tantivy::TantivyDocument;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};

use super::analysis::{self, Word};
use crate::Point;

/// Names of the columns a hit's ids are read from: the halves of the chunk's and the document's.
pub(super) const ID_COLUMNS: [&str; 4] = ["id_high", "id_low", "document_high", "document_low"];

#[derive(Clone, Copy)]
pub(super) struct Fields {
    /// The ids as terms, to delete by.
    pub(super) id: Field,
    pub(super) document: Field,
    columns: [Field; 4],
    /// Stems with positions.
    pub(super) text: Field,
    pub(super) context: Field,
    /// Unstemmed words and identifiers of both.
    pub(super) exact: Field,
}

pub(super) fn build() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let words = |option, norms| {
        let indexing = TextFieldIndexing::default().set_tokenizer("raw").set_index_option(option).set_fieldnorms(norms);
        TextOptions::default().set_indexing_options(indexing)
    };
    let fields = Fields {
        id: schema.add_bytes_field("id", INDEXED),
        document: schema.add_bytes_field("document", INDEXED),
        columns: ID_COLUMNS.map(|name| schema.add_u64_field(name, FAST)),
        text: schema.add_text_field("text", words(IndexRecordOption::WithFreqsAndPositions, true)),
        context: schema.add_text_field("context", words(IndexRecordOption::WithFreqsAndPositions, true)),
        exact: schema.add_text_field("exact", words(IndexRecordOption::Basic, false)),
    };
    (schema.build(), fields)
}

impl Fields {
    pub(super) fn to_document(self, point: &Point) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_bytes(self.id, point.id.0.as_bytes());
        document.add_bytes(self.document, point.document.0.as_bytes());
        let (id, of) = (point.id.0.as_u64_pair(), point.document.0.as_u64_pair());
        for (field, value) in self.columns.into_iter().zip([id.0, id.1, of.0, of.1]) {
            document.add_u64(field, value);
        }
        let (text, context) = (analysis::words(&point.text), analysis::words(&point.context));
        let mut exact: Vec<String> = text.iter().chain(&context).map(|word| word.folded.clone()).collect();
        exact.extend(analysis::identifiers(&point.text));
        exact.extend(analysis::identifiers(&point.context));
        exact.sort_unstable();
        exact.dedup();
        document.add_pre_tokenized_text(self.text, tokens(text.into_iter().map(stem)));
        document.add_pre_tokenized_text(self.context, tokens(context.into_iter().map(stem)));
        document.add_pre_tokenized_text(self.exact, tokens(exact.into_iter()));
        document
    }
}

fn stem(word: Word) -> String {
    word.stem
}

fn tokens(words: impl Iterator<Item = String>) -> PreTokenizedString {
    let token = |(position, text)| Token { position, text, ..Token::default() };
    PreTokenizedString { text: String::new(), tokens: words.enumerate().map(token).collect() }
}
