//! Passes: all butterflies of one level of a transform, with their twiddle factors.

use super::arithmetic::{Arithmetic, Complex, Elements, Source};
use super::{Both, MOST_LANES};
use crate::element::Element;
use crate::isa::Lanes;

/// One level of a transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// Numbers in a butterfly: 2, 4 or 8.
    pub(crate) radix: usize,
    /// Elements from one of them to the next: also butterflies in a block, and the length of the blocks of the next
    /// level.
    pub(crate) span: usize,
    /// Where the factors of the level start.
    pub(crate) twiddles: usize,
}

/// The levels of a transform with their twiddle factors. `FACTORS` is what a factor is in memory: one number for all
/// lanes, or a number for each.
#[derive(Clone, Copy)]
pub(crate) struct Passes<'a, T> {
    /// From the longest span to the shortest; their radices times `last` are the length of the transform.
    pub(crate) levels: &'a [Level],
    /// For each level, each butterfly of a block and each of its numbers but the first, which has a factor in the first
    /// level of turned transforms only: real and imaginary part.
    pub(crate) twiddles: &'a [T],
    /// What the numbers of a butterfly but the first are turned by before the first level of a turned transform, and
    /// after it on the way back; the same for all lanes. Nothing for others.
    pub(crate) turns: &'a [T],
    /// Radix of the last level, which has no factors; 1 if there is none.
    pub(crate) last: usize,
}

/// A twiddle factor is one number for all lanes.
pub(super) const SHARED: bool = true;
/// A twiddle factor is a vector.
pub(super) const OF_LANES: bool = false;

/// Ways of a pass: inside the buffer in either direction, from the source, to the target.
pub(super) const FORWARD: u8 = 0;
pub(super) const BACK: u8 = 1;
pub(super) const ENTER: u8 = 2;
pub(super) const LEAVE: u8 = 3;

/// Whether a pass is the first level of a turned transform, or the last one of its way back: those of samples, of which
/// no others enter or leave.
const fn is_turned(factors: bool, way: u8) -> bool {
    factors == OF_LANES && (way == ENTER || way == LEAVE)
}

/// What happens at the ends of the way.
#[derive(Clone, Copy)]
pub(super) struct Ends<T> {
    /// Where the lanes are that are taken from each vector on entering, added on leaving; of either part.
    pub(super) offset: Both<*const T>,
    /// Elements, and lanes of each, that are written on leaving; of either part.
    pub(super) kept: Both<usize>,
    pub(super) lanes: Both<usize>,
    /// Whether the vector behind each that is written on leaving is asked for.
    pub(super) asks_ahead: bool,
}

/// One pass over `span` butterflies.
struct Pass<T, S> {
    from: S,
    to: Elements<T>,
    span: usize,
    twiddles: *const T,
    turns: *const T,
    ends: Ends<T>,
}

impl<T: Element, S: Source<T>> Pass<T, S> {
    /// # Safety
    /// `R * span` elements are readable at `from` and, but for those that are not kept on leaving, writable at `to`;
    /// there are twiddle factors for `span` butterflies, and turns if it is turned. A vector is readable at either
    /// offset on entering and leaving.
    #[inline(always)]
    unsafe fn run<I: Lanes<T>, const R: usize, const FACTORS: bool, const WAY: u8>(
        &self,
        ops: Arithmetic<T, I>,
    ) {
        let part = if FACTORS == SHARED { 1 } else { I::LANES };
        let is_turned = is_turned(FACTORS, WAY);
        // The first number of a butterfly that has a factor.
        let first = usize::from(!is_turned);
        let mut offset = ops.zero();
        if WAY == ENTER || WAY == LEAVE {
            const { assert!(I::LANES <= MOST_LANES) };
            let [re, im] = self.ends.offset;
            // SAFETY: vouched for by the caller.
            offset = unsafe { Complex { re: ops.isa.load(re), im: ops.isa.load(im) } };
        }
        let kept = self.ends.kept[0].max(self.ends.kept[1]);
        for j in 0..self.span {
            // SAFETY: butterfly j takes elements j + k * span, k < R, and R - first factors.
            unsafe {
                let twiddles = self.twiddles.add(j * 2 * (R - first) * part);
                let turn = |k: usize| factor::<T, I, SHARED>(ops, self.turns, k - 1);
                let mut a = [ops.zero(); R];
                for (k, a) in a.iter_mut().enumerate() {
                    let value = ops.load(self.from, j + k * self.span);
                    *a = match WAY {
                        FORWARD => value,
                        ENTER if is_turned && k > 0 => ops.mul(ops.sub(value, offset), turn(k)),
                        ENTER => ops.sub(value, offset),
                        _ if k < first => value.exchanged(),
                        _ => ops.mul(value.exchanged(), factor::<T, I, FACTORS>(ops, twiddles, k - first)),
                    };
                }
                ops.butterfly(&mut a);
                for (k, &a) in a.iter().enumerate() {
                    let e = j + k * self.span;
                    match WAY {
                        BACK => ops.store(self.to, e, a.exchanged()),
                        LEAVE if e < kept => {
                            let a = if is_turned && k > 0 { ops.mul(a, turn(k)) } else { a };
                            self.leave(ops, e, ops.add(a.exchanged(), offset));
                        }
                        LEAVE => {}
                        _ if k < first => ops.store(self.to, e, a),
                        _ => {
                            let factor = factor::<T, I, FACTORS>(ops, twiddles, k - first);
                            ops.store(self.to, e, ops.mul(a, factor));
                        }
                    }
                }
            }
        }
    }

    /// Writes the kept lanes of an element.
    ///
    /// # Safety
    /// They are writable.
    #[inline(always)]
    unsafe fn leave<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, e: usize, value: Complex<I::Vector>) {
        let Ends { kept, lanes, asks_ahead, .. } = self.ends;
        // SAFETY: vouched for by the caller.
        unsafe {
            if asks_ahead {
                let Elements { re, im, .. } = self.to.from(e);
                ops.isa.prefetch(re.wrapping_add(2 * I::LANES - 1));
                ops.isa.prefetch(im.wrapping_add(2 * I::LANES - 1));
            }
            if e < kept[0].min(kept[1]) && lanes == [I::LANES; 2] {
                return ops.store(self.to, e, value);
            }
            let Elements { re, im, .. } = self.to.from(e);
            if e < kept[0] {
                ops.isa.store_part(re, value.re, lanes[0]);
            }
            if e < kept[1] {
                ops.isa.store_part(im, value.im, lanes[1]);
            }
        }
    }
}

/// Factor number `k` of those at `twiddles`.
///
/// # Safety
/// It is readable.
#[inline(always)]
unsafe fn factor<T: Element, I: Lanes<T>, const FACTORS: bool>(
    ops: Arithmetic<T, I>,
    twiddles: *const T,
    k: usize,
) -> Complex<I::Vector> {
    // SAFETY: vouched for by the caller.
    unsafe {
        if FACTORS == SHARED {
            let [re, im] = [*twiddles.add(2 * k), *twiddles.add(2 * k + 1)];
            Complex { re: ops.isa.splat(re), im: ops.isa.splat(im) }
        } else {
            let at = |part: usize| ops.isa.load(twiddles.add((2 * k + part) * I::LANES));
            Complex { re: at(0), im: at(1) }
        }
    }
}

impl<T: Element> Passes<'_, T> {
    /// One level over one block of elements.
    ///
    /// # Safety
    /// The block has `radix * span` elements, readable at `from` and, but for those that are not kept, writable at
    /// `to`. The factors are those of `FACTORS`.
    #[inline(always)]
    pub(super) unsafe fn level<I: Lanes<T>, const FACTORS: bool, const WAY: u8>(
        &self,
        ops: Arithmetic<T, I>,
        level: usize,
        (from, to): (impl Source<T>, Elements<T>),
        ends: Ends<T>,
    ) {
        let Level { radix, span, twiddles } = self.levels[level];
        debug_assert!(!is_turned(FACTORS, WAY) || self.turns.len() == 2 * (radix - 1));
        let [twiddles, turns] = [self.twiddles[twiddles..].as_ptr(), self.turns.as_ptr()];
        let pass = Pass { from, to, span, twiddles, turns, ends };
        // SAFETY: vouched for by the caller; the tables hold the factors of every level.
        unsafe {
            match radix {
                8 => pass.run::<I, 8, FACTORS, WAY>(ops),
                4 => pass.run::<I, 4, FACTORS, WAY>(ops),
                _ => pass.run::<I, 2, FACTORS, WAY>(ops),
            }
        }
    }

    /// The levels `range` over `len` elements in place, block after block of each: downwards `FORWARD`, upwards `BACK`.
    ///
    /// # Safety
    /// `len` elements are readable and writable, and a multiple of the longest block.
    #[inline(always)]
    pub(super) unsafe fn in_place<I: Lanes<T>, const FACTORS: bool, const WAY: u8>(
        &self,
        ops: Arithmetic<T, I>,
        range: core::ops::Range<usize>,
        elements: Elements<T>,
        len: usize,
    ) {
        let ends =
            Ends { offset: [core::ptr::null(); 2], kept: [len; 2], lanes: [I::LANES; 2], asks_ahead: false };
        for i in 0..range.len() {
            let level = if WAY == FORWARD { range.start + i } else { range.end - 1 - i };
            let block = self.levels[level].radix * self.levels[level].span;
            for first in (0..len).step_by(block) {
                let elements = elements.from(first);
                // SAFETY: a block of the elements that the caller vouches for.
                unsafe { self.level::<I, FACTORS, WAY>(ops, level, (elements, elements), ends) };
            }
        }
    }
}
