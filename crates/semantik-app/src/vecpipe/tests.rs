//! The service on real engines with mock embeddings.
