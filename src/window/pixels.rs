//! The padded input with channels innermost, whatever its layout.

use core::ops::Range;

use super::extension::{Extension, Extensions, Place};
use super::inside;
use crate::element::Element;
use crate::isa::InstructionSet;
use crate::microkernel::Vouched;
use crate::microkernel::transpose::Transpose;

/// With so many times fewer channels than lanes, transposing in registers is no faster than value by value.
const FEW: usize = 4;

/// Some channels of one item of the input, extended without end on all sides.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a, T> {
    /// The first channel of element (0, 0).
    base: *const T,
    channels: usize,
    rows: usize,
    columns: usize,
    channel_stride: isize,
    row_stride: isize,
    column_stride: isize,
    extensions: &'a Extensions<T>,
    isa: InstructionSet,
}

impl<'a, T: Element> Pixels<'a, T> {
    /// # Safety
    /// `base + c * channel_stride + y * row_stride + x * column_stride` is readable for all `c < channels`,
    /// `y < rows`, `x < columns` while the pixels live.
    pub(crate) unsafe fn new(
        base: *const T,
        [channels, rows, columns]: [usize; 3],
        [channel_stride, row_stride, column_stride]: [isize; 3],
        extensions: &'a Extensions<T>,
        isa: InstructionSet,
    ) -> Self {
        Pixels { base, channels, rows, columns, channel_stride, row_stride, column_stride, extensions, isa }
    }

    /// `out[i * pitch + c] = padded(c, y, x + i * step)` for as many pixels as `out` has room for. What lies between
    /// the channels and the pitch stays as it is.
    pub(crate) fn read(&self, y: isize, x: isize, step: usize, pitch: usize, out: &mut [T]) {
        debug_assert!(pitch >= self.channels && out.len().is_multiple_of(pitch));
        let row = match self.extensions.row(y, self.rows) {
            Place::Value(value) => return self.fill(value, pitch, out),
            Place::Index(row) => row,
        };
        // In the input, unless it has no columns; then nothing is read through it.
        let base = self.base.wrapping_offset(row.wrapping_mul(self.row_stride));
        let Range { start: first, end: last } = inside(x, step, out.len() / pitch, self.columns);
        let (outside_left, rest) = out.split_at_mut(first * pitch);
        let (middle, outside_right) = rest.split_at_mut((last - first) * pitch);
        let at = |i: usize| x + (i * step) as isize;
        if !middle.is_empty() {
            // SAFETY: columns at(first) to at(last - 1) are inside by the choice of both.
            let from = unsafe { base.offset(at(first) * self.column_stride) };
            // SAFETY: as above.
            unsafe { self.read_inside(from, step as isize, pitch, middle) };
        }
        self.read_outside(base, self.extensions.left, x, step, pitch, outside_left);
        self.read_outside(base, self.extensions.right, at(last), step, pitch, outside_right);
    }

    fn fill(&self, value: T, pitch: usize, out: &mut [T]) {
        if pitch == self.channels {
            return out.fill(value);
        }
        for pixel in out.chunks_exact_mut(pitch) {
            pixel[..self.channels].fill(value);
        }
    }

    /// # Safety
    /// Every channel of `from + i * step` columns is readable for all pixels of `out`.
    unsafe fn read_inside(&self, from: *const T, step: isize, pitch: usize, out: &mut [T]) {
        // Of a single column, the stride may be anything: it is never taken.
        let stride = self.column_stride.wrapping_mul(step);
        let pixels = out.len() / pitch;
        // SAFETY: the caller vouches for the source; `out` is borrowed mutably, so the two do not overlap.
        unsafe {
            if self.channel_stride == 1 && pitch == self.channels && stride == pitch as isize {
                core::ptr::copy_nonoverlapping(from, out.as_mut_ptr(), out.len());
            } else if stride == 1 && FEW * self.channels > self.isa.lanes(T::TYPE) {
                let transpose = Transpose {
                    from,
                    from_step: self.channel_stride,
                    to: out.as_mut_ptr(),
                    to_step: pitch as isize,
                    rows: self.channels,
                    columns: pixels,
                    finish: None,
                    _vouched: Vouched::new(),
                };
                T::dispatch(self.isa, transpose);
            } else if self.channel_stride == 1 {
                read_pixels(from, stride, self.channels, pitch, out);
            } else {
                for c in 0..self.channels {
                    let plane = from.offset(c as isize * self.channel_stride);
                    for (i, pixel) in out.chunks_exact_mut(pitch).enumerate() {
                        pixel[c] = *plane.offset((i as isize).wrapping_mul(stride));
                    }
                }
            }
        }
    }

    /// Pixels `x`, `x + step`, ... of the row that starts at `row`, from the border `extension`.
    fn read_outside(
        &self,
        row: *const T,
        extension: Extension<T>,
        x: isize,
        step: usize,
        pitch: usize,
        out: &mut [T],
    ) {
        if let Some(value) = extension.constant(self.columns) {
            return self.fill(value, pitch, out);
        }
        let (pixels, mut done) = (out.len() / pitch, 0);
        while done < pixels {
            let run = extension.run(x + (done * step) as isize, self.columns);
            let count = run.count.div_ceil(step).min(pixels - done);
            let from = row.wrapping_offset(run.first.wrapping_mul(self.column_stride));
            let out = &mut out[done * pitch..(done + count) * pitch];
            // SAFETY: columns of the input, all of the run; see `read` for the row.
            unsafe { self.read_inside(from, run.direction * step as isize, pitch, out) };
            done += count;
        }
    }
}

/// `out[i * pitch + c] = from[i * stride + c]`. Few channels are copied without a call that finds out how.
///
/// # Safety
/// `from + i * stride` is readable for so many `channels` for all pixels of `out`.
unsafe fn read_pixels<T: Element>(
    from: *const T,
    stride: isize,
    channels: usize,
    pitch: usize,
    out: &mut [T],
) {
    for (i, pixel) in out.chunks_exact_mut(pitch).enumerate() {
        let from = from.wrapping_offset((i as isize).wrapping_mul(stride));
        let to = pixel.as_mut_ptr();
        // SAFETY: the caller vouches for the source; a pixel has room for every channel.
        unsafe {
            match channels {
                3 => core::ptr::copy_nonoverlapping(from, to, 3),
                4 => core::ptr::copy_nonoverlapping(from, to, 4),
                8..=64 if channels.is_multiple_of(8) => {
                    for first in (0..channels).step_by(8) {
                        core::ptr::copy_nonoverlapping(from.add(first), to.add(first), 8);
                    }
                }
                _ => core::ptr::copy_nonoverlapping(from, to, channels),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::{Border, Borders};
    use crate::window::Plane;

    /// Both readers agree, for either memory order, at every place around a small image.
    #[test]
    fn pixels_are_planes_with_channels_innermost() {
        let [channels, rows, columns] = [19usize, 3, 21];
        let data: Vec<f32> = (0..channels * rows * columns).map(|i| i as f32).collect();
        let orders = [
            [(rows * columns) as isize, columns as isize, 1],
            [1, (columns * channels) as isize, channels as isize],
        ];
        for border in
            [Border::Zero, Border::Constant(7.0), Border::Replicate, Border::Wrap, Border::Reflect101]
        {
            let extensions = Extensions::new(Borders::all(border));
            for strides in orders {
                for isa in InstructionSet::available().unwrap() {
                    // SAFETY: the strides of a dense array.
                    let pixels = unsafe {
                        Pixels::new(data.as_ptr(), [channels, rows, columns], strides, &extensions, *isa)
                    };
                    for (y, x, step, pitch) in
                        [(-1, -4, 1, 19), (0, 0, 1, 20), (1, -3, 2, 19), (2, 2, 1, 24), (4, 5, 3, 19)]
                    {
                        let mut out = vec![f32::NAN; 23 * pitch];
                        pixels.read(y, x, step, pitch, &mut out);
                        for c in 0..channels {
                            let base = data.as_ptr().wrapping_offset(c as isize * strides[0]);
                            // SAFETY: as above.
                            let plane = unsafe {
                                Plane::new(base, [rows, columns], [strides[1], strides[2]], &extensions)
                            };
                            let mut expected = [0.0; 23];
                            plane.read(y, x, step, &mut expected);
                            let got: Vec<f32> = (0..23).map(|i| out[i * pitch + c]).collect();
                            assert_eq!(got, expected, "{border:?} {isa} {y} {x} {step} {pitch} channel {c}");
                        }
                    }
                }
            }
        }
    }
}
