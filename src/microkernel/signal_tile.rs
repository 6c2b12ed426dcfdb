//! The tiles of rows with few taps: one row of neighbouring outputs, and nothing around it.
//!
//! The tile of planes (`sliding_tile.rs`) computes such rows as well, and in the same order of products. These two have
//! less to set up, know what is outside, and have fewer loads:
//!
//! * [`FewTaps`]: the plain loop, whose inputs are shifted together in registers;
//! * [`Pairs`] (`pairs.rs`): even and odd inputs apart, so that each load serves two outputs.

mod few_taps;
mod pairs;

use core::ops::Range;

use super::{Finish, HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, first_bits};

pub(crate) use few_taps::{FewTaps, farthest};
pub(crate) use pairs::{Pairs, pays as pairs_pay, phases_len};

/// What both kinds have in common: `width` outputs from a row of inputs, each a sum over `taps` that are `step` inputs
/// apart.
///
/// # Safety
/// Whoever makes it vouches that
/// * `input + i` is readable for all i in `inside`, which is a part of the inputs `0..width + (taps - 1) * step`;
/// * there is a tap;
/// * `output + x` is writable for all `x < width`, and does not overlap the input;
/// * `finish` does not accumulate.
#[derive(Clone)]
pub(crate) struct Row<'a, T> {
    pub(crate) input: *const T,
    /// The inputs that are there; the others are `outside`.
    pub(crate) inside: Range<usize>,
    pub(crate) outside: T,
    pub(crate) taps: &'a [T],
    pub(crate) step: usize,
    pub(crate) output: *mut T,
    pub(crate) width: usize,
    /// Values that are wanted soon, as many: asked for on the way.
    pub(crate) ahead: Option<*const T>,
    pub(crate) bias: T,
    /// Borrowed: a copy just written piece by piece would be waited for where it is read in larger ones.
    pub(crate) finish: &'a Finish<T>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Row<'_, T> {
    /// A vector of inputs from `at` on, some of which may be outside: before those inside if `BEFORE`, behind them if
    /// `BEHIND`.
    #[inline(always)]
    fn load<I: Lanes<T>, const BEFORE: bool, const BEHIND: bool>(&self, isa: I, at: usize) -> I::Vector {
        let below = |edge: usize| first_bits(edge.saturating_sub(at));
        let inside = match (BEFORE, BEHIND) {
            (true, true) => below(self.inside.end) & !below(self.inside.start),
            (true, false) => !below(self.inside.start),
            (false, true) => below(self.inside.end),
            (false, false) => u64::MAX,
        };
        // SAFETY: these lanes are inside.
        unsafe { isa.load_lanes(self.input.wrapping_add(at), inside, isa.splat(self.outside)) }
    }
}

pub(super) fn hot_loops() -> Vec<HotLoop> {
    // Of each pair two taps, an input each.
    vec![
        HotLoop { microkernel: "FewTaps", multiply_adds: few_taps::VECTORS },
        HotLoop { microkernel: "Pairs", multiply_adds: 4 * pairs::MOST_PAIRS },
    ]
}
