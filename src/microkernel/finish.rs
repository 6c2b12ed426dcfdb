//! The way of a sum to the output: y = activation(sum + bias + accumulate * y_old).

use core::mem::MaybeUninit;

use crate::conv::Conv;
use crate::element::Element;
use crate::isa::Lanes;

/// No tile has more values: 14 rows of two vectors of 16.
const MAX_TILE: usize = 14 * 2 * 16;

/// Bytes from an output that is written to the one that is asked for meanwhile: fewer are slower, more no faster.
const AHEAD: usize = 8 << 10;

/// What happens to sums besides the bias, which they start with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Finish<T> {
    /// Factor of the old output; with 0 it is not read.
    pub(crate) accumulate: T,
    /// Results below become this. Without activation minus infinity.
    pub(crate) low: T,
    /// Results above become this. Without activation infinity.
    pub(crate) high: T,
    /// Whether outputs are asked for before they are written. A cache reads what it does not hold before it takes a
    /// part of it; tiles write much at once, and would wait for memory.
    pub(crate) asks_ahead: bool,
}

impl<T: Element> Finish<T> {
    /// What the request asks for.
    pub(crate) fn new(conv: &Conv) -> Self {
        let [low, high] = conv.activation.limits();
        Finish {
            accumulate: T::from_f64(conv.accumulate),
            low: T::from_f64(low),
            high: T::from_f64(high),
            asks_ahead: false,
        }
    }

    /// The same, where outputs that are written one behind the other leave the caches, if they do.
    pub(crate) fn asking_ahead(self, is_far: bool) -> Self {
        Finish { asks_ahead: is_far, ..self }
    }

    /// Sums as they are.
    pub(crate) fn plain() -> Self {
        let [low, high] = [f64::NEG_INFINITY, f64::INFINITY];
        Finish { accumulate: T::default(), low: T::from_f64(low), high: T::from_f64(high), asks_ahead: false }
    }

    /// For one pass of several that add up in the output: the request's accumulation comes with the first, its
    /// activation with the last.
    pub(crate) fn of_pass(self, is_first: bool, is_last: bool) -> Self {
        let one = T::from_f64(1.0);
        Finish {
            accumulate: if is_first { self.accumulate } else { one },
            low: if is_last { self.low } else { T::from_f64(f64::NEG_INFINITY) },
            high: if is_last { self.high } else { T::from_f64(f64::INFINITY) },
            asks_ahead: self.asks_ahead && is_first,
        }
    }

    /// Whether the old output is read.
    #[inline(always)]
    pub(crate) fn accumulates(&self) -> bool {
        self.accumulate != T::default()
    }

    /// Asks for the outputs that follow the `vectors` written at `to`, where that pays.
    #[inline(always)]
    pub(crate) fn ask_ahead<I: Lanes<T>>(&self, isa: I, to: *const T, vectors: usize) {
        if self.asks_ahead {
            for v in 0..vectors {
                isa.prefetch_near(to.wrapping_add(v * I::LANES).wrapping_byte_add(AHEAD));
            }
        }
    }

    /// One vector of sums finished; `old` counts only where the old output is read.
    #[inline(always)]
    pub(crate) fn vector<I: Lanes<T>>(&self, isa: I, sum: I::Vector, old: I::Vector) -> I::Vector {
        let sum = if self.accumulates() { isa.mul_add(isa.splat(self.accumulate), old, sum) } else { sum };
        isa.at_most(isa.at_least(sum, isa.splat(self.low)), isa.splat(self.high))
    }

    /// Applies the activation; limits that do nothing take no time, as they would compete with multiply-adds.
    #[inline(always)]
    pub(crate) fn limit<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
    ) {
        if self.low > T::from_f64(f64::NEG_INFINITY) {
            let low = isa.splat(self.low);
            for_each_sum(sums, |sum| isa.at_least(sum, low));
        }
        if self.high < T::from_f64(f64::INFINITY) {
            let high = isa.splat(self.high);
            for_each_sum(sums, |sum| isa.at_most(sum, high));
        }
    }

    /// Adds the old output to sums that hold the bias; `rows` of them start at `to`, `row_step` apart.
    ///
    /// # Safety
    /// `to + r * row_step` is readable for `VECTORS` vectors for all `r < ROWS`.
    #[inline(always)]
    pub(crate) unsafe fn add_old<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        to: *const T,
        row_step: isize,
    ) {
        let factor = isa.splat(self.accumulate);
        for (r, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                // SAFETY: vouched for by the caller.
                let old = unsafe { isa.load(to.offset(r as isize * row_step).add(v * I::LANES)) };
                *sum = isa.mul_add(factor, old, *sum);
            }
        }
    }

    /// Applies the activation and writes a tile of whole vectors.
    ///
    /// # Safety
    /// `to + r * row_step` is writable for `VECTORS` vectors for all `r < ROWS`.
    #[inline(always)]
    pub(crate) unsafe fn write<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        to: *mut T,
        row_step: isize,
    ) {
        self.limit(isa, sums);
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                // SAFETY: vouched for by the caller.
                unsafe { isa.store(to.offset(r as isize * row_step).add(v * I::LANES), sum) };
            }
        }
    }
}

/// Plain loops, which the compiler unrolls early enough to keep the sums in registers.
#[inline(always)]
fn for_each_sum<V: Copy, const ROWS: usize, const VECTORS: usize>(
    sums: &mut [[V; VECTORS]; ROWS],
    change: impl Fn(V) -> V,
) {
    for row in sums {
        for sum in row {
            *sum = change(*sum);
        }
    }
}

/// A place of the output that a tile covers.
#[derive(Clone, Copy)]
pub(crate) struct Target<T> {
    pub(crate) first: *mut T,
    pub(crate) row_step: isize,
    pub(crate) step: isize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// Where a tile writes whole vectors: the output itself where that is possible, else a buffer in its stead. So tiles
/// need no code for their tails, nor for columns that are not neighbours.
pub(crate) struct Staging<T> {
    buffer: [MaybeUninit<T>; MAX_TILE],
}

impl<T: Element> Staging<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Staging { buffer: [const { MaybeUninit::uninit() }; MAX_TILE] }
    }

    /// The place to compute `target` at, in rows of `width` values, and the distance of its rows. With `reads_old`,
    /// it holds the old output.
    ///
    /// # Safety
    /// The target is readable and writable; `rows * width <= MAX_TILE` and `columns <= width`.
    #[inline(always)]
    pub(crate) unsafe fn begin(
        &mut self,
        target: &Target<T>,
        width: usize,
        reads_old: bool,
    ) -> (*mut T, isize) {
        if Self::is_direct(target, width) {
            return (target.first, target.row_step);
        }
        debug_assert!(target.rows * width <= MAX_TILE && target.columns <= width);
        if reads_old {
            // SAFETY: vouched for by the caller.
            unsafe { self.gather(target, width) };
        }
        (self.buffer.as_mut_ptr().cast(), width as isize)
    }

    /// Moves what was computed to its target.
    ///
    /// # Safety
    /// As for `begin`, which was called with the same arguments; the tile has been written.
    #[inline(always)]
    pub(crate) unsafe fn end(&mut self, target: &Target<T>, width: usize) {
        if !Self::is_direct(target, width) {
            // SAFETY: vouched for by the caller.
            unsafe { self.scatter(target, width) };
        }
    }

    /// # Safety
    /// As for `begin`.
    #[inline(never)]
    unsafe fn gather(&mut self, target: &Target<T>, width: usize) {
        self.buffer.fill(MaybeUninit::new(T::default()));
        for r in 0..target.rows {
            for c in 0..target.columns {
                // SAFETY: a place of the target.
                self.buffer[r * width + c] = MaybeUninit::new(unsafe { *target.at(r, c) });
            }
        }
    }

    /// # Safety
    /// As for `end`.
    #[inline(never)]
    unsafe fn scatter(&self, target: &Target<T>, width: usize) {
        for r in 0..target.rows {
            let row = &self.buffer[r * width..][..target.columns];
            if target.step == 1 {
                // SAFETY: places of the target, neighbours; the tile wrote these places of the buffer.
                unsafe { core::ptr::copy_nonoverlapping(row.as_ptr().cast(), target.at(r, 0), row.len()) };
                continue;
            }
            for (c, value) in row.iter().enumerate() {
                // SAFETY: a place of the target; the tile wrote this place of the buffer.
                unsafe { *target.at(r, c) = value.assume_init() };
            }
        }
    }

    #[inline(always)]
    fn is_direct(target: &Target<T>, width: usize) -> bool {
        target.step == 1 && target.columns == width
    }
}

impl<T> Target<T> {
    /// # Safety
    /// `row < rows`, `column < columns`.
    #[inline(always)]
    unsafe fn at(&self, row: usize, column: usize) -> *mut T {
        // SAFETY: a place of the target.
        unsafe { self.first.offset(row as isize * self.row_step + column as isize * self.step) }
    }
}
