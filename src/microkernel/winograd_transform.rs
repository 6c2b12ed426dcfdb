//! The transforms of Winograd's minimal filtering, lanes along channels. The matrices are those of [`crate::winograd`];
//! points come in pairs of opposite sign, so that even and odd parts serve both.

use super::Vouched;
use super::finish::Finish;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::winograd::{FAR, MAX_TILE, Minimal, NEAR};

/// A tile of the input along one axis, or of products; places beyond the tile do not count.
type Line<V> = [V; MAX_TILE];

/// Calls a function with the outputs of a tile, along rows and along columns, as constants.
macro_rules! with_kinds {
    ($kinds:expr, $self:ident.$function:ident($($argument:expr),*)) => {
        match $kinds {
            [Minimal::F4x3, Minimal::F4x3] => $self.$function::<I, 4, 4>($($argument),*),
            [Minimal::F4x3, Minimal::F2x3] => $self.$function::<I, 4, 2>($($argument),*),
            [Minimal::F2x3, Minimal::F4x3] => $self.$function::<I, 2, 4>($($argument),*),
            [Minimal::F2x3, Minimal::F2x3] => $self.$function::<I, 2, 2>($($argument),*),
            [Minimal::F1x1, Minimal::F4x3] => $self.$function::<I, 1, 4>($($argument),*),
            [Minimal::F1x1, Minimal::F2x3] => $self.$function::<I, 1, 2>($($argument),*),
            [Minimal::F4x3, Minimal::F1x1] => $self.$function::<I, 4, 1>($($argument),*),
            [Minimal::F2x3, Minimal::F1x1] => $self.$function::<I, 2, 1>($($argument),*),
            [Minimal::F1x1, Minimal::F1x1] => $self.$function::<I, 1, 1>($($argument),*),
        }
    };
}

/// Inputs of a tile with so many outputs.
const fn tile(outputs: usize) -> usize {
    if outputs == 1 { 1 } else { outputs + 2 }
}

/// Transforms one tile of the input: `to[(i * columns + j) * point_step + c]` for every point (i, j) of the tile.
///
/// # Safety
/// Whoever makes it vouches that `input + y * row_step + x * column_step + c` is readable for all `y`, `x` of the tile,
/// `c < channels`, and `to + p * point_step + c` writable for all points p, `c < channels` rounded up to whole vectors.
pub(crate) struct InputTransform<T> {
    pub(crate) kinds: [Minimal; 2],
    pub(crate) input: *const T,
    pub(crate) row_step: isize,
    pub(crate) column_step: isize,
    pub(crate) channels: usize,
    pub(crate) to: *mut T,
    pub(crate) point_step: usize,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for InputTransform<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // SAFETY: the maker of `self` vouches for the tile.
        unsafe { with_kinds!(self.kinds, self.all_channels(isa)) }
    }
}

impl<T: Element> InputTransform<T> {
    /// # Safety
    /// See [`InputTransform`].
    #[inline(always)]
    unsafe fn all_channels<I: Lanes<T>, const ROWS: usize, const COLUMNS: usize>(&self, isa: I) {
        let whole = self.channels / I::LANES * I::LANES;
        // SAFETY: vectors of the tile's channels, the last one a part.
        unsafe {
            for c in (0..whole).step_by(I::LANES) {
                self.vector::<I, ROWS, COLUMNS>(isa, c, |from| isa.load(from));
            }
            if whole < self.channels {
                let part = self.channels - whole;
                self.vector::<I, ROWS, COLUMNS>(isa, whole, |from| isa.load_part(from, part));
            }
        }
    }

    /// # Safety
    /// See [`InputTransform`]; `load` reads a vector, or the part that there is, from channel `c` on.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "columns of an array of lines")]
    unsafe fn vector<I: Lanes<T>, const ROWS: usize, const COLUMNS: usize>(
        &self,
        isa: I,
        c: usize,
        load: impl Fn(*const T) -> I::Vector,
    ) {
        let zero = isa.splat(T::default());
        let mut lines = [[zero; MAX_TILE]; MAX_TILE];
        for (y, line) in lines.iter_mut().enumerate().take(tile(ROWS)) {
            let row = self.input.wrapping_offset(y as isize * self.row_step).wrapping_add(c);
            for (x, value) in line.iter_mut().enumerate().take(tile(COLUMNS)) {
                *value = load(row.wrapping_offset(x as isize * self.column_step));
            }
            *line = input_line::<T, I, COLUMNS>(isa, *line);
        }
        for x in 0..tile(COLUMNS) {
            let column = input_line::<T, I, ROWS>(isa, core::array::from_fn(|y| lines[y][x]));
            for (y, &value) in column.iter().enumerate().take(tile(ROWS)) {
                let point = y * tile(COLUMNS) + x;
                // SAFETY: a point of the tile.
                unsafe { isa.store(self.to.add(point * self.point_step + c), value) };
            }
        }
    }
}

/// `B^T d`
#[inline(always)]
fn input_line<T: Element, I: Lanes<T>, const OUTPUTS: usize>(isa: I, d: Line<I::Vector>) -> Line<I::Vector> {
    let times = |factor: f64, vector, plus| isa.mul_add(isa.splat(T::from_f64(factor)), vector, plus);
    let zero = isa.splat(T::default());
    let (near, far) = (NEAR * NEAR, FAR * FAR);
    match OUTPUTS {
        4 => {
            let near_even = times(-far, d[2], d[4]);
            let near_odd = times(-far, d[1], d[3]);
            let far_even = times(-near, d[2], d[4]);
            let far_odd = times(-near, d[1], d[3]);
            [
                times(near * far, d[0], times(-near - far, d[2], d[4])),
                times(NEAR, near_odd, near_even),
                times(-NEAR, near_odd, near_even),
                times(FAR, far_odd, far_even),
                times(-FAR, far_odd, far_even),
                times(near * far, d[1], times(-near - far, d[3], d[5])),
            ]
        }
        2 => [
            times(-1.0, d[2], d[0]),
            isa.add(d[1], d[2]),
            times(-1.0, d[1], d[2]),
            times(-1.0, d[1], d[3]),
            zero,
            zero,
        ],
        _ => d,
    }
}

/// `A^T m`, of which the first `OUTPUTS` values count.
#[inline(always)]
fn output_line<T: Element, I: Lanes<T>, const OUTPUTS: usize>(isa: I, m: Line<I::Vector>) -> Line<I::Vector> {
    let times = |factor: f64, vector, plus| isa.mul_add(isa.splat(T::from_f64(factor)), vector, plus);
    let zero = isa.splat(T::default());
    match OUTPUTS {
        4 => {
            let (near_even, near_odd) = (isa.add(m[1], m[2]), times(-1.0, m[2], m[1]));
            let (far_even, far_odd) = (isa.add(m[3], m[4]), times(-1.0, m[4], m[3]));
            let power = |exponent, near, far, plus| {
                times(NEAR.powi(exponent), near, times(FAR.powi(exponent), far, plus))
            };
            [
                isa.add(m[0], isa.add(near_even, far_even)),
                power(1, near_odd, far_odd, zero),
                power(2, near_even, far_even, zero),
                power(3, near_odd, far_odd, m[5]),
                zero,
                zero,
            ]
        }
        2 => {
            let (even, odd) = (isa.add(m[1], m[2]), times(-1.0, m[2], m[1]));
            [isa.add(m[0], even), isa.add(odd, m[3]), zero, zero, zero, zero]
        }
        _ => m,
    }
}

/// Transforms the products of one tile to outputs, of which `rows` x `columns` are written.
///
/// # Safety
/// Whoever makes it vouches that `from + p * point_step + c` is readable for all points p, `c < channels` rounded up to
/// whole vectors; `to + y * row_step + x * column_step + c` readable and writable for all `y < rows`, `x < columns`,
/// `c < channels`, and the bias, if any, readable for `channels`.
pub(crate) struct OutputTransform<T> {
    pub(crate) kinds: [Minimal; 2],
    pub(crate) from: *const T,
    pub(crate) point_step: usize,
    pub(crate) channels: usize,
    pub(crate) to: *mut T,
    pub(crate) row_step: isize,
    pub(crate) column_step: isize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) bias: Option<*const T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for OutputTransform<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        for c in (0..self.channels).step_by(I::LANES) {
            // SAFETY: the maker of `self` vouches for the tile.
            unsafe { with_kinds!(self.kinds, self.vector(isa, c)) }
        }
    }
}

impl<T: Element> OutputTransform<T> {
    /// # Safety
    /// See [`OutputTransform`]; `c < channels`.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "columns of an array of lines")]
    unsafe fn vector<I: Lanes<T>, const ROWS: usize, const COLUMNS: usize>(&self, isa: I, c: usize) {
        let count = I::LANES.min(self.channels - c);
        // SAFETY: points of the tile, and the bias, for `count` channels.
        unsafe {
            let zero = isa.splat(T::default());
            let mut lines = [[zero; MAX_TILE]; MAX_TILE];
            for (y, line) in lines.iter_mut().enumerate().take(tile(ROWS)) {
                for (x, value) in line.iter_mut().enumerate().take(tile(COLUMNS)) {
                    let point = y * tile(COLUMNS) + x;
                    *value = isa.load(self.from.add(point * self.point_step + c));
                }
                *line = output_line::<T, I, COLUMNS>(isa, *line);
            }
            let bias = self.bias.map_or(zero, |bias| isa.load_part(bias.add(c), count));
            for x in 0..COLUMNS {
                let column = output_line::<T, I, ROWS>(isa, core::array::from_fn(|y| lines[y][x]));
                if x < self.columns {
                    for (y, &value) in column.iter().enumerate().take(ROWS.min(self.rows)) {
                        self.write(isa, isa.add(value, bias), [y, x], c, count);
                    }
                }
            }
        }
    }

    /// # Safety
    /// See [`OutputTransform`]; `count` channels from `c` on of an output that is written.
    #[inline(always)]
    unsafe fn write<I: Lanes<T>>(&self, isa: I, sum: I::Vector, [y, x]: [usize; 2], c: usize, count: usize) {
        let offset = y as isize * self.row_step + x as isize * self.column_step;
        // SAFETY: vouched for by the caller.
        unsafe {
            let to = self.to.offset(offset).add(c);
            let old = if self.finish.accumulates() { isa.load_part(to, count) } else { sum };
            isa.store_part(to, self.finish.vector(isa, sum, old), count);
        }
    }
}
