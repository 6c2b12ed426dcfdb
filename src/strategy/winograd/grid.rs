//! The tiles of an axis, and those of a task.
//!
//! Under a dilation d, outputs that stand d apart share inputs, those between them do not: a tile takes outputs that
//! are `phases` apart. Neighbouring tiles take neighbouring phases, then comes the next block of them.
//!
//! ```text
//! tile                                   0  1  2  3 |  4  5 ...       phases = 4, 2 outputs to a tile
//! its outputs                            0  1  2  3 |  8  9
//!                                        4  5  6  7 | 12 13
//! ```

use crate::problem::{Axis, gcd};
use crate::winograd::Pieces;

/// How the outputs of an axis are dealt out to tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// From an output of a tile to its next.
    pub(super) phases: usize,
    /// From an input of a tile to its next, for kernels without stride.
    pub(super) dilation: usize,
    /// Outputs of a tile, and of the axis.
    outputs: usize,
    axis: usize,
    /// Tiles of a task: whole blocks, or a part of one.
    pub(super) tiles: usize,
}

/// The tiles of a task along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Neighbouring outputs of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outputs {
    /// Place of the first among those of the task, and of the axis.
    pub(super) place: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

/// What is left of the stride, and the phases, of an axis whose inputs are taken a dilation apart.
pub(super) fn reduced(axis: &Axis) -> [usize; 2] {
    let common = gcd(axis.dilation, axis.stride);
    [axis.stride / common, axis.dilation / common]
}

/// The largest share of at most `most` when all are dealt out evenly.
pub(super) fn evenly(all: usize, most: usize) -> usize {
    all.div_ceil(all.div_ceil(most.max(1)).max(1)).max(1)
}

impl Grid {
    /// With at most so many tiles to a task.
    pub(super) fn new(axis: &Axis, pieces: &Pieces, most: usize) -> Self {
        let [_, phases] = reduced(axis);
        let grid = Grid {
            phases: phases.min(axis.output).max(1),
            dilation: axis.dilation,
            outputs: pieces.outputs,
            axis: axis.output,
            tiles: 1,
        };
        let tiles = evenly(grid.all(), most);
        let whole = tiles / grid.phases * grid.phases;
        Grid { tiles: if whole > 0 { whole } else { evenly(grid.phases, tiles) }, ..grid }
    }

    /// Outputs of a block, one tile of each phase.
    fn block(&self) -> usize {
        self.outputs.saturating_mul(self.phases)
    }

    /// All tiles of the axis.
    pub(super) fn all(&self) -> usize {
        let (blocks, rest) = (self.axis / self.block(), self.axis % self.block());
        blocks * self.phases + rest.min(self.phases)
    }

    /// Tasks of a whole block, where it takes several.
    fn tasks_of_block(&self) -> usize {
        self.phases.div_ceil(self.tiles)
    }

    pub(super) fn tasks(&self) -> usize {
        if self.tiles >= self.phases {
            return self.all().div_ceil(self.tiles);
        }
        self.all() / self.phases * self.tasks_of_block() + (self.all() % self.phases).div_ceil(self.tiles)
    }

    pub(super) fn span(&self, task: usize) -> Span {
        let (first, end) = if self.tiles >= self.phases {
            (task * self.tiles, self.all())
        } else {
            let (block, part) = (task / self.tasks_of_block(), task % self.tasks_of_block());
            let start = block * self.phases;
            (start + part * self.tiles, (start + self.phases).min(self.all()))
        };
        Span { first, count: self.tiles.min(end - first) }
    }

    /// The first output of a tile.
    pub(super) fn first(&self, tile: usize) -> usize {
        match self.phases {
            1 => tile * self.outputs,
            phases => tile / phases * self.block() + tile % phases,
        }
    }

    /// How many outputs of a tile there are.
    pub(super) fn count(&self, tile: usize) -> usize {
        let left = self.axis - self.first(tile);
        if left > (self.outputs - 1) * self.phases { self.outputs } else { left.div_ceil(self.phases) }
    }

    /// Place of the first output of a tile among the outputs of a task, and the distance to the next.
    pub(super) fn place(&self, span: &Span, tile: usize) -> [usize; 2] {
        if self.tiles >= self.phases {
            [self.first(tile) - self.first(span.first), self.phases]
        } else {
            [tile - span.first, self.tiles]
        }
    }

    /// The outputs of a task.
    pub(super) fn runs(&self, span: Span) -> impl Iterator<Item = Outputs> + Clone {
        let grid = *self;
        let is_whole = grid.tiles >= grid.phases;
        let (times, length) = match is_whole {
            true => (1, span.count.div_ceil(grid.phases) * grid.block()),
            false => (grid.outputs, span.count),
        };
        (0..times).filter_map(move |m| {
            let first = grid.first(span.first) + m * grid.phases;
            let count = length.min(grid.axis.saturating_sub(first));
            (count > 0).then_some(Outputs { place: m * grid.tiles, first, count })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over all tasks, tiles and runs cover every output once, at the same place.
    #[test]
    fn tasks_cover_every_output_once() {
        for phases in [1, 2, 3, 7] {
            for axis in 0..40 {
                for outputs in [1, 2, 4] {
                    for most in [1, 2, 3, 5, 8, 100] {
                        let phases = phases.min(axis).max(1);
                        let grid = Grid { phases, dilation: 1, outputs, axis, tiles: 1 };
                        let tiles = evenly(grid.all(), most);
                        let whole = tiles / phases * phases;
                        let tiles = if whole > 0 { whole } else { evenly(phases, tiles) };
                        check(&Grid { tiles, ..grid });
                    }
                }
            }
        }
    }

    fn check(grid: &Grid) {
        let mut by_tiles = vec![0; grid.axis];
        let mut by_runs = vec![0; grid.axis];
        for span in (0..grid.tasks()).map(|task| grid.span(task)) {
            assert!(span.count >= 1);
            let mut places = vec![None; grid.tiles * grid.outputs];
            for tile in span.first..span.first + span.count {
                let [place, step] = grid.place(&span, tile);
                assert!(grid.count(tile) >= 1);
                for m in 0..grid.count(tile) {
                    let output = grid.first(tile) + m * grid.phases;
                    by_tiles[output] += 1;
                    assert_eq!(places[place + m * step].replace(output), None);
                }
            }
            for run in grid.runs(span) {
                for i in 0..run.count {
                    by_runs[run.first + i] += 1;
                    assert_eq!(places[run.place + i], Some(run.first + i));
                }
            }
        }
        assert_eq!(by_tiles, vec![1; grid.axis], "{grid:?}");
        assert_eq!(by_runs, vec![1; grid.axis], "{grid:?}");
    }
}
