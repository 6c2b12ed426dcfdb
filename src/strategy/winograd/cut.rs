//! How `winograd` cuts a problem, and what that costs.

use super::grid::{Grid, evenly, reduced};
use crate::conv::Layout;
use crate::cost::{Machine, WinogradShape, winograd_seconds};
use crate::gemm::ChannelPanels;
use crate::problem::{Axis, Problem};
use crate::winograd::{Family, MAX_TILE, Pieces};
use crate::workspace::Booking;

/// Tiles of a task where the kernel is streamed from beyond the second-level cache.
const TASK_TILES: usize = 64;

/// The pieces of the kernel and the sizes of a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Of rows and columns.
    pub(super) pieces: [Pieces; 2],
    pub(super) grids: [Grid; 2],
    /// Panels of output channels in a task.
    pub(super) panels: usize,
    /// Values of a block in the sums over input channels and pieces.
    pub(super) depth: usize,
    pub(super) seconds: f64,
}

/// The ways to compute an axis.
fn candidates(axis: &Axis) -> [Option<Pieces>; 2] {
    let [stride, _] = reduced(axis);
    let pieces = |outputs| Pieces::new(outputs, axis.taps, stride);
    // Tiles that hang over the end reach further than the kernel does; its reach has been checked.
    let is_near =
        |pieces: &Pieces| axis.dilation.saturating_mul(pieces.step * MAX_TILE) <= isize::MAX as usize / 4;
    let [two, four] = [2, 4].map(|outputs| pieces(outputs).filter(Pieces::saves).filter(is_near));
    if four.is_none() { [pieces(1), None] } else { [two, four] }
}

/// Whether tasks may copy everything under them: it pays where neighbouring tiles share inputs, and most of what lies
/// under a task is read.
pub(super) fn is_dense(problem: &Problem) -> bool {
    let is_dense = |axis: &Axis| axis.dilation == 1 && axis.stride <= axis.extent.saturating_mul(2);
    is_dense(&problem.rows) && is_dense(&problem.columns)
}

/// Sums over the families of a kernel.
struct Totals {
    /// Points of all pieces, and of all families.
    products: usize,
    sums: usize,
    families: usize,
    pieces: usize,
    /// Most transformed values of a tile at a time.
    each: usize,
}

impl Totals {
    fn new(problem: &Problem, pieces: &[Pieces; 2]) -> Self {
        let mut totals = Totals { products: 0, sums: 0, families: 0, pieces: 0, each: 0 };
        for family in Family::all(pieces) {
            let depth = family.count().saturating_mul(problem.group_in);
            let each = depth.saturating_add(ChannelPanels::new(problem).width());
            totals.products += family.points() * family.count();
            totals.sums += family.points();
            totals.families += 1;
            totals.pieces += family.count();
            totals.each = totals.each.max(family.points().saturating_mul(each));
        }
        totals
    }
}

impl Cut {
    /// The cheapest, if anything can be saved. What is cheapest for one item is taken for all, so that an item has the
    /// same bits in any batch.
    pub(super) fn best(problem: &Problem, machine: &Machine) -> Option<Self> {
        let [rows, columns] = [candidates(&problem.rows), candidates(&problem.columns)];
        let pairs = rows
            .into_iter()
            .flatten()
            .flat_map(|rows| columns.into_iter().flatten().map(move |columns| [rows, columns]))
            .filter(|pieces| pieces.iter().any(Pieces::saves));
        let cuts = pairs.map(|pieces| Self::new(problem, machine, pieces, 1));
        let best = cuts.min_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
        Some(Self::new(problem, machine, best.pieces, problem.batch().max(1)))
    }

    fn new(problem: &Problem, machine: &Machine, pieces: [Pieces; 2], batch: usize) -> Self {
        let size = problem.element.size();
        let panels = ChannelPanels::new(problem);
        let totals = Totals::new(problem, &pieces);
        let kernel = totals.products.saturating_mul(problem.group_in).saturating_mul(panels.width() * size);
        let each = totals.each.saturating_mul(size);
        let in_cache = (machine.l2 / 2 / each).max(12);
        let most = if kernel <= machine.l2 / 2 { in_cache } else { in_cache.max(TASK_TILES) };
        let columns = Grid::new(&problem.columns, &pieces[1], most);
        let rows = Grid::new(&problem.rows, &pieces[0], most / columns.tiles);
        let groups = rows.tasks().saturating_mul(columns.tasks());
        // Parts of the channels transform the same inputs anew: worth it for many channels and few groups of tiles.
        let groups = groups.saturating_mul(batch).saturating_mul(problem.groups()).max(1);
        let parts = (1 + panels.width() / 128).min(4usize.div_ceil(groups)).min(panels.count());
        let step = panels.most_channels() * size;
        let depth = (machine.l1 * 2 / 3 / step).max(32);
        let panels_of_task = panels.count().div_ceil(parts);
        let shape = WinogradShape {
            products: totals.products,
            sums: totals.sums,
            families: totals.families,
            pieces: totals.pieces,
            items: batch * problem.groups(),
            tiles: rows.all().saturating_mul(columns.all()),
            tasks: groups,
            parts: panels.count().div_ceil(panels_of_task),
            is_dense: is_dense(problem),
            task_bytes: rows.tiles.saturating_mul(columns.tiles).saturating_mul(each),
        };
        Cut {
            pieces,
            grids: [rows, columns],
            panels: panels_of_task,
            depth,
            seconds: winograd_seconds(problem, machine, &shape),
        }
    }

    /// Tasks along rows, columns and panels.
    pub(super) fn tasks(&self, problem: &Problem) -> [usize; 3] {
        let [rows, columns] = self.grids.map(|grid| grid.tasks());
        [rows, columns, ChannelPanels::new(problem).count().div_ceil(self.panels)]
    }

    /// Values of a block, for sums of so many.
    pub(super) fn block(&self, depth: usize) -> usize {
        evenly(depth, self.depth)
    }

    /// Most points of a family.
    fn points(&self) -> usize {
        Family::all(&self.pieces).map(|family| family.points()).max().unwrap_or(1)
    }

    /// Values in the packed kernel of a group of channels of so many values from output channel to output channel; none
    /// if there are too many to count.
    pub(super) fn packed_len(&self, problem: &Problem, width: usize) -> Option<usize> {
        let products: usize = Family::all(&self.pieces).map(|family| family.points() * family.count()).sum();
        width.checked_mul(problem.group_in)?.checked_mul(products)
    }

    /// Tiles of a task.
    pub(super) fn count(&self) -> usize {
        self.grids[0].tiles * self.grids[1].tiles
    }

    /// Inputs under a task without dilation: rows and columns.
    pub(super) fn band(&self, problem: &Problem) -> [usize; 2] {
        let axes = [&problem.rows, &problem.columns];
        let outputs = self.outputs();
        [0, 1].map(|axis| {
            ((outputs[axis] - 1).saturating_mul(axes[axis].stride)).saturating_add(axes[axis].extent)
        })
    }

    /// Outputs of a task: rows and columns.
    pub(super) fn outputs(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.grids[axis].tiles * self.pieces[axis].outputs)
    }

    /// Values from a tile to the next among transformed inputs: whole vectors of the last piece.
    pub(super) fn input_pitch(&self, problem: &Problem, family: &Family<'_>) -> usize {
        let lanes = problem.isa.lanes(problem.element);
        let last = problem.group_in.next_multiple_of(lanes);
        let before = (family.count() - 1).saturating_mul(problem.group_in);
        before.saturating_add(last).min(isize::MAX as usize).next_multiple_of(lanes)
    }

    /// Values from a tile to the next among products.
    pub(super) fn product_pitch(&self, problem: &Problem) -> usize {
        let panels = ChannelPanels::new(problem);
        panels.width().min(self.panels.saturating_mul(panels.most_channels()))
    }

    /// Values from a point to the next: an odd number of cache lines, so that points do not compete for the same
    /// places of the cache.
    pub(super) fn point_step(&self, problem: &Problem, pitch: usize) -> usize {
        let line = 64 / problem.element.size();
        (self.count().saturating_mul(pitch).div_ceil(line) | 1).saturating_mul(line)
    }

    /// Values in the buffers of a task.
    pub(super) fn buffers(&self, problem: &Problem) -> Buffers {
        let patch = self.points().saturating_mul(problem.group_in);
        let band = self.band(problem).into_iter().fold(problem.group_in, usize::saturating_mul);
        let [rows, columns] = self.outputs();
        let transformed = Family::all(&self.pieces).map(|family| {
            family.points().saturating_mul(self.point_step(problem, self.input_pitch(problem, &family)))
        });
        Buffers {
            // Which of the two is needed depends on the views.
            inputs: if problem.conv.input_layout == Layout::Nchw && is_dense(problem) {
                band.max(patch)
            } else {
                patch
            },
            transformed: transformed.max().unwrap_or(0),
            products: self.points().saturating_mul(self.point_step(problem, self.product_pitch(problem))),
            outputs: rows.saturating_mul(columns).saturating_mul(problem.isa.lanes(problem.element)),
            tiles: self.count(),
        }
    }
}

/// Sizes of the buffers of a task, in values.
pub(super) struct Buffers {
    /// Copied inputs.
    pub(super) inputs: usize,
    pub(super) transformed: usize,
    pub(super) products: usize,
    /// One vector of channels, before it is transposed.
    pub(super) outputs: usize,
    pub(super) tiles: usize,
}

impl Buffers {
    pub(super) fn bytes<T>(&self) -> usize {
        Booking::new()
            .add::<T>(self.inputs)
            .add::<T>(self.transformed)
            .add::<T>(self.products)
            .add::<T>(self.outputs)
            .add::<*const T>(self.tiles)
            .bytes()
    }
}
