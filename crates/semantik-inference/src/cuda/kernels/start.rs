//! Starting kernels: sizes are checked against the memory that is given, grids follow from sizes.

use crate::cuda::fault::Fault;
use crate::cuda::kernels::{
    Arguments, Attend, AttendTensor, Dequantise, Embed, Form, Gate, Gelu, Norm, Pool, Quantise, Score, Turn,
};
use crate::cuda::machine::{Launch, Machine, Memory, Span};
use crate::cuda::unit::Placed;
use crate::local::ops::pooling::Pooling;

const THREADS: u32 = 128;

/// Threads of a block that does a row of `width` numbers, four or one at a time. The order of a sum
/// follows from it, so it must depend on nothing else.
fn row_threads(width: usize, at_a_time: usize) -> u32 {
    width.div_ceil(at_a_time).next_multiple_of(32).min(256) as u32
}

/// A machine with the kernels of one form.
#[derive(Clone, Copy)]
pub(crate) struct Kernels<'a> {
    pub machine: &'a dyn Machine,
    pub form: Form,
}

/// The numbers of a norm on the card.
pub(crate) struct NormWeights {
    pub weight: Memory,
    /// `None` for a norm by the root mean square.
    pub shift: Option<Memory>,
    pub epsilon: f32,
}

/// Where the columns of queries, keys and values lie in a row, and how they are attended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub heads: usize,
    pub kv_heads: usize,
    pub causal: bool,
}

/// Tables of rotary positions on the card.
pub(crate) struct RotaryTables {
    pub cosines: Memory,
    pub sines: Memory,
}

/// A table of words, and what is added to them by place.
pub(crate) struct WordTables {
    pub words: Memory,
    /// `[segments, reach, width]`.
    pub places: Option<Memory>,
    pub segments: usize,
    pub reach: usize,
}

impl Heads {
    /// Numbers of a row of queries, keys and values.
    pub fn row(self, head_dim: usize) -> usize {
        (self.heads + 2 * self.kv_heads) * head_dim
    }
}

impl Kernels<'_> {
    fn bytes(&self) -> usize {
        self.form.numbers.bytes()
    }

    fn start<A: Arguments>(
        &self,
        arguments: A,
        grid: (usize, usize),
        threads: u32,
        floats: usize,
    ) -> Result<(), Fault> {
        if grid.0 == 0 || grid.1 == 0 {
            return Ok(());
        }
        let launch = Launch::new(&arguments, (grid.0 as u32, grid.1 as u32), threads, 4 * floats as u32);
        // SAFETY: the callers below take every address from memory that holds what the kernel reads
        // and writes there.
        unsafe { self.machine.launch(&launch) }
    }

    /// The first states of a unit, `[tokens, width]` floats.
    ///
    /// # Errors
    /// When the kernel cannot be started; so for all of these.
    pub fn embed(&self, unit: &Placed, tables: &WordTables, width: usize, states: Span) -> Result<(), Fault> {
        let places =
            tables.places.as_ref().map_or(0, |places| places.holding(tables.segments * tables.reach * width * 4));
        let arguments = Embed {
            ids: unit.ids.holding(unit.tokens * 4),
            positions: unit.positions.holding(unit.tokens * 4),
            words: tables.words.holding(self.bytes() * width),
            places,
            states: states.holding(unit.tokens * width * 4),
            width: width as i32,
            reach: tables.reach as i32,
            segments: tables.segments as i32,
            padding: 0,
        };
        self.start(arguments, (unit.tokens, 1), row_threads(width, 4), 0)
    }

    /// `states += added`, then the norm: into `out`, and instead of the states where `replace`.
    pub fn norm(
        &self,
        (rows, width): (usize, usize),
        norm: &NormWeights,
        (states, added): (Span, Option<Span>),
        out: Option<Span>,
        replace: bool,
    ) -> Result<(), Fault> {
        let arguments = Norm {
            states: states.holding(rows * width * 4),
            added: added.map_or(0, |added| added.holding(rows * width * self.bytes())),
            weight: norm.weight.holding(width * 4),
            shift: norm.shift.as_ref().map_or(0, |shift| shift.holding(width * 4)),
            out: out.map_or(0, |out| out.holding(rows * width * self.bytes())),
            epsilon: norm.epsilon,
            width: width as i32,
            replace: i32::from(replace),
            padding: 0,
        };
        self.start(arguments, (rows, 1), row_threads(width, 4), width)
    }

    /// Norms and turns the heads of queries and keys in `rows`, `[tokens, heads.row()]`.
    pub fn turn(
        &self,
        unit: &Placed,
        heads: Heads,
        [query, key]: [&NormWeights; 2],
        rotary: &RotaryTables,
        rows: Span,
    ) -> Result<(), Fault> {
        let dim = self.form.head_dim;
        let arguments = Turn {
            rows: rows.holding(unit.tokens * heads.row(dim) * self.bytes()),
            positions: unit.positions.holding(unit.tokens * 4),
            query_weight: query.weight.holding(dim * 4),
            key_weight: key.weight.holding(dim * 4),
            cosines: rotary.cosines.holding(unit.longest * dim * 2),
            sines: rotary.sines.holding(unit.longest * dim * 2),
            epsilon: query.epsilon,
            row: heads.row(dim) as i32,
            heads: heads.heads as i32,
            kv_heads: heads.kv_heads as i32,
            head_dim: dim as i32,
            padding: 0,
        };
        let groups = (heads.heads + heads.kv_heads).div_ceil(THREADS as usize / 32);
        self.start(arguments, (unit.tokens, groups), THREADS, 0)
    }

    /// Attention of every text by itself: from `rows`, `[tokens, heads.row()]`, to `out`,
    /// `[tokens, heads * head_dim]`.
    pub fn attend(&self, unit: &Placed, heads: Heads, rows: Span, out: Span) -> Result<(), Fault> {
        let dim = self.form.head_dim;
        let Attend { rows, tiles, out, row, heads, kv_heads, causal } = Attend {
            rows: rows.holding(unit.tokens * heads.row(dim) * self.bytes()),
            tiles: unit.tiles.holding(unit.tile_count * 12),
            out: out.holding(unit.tokens * heads.heads * dim * self.bytes()),
            row: heads.row(dim) as i32,
            heads: heads.heads as i32,
            kv_heads: heads.kv_heads as i32,
            causal: i32::from(heads.causal),
        };
        let grid = (unit.tile_count, heads as usize);
        if self.form.has_tensor_attention() {
            return self.start(AttendTensor { rows, tiles, out, row, heads, kv_heads, causal }, grid, 128, 0);
        }
        let floats = (16 + 32) * (dim + 1) + 32 * dim + 16 * 33;
        self.start(Attend { rows, tiles, out, row, heads, kv_heads, causal }, grid, 256, floats)
    }

    /// The exact GELU of `count` numbers in place.
    pub fn gelu(&self, values: Span, count: usize) -> Result<(), Fault> {
        let arguments = Gelu { values: values.holding(count * self.bytes()), count: count as u64 };
        // More blocks than this keep a card no busier; each goes on to the next piece.
        let blocks = count.div_ceil(4 * THREADS as usize).min(65_536);
        self.start(arguments, (blocks, 1), THREADS, 0)
    }

    /// `out = silu(left half) * right half` of `wide`, `[tokens, 2 * width]`.
    pub fn gate(&self, tokens: usize, width: usize, wide: Span, out: Span) -> Result<(), Fault> {
        let arguments = Gate {
            wide: wide.holding(tokens * 2 * width * self.bytes()),
            out: out.holding(tokens * width * self.bytes()),
            width: width as i32,
            padding: 0,
        };
        self.start(arguments, (tokens, 1), row_threads(width, 4), 0)
    }

    /// One row per text in floats, its first `dimensions` numbers, brought to length 1 where `unit_length`.
    pub fn pool(
        &self,
        unit: &Placed,
        pooling: Pooling,
        (states, width): (Span, usize),
        (out, dimensions): (Span, usize),
        unit_length: bool,
    ) -> Result<(), Fault> {
        let arguments = Pool {
            states: states.holding(unit.tokens * width * 4),
            offsets: unit.offsets.holding((unit.texts + 1) * 4),
            out: out.holding(unit.texts * dimensions * 4),
            width: width as i32,
            dimensions: dimensions as i32,
            mode: match pooling {
                Pooling::Mean => 0,
                Pooling::Cls => 1,
                Pooling::Last => 2,
            },
            unit: i32::from(unit_length),
        };
        self.start(arguments, (unit.texts, 1), row_threads(dimensions, 1), 0)
    }

    /// The sigmoid of each row's product with `row`, the rows through tanh first where `tanh`.
    pub fn score(
        &self,
        (rows, width): (usize, usize),
        states: Span,
        (row, bias, tanh): (Span, f32, bool),
        out: Span,
    ) -> Result<(), Fault> {
        let arguments = Score {
            states: states.holding(rows * width * 4),
            row: row.holding(width * 4),
            out: out.holding(rows * 4),
            bias,
            width: width as i32,
            tanh: i32::from(tanh),
            padding: 0,
        };
        self.start(arguments, (rows, 1), row_threads(width, 1), 0)
    }

    /// Rows in 8 bits with one scale each.
    pub fn quantise(
        &self,
        (rows, width): (usize, usize),
        from: Span,
        (bytes, scales): (Span, Span),
    ) -> Result<(), Fault> {
        let arguments = Quantise {
            rows: from.holding(rows * width * self.bytes()),
            out: bytes.holding(rows * width),
            scales: scales.holding(rows * 4),
            width: width as i32,
            padding: 0,
        };
        self.start(arguments, (rows, 1), row_threads(width, 4), 0)
    }

    /// `out = sums * row scale * column scale + bias`.
    pub fn dequantise(
        &self,
        (rows, width): (usize, usize),
        (sums, row_scales): (Span, Span),
        (column_scales, bias): (Span, Option<Span>),
        out: Span,
    ) -> Result<(), Fault> {
        let arguments = Dequantise {
            sums: sums.holding(rows * width * 4),
            row_scales: row_scales.holding(rows * 4),
            column_scales: column_scales.holding(width * 4),
            bias: bias.map_or(0, |bias| bias.holding(width * self.bytes())),
            out: out.holding(rows * width * self.bytes()),
            width: width as i32,
            padding: 0,
        };
        self.start(arguments, (rows, 1), row_threads(width, 4), 0)
    }
}
