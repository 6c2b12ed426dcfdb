//! The tile of matrix multiplication: `c += a * b` with up to 14 rows and two vectors of columns in registers.
//!
//! `a` comes in panels of as many rows as the tile (`a[k][row]`), `b` in panels of as many columns (`b[k][column]`)
//! or in place with any distance between its rows. Per step k, two vectors of `b` are loaded and each is multiplied
//! by a broadcast of every row of `a`: 28 multiply-adds for 2 + 14 loads on 32 registers (Low et al., "Analytical
//! modeling is enough for high-performance BLIS", 2016, give the rule for tile shapes).

use super::finish::{Finish, Staging, Target};
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors in the columns of a tile.
pub(crate) const VECTORS: usize = 2;

/// Most rows in a tile: accumulators, the vectors of `b` and one broadcast fill the registers.
pub(crate) const fn max_rows(registers: usize) -> usize {
    if registers >= 32 { 14 } else { 6 }
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let multiply_adds = max_rows(registers) * VECTORS;
    vec![HotLoop { microkernel: "GemmTile", multiply_adds }]
}

/// What is added to each sum before it is finished.
#[derive(Clone, Copy)]
pub(crate) enum TileBias<T> {
    None,
    /// One value for each row, `rows` of them readable.
    Rows(*const T),
    /// One value for each column, whole vectors of them readable.
    Columns(*const T),
}

/// Computes a tile of `rows` x `columns` results, or a part of their sums.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `a + k * rows + i` is readable for all `k < depth`, `i < rows`;
/// * `b + k * b_step + j` is readable for all `k < depth`, `j < columns` rounded up to `lanes`;
/// * `c + i * c_row_step + j * c_step` is readable and writable for all `i < rows`, `j < columns`;
/// * `1 <= rows <= max_rows(registers)` and `1 <= columns <= VECTORS * lanes`; the bias is readable as it says.
pub(crate) struct GemmTile<T> {
    pub(crate) depth: usize,
    pub(crate) a: *const T,
    pub(crate) b: *const T,
    pub(crate) b_step: usize,
    /// From the first value of each row of `b` to what will be read next, which is asked for ahead of time; 0 for
    /// nothing.
    pub(crate) ahead: usize,
    pub(crate) c: *mut T,
    pub(crate) c_row_step: isize,
    pub(crate) c_step: isize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) bias: TileBias<T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for GemmTile<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let width = if self.columns > I::LANES { VECTORS * I::LANES } else { I::LANES };
        let target = Target {
            first: self.c,
            row_step: self.c_row_step,
            step: self.c_step,
            rows: self.rows,
            columns: self.columns,
        };
        let mut staging = Staging::new();
        // SAFETY: the maker of `self` vouches for the tile.
        unsafe {
            let to = staging.begin(&target, width, self.finish.accumulates());
            if width > I::LANES {
                self.with_rows::<I, VECTORS>(isa, to);
            } else {
                self.with_rows::<I, 1>(isa, to);
            }
            staging.end(&target, width);
        }
    }
}

impl<T: Element> GemmTile<T> {
    /// Computes the tile at `to`: its first place and the distance of its rows.
    ///
    /// # Safety
    /// See [`GemmTile`]; `to` is readable and writable for `rows` rows of `COLUMN_VECTORS` vectors.
    #[inline(always)]
    unsafe fn with_rows<I: Lanes<T>, const COLUMN_VECTORS: usize>(&self, isa: I, to: (*mut T, isize)) {
        macro_rules! by_rows {
            ($($rows:literal)+) => {
                match self.rows {
                    $(
                        // SAFETY: vouched for by the caller. Tiles too high for the registers are never asked for.
                        $rows if $rows <= max_rows(I::REGISTERS) => unsafe {
                            self.tile::<I, $rows, COLUMN_VECTORS>(isa, to)
                        },
                    )+
                    _ => {}
                }
            };
        }
        by_rows!(14 13 12 11 10 9 8 7 6 5 4 3 2 1)
    }

    /// # Safety
    /// As for `with_rows`, and `rows == ROWS`.
    #[inline(always)]
    unsafe fn tile<I: Lanes<T>, const ROWS: usize, const COLUMN_VECTORS: usize>(
        &self,
        isa: I,
        (to, row_step): (*mut T, isize),
    ) {
        // SAFETY: vouched for by the caller.
        let mut sums = unsafe { self.initial_sums::<I, ROWS, COLUMN_VECTORS>(isa) };
        if self.finish.accumulates() {
            // SAFETY: `to` has the tile in whole vectors.
            unsafe { self.finish.add_old(isa, &mut sums, to, row_step) };
        }
        let (mut a, mut b) = (self.a, self.b);
        for _ in 0..self.depth {
            // SAFETY: step k of `depth`; see `GemmTile`.
            unsafe {
                let mut columns = [isa.splat(T::default()); COLUMN_VECTORS];
                for (v, vector) in columns.iter_mut().enumerate() {
                    *vector = isa.load(b.add(v * I::LANES));
                }
                for (i, sums) in sums.iter_mut().enumerate() {
                    let row = isa.splat(*a.add(i));
                    for v in 0..COLUMN_VECTORS {
                        sums[v] = isa.mul_add(row, columns[v], sums[v]);
                    }
                }
                if self.ahead > 0 {
                    for v in 0..COLUMN_VECTORS {
                        isa.prefetch(b.wrapping_add(self.ahead + v * I::LANES));
                    }
                }
                a = a.add(ROWS);
                b = b.wrapping_add(self.b_step);
            }
        }
        // SAFETY: `to` has room for the tile in whole vectors.
        unsafe { self.finish.write(isa, &mut sums, to, row_step) };
    }

    /// # Safety
    /// See [`GemmTile`]; `rows == ROWS`, `columns <= COLUMN_VECTORS * LANES`.
    #[inline(always)]
    unsafe fn initial_sums<I: Lanes<T>, const ROWS: usize, const COLUMN_VECTORS: usize>(
        &self,
        isa: I,
    ) -> [[I::Vector; COLUMN_VECTORS]; ROWS] {
        let mut sums = [[isa.splat(T::default()); COLUMN_VECTORS]; ROWS];
        match self.bias {
            TileBias::None => {}
            TileBias::Rows(bias) => {
                for (i, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: readable for every row.
                    *sums = [isa.splat(unsafe { *bias.add(i) }); COLUMN_VECTORS];
                }
            }
            TileBias::Columns(bias) => {
                for v in 0..COLUMN_VECTORS {
                    // SAFETY: readable in whole vectors.
                    let vector = unsafe { isa.load(bias.add(v * I::LANES)) };
                    sums.iter_mut().for_each(|sums| sums[v] = vector);
                }
            }
        }
        sums
    }
}
