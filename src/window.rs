//! Reading the *logically padded* input: the only place that knows borders.
//!
//! GEMM packing, FFT tiles and the edges of the other strategies all read through [`Plane::read`], a channel at a time,
//! or [`Pixels::read`], with channels innermost, so that every border works with every strategy and no inner loop has a
//! branch for it.

mod extension;
mod pixels;

use core::ops::Range;

pub(crate) use extension::{Extensions, Place};
pub(crate) use pixels::Pixels;

use crate::element::Element;
use extension::Extension;

/// Those of `count` places `x`, `x + step`, ... that are inside `0..columns`.
fn inside(x: isize, step: usize, count: usize, columns: usize) -> Range<usize> {
    // From the first i with x + i * step >= 0 to the last with x + i * step < columns.
    let before = x.min(0).unsigned_abs();
    let reach = (columns as isize - x).max(0) as usize;
    // Most steps are one, and a division takes as long as copying a short run.
    let [first, last] = if step == 1 { [before, reach] } else { [before, reach].map(|n| n.div_ceil(step)) };
    let first = first.min(count);
    first..last.clamp(first, count)
}

/// One channel of one item of the input, extended without end on all sides.
#[derive(Clone, Copy)]
pub(crate) struct Plane<'a, T> {
    /// Element (0, 0).
    base: *const T,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
    extensions: &'a Extensions<T>,
}

impl<'a, T: Element> Plane<'a, T> {
    /// # Safety
    /// `base + y * row_stride + x * column_stride` is readable for all `y < rows`, `x < columns` while the plane
    /// lives.
    pub(crate) unsafe fn new(
        base: *const T,
        [rows, columns]: [usize; 2],
        [row_stride, column_stride]: [isize; 2],
        extensions: &'a Extensions<T>,
    ) -> Self {
        Plane { base, rows, columns, row_stride, column_stride, extensions }
    }

    /// `out[i] = padded(y, x + i * step)`.
    pub(crate) fn read(&self, y: isize, x: isize, step: usize, out: &mut [T]) {
        let row = match self.extensions.row(y, self.rows) {
            Place::Value(value) => return out.fill(value),
            Place::Index(row) => row,
        };
        // In the plane, unless the plane has no columns; then nothing is read through it.
        let base = self.base.wrapping_offset(row.wrapping_mul(self.row_stride));
        if x >= 0 && x as usize + out.len().saturating_sub(1) * step < self.columns {
            // SAFETY: the first and the last column are inside the plane.
            return unsafe { self.read_inside(base.offset(x * self.column_stride), step as isize, out) };
        }
        self.read_across_ends(base, x, step, out);
    }

    /// The general case of [`read`](Plane::read), in the row that starts at `base`.
    fn read_across_ends(&self, base: *const T, x: isize, step: usize, out: &mut [T]) {
        let Range { start: first, end: last } = inside(x, step, out.len(), self.columns);
        let (outside_left, rest) = out.split_at_mut(first);
        let (middle, outside_right) = rest.split_at_mut(last - first);
        let at = |i: usize| x + (i * step) as isize;
        if !middle.is_empty() {
            // SAFETY: columns at(first) to at(last - 1) are inside the plane by the choice of both.
            unsafe { self.read_inside(base.offset(at(first) * self.column_stride), step as isize, middle) };
        }
        self.read_outside(base, self.extensions.left, x, step, outside_left);
        self.read_outside(base, self.extensions.right, at(last), step, outside_right);
    }

    /// # Safety
    /// `from + i * step` columns are readable for all `i < out.len()`.
    #[inline]
    unsafe fn read_inside(&self, from: *const T, step: isize, out: &mut [T]) {
        // A plane of one column may have any stride: it is never taken.
        let stride = self.column_stride.wrapping_mul(step);
        // SAFETY: the caller vouches for the source; `out` is borrowed mutably, so the two do not overlap.
        unsafe {
            match stride {
                1 => copy(from, out),
                -1 => read_steps::<T, -1>(from, out),
                0 => out.fill(*from),
                2 => read_steps::<T, 2>(from, out),
                3 => read_steps::<T, 3>(from, out),
                4 => read_steps::<T, 4>(from, out),
                _ => {
                    for (i, value) in out.iter_mut().enumerate() {
                        *value = *from.offset((i as isize).wrapping_mul(stride));
                    }
                }
            }
        }
    }

    /// `out[i]` from the border `extension` of the row that starts at `row`.
    fn read_outside(&self, row: *const T, extension: Extension<T>, x: isize, step: usize, out: &mut [T]) {
        if let Some(value) = extension.constant(self.columns) {
            return out.fill(value);
        }
        let mut done = 0;
        while done < out.len() {
            let run = extension.run(x + (done * step) as isize, self.columns);
            let count = run.count.div_ceil(step).min(out.len() - done);
            let from = row.wrapping_offset(run.first.wrapping_mul(self.column_stride));
            // SAFETY: columns of the plane, all of the run; see `read` for the row.
            unsafe { self.read_inside(from, run.direction * step as isize, &mut out[done..done + count]) };
            done += count;
        }
    }
}

/// Copies a row. Short ones are copied as two parts of constant length, which overlap: at the edges of an image, calls
/// that find out how to copy would take longer than copying.
///
/// # Safety
/// `from + i` is readable for all `i < out.len()`, and no part of `out`.
unsafe fn copy<T: Element>(from: *const T, out: &mut [T]) {
    // SAFETY: vouched for by the caller; both parts have at most `out.len()` values.
    unsafe {
        match out.len() {
            4..=8 => copy_ends::<T, 4>(from, out),
            9..=16 => copy_ends::<T, 8>(from, out),
            17..=32 => copy_ends::<T, 16>(from, out),
            len => core::ptr::copy_nonoverlapping(from, out.as_mut_ptr(), len),
        }
    }
}

/// The first and the last `PART` values.
///
/// # Safety
/// As for `copy`; `out` has at least `PART` values and at most twice as many.
#[inline(always)]
unsafe fn copy_ends<T: Element, const PART: usize>(from: *const T, out: &mut [T]) {
    let (to, last) = (out.as_mut_ptr(), out.len() - PART);
    // SAFETY: vouched for by the caller. Both parts are read before either is written.
    unsafe {
        let parts =
            [from.cast::<[T; PART]>().read_unaligned(), from.add(last).cast::<[T; PART]>().read_unaligned()];
        to.cast::<[T; PART]>().write_unaligned(parts[0]);
        to.add(last).cast::<[T; PART]>().write_unaligned(parts[1]);
    }
}

/// `out[i] = from[i * STEP]`: steps that the compiler knows are taken in vectors.
///
/// # Safety
/// `from + i * STEP` is readable for all `i < out.len()`.
unsafe fn read_steps<T: Element, const STEP: isize>(from: *const T, out: &mut [T]) {
    for (i, value) in out.iter_mut().enumerate() {
        // SAFETY: vouched for by the caller.
        *value = unsafe { *from.offset(i as isize * STEP) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::{Border, Borders};

    fn read_row(border: Border, data: &[f32], x: isize, step: usize, count: usize) -> Vec<f32> {
        let extensions = Extensions::new(Borders::all(border));
        // SAFETY: one row of `data.len()` columns.
        let plane = unsafe { Plane::new(data.as_ptr(), [1, data.len()], [0, 1], &extensions) };
        let mut out = vec![f32::NAN; count];
        plane.read(0, x, step, &mut out);
        out
    }

    #[test]
    fn borders_extend_as_drawn() {
        let abcd = [1.0, 2.0, 3.0, 4.0];
        let drawn = [
            (Border::Zero, [0., 0., 0., 1., 2., 3., 4., 0., 0., 0.]),
            (Border::Constant(9.0), [9., 9., 9., 1., 2., 3., 4., 9., 9., 9.]),
            (Border::Replicate, [1., 1., 1., 1., 2., 3., 4., 4., 4., 4.]),
            (Border::Symmetric, [3., 2., 1., 1., 2., 3., 4., 4., 3., 2.]),
            (Border::Reflect101, [4., 3., 2., 1., 2., 3., 4., 3., 2., 1.]),
            (Border::Wrap, [2., 3., 4., 1., 2., 3., 4., 1., 2., 3.]),
        ];
        for (border, expected) in drawn {
            assert_eq!(read_row(border, &abcd, -3, 1, 10), expected, "{border:?}");
        }
    }

    #[test]
    fn borders_repeat_far_outside_and_with_steps() {
        let ab = [1.0, 2.0];
        assert_eq!(read_row(Border::Symmetric, &ab, -6, 1, 8), [2., 1., 1., 2., 2., 1., 1., 2.]);
        assert_eq!(read_row(Border::Reflect101, &ab, -5, 3, 4), [2., 1., 2., 1.]);
        assert_eq!(read_row(Border::Wrap, &ab, 7, 2, 3), [2., 2., 2.]);
        assert_eq!(read_row(Border::Reflect101, &[5.0], -2, 1, 5), [5.; 5]);
        assert_eq!(read_row(Border::Zero, &[], -2, 1, 3), [0.; 3]);
        assert_eq!(read_row(Border::Zero, &[1., 2., 3., 4., 5.], -3, 2, 6), [0., 0., 2., 4., 0., 0.]);
    }
}
