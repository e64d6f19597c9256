//! Memory of one lane, reused from unit to unit.

use crate::cuda::layer::ByteRooms;
use crate::cuda::machine::Room;

/// What the parts of a model write to. The texts of a unit lie end to end, without padding.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The unit's description.
    pub unit: Room,
    /// `[tokens, hidden]` floats: what goes from layer to layer; the result in the end.
    pub states: Room,
    pub next: Room,
    pub wide: Room,
    pub inner: Room,
    /// One row per text.
    pub pooled: Room,
    pub heads: Room,
    pub rooms: ByteRooms,
}
