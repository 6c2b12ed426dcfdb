//! The transforms of Winograd's minimal filtering, lanes along channels. The matrices are those of [`crate::winograd`];
//! points come in pairs of opposite sign, so that even and odd parts serve both. Both axes are transformed one after
//! the other, by code of their own: there are more pairs of kinds than kinds.

use core::mem::MaybeUninit;

use super::Vouched;
use super::finish::Finish;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::winograd::{MAX_TILE, Minimal, near_and_far};

/// A tile of the input along one axis, or of products; places beyond the tile do not count.
type Line<V> = [V; MAX_TILE];

/// A tile between the transforms of its two axes; values that the first has not written do not count.
type Half<V> = [Line<MaybeUninit<V>>; MAX_TILE];

/// Calls a function with the outputs and taps of a kind as constants.
macro_rules! with_kind {
    ($kind:expr, $self:ident.$function:ident($($argument:expr),*)) => {
        match ($kind.outputs, $kind.taps) {
            (4, 3) => $self.$function::<I, 4, 3>($($argument),*),
            (4, 2) => $self.$function::<I, 4, 2>($($argument),*),
            (4, _) => $self.$function::<I, 4, 1>($($argument),*),
            (2, 3) => $self.$function::<I, 2, 3>($($argument),*),
            (2, 2) => $self.$function::<I, 2, 2>($($argument),*),
            (2, _) => $self.$function::<I, 2, 1>($($argument),*),
            _ => $self.$function::<I, 1, 1>($($argument),*),
        }
    };
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
        let mut lines: Half<I::Vector> = [[MaybeUninit::uninit(); MAX_TILE]; MAX_TILE];
        for c in (0..self.channels).step_by(I::LANES) {
            // SAFETY: the maker of `self` vouches for the tile.
            unsafe {
                with_kind!(self.kinds[1], self.along_columns(isa, c, &mut lines));
                if self.kinds[0].tile() > 1 {
                    with_kind!(self.kinds[0], self.along_rows(isa, c, &lines));
                }
            }
        }
    }
}

impl<T: Element> InputTransform<T> {
    /// Transforms every row of the tile, for a vector of channels; a single row is all that there is to do.
    ///
    /// # Safety
    /// See [`InputTransform`]; `c < channels`.
    #[inline(always)]
    unsafe fn along_columns<I: Lanes<T>, const OUTPUTS: usize, const TAPS: usize>(
        &self,
        isa: I,
        c: usize,
        lines: &mut Half<I::Vector>,
    ) {
        let count = I::LANES.min(self.channels - c);
        let rows = self.kinds[0].tile();
        for (y, line) in lines.iter_mut().enumerate().take(rows) {
            let row = self.input.wrapping_offset(y as isize * self.row_step).wrapping_add(c);
            let mut inputs = [isa.splat(T::default()); MAX_TILE];
            for (x, value) in inputs.iter_mut().enumerate().take(OUTPUTS + TAPS - 1) {
                let from = row.wrapping_offset(x as isize * self.column_step);
                // SAFETY: a vector of the tile's channels, or the part that there is.
                *value =
                    unsafe { if count == I::LANES { isa.load(from) } else { isa.load_part(from, count) } };
            }
            let values = input_line::<T, I, OUTPUTS, TAPS>(isa, inputs);
            for (x, &value) in values.iter().enumerate().take(OUTPUTS + TAPS - 1) {
                if rows > 1 {
                    line[x] = MaybeUninit::new(value);
                } else {
                    // SAFETY: a point of the tile.
                    unsafe { isa.store(self.to.add(x * self.point_step + c), value) };
                }
            }
        }
    }

    /// Transforms every column of the tile, whose rows have been transformed, and writes the points.
    ///
    /// # Safety
    /// See [`InputTransform`]; `c < channels`.
    #[inline(always)]
    unsafe fn along_rows<I: Lanes<T>, const OUTPUTS: usize, const TAPS: usize>(
        &self,
        isa: I,
        c: usize,
        lines: &Half<I::Vector>,
    ) {
        let columns = self.kinds[1].tile();
        for x in 0..columns.min(MAX_TILE) {
            // SAFETY: the first `OUTPUTS + TAPS - 1` rows have been written, as many columns as the tile has.
            let column = unsafe { self::column::<T, I, OUTPUTS, TAPS>(isa, lines, x) };
            let column = input_line::<T, I, OUTPUTS, TAPS>(isa, column);
            for (y, &value) in column.iter().enumerate().take(OUTPUTS + TAPS - 1) {
                let point = y * columns + x;
                // SAFETY: a point of the tile.
                unsafe { isa.store(self.to.add(point * self.point_step + c), value) };
            }
        }
    }
}

/// A column of a tile whose rows have been transformed.
///
/// # Safety
/// Its first `OUTPUTS + TAPS - 1` values have been written.
#[inline(always)]
unsafe fn column<T: Element, I: Lanes<T>, const OUTPUTS: usize, const TAPS: usize>(
    isa: I,
    lines: &Half<I::Vector>,
    x: usize,
) -> Line<I::Vector> {
    let mut column = [isa.splat(T::default()); MAX_TILE];
    for (value, line) in column.iter_mut().zip(lines).take(OUTPUTS + TAPS - 1) {
        // SAFETY: vouched for by the caller.
        *value = unsafe { line[x].assume_init() };
    }
    column
}

/// `B^T d`
#[inline(always)]
fn input_line<T: Element, I: Lanes<T>, const OUTPUTS: usize, const TAPS: usize>(
    isa: I,
    d: Line<I::Vector>,
) -> Line<I::Vector> {
    let zero = isa.splat(T::default());
    match (OUTPUTS, TAPS) {
        (4, 2 | 3) => input_line_of_pairs::<T, I, TAPS>(isa, d),
        (2, 3) => {
            [isa.sub(d[2], d[0]), isa.add(d[1], d[2]), isa.sub(d[2], d[1]), isa.sub(d[3], d[1]), zero, zero]
        }
        (2, 2) => [isa.add(d[0], d[1]), isa.sub(d[1], d[0]), isa.sub(d[2], d[0]), zero, zero, zero],
        _ => d,
    }
}

/// The same for four outputs: two pairs of points of opposite sign, and others that leave every second input out.
#[inline(always)]
fn input_line_of_pairs<T: Element, I: Lanes<T>, const TAPS: usize>(
    isa: I,
    d: Line<I::Vector>,
) -> Line<I::Vector> {
    let times = |factor: f64, vector, plus| isa.mul_add(isa.splat(T::from_f64(factor)), vector, plus);
    let [near, far] = near_and_far(TAPS);
    // The sum of inputs two apart in which the points of opposite sign `other` do not show.
    let part = |other: f64, first: usize| times(-other * other, d[first], d[first + 2]);
    // Both points of a pair, from parts of its even and odd powers; three taps have zero among their points, a factor
    // x.
    let pair = |point: f64, other: f64| {
        let (low, high) = (part(other, TAPS - 2), part(other, TAPS - 1));
        [times(point, low, high), times(-point, low, high)]
    };
    let ([a, b], [c, e]) = (pair(near, far), pair(far, near));
    let (product, sum) = (near * near * far * far, near * near + far * far);
    let rest = |first: usize| times(product, d[first], times(-sum, d[first + 2], d[first + 4]));
    if TAPS == 3 { [rest(0), a, b, c, e, rest(1)] } else { [a, b, c, e, rest(0), isa.splat(T::default())] }
}

/// `A^T m`, of which the first `OUTPUTS` values count.
#[inline(always)]
fn output_line<T: Element, I: Lanes<T>, const OUTPUTS: usize, const TAPS: usize>(
    isa: I,
    m: Line<I::Vector>,
) -> Line<I::Vector> {
    let times = |factor: f64, vector, plus| isa.mul_add(isa.splat(T::from_f64(factor)), vector, plus);
    let zero = isa.splat(T::default());
    let [near, far] = near_and_far(TAPS);
    match (OUTPUTS, TAPS) {
        (4, 2 | 3) => {
            // Three taps have zero among their points, before the others.
            let pair = if TAPS == 3 { 1 } else { 0 };
            let parts = |first: usize| [isa.add(m[first], m[first + 1]), times(-1.0, m[first + 1], m[first])];
            let ([near_even, near_odd], [far_even, far_odd]) = (parts(pair), parts(pair + 2));
            let power = |exponent, of_near, of_far, plus| {
                times(near.powi(exponent), of_near, times(far.powi(exponent), of_far, plus))
            };
            let even = isa.add(near_even, far_even);
            [
                if TAPS == 3 { isa.add(m[0], even) } else { even },
                power(1, near_odd, far_odd, zero),
                power(2, near_even, far_even, zero),
                power(3, near_odd, far_odd, m[OUTPUTS + TAPS - 2]),
                zero,
                zero,
            ]
        }
        (2, 3) => {
            let (even, odd) = (isa.add(m[1], m[2]), times(-1.0, m[2], m[1]));
            [isa.add(m[0], even), isa.add(odd, m[3]), zero, zero, zero, zero]
        }
        (2, 2) => [isa.add(m[0], m[1]), isa.add(times(-1.0, m[1], m[0]), m[2]), zero, zero, zero, zero],
        _ => m,
    }
}

/// Transforms the products of one tile to outputs, of which `rows` x `columns` are written.
///
/// # Safety
/// Whoever makes it vouches that `from + p * point_step + c` is readable for all points p, `c < channels` rounded up to
/// whole vectors; `to + y * row_step + x * column_step + c` readable and writable for all `y < rows`, `x < columns`,
/// `c < channels`, and the bias, if any, readable for `channels`; a tile has at least `rows` x `columns` outputs.
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
        let mut lines: Half<I::Vector> = [[MaybeUninit::uninit(); MAX_TILE]; MAX_TILE];
        for c in (0..self.channels).step_by(I::LANES) {
            // SAFETY: the maker of `self` vouches for the tile.
            unsafe {
                with_kind!(self.kinds[1], self.along_columns(isa, c, &mut lines));
                with_kind!(self.kinds[0], self.along_rows(isa, c, &lines));
            }
        }
    }
}

impl<T: Element> OutputTransform<T> {
    /// Transforms every row of points, for a vector of channels.
    ///
    /// # Safety
    /// See [`OutputTransform`]; `c < channels`.
    #[inline(always)]
    unsafe fn along_columns<I: Lanes<T>, const OUTPUTS: usize, const TAPS: usize>(
        &self,
        isa: I,
        c: usize,
        lines: &mut Half<I::Vector>,
    ) {
        for (y, line) in lines.iter_mut().enumerate().take(self.kinds[0].tile()) {
            let mut points = [isa.splat(T::default()); MAX_TILE];
            for (x, value) in points.iter_mut().enumerate().take(OUTPUTS + TAPS - 1) {
                let point = y * (OUTPUTS + TAPS - 1) + x;
                // SAFETY: a point of the tile.
                *value = unsafe { isa.load(self.from.add(point * self.point_step + c)) };
            }
            let values = output_line::<T, I, OUTPUTS, TAPS>(isa, points);
            for (x, &value) in values.iter().enumerate().take(OUTPUTS) {
                line[x] = MaybeUninit::new(value);
            }
        }
    }

    /// Transforms every column, and writes the outputs that there are.
    ///
    /// # Safety
    /// See [`OutputTransform`]; `c < channels`.
    #[inline(always)]
    unsafe fn along_rows<I: Lanes<T>, const OUTPUTS: usize, const TAPS: usize>(
        &self,
        isa: I,
        c: usize,
        lines: &Half<I::Vector>,
    ) {
        let count = I::LANES.min(self.channels - c);
        let zero = isa.splat(T::default());
        // SAFETY: the bias of `count` channels, outputs that there are, and values of every row of the tile, which have
        // been written for each of its outputs.
        unsafe {
            let bias = self.bias.map_or(zero, |bias| isa.load_part(bias.add(c), count));
            for x in 0..self.columns.min(MAX_TILE) {
                let column = self::column::<T, I, OUTPUTS, TAPS>(isa, lines, x);
                let column = output_line::<T, I, OUTPUTS, TAPS>(isa, column);
                for (y, &value) in column.iter().enumerate().take(OUTPUTS.min(self.rows)) {
                    self.write(isa, isa.add(value, bias), [y, x], c, count);
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
            let result = self.finish.vector(isa, sum, old);
            self.finish.ask_ahead(isa, to, 1);
            isa.store_part(to, result, count);
        }
    }
}
