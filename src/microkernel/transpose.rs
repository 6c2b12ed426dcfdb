//! Between pixels and channels: transposing rectangles of values, on the way in as they are, on the way out finished.

use core::mem::MaybeUninit;

use super::Vouched;
use super::finish::Finish;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Values in the largest square that is transposed in registers.
const MAX_SQUARE: usize = 16 * 16;

/// A square of values on the stack.
type Square<T> = [MaybeUninit<T>; MAX_SQUARE];

/// `to[c * to_step + r] = finish(from[r * from_step + c])` for `rows` x `columns` values.
///
/// # Safety
/// Whoever makes it vouches that `from + r * from_step + c` is readable, and `to + c * to_step + r` readable and
/// writable, for all `r < rows`, `c < columns`, and that the two do not overlap.
pub(crate) struct Transpose<T> {
    pub(crate) from: *const T,
    pub(crate) from_step: isize,
    pub(crate) to: *mut T,
    pub(crate) to_step: isize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// What happens on the way; nothing for inputs.
    pub(crate) finish: Option<Finish<T>>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for Transpose<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        for r in (0..self.rows).step_by(I::LANES) {
            for c in (0..self.columns).step_by(I::LANES) {
                let rows = I::LANES.min(self.rows - r);
                let columns = I::LANES.min(self.columns - c);
                // SAFETY: a part of the rectangle that the maker of `self` vouches for.
                unsafe {
                    let from = self.from.offset(r as isize * self.from_step).add(c);
                    let to = self.to.offset(c as isize * self.to_step).add(r);
                    if rows == I::LANES && columns == I::LANES && self.finish.is_none() {
                        isa.transpose(from, self.from_step, to, self.to_step);
                    } else {
                        self.part(isa, from, to, [rows, columns]);
                    }
                }
            }
        }
    }
}

impl<T: Element> Transpose<T> {
    /// A square of fewer rows and columns than a vector has lanes, or one that is finished on the way.
    ///
    /// # Safety
    /// As for the whole, for `rows` x `columns` values.
    #[inline(always)]
    unsafe fn part<I: Lanes<T>>(&self, isa: I, from: *const T, to: *mut T, [rows, columns]: [usize; 2]) {
        let mut squares: [Square<T>; 2] = [[MaybeUninit::uninit(); MAX_SQUARE]; 2];
        let [before, after] = &mut squares;
        let (before, after) = (before.as_mut_ptr().cast::<T>(), after.as_mut_ptr().cast::<T>());
        let pitch = I::LANES as isize;
        // SAFETY: squares have room for LANES x LANES values; parts of vectors inside the rectangle.
        unsafe {
            if rows == I::LANES && columns == I::LANES {
                isa.transpose(from, self.from_step, after, pitch);
            } else {
                for r in 0..I::LANES {
                    let row = if r < rows {
                        isa.load_part(from.offset(r as isize * self.from_step), columns)
                    } else {
                        isa.splat(T::default())
                    };
                    isa.store(before.offset(r as isize * pitch), row);
                }
                isa.transpose(before, pitch, after, pitch);
            }
            for c in 0..columns {
                let mut column = isa.load(after.offset(c as isize * pitch));
                let to = to.offset(c as isize * self.to_step);
                if let Some(finish) = &self.finish {
                    let old = if finish.accumulates() { isa.load_part(to, rows) } else { column };
                    column = finish.vector(isa, column, old);
                }
                isa.store_part(to, column, rows);
            }
        }
    }
}
