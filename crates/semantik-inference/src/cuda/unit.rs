//! Some texts that are computed together: one list of tokens without padding, and where each text
//! lies in it.

use crate::cuda::fault::Fault;
use crate::cuda::machine::{Machine, Room, Span};
use crate::cuda::product::padded;

/// A unit's description on the card. What products read is padded to a few sizes; nothing else is.
pub(crate) struct Placed {
    pub texts: usize,
    pub tokens: usize,
    /// Rows that products compute.
    pub rows: usize,
    /// Tokens of the longest text.
    pub longest: usize,
    /// `[tokens]`, 32 bits each.
    pub ids: Span,
    /// `[tokens]`, 32 bits each: the place of a token in its text.
    pub positions: Span,
    /// `[texts + 1]`, 32 bits each.
    pub offsets: Span,
    /// `[tile_count, 3]`, 32 bits each: a text's first token, its length, the tile's first query.
    pub tiles: Span,
    pub tile_count: usize,
}

/// The same before it is there.
struct Layout {
    ids: Vec<u32>,
    positions: Vec<u32>,
    offsets: Vec<u32>,
    tiles: Vec<u32>,
}

impl Layout {
    fn of(texts: &[Vec<u32>], tile_rows: usize) -> Self {
        let mut layout = Self { ids: Vec::new(), positions: Vec::new(), offsets: vec![0], tiles: Vec::new() };
        for text in texts {
            let (start, length) = (layout.ids.len() as u32, text.len() as u32);
            for first in (0..length).step_by(tile_rows) {
                layout.tiles.extend([start, length, first]);
            }
            layout.ids.extend(text);
            layout.positions.extend(0..length);
            layout.offsets.push(start + length);
        }
        layout
    }
}

impl Placed {
    /// Puts `texts` into `room`, tiled for attention by `tile_rows` queries.
    ///
    /// # Errors
    /// [`Fault::Memory`].
    pub fn new(machine: &dyn Machine, room: &mut Room, texts: &[Vec<u32>], tile_rows: usize) -> Result<Self, Fault> {
        let layout = Layout::of(texts, tile_rows);
        let mut bytes = Vec::new();
        let spans = [&layout.ids, &layout.positions, &layout.offsets, &layout.tiles].map(|values| {
            bytes.resize(bytes.len().next_multiple_of(256), 0);
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            (bytes.len() - 4 * values.len(), 4 * values.len())
        });
        let all = room.of(machine, bytes.len())?;
        machine.upload(&bytes, all)?;
        let [ids, positions, offsets, tiles] = spans.map(|(offset, size)| all.part(offset, size));
        let tokens = layout.ids.len();
        Ok(Self {
            texts: texts.len(),
            tokens,
            rows: padded(tokens),
            longest: texts.iter().map(Vec::len).max().unwrap_or(0),
            ids,
            positions,
            offsets,
            tiles,
            tile_count: layout.tiles.len() / 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn every_query_of_every_text_is_in_one_tile() {
        let texts: Vec<Vec<u32>> = [5, 0, 16, 33, 1].iter().map(|length| vec![7; *length]).collect();
        let layout = Layout::of(&texts, 16);
        assert_eq!(layout.offsets, [0, 5, 5, 21, 54, 55]);
        assert_eq!(layout.tiles, [0, 5, 0, 5, 16, 0, 21, 33, 0, 21, 33, 16, 21, 33, 32, 54, 1, 0]);
        assert_eq!(layout.positions[21..24], [0, 1, 2]);
    }
}
