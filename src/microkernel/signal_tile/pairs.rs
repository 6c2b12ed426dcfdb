//! Even and odd inputs apart.
//!
//! An unaligned load of a vector as long as a cache line takes as long as two multiply-adds. Where a register holds
//! every other output, those of even or of odd places, every load of every other input serves both: input i is under
//! tap i of the even outputs and under tap i - 1 of the odd ones. Inputs are dealt out to two arrays beforehand, and
//! outputs put together in the end, which takes a permutation of a register for a vector of each.

use super::Row;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors of even outputs, and of odd ones, in the widest block: their sums, taps and an input fill 16 registers.
pub(super) const MOST_PAIRS: usize = 5;
/// So many of the widest blocks are computed from inputs that have been dealt out together.
const BLOCKS: usize = 6;

/// Bytes.
const CACHE_LINE: usize = 64;

/// Whether dealing out pays for `taps` neighbouring taps of `size` bytes: where vectors are as long as a cache line, so
/// that loads are worth saving, and taps reach farther than a vector, but no farther than two. Nearer ones shift what
/// they need together in registers; of more, those a vector apart share more loads.
pub(crate) fn pays(taps: usize, lanes: usize, size: usize) -> bool {
    lanes * size >= CACHE_LINE && (lanes + 2..=2 * lanes).contains(&taps)
}

/// Values of `phases` for so many taps.
pub(crate) fn phases_len(lanes: usize, taps: usize) -> usize {
    2 * phase(lanes, taps)
}

/// Values of one phase: inputs under the outputs of a chunk, rounded up to what one step of dealing out writes, and
/// what the last vector reads beyond.
#[inline(always)]
fn phase(lanes: usize, taps: usize) -> usize {
    ((BLOCKS * MOST_PAIRS + 2) * lanes + taps / 2).next_multiple_of(lanes)
}

/// A [`Row`] whose inputs are dealt out.
///
/// # Safety
/// Whoever makes it vouches for the row as well, that it has two neighbouring taps or more (`step` 1), and that
/// `phases` is readable and writable for [`phases_len`] values.
pub(crate) struct Pairs<'a, T> {
    pub(crate) row: Row<'a, T>,
    pub(crate) phases: *mut T,
}

impl<T: Element> Microkernel<T> for Pairs<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Pairs { row, phases } = self;
        debug_assert!(row.step == 1);
        let pair = 2 * I::LANES;
        let phases = [phases, phases.wrapping_add(phase(I::LANES, row.taps.len()))];
        for start in (0..row.width).step_by(BLOCKS * MOST_PAIRS * pair) {
            let end = (start + BLOCKS * MOST_PAIRS * pair).min(row.width);
            // SAFETY: inputs of a chunk, for which the maker of `self` vouches, and phases that hold them; blocks start
            // at even places of the chunk, and what they compute beyond its end is not written.
            unsafe {
                row.deal_out(isa, start, end - start + row.taps.len() - 1, phases);
                let mut column = start;
                while column < end {
                    let inputs = phases.map(|phase| phase.add((column - start) / 2).cast_const());
                    column += pair
                        * match (end - column).div_ceil(pair) {
                            MOST_PAIRS.. => row.pairs::<I, MOST_PAIRS>(isa, inputs, column..end),
                            3.. => row.pairs::<I, 4>(isa, inputs, column..end),
                            _ => row.pairs::<I, 2>(isa, inputs, column..end),
                        };
                }
            }
        }
    }
}

impl<T: Element> Row<'_, T> {
    /// `count` inputs from `start` on by turns to the two phases, in steps of a vector of each.
    ///
    /// # Safety
    /// The phases have room for half of them, rounded up to a vector.
    #[inline(always)]
    unsafe fn deal_out<I: Lanes<T>>(&self, isa: I, start: usize, count: usize, [even, odd]: [*mut T; 2]) {
        for place in (0..count).step_by(2 * I::LANES) {
            let at = start + place;
            let is_inside = at >= self.inside.start && at + 2 * I::LANES <= self.inside.end;
            // SAFETY: inside; the caller vouches for the phases.
            unsafe {
                let [low, high] = if is_inside {
                    // The first input of the row may lie before all that there are.
                    let input = self.input.wrapping_add(at);
                    [isa.load(input), isa.load(input.add(I::LANES))]
                } else {
                    [self.load::<I, true, true>(isa, at), self.load::<I, true, true>(isa, at + I::LANES)]
                };
                let [evens, odds] = isa.deinterleave(low, high);
                isa.store(even.add(place / 2), evens);
                isa.store(odd.add(place / 2), odds);
            }
        }
    }

    /// `PAIRS` times two vectors of outputs from `columns.start` on, of which those before `columns.end` are written.
    /// Returns `PAIRS`.
    ///
    /// # Safety
    /// They are outputs of the row, and the phases have what lies under them, and room for the others.
    #[inline(always)]
    unsafe fn pairs<I: Lanes<T>, const PAIRS: usize>(
        &self,
        isa: I,
        [even, odd]: [*const T; 2],
        columns: core::ops::Range<usize>,
    ) -> usize {
        // SAFETY: see `Row`; input i of a phase is input 2 i of the row, or 2 i + 1.
        unsafe {
            let (taps, count) = (self.taps.as_ptr(), self.taps.len());
            let mut sums = [[isa.splat(self.bias); PAIRS]; 2];
            let mut last = isa.splat(*taps);
            for (v, sum) in sums[0].iter_mut().enumerate() {
                *sum = isa.mul_add(last, isa.load(even.add(v * I::LANES)), *sum);
            }
            let mut at = 1;
            while at + 1 < count {
                let next = isa.splat(*taps.add(at));
                add(isa, &mut sums, odd.add(at / 2), [next, last]);
                last = isa.splat(*taps.add(at + 1));
                add(isa, &mut sums, even.add(at / 2 + 1), [last, next]);
                at += 2;
            }
            if at < count {
                let next = isa.splat(*taps.add(at));
                add(isa, &mut sums, odd.add(at / 2), [next, last]);
                last = next;
            }
            let beyond = if count % 2 == 0 { even } else { odd }.add(count / 2);
            for (v, sum) in sums[1].iter_mut().enumerate() {
                *sum = isa.mul_add(last, isa.load(beyond.add(v * I::LANES)), *sum);
            }
            // A copy, lest the sums be kept in memory.
            let mut results = sums;
            self.finish.limit(isa, &mut results);
            self.put_together(isa, &results, columns);
        }
        PAIRS
    }

    /// Writes even and odd outputs by turns.
    ///
    /// # Safety
    /// Those between `columns` are outputs of the row.
    #[inline(always)]
    unsafe fn put_together<I: Lanes<T>, const PAIRS: usize>(
        &self,
        isa: I,
        [even, odd]: &[[I::Vector; PAIRS]; 2],
        columns: core::ops::Range<usize>,
    ) {
        let output = self.output.wrapping_add(columns.start);
        let is_whole = columns.len() >= 2 * PAIRS * I::LANES;
        for v in 0..PAIRS {
            let [low, high] = isa.interleave(even[v], odd[v]);
            let at = 2 * v * I::LANES;
            // SAFETY: vouched for by the caller.
            unsafe {
                if is_whole {
                    isa.store(output.add(at), low);
                    isa.store(output.add(at + I::LANES), high);
                } else {
                    let left = columns.len().saturating_sub(at);
                    isa.store_part(output.wrapping_add(at), low, left.min(I::LANES));
                    let next = output.wrapping_add(at + I::LANES);
                    isa.store_part(next, high, left.saturating_sub(I::LANES).min(I::LANES));
                }
            }
        }
    }
}

/// Adds the products of one vector of inputs for each pair.
///
/// # Safety
/// `input` is readable for `PAIRS` vectors.
#[inline(always)]
unsafe fn add<T: Element, I: Lanes<T>, const PAIRS: usize>(
    isa: I,
    [even, odd]: &mut [[I::Vector; PAIRS]; 2],
    input: *const T,
    [of_even, of_odd]: [I::Vector; 2],
) {
    for v in 0..PAIRS {
        // SAFETY: vouched for by the caller.
        let inputs = unsafe { isa.load(input.add(v * I::LANES)) };
        even[v] = isa.mul_add(of_even, inputs, even[v]);
        odd[v] = isa.mul_add(of_odd, inputs, odd[v]);
    }
}
