//! Some rows of the tile, from one end to the other.

use core::ptr;

use super::sums::Sums;
use super::{MOST_INPUTS, Outside, SeparableTile};
use crate::element::Element;
use crate::isa::Lanes;

/// What the loop over `ROWS` output rows needs besides them.
pub(super) struct Block<T, I: Lanes<T>, S, const ROWS: usize, const TERMS: usize> {
    isa: I,
    sums: S,
    /// Whole vectors of inputs, and values behind them.
    vectors: usize,
    rest: usize,
    left: Beside<T, I, TERMS>,
    right: Beside<T, I, TERMS>,
}

/// Sums along columns, for each row its terms.
type ColumnSums<V, const ROWS: usize, const TERMS: usize> = [[V; TERMS]; ROWS];

/// What an [`Outside`] comes to.
enum Beside<T, I: Lanes<T>, const TERMS: usize> {
    /// The sums themselves.
    Constant([I::Vector; TERMS]),
    /// Where a pointer points to the vector whose sums are repeated, and how.
    Repeated(isize, I::Pattern),
}

/// Where the rows of a block are.
struct Rows<T, const ROWS: usize> {
    /// Input rows under it, and those that are wanted soon.
    inputs: [*const T; MOST_INPUTS],
    ahead: [*const T; ROWS],
    to: [*mut T; ROWS],
}

/// Outputs of a vector of columns on their way.
struct Outputs<V, const ROWS: usize, const TERMS: usize> {
    /// What they need to know of the sums before, and of those of these columns.
    begun: [V; ROWS],
    /// Those of these columns.
    sums: ColumnSums<V, ROWS, TERMS>,
}

impl<T: Element, I: Lanes<T>, S: Sums<T, I, TERMS>, const ROWS: usize, const TERMS: usize>
    Block<T, I, S, ROWS, TERMS>
{
    /// Of a tile, whose sums these are.
    #[inline(always)]
    pub(super) fn new(isa: I, tile: &SeparableTile<'_, T>, sums: S) -> Self {
        let beside = |outside: &Outside<T>| match outside.constant {
            Some(constant) => {
                let constant = isa.splat(constant);
                let [terms] = sums.along_columns(isa, |_| constant);
                Beside::Constant(terms)
            }
            // SAFETY: as many lanes as `serves` admits, and nothing else, as its maker vouches.
            None => Beside::Repeated(outside.source, unsafe { isa.pattern(outside.places.as_ptr()) }),
        };
        let (left, right) = (beside(&tile.left), beside(&tile.right));
        Block { isa, sums, vectors: tile.length / I::LANES, rest: tile.length % I::LANES, left, right }
    }

    /// Computes all outputs of the rows of the tile from `row` on.
    ///
    /// # Safety
    /// They are rows of the tile.
    #[inline(always)]
    pub(super) unsafe fn run(&self, tile: &SeparableTile<'_, T>, row: usize) {
        // SAFETY: vouched for by the caller.
        let rows = unsafe { self.find(tile, row) };
        // SAFETY: the rows under these, with a whole vector and more.
        let mut outputs = unsafe { self.begin(&rows, tile.first) };
        // The last vector of inputs has something else behind it. Outputs are no more than a vector fewer than inputs, so
        // that those before are whole.
        let inner = self.vectors - 1;
        for v in 0..inner {
            self.ask_for(&rows, tile.first, v);
            let inputs = tile.first + ((v + 1) * I::LANES) as isize;
            // SAFETY: at most the last whole vector of inputs, and a whole vector of outputs.
            unsafe { self.advance(&mut outputs, &rows, inputs, v * I::LANES) };
        }
        self.ask_for(&rows, tile.first, inner);
        // SAFETY: the rows under these, and what is left of them.
        unsafe { self.finish(outputs, &rows, tile, inner) };
    }

    /// The outputs from vector `v` on, the last of whole inputs.
    ///
    /// # Safety
    /// These are rows of the tile.
    #[inline(always)]
    unsafe fn finish(
        &self,
        mut outputs: Outputs<I::Vector, ROWS, TERMS>,
        rows: &Rows<T, ROWS>,
        tile: &SeparableTile<'_, T>,
        mut v: usize,
    ) {
        let last = tile.first + (v * I::LANES + self.rest) as isize;
        // SAFETY: the last vector of the rows.
        let (last, outside) = unsafe { (self.sum(rows, last), self.sum_outside(rows, &self.right)) };
        // What is left of the rows, and what stands behind.
        let by = I::LANES - self.rest;
        let mut next = last;
        for (next, outside) in next.as_flattened_mut().iter_mut().zip(outside.as_flattened()) {
            *next = self.isa.shift(*next, *outside, by);
        }
        while v * I::LANES < tile.width {
            let left = (tile.width - v * I::LANES).min(I::LANES);
            for (to, result) in rows.to.iter().zip(self.end(&mut outputs, next)) {
                // SAFETY: what is left of the outputs.
                unsafe { self.isa.store_part(to.wrapping_add(v * I::LANES), result, left) };
            }
            // Of the last outputs, what lies further is not used.
            for (next, outside) in next.as_flattened_mut().iter_mut().zip(outside.as_flattened()) {
                *next = self.isa.shift(*outside, *outside, by);
            }
            v += 1;
        }
    }

    /// Where the rows of the tile from `row` on are, and those under them.
    ///
    /// # Safety
    /// They are rows of the tile.
    #[inline(always)]
    unsafe fn find(&self, tile: &SeparableTile<'_, T>, row: usize) -> Rows<T, ROWS> {
        let under = ROWS + S::TAPS - 1;
        // SAFETY: entries for the rows under the tile, and more; see `SeparableTile`.
        let input = |j: usize| unsafe { *tile.inputs.add(row + j) };
        let mut rows =
            Rows { inputs: [ptr::null(); MOST_INPUTS], ahead: [ptr::null(); ROWS], to: [tile.to; ROWS] };
        for j in 0..under {
            rows.inputs[j] = input(j);
        }
        for r in 0..ROWS {
            rows.ahead[r] = input(under + r);
            rows.to[r] = tile.to.wrapping_offset(((row + r) as isize).wrapping_mul(tile.to_step));
        }
        rows
    }

    #[inline(always)]
    fn ask_for(&self, rows: &Rows<T, ROWS>, first: isize, v: usize) {
        for row in &rows.ahead {
            let wanted = row.wrapping_offset(first).wrapping_add(v * I::LANES);
            // A single row is wanted as soon as this one is done; of several, most are in the cache no longer by then.
            if ROWS == 1 { self.isa.prefetch_near(wanted) } else { self.isa.prefetch(wanted) }
        }
    }

    /// Begins the first outputs, whose first whole vector of inputs is at `first`.
    ///
    /// # Safety
    /// It is, in the rows under these.
    #[inline(always)]
    unsafe fn begin(&self, rows: &Rows<T, ROWS>, first: isize) -> Outputs<I::Vector, ROWS, TERMS> {
        // SAFETY: vouched for by the caller.
        let (sums, left) = unsafe {
            let sums = self.sum(rows, first);
            (sums, if S::CENTRE > 0 { self.sum_outside(rows, &self.left) } else { sums })
        };
        let mut begun = [self.isa.splat(T::default()); ROWS];
        for r in 0..ROWS {
            begun[r] = self.sums.begin(self.isa, left[r], sums[r]);
        }
        Outputs { begun, sums }
    }

    /// Ends outputs with the inputs at `at`, writes them `to`, and begins the next.
    ///
    /// # Safety
    /// Both are whole vectors of the rows.
    #[inline(always)]
    unsafe fn advance(
        &self,
        outputs: &mut Outputs<I::Vector, ROWS, TERMS>,
        rows: &Rows<T, ROWS>,
        at: isize,
        to: usize,
    ) {
        // SAFETY: vouched for by the caller.
        let load = |j: usize| unsafe { self.isa.load(rows.inputs[j].wrapping_offset(at)) };
        let results = self.end(outputs, self.sums.along_columns(self.isa, load));
        for (to_row, result) in rows.to.iter().zip(results) {
            // SAFETY: vouched for by the caller.
            unsafe { self.isa.store(to_row.wrapping_add(to), result) };
        }
    }

    /// Ends outputs with the sums behind them, and begins the next.
    #[inline(always)]
    fn end(
        &self,
        outputs: &mut Outputs<I::Vector, ROWS, TERMS>,
        next: ColumnSums<I::Vector, ROWS, TERMS>,
    ) -> [I::Vector; ROWS] {
        let Outputs { begun, sums } = outputs;
        let mut results = *begun;
        for r in 0..ROWS {
            results[r] = self.sums.end(self.isa, begun[r], sums[r], next[r]);
            begun[r] = self.sums.begin(self.isa, sums[r], next[r]);
        }
        *sums = next;
        self.sums.ending().apply(self.isa, results)
    }

    /// Sums along columns of a vector.
    ///
    /// # Safety
    /// It is readable in all rows under these.
    #[inline(always)]
    unsafe fn sum(&self, rows: &Rows<T, ROWS>, at: isize) -> ColumnSums<I::Vector, ROWS, TERMS> {
        // SAFETY: vouched for by the caller.
        let load = |j: usize| unsafe { self.isa.load(rows.inputs[j].wrapping_offset(at)) };
        self.sums.along_columns(self.isa, load)
    }

    /// Sums along columns of what lies beside the rows.
    ///
    /// # Safety
    /// These are rows under the tile.
    #[inline(always)]
    unsafe fn sum_outside(
        &self,
        rows: &Rows<T, ROWS>,
        beside: &Beside<T, I, TERMS>,
    ) -> ColumnSums<I::Vector, ROWS, TERMS> {
        match beside {
            Beside::Constant(terms) => [*terms; ROWS],
            Beside::Repeated(source, pattern) => {
                // SAFETY: a vector of each row, as the maker of `Outside` vouches.
                let mut sums = unsafe { self.sum(rows, *source) };
                for sum in sums.as_flattened_mut() {
                    *sum = self.isa.permute(*sum, *pattern);
                }
                sums
            }
        }
    }
}
