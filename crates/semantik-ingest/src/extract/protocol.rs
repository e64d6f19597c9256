//! What parent and child say to each other: a length, JSON, and the raw bytes of the members.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{Extracted, Limits, Request};
use crate::connect::{decode_path, encode_path};

/// The greeting that opens a child's work: the limits it lives under.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub limits: Limits,
}

/// One document to extract. The path is encoded, because JSON cannot hold every path.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    path: String,
    name: String,
    depth: u8,
    careful: bool,
}

impl Task {
    pub(super) fn new(request: &Request) -> Self {
        let Request { path, name, depth, careful } = request;
        Self { path: encode_path(path), name: name.clone(), depth: *depth, careful: *careful }
    }

    pub(super) fn request(self) -> Request {
        Request { path: decode_path(&self.path), name: self.name, depth: self.depth, careful: self.careful }
    }
}

/// Why a child has no result; the parent adds what only it can see (time, memory, death).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failure {
    Vanished,
    Unreadable(String),
    Broken(String),
    Bomb(String),
    Panicked(String),
}

/// What a child answers. The members' bytes follow the JSON in the order of `member_bytes`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub result: Result<Extracted, Failure>,
    pub member_bytes: Vec<u64>,
}

/// A frame as bytes.
pub(super) fn frame<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(value)?;
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

/// Reads one frame; `None` at the end of the stream.
pub(super) fn read_frame<T: for<'de> Deserialize<'de>>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 8];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut json = Vec::new();
    from.take(u64::from_le_bytes(length)).read_to_end(&mut json)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

/// Writes a reply and then its members' bytes.
pub(super) fn write_reply(to: &mut impl Write, mut result: Result<Extracted, Failure>) -> io::Result<()> {
    let mut bodies = Vec::new();
    if let Ok(extracted) = &mut result {
        bodies = extracted.members.iter_mut().map(|member| std::mem::take(&mut member.bytes)).collect();
    }
    let member_bytes = bodies.iter().map(|body| body.len() as u64).collect();
    to.write_all(&frame(&Reply { result, member_bytes })?)?;
    for body in bodies {
        to.write_all(&body)?;
    }
    to.flush()
}
