//! A block of a signal: lanes are consecutive samples.
//!
//! Its halves are the real and the imaginary part of a complex one whose frequencies are a quarter short of whole
//! numbers. What leaves the end of such a transform comes in again times i: of the first half, which is real, as part
//! of the second; of the second, which is imaginary, with its sign changed as part of the first. So the product of
//! transforms of `len` numbers convolves `2 * len` samples, those that wrap around negated: a *right-angle convolution*
//! by weighted transforms (Crandall and Fagin 1994). Overlapping blocks keep none of these.
//!
//! The passes run over vectors of samples until blocks are as short as a vector. What is left, transforms of `LANES`
//! numbers along the lanes, is done on squares of `LANES` x `LANES`, transposed in registers.

use core::mem::MaybeUninit;

use super::arithmetic::{Arithmetic, Elements};
use super::middle::Middle;
use super::passes::{BACK, ENTER, Ends, FORWARD, LEAVE, OF_LANES, SHARED};
use super::{MOST_LANES, Passes, Stage};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::microkernel::Vouched;

/// Transforms a block of `2 * len` samples.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `levels` are those of a transform of `len` numbers whose lanes are consecutive ones, `len / lanes` a multiple of
///   `lanes`, and `across` those of `lanes` numbers whose lanes are independent;
/// * `source` is readable for `2 * len` values, unless the stage is [`Stage::Back`];
/// * `target` is writable for `kept` values, a multiple of `lanes` and at most `2 * len`, unless it is
///   [`Stage::Forward`];
/// * `work` is readable and writable for `2 * len` values, holds sums if the stage is [`Stage::Back`], and meets
///   neither of them;
/// * `kernel` is readable for as many if the stage is [`Stage::Convolve`].
pub(crate) struct LineTile<'a, T> {
    pub(crate) stage: Stage,
    pub(crate) source: *const T,
    pub(crate) target: *mut T,
    /// Taken from the samples, and added to the results.
    pub(crate) before: T,
    pub(crate) after: T,
    pub(crate) work: *mut T,
    pub(crate) kernel: *const T,
    pub(crate) len: usize,
    pub(crate) kept: usize,
    pub(crate) levels: Passes<'a, T>,
    pub(crate) across: Passes<'a, T>,
    /// Levels that are done depth-first, the first included, because blocks under them fit the first-level cache.
    pub(crate) depth: usize,
    pub(crate) _vouched: Vouched,
}

/// The largest square of complex numbers.
const SQUARE: usize = 2 * 16 * 16;

/// A square of elements on the stack, at a cache line.
#[repr(align(64))]
struct Square<T>([MaybeUninit<T>; SQUARE]);

impl<T: Element> Microkernel<T> for LineTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let ops = Arithmetic::new(isa);
        let elements = self.len / I::LANES;
        let work = Elements::packed(isa, self.work);
        // SAFETY: what the maker vouches for.
        unsafe {
            if self.stage != Stage::Back {
                self.enter(ops, work);
            }
            let block = if self.depth == 0 { elements } else { self.levels.levels[self.depth - 1].span };
            for first in (0..elements).step_by(block) {
                self.descend(ops, work, first, block);
                self.blocks(ops, work, first, block);
                self.ascend(ops, work, first + block);
            }
            if self.stage != Stage::Forward {
                self.leave(ops, work);
            }
        }
    }
}

impl<T: Element> LineTile<'_, T> {
    /// The samples from `first` on, half of them as real parts and half as imaginary ones.
    #[inline(always)]
    fn halves<I: Lanes<T>>(&self, first: *mut T) -> Elements<T> {
        Elements { re: first, im: first.wrapping_add(self.len), step: I::LANES as isize }
    }

    /// The first level, from the source to the buffer.
    ///
    /// # Safety
    /// As the maker vouches.
    #[inline(always)]
    unsafe fn enter<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, work: Elements<T>) {
        let source = self.halves::<I>(self.source.cast_mut());
        let before = [self.before; MOST_LANES];
        let ends =
            Ends { offset: [before.as_ptr(); 2], kept: [0; 2], lanes: [I::LANES; 2], asks_ahead: false };
        // SAFETY: as the maker vouches.
        unsafe { self.levels.level::<I, OF_LANES, ENTER>(ops, 0, (source, work), ends) };
    }

    /// The first level back, from the buffer to the target.
    ///
    /// # Safety
    /// As the maker vouches.
    #[inline(always)]
    unsafe fn leave<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, work: Elements<T>) {
        let target = self.halves::<I>(self.target);
        let after = [self.after; MOST_LANES];
        let [half, kept] = [self.len, self.kept].map(|samples| samples / I::LANES);
        let kept = [kept.min(half), kept.saturating_sub(half)];
        let ends = Ends { offset: [after.as_ptr(); 2], kept, lanes: [I::LANES; 2], asks_ahead: false };
        // SAFETY: as the maker vouches.
        unsafe { self.levels.level::<I, OF_LANES, LEAVE>(ops, 0, (work, target), ends) };
    }

    /// The levels above a block that begin with it, forward.
    ///
    /// # Safety
    /// `first` is a multiple of the block length.
    #[inline(always)]
    unsafe fn descend<I: Lanes<T>>(
        &self,
        ops: Arithmetic<T, I>,
        work: Elements<T>,
        first: usize,
        block: usize,
    ) {
        debug_assert!(first.is_multiple_of(block));
        for level in 1..self.depth {
            let len = self.levels.levels[level - 1].span;
            if self.stage != Stage::Back && first.is_multiple_of(len) {
                // SAFETY: a block of the level above is one of this level.
                unsafe {
                    self.levels.in_place::<I, OF_LANES, FORWARD>(
                        ops,
                        level..level + 1,
                        work.from(first),
                        len,
                    );
                }
            }
        }
    }

    /// The levels above a block that end with it, back.
    ///
    /// # Safety
    /// `end` is a multiple of the block length.
    #[inline(always)]
    unsafe fn ascend<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, work: Elements<T>, end: usize) {
        for level in (1..self.depth).rev() {
            let len = self.levels.levels[level - 1].span;
            if self.stage != Stage::Forward && end.is_multiple_of(len) {
                // SAFETY: as in `descend`.
                unsafe {
                    self.levels.in_place::<I, OF_LANES, BACK>(
                        ops,
                        level..level + 1,
                        work.from(end - len),
                        len,
                    );
                }
            }
        }
    }

    /// All levels from `depth` on, over a block.
    ///
    /// # Safety
    /// The block is one of level `depth`.
    #[inline(always)]
    unsafe fn blocks<I: Lanes<T>>(
        &self,
        ops: Arithmetic<T, I>,
        work: Elements<T>,
        first: usize,
        block: usize,
    ) {
        let inner = self.depth.max(1)..self.levels.levels.len();
        let elements = work.from(first);
        // SAFETY: vouched for by the caller.
        unsafe {
            if self.stage != Stage::Back {
                self.levels.in_place::<I, OF_LANES, FORWARD>(ops, inner.clone(), elements, block);
            }
            for square in (0..block).step_by(I::LANES) {
                let kernel = self.kernel.wrapping_add((first + square) * 2 * I::LANES);
                self.square(ops, elements.from(square), kernel);
            }
            if self.stage != Stage::Forward {
                self.levels.in_place::<I, OF_LANES, BACK>(ops, inner, elements, block);
            }
        }
    }

    /// The transforms along the lanes of `LANES` elements. Spectra stay transposed.
    ///
    /// # Safety
    /// `LANES` elements are readable and writable.
    #[inline(always)]
    unsafe fn square<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, elements: Elements<T>, kernel: *const T) {
        let mut memory: Square<T> = Square([MaybeUninit::uninit(); SQUARE]);
        let square = Elements::packed(ops.isa, memory.0.as_mut_ptr().cast::<T>());
        let (lanes, levels) = (I::LANES, 0..self.across.levels.len());
        let (from, to) = match self.stage {
            Stage::Convolve => (square, square),
            Stage::Forward => (square, elements),
            Stage::Back => (elements, square),
        };
        // SAFETY: both hold LANES elements.
        unsafe {
            if self.stage != Stage::Back {
                transpose(ops, elements, square);
                self.across.in_place::<I, SHARED, FORWARD>(ops, levels.clone(), square, lanes);
            }
            Middle { from, to, kernel, len: lanes }.run(ops, self.across.last, self.stage);
            if self.stage != Stage::Forward {
                self.across.in_place::<I, SHARED, BACK>(ops, levels, square, lanes);
                transpose(ops, square, elements);
            }
        }
    }
}

/// Element r, lane c goes to element c, lane r.
///
/// # Safety
/// `LANES` elements are readable at `from` and writable at `to`; the two do not overlap.
#[inline(always)]
pub(super) unsafe fn transpose<T: Element, I: Lanes<T>>(
    ops: Arithmetic<T, I>,
    from: Elements<T>,
    to: Elements<T>,
) {
    // SAFETY: vouched for by the caller.
    unsafe {
        ops.isa.transpose(from.re, from.step, to.re, to.step);
        ops.isa.transpose(from.im, from.step, to.im, to.step);
    }
}
