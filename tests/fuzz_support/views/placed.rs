//! A view in memory of its own, with guards around and between its elements.

use convolve::{Element, View, ViewMut};

use super::grid::Grid;
use crate::fuzz_support::operands::indices;

/// Elements before the first and behind the last.
const GUARD: usize = 67;
/// Larger memories take too long to fill.
const MOST_CELLS: usize = 1 << 16;

/// Memory and the elements in it.
#[derive(Clone)]
pub struct Placed<T> {
    pub grid: Grid,
    cells: Vec<T>,
}

impl<T: Element> Placed<T> {
    /// Elements take `values` over and over, all other cells are `guard`; `None` if that takes too much memory.
    pub fn new(grid: Grid, values: &[T], guard: T) -> Option<Self> {
        let (grid, len) = grid.moved_behind(GUARD)?;
        let mut cells = vec![guard; Some(len).filter(|&len| len <= MOST_CELLS)?];
        for (at, &value) in indices(grid.dims).zip(values.iter().cycle()) {
            cells[grid.index(at)] = value;
        }
        Some(Placed { grid, cells })
    }

    fn origin(&self) -> usize {
        usize::try_from(self.grid.origin).expect("the grid was moved inside")
    }

    pub fn view(&self) -> View<'_, T> {
        let Grid { dims, strides, .. } = self.grid;
        View::strided(&self.cells, self.origin(), dims, strides).expect("the memory was made for it")
    }

    /// # Panics
    /// If the grid does not nest.
    pub fn view_mut(&mut self) -> ViewMut<'_, T> {
        let (origin, Grid { dims, strides, .. }) = (self.origin(), self.grid);
        ViewMut::strided(&mut self.cells, origin, dims, strides).expect("the grid nests")
    }

    /// The elements in the order batch, channel, row, column.
    pub fn elements(&self) -> Vec<T> {
        indices(self.grid.dims).map(|at| self.cells[self.grid.index(at)]).collect()
    }

    /// Panics unless all cells but the elements are those of `before`.
    pub fn assert_same_guards(&self, before: &Self, case: &str) {
        let mut guards = self.clone();
        for at in indices(self.grid.dims) {
            let element = self.grid.index(at);
            guards.cells[element] = before.cells[element];
        }
        let written =
            guards.cells.iter().zip(&before.cells).position(|(now, before)| !is_same(*now, *before));
        assert!(written.is_none(), "{case}: cell {written:?} outside the view was written");
    }
}

/// The same bits.
fn is_same<T: Element>(a: T, b: T) -> bool {
    a.to_f64().to_bits() == b.to_f64().to_bits()
}
