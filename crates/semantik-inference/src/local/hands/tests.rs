//! Steps that several threads share against the same steps on one.

use std::sync::Arc;
use std::thread;

use proptest::prelude::*;

use super::Hands;
use crate::local::isa::Isa;
use crate::local::linear::{Activation, Finish, Linear, Precision};
use crate::local::ops::attention::Shape;
use crate::local::ops::testing::noise;
use crate::local::team::Team;
use crate::local::team::tests::with_helpers;

/// Calls `job` with hands that `helpers` threads help.
pub(crate) fn helped(helpers: usize, job: impl FnOnce(&mut Hands)) {
    let team = Arc::new(Team::default());
    with_helpers(&team, helpers, || {
        let mut hands = Hands::default();
        hands.lead(team.lead());
        while !team.has_helpers() {
            thread::yield_now();
        }
        job(&mut hands);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shared_product_has_the_same_bits(
        tokens in 1_usize..30, outputs in 1_usize..400, inputs in 1_usize..100, helpers in 1_usize..4,
        seed in any::<u64>(), add in any::<bool>(),
    ) {
        let (weight, input) = (noise(seed, outputs * inputs), noise(seed ^ 1, tokens * inputs));
        let finish = if add { Finish::Add } else { Finish::Store(Activation::Gelu) };
        for precision in [Precision::Float32, Precision::Float16, Precision::Int8] {
            let layer = Linear::pack(&weight, None, outputs, inputs, precision, Isa::detect());
            let run = |hands: &mut Hands| {
                let mut output = vec![0.5; tokens * outputs];
                hands.product(&layer, &input, tokens, finish, &mut output);
                output
            };
            let alone = run(&mut Hands::default());
            helped(helpers, |hands| (0..10).for_each(|_| assert!(run(hands) == alone, "{precision:?}")));
        }
    }

    #[test]
    fn shared_attention_has_the_same_bits(
        kv_heads in 1_usize..9, group in 1_usize..3, helpers in 1_usize..4, lengths in prop::collection::vec(0_usize..40, 1..4),
        seed in any::<u64>(),
    ) {
        let shape =
            Shape { heads: kv_heads * group, kv_heads, head_dim: 16, causal: false, window: None, bias: None };
        let mut offsets = vec![0];
        lengths.iter().for_each(|length| offsets.push(offsets[offsets.len() - 1] + length));
        let tokens = offsets[lengths.len()];
        let qkv = noise(seed, tokens * shape.row());
        let run = |hands: &mut Hands| {
            let mut out = vec![0.5; tokens * shape.width()];
            hands.attend(&shape, &qkv, &offsets, &mut out);
            out
        };
        let alone = run(&mut Hands::default());
        helped(helpers, |hands| (0..10).for_each(|_| assert!(run(hands) == alone)));
    }
}
